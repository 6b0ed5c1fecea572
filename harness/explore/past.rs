//! What the client knows, sorted by key once, so that thousands of states at thousands of moments can be held against
//! it. Pure.
//!
//! The oracle reads a whole history for one state at one moment. Here a state is read once for all its moments: keys
//! that show their newest value throughout are passed over, and what the others lack is sorted by the time of its
//! acknowledgement, so that a moment is a look-up. That holds for plain losses: of keys that have no deadline, and that
//! lie as one tail. Whatever else a state shows is the oracle's to judge ([`Found::Odd`]); tests hold the two against
//! each other.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use crate::oracle::{Answer, Cell, Effect, History, Survey, Touch};

/// An op that never was acknowledged.
const NEVER: u64 = u64::MAX;

/// What an op did to one of its keys.
#[derive(Debug, Clone, Copy)]
struct Part {
    seq: u32,
    sent_us: u64,
    acked_us: u64,
    act: Act,
    /// It deleted what was not there.
    vacuous: bool,
    /// The key is the op's own and not a companion.
    own: bool,
    /// Keys that the op changes.
    parts: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Set,
    Delete,
    Add,
}

#[derive(Debug, Clone)]
struct Key {
    /// Its ops in `Lane::parts`.
    from: usize,
    to: usize,
    base: Cell,
    deletes: bool,
    /// Something runs out of time.
    expires: bool,
}

#[derive(Debug, Clone, Default)]
struct Lane {
    keys: Vec<Key>,
    parts: Vec<Part>,
    /// Promises: when they were acknowledged, and up to which op they reach.
    promises: Vec<(u64, u32)>,
}

/// The history by key.
#[derive(Debug)]
pub struct Past {
    lanes: Vec<Lane>,
    /// When writes were acknowledged, ascending.
    acked: Vec<u64>,
    /// Lanes have more than one connection.
    waits: bool,
}

/// What a state shows, over all its moments.
#[derive(Debug)]
pub enum Found<'a> {
    /// Nothing is lost at any of them.
    Whole,
    /// Something may be lost.
    Short(Box<Short<'a>>),
    /// Something that the oracle has to look at.
    Odd,
}

/// Losses at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing {
    /// Acknowledged ops that are gone.
    pub lost: u64,
    /// When the first of them was acknowledged.
    pub earliest_us: Option<u64>,
    /// Those that a promise had answered for.
    pub promised: u64,
}

#[derive(Debug, Clone, Copy)]
struct Gone {
    acked_us: u64,
    lane: usize,
    seq: u32,
    own: bool,
}

/// A state that may lack something.
#[derive(Debug)]
pub struct Short<'a> {
    past: &'a Past,
    /// Ops that are gone as soon as they are acknowledged, in that order.
    gone: Vec<Gone>,
    /// When the newest op was sent that certainly survived.
    survivor_us: u64,
    /// The newest op that certainly survived and the first that is gone, by lane.
    survivors: Vec<Option<u32>>,
    first_gone: Vec<Option<(u64, u32)>>,
    /// Keys that are gone, and may have been deleted: which of the deletes it was depends on the moment.
    absent: Vec<(usize, usize)>,
    /// What was found of moments: each is asked for under several models.
    known: RefCell<BTreeMap<u64, Option<Missing>>>,
}

impl Past {
    /// Sorts a history, on top of what was there before.
    pub fn new(history: &dyn History, baseline: &Survey) -> Self {
        let mut past = Self::empty();
        for lane in 0..history.lanes() {
            let sorted = past.lane(history, lane, baseline);
            past.lanes.push(sorted);
        }
        past.acked.sort_unstable();
        past
    }

    fn lane(&mut self, history: &dyn History, lane: u16, baseline: &Survey) -> Lane {
        let mut by_key: Vec<Vec<Part>> = vec![Vec::new(); history.keys(lane) as usize];
        let mut expires = vec![false; by_key.len()];
        let mut promises = Vec::new();
        for seq in history.span(lane) {
            let op = history.op(lane, seq);
            let acked_us = if let Answer::Acked { at_us } = op.answer { at_us } else { NEVER };
            if op.effect == Effect::Promise {
                if acked_us != NEVER {
                    promises.push((acked_us, seq));
                }
                continue;
            }
            if !op.answer.may_count() {
                continue;
            }
            if acked_us != NEVER {
                self.acked.push(acked_us);
            }
            self.waits |= history.connection(lane, seq) > 0;
            let own = Touch { key: op.key, effect: op.effect };
            let companions = history.companions(lane, seq);
            let parts = (companions.len() + 1) as u16;
            for (number, touch) in std::iter::once(own).chain(companions).enumerate() {
                let act = match touch.effect {
                    Effect::Set { ttl_us } => {
                        expires[touch.key as usize] |= ttl_us.is_some();
                        Act::Set
                    }
                    Effect::Delete => Act::Delete,
                    Effect::Add => Act::Add,
                    Effect::Promise => continue,
                };
                let part =
                    Part { seq, sent_us: op.sent_us, acked_us, act, vacuous: false, own: number == 0, parts };
                by_key[touch.key as usize].push(part);
            }
        }
        promises.sort_unstable();
        let mut sorted = Lane { promises, ..Lane::default() };
        let cells = baseline.lanes.get(usize::from(lane));
        for (key, mut parts) in by_key.into_iter().enumerate() {
            let base = cells.and_then(|cells| cells.get(key)).copied().unwrap_or_default();
            let mut absent = base == Cell::Absent;
            for part in &mut parts {
                part.vacuous = absent && part.act == Act::Delete;
                absent = part.act == Act::Delete;
            }
            let deletes = parts.iter().any(|part| part.act == Act::Delete);
            let from = sorted.parts.len();
            sorted.parts.append(&mut parts);
            let to = sorted.parts.len();
            sorted.keys.push(Key { from, to, base, deletes, expires: expires[key] });
        }
        sorted
    }

    /// Of nothing.
    pub fn empty() -> Self {
        Self { lanes: Vec::new(), acked: Vec::new(), waits: false }
    }

    /// Writes that were acknowledged by a moment.
    pub fn acknowledged(&self, at_us: u64) -> u64 {
        self.acked.partition_point(|acked| *acked <= at_us) as u64
    }

    /// Reads a state that is there from one moment to another, which is included.
    pub fn find(&self, seen: &Survey, from_us: u64, to_us: u64) -> Found<'_> {
        if seen.strangers > 0 || !seen.deadlines.is_empty() {
            return Found::Odd;
        }
        let mut short = Short {
            past: self,
            gone: Vec::new(),
            survivor_us: 0,
            survivors: vec![None; self.lanes.len()],
            first_gone: vec![None; self.lanes.len()],
            absent: Vec::new(),
            known: RefCell::default(),
        };
        const NONE: &[Cell] = &[];
        // Keys that may have been deleted are tied to others by ops on several.
        let mut tied = false;
        for (number, lane) in self.lanes.iter().enumerate() {
            let cells = seen.lanes.get(number).map_or(NONE, Vec::as_slice);
            let mut parts: HashMap<u32, u16> = HashMap::new();
            for (key, about) in lane.keys.iter().enumerate() {
                let cell = cells.get(key).copied().unwrap_or_default();
                let ops = &lane.parts[about.from..about.to];
                if about.expires {
                    return Found::Odd;
                }
                if cell == Cell::Absent && about.deletes {
                    // With the longest explanation, which is the true one where nothing is lost.
                    let sent = ops.partition_point(|op| op.sent_us <= to_us);
                    let Some(kept) = longest_absent(about, ops, sent) else { return Found::Odd };
                    for op in ops[kept..sent].iter().filter(|op| op.parts > 1) {
                        note_part(&mut parts, op);
                    }
                    tied |= ops.iter().any(|op| op.parts > 1);
                    short.absent.push((number, key));
                    continue;
                }
                let Some(kept) = explained(about, ops, cell) else { return Found::Odd };
                if let Some(last) = kept.checked_sub(1).map(|last| ops[last]) {
                    if last.sent_us > from_us {
                        return Found::Odd;
                    }
                    short.survivor_us = short.survivor_us.max(last.sent_us);
                    short.survivors[number] = short.survivors[number].max(Some(last.seq));
                }
                for op in ops[kept..].iter().take_while(|op| op.sent_us <= to_us) {
                    if op.parts > 1 {
                        note_part(&mut parts, op);
                    }
                    if op.acked_us <= to_us && !op.vacuous {
                        let (acked_us, seq, own) = (op.acked_us, op.seq, op.own);
                        short.gone.push(Gone { acked_us, lane: number, seq, own });
                        let first = &mut short.first_gone[number];
                        if first.is_none_or(|(_, first)| seq < first) {
                            *first = Some((acked_us, seq));
                        }
                    }
                }
            }
            // An op of several keys is gone as a whole, or torn.
            if parts.values().any(|left| *left > 0) {
                return Found::Odd;
            }
        }
        let is_whole = |&(lane, key): &(usize, usize)| self.is_whole(lane, key, from_us, to_us);
        if short.gone.is_empty() && short.absent.iter().all(is_whole) {
            return Found::Whole;
        }
        if self.waits || tied {
            return Found::Odd;
        }
        short.gone.sort_unstable_by_key(|gone| gone.acked_us);
        Found::Short(Box::new(short))
    }

    fn ops(&self, lane: usize, key: usize) -> (&Key, &[Part]) {
        let lane = &self.lanes[lane];
        let key = &lane.keys[key];
        (key, &lane.parts[key.from..key.to])
    }

    /// Whether a key that is gone was deleted before a stretch of time, and nothing acknowledged in it says otherwise.
    fn is_whole(&self, lane: usize, key: usize, from_us: u64, to_us: u64) -> bool {
        let (about, ops) = self.ops(lane, key);
        let sent = ops.partition_point(|op| op.sent_us <= from_us);
        let kept = longest_absent(about, ops, sent);
        kept.is_some_and(|kept| ops[kept..].iter().all(|op| op.vacuous || op.acked_us > to_us))
    }

    fn promised_to(&self, lane: usize, at_us: u64) -> Option<u32> {
        self.lanes[lane].promises.iter().filter(|(acked, _)| *acked <= at_us).map(|(_, seq)| *seq).max()
    }
}

fn note_part(left: &mut HashMap<u32, u16>, op: &Part) {
    let left = left.entry(op.seq).or_insert(op.parts);
    *left = left.saturating_sub(1);
}

/// How many of a key's ops explain what it holds, where only one number does.
fn explained(key: &Key, ops: &[Part], cell: Cell) -> Option<usize> {
    match cell {
        Cell::Version(seq) => {
            let found = ops.binary_search_by_key(&seq, |op| op.seq).ok();
            match found {
                Some(at) => (ops[at].act == Act::Set).then_some(at + 1),
                None => (key.base == cell).then_some(0),
            }
        }
        Cell::Count(count) => {
            let before = if let Cell::Count(before) = key.base { before } else { 0 };
            let added = count.checked_sub(before)? as usize;
            let adds = added <= ops.len() && ops.iter().all(|op| op.act == Act::Add);
            (adds && (added > 0 || key.base == cell)).then_some(added)
        }
        Cell::Absent => (key.base == cell).then_some(0),
        Cell::Twice | Cell::WrongType | Cell::Corrupt => None,
    }
}

/// The most of a key's first `most` ops after which it is gone.
fn longest_absent(key: &Key, ops: &[Part], most: usize) -> Option<usize> {
    let deleted = ops[..most].iter().rposition(|op| op.act == Act::Delete).map(|at| at + 1);
    deleted.or((key.base == Cell::Absent).then_some(0))
}

impl Short<'_> {
    /// When the first of the ops that are gone for certain was acknowledged.
    pub fn first_us(&self) -> Option<u64> {
        self.gone.first().map(|gone| gone.acked_us)
    }

    /// Whether what is lost depends on more than on what was acknowledged.
    pub fn wavers(&self) -> bool {
        !self.absent.is_empty()
    }

    /// What is lost at a moment; `None` when it is no plain loss.
    pub fn at(&self, at_us: u64) -> Option<Missing> {
        *self.known.borrow_mut().entry(at_us).or_insert_with(|| self.look(at_us))
    }

    fn look(&self, at_us: u64) -> Option<Missing> {
        let gone = &self.gone[..self.gone.partition_point(|gone| gone.acked_us <= at_us)];
        let mut earliest_us = gone.first().map(|gone| gone.acked_us);
        let mut first: Vec<u32> = self
            .first_gone
            .iter()
            .map(|first| first.filter(|(acked, _)| *acked <= at_us).map_or(u32::MAX, |(_, seq)| seq))
            .collect();
        let mut kept: Vec<usize> = Vec::with_capacity(self.absent.len());
        for &(lane, key) in &self.absent {
            let (about, ops) = self.past.ops(lane, key);
            let sent = ops.partition_point(|op| op.sent_us <= at_us);
            kept.push(longest_absent(about, ops, sent)?);
        }
        // Nothing that came after a lost op can be there: a later delete does not explain why a key is gone.
        loop {
            for (&(lane, key), &kept) in self.absent.iter().zip(&kept) {
                let (_, ops) = self.past.ops(lane, key);
                let lost = ops[kept..].iter().take_while(|op| op.sent_us <= at_us);
                if let Some(op) = lost.into_iter().find(|op| op.acked_us <= at_us && !op.vacuous) {
                    earliest_us = Some(earliest_us.map_or(op.acked_us, |earliest| earliest.min(op.acked_us)));
                    first[lane] = first[lane].min(op.seq);
                }
            }
            let Some(earliest_us) = earliest_us else { break };
            let mut lowered = false;
            for (&(lane, key), kept) in self.absent.iter().zip(&mut kept) {
                let (about, ops) = self.past.ops(lane, key);
                let fits =
                    ops[..*kept].partition_point(|op| op.sent_us <= earliest_us && op.seq <= first[lane]);
                if fits < *kept {
                    *kept = longest_absent(about, ops, fits)?;
                    lowered = true;
                }
            }
            if !lowered {
                break;
            }
        }
        let Some(earliest) = earliest_us else { return Some(Missing::default()) };
        let holes =
            self.survivors.iter().zip(&first).any(|(kept, first)| kept.is_some_and(|kept| kept > *first));
        if self.survivor_us > earliest || holes {
            return None;
        }
        let mut missing = Missing { earliest_us, ..Missing::default() };
        let mut promised = vec![None; self.past.lanes.len()];
        if self.past.lanes.iter().any(|lane| !lane.promises.is_empty()) {
            promised = (0..promised.len()).map(|lane| self.past.promised_to(lane, at_us)).collect();
        }
        let mut count = |lane: usize, seq: u32, own: bool| {
            missing.lost += u64::from(own);
            missing.promised += u64::from(own && promised[lane].is_some_and(|to| seq < to));
        };
        gone.iter().for_each(|gone| count(gone.lane, gone.seq, gone.own));
        for (&(lane, key), &kept) in self.absent.iter().zip(&kept) {
            let (_, ops) = self.past.ops(lane, key);
            let lost = ops[kept..].iter().take_while(|op| op.sent_us <= at_us);
            lost.filter(|op| op.acked_us <= at_us && !op.vacuous).for_each(|op| count(lane, op.seq, op.own));
        }
        Some(missing)
    }
}

//! What became of one key: which prefixes of its ops explain what it holds.

use super::chains::Chains;
use super::{Answer, Cell, Clock, Effect, History, Op, Survey, cell, effect_on};

/// A value may outlive its time to live by this much before it counts as back from the dead: clocks of client and
/// server round differently, and expiry is checked on access.
pub const EXPIRY_SLACK_US: u64 = 1_000_000;

/// Which prefixes explain a key, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    /// The shortest prefix that explains what the key holds.
    pub shortest: u32,
    /// The longest one.
    pub longest: u32,
    /// Whether there is one, and what else there is to say.
    pub kind: Kind,
    /// What the key held before the epoch.
    pub base: Cell,
}

impl Fate {
    /// Whether the op at a position of the key's ops left this key as it was: a delete of what was not there. It has no
    /// effect that could be lost, and a server does not write it down.
    pub fn is_vacuous(
        &self,
        history: &dyn History,
        lane: u16,
        key: u32,
        ops: &[u32],
        position: usize,
    ) -> bool {
        let deletes = |at: usize| effect_on(history, lane, ops[at], key) == Effect::Delete;
        let absent_before = match position.checked_sub(1) {
            Some(before) => deletes(before),
            None => self.base == Cell::Absent,
        };
        absent_before && deletes(position)
    }
}

/// How a key is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By a prefix.
    Explained,
    /// By a prefix whose value has run out of time.
    Expired,
    /// By nothing: it holds bytes that no op of this key wrote.
    Corrupt,
    /// By nothing: it counts more than was ever added, or is there more than once.
    Duplicated,
    /// By nothing: it is of another type.
    WrongType,
    /// By nothing: what the baseline held is gone or older.
    BaselineLost {
        /// The op whose value the baseline held; absent when its bytes were wrong already.
        seq: Option<u32>,
    },
    /// By nothing: an earlier epoch's value is back that the baseline did not hold any more.
    BaselineBack,
}

impl Kind {
    /// Whether what the key holds says nothing of how far its history got.
    pub fn is_garbled(self) -> bool {
        matches!(self, Self::Corrupt | Self::Duplicated | Self::WrongType)
    }
}

/// Whether a value is there although its time was up long before anyone looked.
pub fn outlived(history: &dyn History, lane: u16, key: u32, seq: u32, clock: &Clock) -> bool {
    match (effect_on(history, lane, seq, key), history.op(lane, seq).answer) {
        (Effect::Set { ttl_us: Some(ttl) }, Answer::Acked { at_us }) => {
            at_us.saturating_add(ttl).saturating_add(EXPIRY_SLACK_US) < clock.survey_from_us
        }
        _ => false,
    }
}

/// What became of every key of a lane.
pub fn of_lane(
    history: &dyn History,
    lane: u16,
    chains: &Chains,
    baseline: &Survey,
    observed: &Survey,
    clock: &Clock,
) -> Vec<Fate> {
    (0..chains.keys())
        .map(|key| {
            let states =
                States { history, lane, key, ops: chains.ops(key), base: cell(baseline, lane, key), clock };
            states.fate(cell(observed, lane, key))
        })
        .collect()
}

/// The states that a key went through.
pub struct States<'a> {
    /// Where the ops are.
    pub history: &'a dyn History,
    /// The key's lane.
    pub lane: u16,
    /// The key.
    pub key: u32,
    /// The key's ops of this epoch, refused ones left out.
    pub ops: &'a [u32],
    /// What the key held before them.
    pub base: Cell,
    /// When the read-back took place.
    pub clock: &'a Clock,
}

impl States<'_> {
    /// Whether the state after `prefix` ops can be seen as `observed`.
    pub fn explains(&self, prefix: u32, observed: Cell) -> bool {
        let state = if prefix == 0 { self.base } else { self.after(prefix) };
        state == observed || (observed == Cell::Absent && self.may_have_expired(state))
    }

    /// The shortest prefix of at least `from` ops that explains `observed`.
    pub fn next(&self, from: u32, observed: Cell) -> Option<u32> {
        (from..=self.ops.len() as u32).find(|&prefix| self.explains(prefix, observed))
    }

    /// The longest prefix of at most `to` ops that explains `observed`.
    pub fn previous(&self, to: u32, observed: Cell) -> Option<u32> {
        (0..=to).rev().find(|&prefix| self.explains(prefix, observed))
    }

    /// The fate of a key that `longest` ops explain.
    pub fn explained(&self, shortest: u32, longest: u32, observed: Cell) -> Fate {
        let state = if longest == 0 { self.base } else { self.after(longest) };
        let kind = if state == observed { Kind::Explained } else { Kind::Expired };
        Fate { shortest, longest, kind, base: self.base }
    }

    fn after(&self, prefix: u32) -> Cell {
        let seq = self.ops[prefix as usize - 1];
        match effect_on(self.history, self.lane, seq, self.key) {
            Effect::Set { .. } => Cell::Version(seq),
            Effect::Add => Cell::Count(self.counted() + prefix),
            Effect::Delete | Effect::Promise => Cell::Absent,
        }
    }

    /// What a key that counts had counted before.
    fn counted(&self) -> u32 {
        if let Cell::Count(count) = self.base { count } else { 0 }
    }

    fn op(&self, seq: u32) -> Op {
        self.history.op(self.lane, seq)
    }

    /// Whether a value may be gone because its time was up: from the earliest moment it can have been written.
    fn may_have_expired(&self, state: Cell) -> bool {
        let Cell::Version(seq) = state else { return false };
        let sent_us = self.op(seq).sent_us;
        let effect = effect_on(self.history, self.lane, seq, self.key);
        matches!(effect, Effect::Set { ttl_us: Some(ttl) } if sent_us.saturating_add(ttl) <= self.clock.survey_to_us)
    }

    fn fate(&self, observed: Cell) -> Fate {
        let total = self.ops.len() as u32;
        // Whole keys that nothing happened to are most of a large trial: settle them first.
        let shortest = self.next(0, observed);
        let Some(shortest) = shortest else { return self.unexplained(observed) };
        let longest = self.previous(total, observed).unwrap_or(shortest);
        self.explained(shortest, longest, observed)
    }

    /// No op of this epoch explains the key: either everything since the baseline is lost and what the baseline held
    /// did not stay either, or the bytes are wrong.
    fn unexplained(&self, observed: Cell) -> Fate {
        let back = match observed {
            Cell::Absent => None,
            Cell::Version(seen) if self.is_earlier_value(seen) => Some(seen),
            Cell::Count(count) if count < self.counted() => None,
            Cell::Count(_) | Cell::Twice => return self.garbled(Kind::Duplicated),
            Cell::WrongType => return self.garbled(Kind::WrongType),
            Cell::Version(_) | Cell::Corrupt => return self.garbled(Kind::Corrupt),
        };
        let kind = match self.base {
            Cell::Absent => Kind::BaselineBack,
            Cell::Version(seq) if back > Some(seq) => Kind::BaselineBack,
            Cell::Version(seq) => Kind::BaselineLost { seq: Some(seq) },
            Cell::Count(_) | Cell::Twice | Cell::WrongType | Cell::Corrupt => {
                Kind::BaselineLost { seq: None }
            }
        };
        Fate { shortest: 0, longest: 0, kind, base: self.base }
    }

    /// Bytes that are wrong say nothing of the other ops: only the last one is gone for certain. What is there twice, or
    /// more than was added, is not gone at all.
    fn garbled(&self, kind: Kind) -> Fate {
        let total = self.ops.len() as u32;
        let longest = if kind == Kind::Duplicated { total } else { total.saturating_sub(1) };
        Fate { shortest: 0, longest, kind, base: self.base }
    }

    /// Whether an op of an earlier epoch wrote this value to this key.
    fn is_earlier_value(&self, seq: u32) -> bool {
        seq < self.history.span(self.lane).start
            && self.op(seq).answer.may_count()
            && self.touches(seq)
            && matches!(effect_on(self.history, self.lane, seq, self.key), Effect::Set { .. })
    }

    fn touches(&self, seq: u32) -> bool {
        let companions = || self.history.companions(self.lane, seq);
        self.op(seq).key == self.key || companions().iter().any(|touch| touch.key == self.key)
    }
}

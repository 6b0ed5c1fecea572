//! Small histories of a few lanes, keys and ops, and what a server may show of them afterwards.
#![allow(dead_code, reason = "each test uses its own part")]

use std::ops::Range;

use outlast::oracle::{Answer, Cell, Clock, Effect, History, Op, Survey};
use proptest::prelude::*;

/// When the ops of the judged epoch begin; those of an earlier one are over by then.
const EPOCH_US: u64 = 1_000;
/// When a read-back begins: soon after the last op, or long after every time to live.
const SOON_US: u64 = 1_100;
const LATE_US: u64 = 5_000_000;

/// A history that is written down.
#[derive(Debug, Clone, Default)]
pub struct Script {
    pub lanes: Vec<Vec<Op>>,
    /// Number of the first op of the judged epoch, by lane.
    pub first: Vec<u32>,
    pub keys: u32,
    /// Whether every other op of a lane goes out on a second connection.
    pub paired: bool,
}

impl Script {
    /// Ops of one epoch, a list per lane.
    pub fn new(lanes: Vec<Vec<Op>>) -> Self {
        let keys = lanes.iter().flatten().map(|op| op.key + 1).max().unwrap_or(0);
        Self { first: vec![0; lanes.len()], lanes, keys, paired: false }
    }
}

impl History for Script {
    fn lanes(&self) -> u16 {
        self.lanes.len() as u16
    }
    fn span(&self, lane: u16) -> Range<u32> {
        self.first[usize::from(lane)]..self.lanes[usize::from(lane)].len() as u32
    }
    fn keys(&self, _lane: u16) -> u32 {
        self.keys
    }
    fn op(&self, lane: u16, seq: u32) -> Op {
        self.lanes[usize::from(lane)][seq as usize]
    }
    fn connection(&self, _lane: u16, seq: u32) -> u8 {
        u8::from(self.paired && seq % 2 == 1)
    }
    fn key_name(&self, lane: u16, key: u32) -> String {
        format!("{lane}:{key}")
    }
}

/// A history, what was there before it, what is there after it, and when that was seen.
#[derive(Debug, Clone)]
pub struct Story {
    pub script: Script,
    pub baseline: Survey,
    pub observed: Survey,
    pub clock: Clock,
    /// Acknowledged ops that a truthful server lost, and that had an effect to lose; `None` for an arbitrary read-back.
    pub truly_lost: Option<u64>,
}

/// An op before it has its place in time.
#[derive(Debug, Clone)]
struct Raw {
    lane: u16,
    key: u32,
    gap_us: u64,
    latency_us: u64,
    effect: Effect,
    answer: Reply,
    /// Whether the server executed it, where the client cannot know; and how late within its latency.
    applied: bool,
    late: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    Acked,
    InDoubt,
    Refused,
}

fn raw() -> impl Strategy<Value = Raw> {
    let effect = prop_oneof![
        4 => Just(Effect::Set { ttl_us: None }),
        2 => (1..200_u64).prop_map(|ttl| Effect::Set { ttl_us: Some(ttl) }),
        3 => Just(Effect::Delete),
    ];
    let answer = prop_oneof![6 => Just(Reply::Acked), 2 => Just(Reply::InDoubt), 1 => Just(Reply::Refused)];
    (0..3_u16, 0..3_u32, 0..6_u64, 0..8_u64, effect, answer, any::<bool>(), 0..8_u64).prop_map(
        |(lane, key, gap_us, latency_us, effect, answer, applied, late)| Raw {
            lane,
            key,
            gap_us,
            latency_us,
            effect,
            answer,
            applied,
            late,
        },
    )
}

/// One op executed by the server: when, in which lane, which.
type Executed = (u64, u16, u32);

/// Gives every op its place in its lane, and says which the server executed when.
fn arrange(lanes: u16, keys: u32, earlier: &[Raw], now: &[Raw]) -> (Script, Vec<Executed>) {
    let mut script = Script { keys, ..Script::new(vec![Vec::new(); usize::from(lanes)]) };
    let mut executed = Vec::new();
    for (epoch, begin_us) in [(earlier, 1), (now, EPOCH_US)] {
        script.first = script.lanes.iter().map(|ops| ops.len() as u32).collect();
        // Sends, executions and answers of one connection each keep their order.
        let mut clocks = vec![(begin_us, begin_us, begin_us); usize::from(lanes)];
        for raw in epoch {
            let lane = raw.lane % lanes;
            let (sent_us, done_us, acked_us) = &mut clocks[usize::from(lane)];
            *sent_us += raw.gap_us;
            let at_us = (*acked_us).max(*sent_us + raw.latency_us);
            let ran_us = (*done_us).max(*sent_us + raw.late.min(raw.latency_us));
            let seq = script.lanes[usize::from(lane)].len() as u32;
            let answer = match raw.answer {
                Reply::Acked => {
                    (*acked_us, *done_us) = (at_us, ran_us);
                    executed.push((ran_us, lane, seq));
                    Answer::Acked { at_us }
                }
                Reply::InDoubt => {
                    if raw.applied {
                        *done_us = (*done_us).max(*sent_us);
                        executed.push((*done_us, lane, seq));
                    }
                    Answer::InDoubt
                }
                Reply::Refused => Answer::Refused,
            };
            let op = Op { key: raw.key % keys, effect: raw.effect, sent_us: *sent_us, answer };
            script.lanes[usize::from(lane)].push(op);
        }
    }
    executed.sort_unstable();
    (script, executed)
}

/// What a server holds that executed these ops, and when each value runs out of time.
fn state_after(script: &Script, ops: &[Executed]) -> Vec<Vec<(Cell, Option<u64>)>> {
    let mut state = vec![vec![(Cell::Absent, None); script.keys as usize]; script.lanes.len()];
    for &(at_us, lane, seq) in ops {
        let op = script.op(lane, seq);
        state[usize::from(lane)][op.key as usize] = match op.effect {
            Effect::Set { ttl_us } => (Cell::Version(seq), ttl_us.map(|ttl| at_us + ttl)),
            Effect::Delete => (Cell::Absent, None),
            Effect::Add | Effect::Promise => unreachable!("these histories neither count nor promise"),
        };
    }
    state
}

fn seen_at(state: &[Vec<(Cell, Option<u64>)>], now_us: u64) -> Survey {
    let look = |(cell, until): &(Cell, Option<u64>)| {
        if until.is_none_or(|until| until > now_us) { *cell } else { Cell::Absent }
    };
    Survey { lanes: state.iter().map(|keys| keys.iter().map(look).collect()).collect(), ..Survey::default() }
}

fn clock(late: bool) -> Clock {
    let from_us = if late { LATE_US } else { SOON_US };
    Clock { fault_us: EPOCH_US + 100, survey_from_us: from_us, survey_to_us: from_us + 50 }
}

/// Histories that a truthful server was part of: what it shows is the effect of everything it had executed up to
/// some moment, the later half of each life possibly lost, with values gone that ran out of time.
pub fn truthful(lossy: bool) -> impl Strategy<Value = Story> {
    let ops = || prop::collection::vec(raw(), 0..=7);
    (1..=3_u16, 1..=3_u32, ops(), ops(), 0..=100_usize, 0..=100_usize, any::<bool>()).prop_map(
        move |(lanes, keys, mut earlier, now, cut_earlier, cut, late)| {
            earlier.truncate(4);
            let (script, executed) = arrange(lanes, keys, &earlier, &now);
            let kept = |ops: &[Executed], percent: usize| {
                if lossy { ops.len() * percent / 100 } else { ops.len() }
            };
            let ours = |&(_, lane, seq): &Executed| seq >= script.first[usize::from(lane)];
            let (later, before): (Vec<_>, Vec<_>) = executed.iter().partition(|op| ours(op));
            let before = &before[..kept(&before, cut_earlier)];
            let (survived, gone) = later.split_at(kept(&later, cut));
            let baseline = seen_at(&state_after(&script, before), EPOCH_US - 1);
            let all: Vec<_> = before.iter().chain(survived).copied().collect();
            let clock = clock(late);
            let observed = seen_at(&state_after(&script, &all), clock.survey_from_us + 25);
            let counts = |&&(_, lane, seq): &&Executed| {
                matches!(script.op(lane, seq).answer, Answer::Acked { .. })
                    && !deletes_nothing(&script, &baseline, lane, seq)
            };
            let truly_lost = Some(gone.iter().filter(counts).count() as u64);
            Story { script, baseline, observed, clock, truly_lost }
        },
    )
}

/// Histories with a read-back that knows nothing of them: any older or newer value, nothing, or wrong bytes.
pub fn arbitrary() -> impl Strategy<Value = Story> {
    let cells = || prop::collection::vec((0..10_u8, any::<prop::sample::Index>()), 9);
    (truthful(true), cells(), cells(), 0..4_u8, any::<bool>()).prop_map(
        |(mut story, before, after, strangers, paired)| {
            story.script.paired = paired;
            let Script { lanes, first, keys, .. } = &story.script;
            let any_cell = |lane: usize, key: u32, below: u32, (kind, pick): &(u8, prop::sample::Index)| {
                let own: Vec<_> = (0..below).filter(|&seq| lanes[lane][seq as usize].key == key).collect();
                match kind {
                    0 => Some(Cell::Corrupt),
                    1 => Some(Cell::Version(pick.index(lanes[lane].len() + 1) as u32)),
                    2 | 3 => Some(Cell::Absent),
                    4..=6 if !own.is_empty() => Some(Cell::Version(own[pick.index(own.len())])),
                    _ => None,
                }
            };
            for lane in 0..lanes.len() {
                for key in 0..*keys {
                    let slot = lane * 3 + key as usize;
                    // What a read-back showed before this epoch can only be an earlier op's, or wrong.
                    let cell = any_cell(lane, key, first[lane], &before[slot]);
                    let known = |cell: &Cell| !matches!(cell, Cell::Version(seq) if *seq >= first[lane]);
                    if let Some(cell) = cell.filter(known) {
                        story.baseline.lanes[lane][key as usize] = cell;
                    }
                    if let Some(cell) = any_cell(lane, key, lanes[lane].len() as u32, &after[slot]) {
                        story.observed.lanes[lane][key as usize] = cell;
                    }
                }
            }
            story.observed.strangers = u64::from(strangers == 0);
            story.truly_lost = None;
            story
        },
    )
}

/// Whether an op deletes what its key did not hold: the op before it on this key is a delete too, or there is none and
/// the key was absent.
pub fn deletes_nothing(script: &Script, baseline: &Survey, lane: u16, seq: u32) -> bool {
    let own = script.op(lane, seq);
    let before = (script.first[usize::from(lane)]..seq)
        .rev()
        .map(|seq| script.op(lane, seq))
        .find(|op| op.key == own.key && op.answer != Answer::Refused);
    let absent = match before {
        Some(op) => op.effect == Effect::Delete,
        None => baseline.lanes[usize::from(lane)][own.key as usize] == Cell::Absent,
    };
    absent && own.effect == Effect::Delete
}

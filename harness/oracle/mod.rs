//! Ledger and surviving state in; loss, shape and anomalies out. Pure.
//!
//! A key is the smallest thing with a state of its own: a string, a field of a hash, an element of a list, a counter.
//! Every key has one writer (a lane: one connection), and what a key holds says which op of its lane wrote it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use crate::record::{Anomaly, Shape};

mod chains;
mod closure;
mod density;
mod fate;
mod shape;
mod torn;

use chains::Chains;
use fate::{Fate, Kind};

pub use density::written;

/// What the client knows of the ops of one epoch. Times are microseconds since the trial began.
pub trait History {
    /// Connections that wrote.
    fn lanes(&self) -> u16;
    /// Sequence numbers of the lane's ops in this epoch; earlier epochs hold smaller ones.
    fn span(&self, lane: u16) -> Range<u32>;
    /// Keys that the lane has touched in all epochs so far: `0..keys`.
    fn keys(&self, lane: u16) -> u32;
    /// One op, of this epoch or an earlier one.
    fn op(&self, lane: u16, seq: u32) -> Op;
    /// Further keys that the op changes: all of them together with its own, or none.
    fn companions(&self, _lane: u16, _seq: u32) -> Vec<Touch> {
        Vec::new()
    }
    /// What kind of state a key stands for.
    fn aspect(&self, _lane: u16, _key: u32) -> Aspect {
        Aspect::Data
    }
    /// Name of a key, for examples.
    fn key_name(&self, lane: u16, key: u32) -> String;
}

/// A write as the client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// The lane's own number of the key.
    pub key: u32,
    /// What it does to the key.
    pub effect: Effect,
    /// When it was handed to the socket; never later than it truly was.
    pub sent_us: u64,
    /// What came back.
    pub answer: Answer,
}

/// A key and what happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// The lane's own number of the key.
    pub key: u32,
    /// What happens to it.
    pub effect: Effect,
}

/// What kind of state a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aspect {
    /// Data.
    #[default]
    Data,
    /// What a consumer group knows: deliveries and acknowledgements.
    Group,
    /// A function of a library.
    Function,
}

/// What an op does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The key holds this op's value, for `ttl_us` where given.
    Set {
        /// Time to live.
        ttl_us: Option<u64>,
    },
    /// The key is gone.
    Delete,
    /// The key counts one more. A key that counts is never set or deleted.
    Add,
    /// No key changes: the acknowledgement promises that every earlier op of the lane is safe (WAITAOF).
    Promise,
}

/// What came back for an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Acknowledged; `at_us` is never earlier than it truly was.
    Acked {
        /// When the answer was read.
        at_us: u64,
    },
    /// No answer came: the effect may be there or not.
    InDoubt,
    /// The server answered with an error: the effect must not be there.
    Refused,
    /// It was never sent: a lane begins a life at the next unit of its work.
    Skipped,
}

impl Answer {
    /// Whether the op may have had an effect.
    pub fn may_count(self) -> bool {
        matches!(self, Self::Acked { .. } | Self::InDoubt)
    }
}

/// What a key holds after recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cell {
    /// Nothing.
    #[default]
    Absent,
    /// The value of the lane's op with this sequence number, intact.
    Version(u32),
    /// So many additions.
    Count(u32),
    /// The same thing more than once.
    Twice,
    /// A key of another type than was ever written.
    WrongType,
    /// Something that no op of this lane ever wrote to this key.
    Corrupt,
}

/// The state of every key, by lane and key number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// One list per lane.
    pub lanes: Vec<Vec<Cell>>,
    /// Keys in the server that no lane ever wrote.
    pub strangers: u64,
    /// When keys will expire by the server's word, in microseconds since the trial began; a sample.
    pub deadlines: BTreeMap<(u16, u32), u64>,
}

/// When things happened, in microseconds since the trial began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// The fault struck.
    pub fault_us: u64,
    /// The read-back began.
    pub survey_from_us: u64,
    /// The read-back ended.
    pub survey_to_us: u64,
}

/// What an epoch lost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loss {
    /// Ops that were acknowledged.
    pub acknowledged: u64,
    /// Acknowledged ops whose effect is gone.
    pub lost: u64,
    /// Keys that the baseline held and that are gone or older now.
    pub lost_baseline: u64,
    /// Keys that hold an older acknowledged value than the newest acknowledged one.
    pub rolled_back: u64,
    /// Ops without an answer.
    pub in_doubt: u64,
    /// Ops without an answer whose effect is (or may be) there.
    pub in_doubt_present: u64,
    /// Ops answered with an error.
    pub refused: u64,
    /// Keys gone because their time was up.
    pub expired: u64,
    /// Keys that hold a value although their last acknowledged op deleted it.
    pub deleted_back: u64,
    /// Keys that an earlier recovery showed gone and that hold a value again.
    pub baseline_back: u64,
    /// Keys that hold a value long after its time was up.
    pub expired_back: u64,
    /// Keys whose bytes nobody wrote there, and keys that nobody wrote.
    pub corrupt: u64,
    /// Keys that count more than was ever added, or that are there more than once.
    pub duplicated: u64,
    /// Keys of another type than was ever written.
    pub wrong_type: u64,
    /// Ops of which a part survived and a part did not.
    pub torn: u64,
    /// Keys that will expire at another time than was asked for.
    pub drifted: u64,
    /// Lost ops that a later acknowledgement had promised to be safe.
    pub promised: u64,
    /// Acknowledgement time of the earliest lost op; 0 when the baseline lost something.
    pub earliest_lost_us: Option<u64>,
    /// How the loss lies.
    pub shape: Shape,
    /// Every class that was seen, sorted.
    pub anomalies: Vec<Anomaly>,
    /// A few examples per class.
    pub examples: Vec<Instance>,
    /// Send times of all ops, in buckets.
    pub sent_density: Vec<u32>,
    /// Acknowledgement times of all acknowledged ops, in the same buckets.
    pub ack_density: Vec<u32>,
    /// Acknowledgement times of the lost ones, in the same buckets.
    pub lost_density: Vec<u32>,
    /// First send of the epoch: the left edge of the first bucket.
    pub from_us: u64,
    /// Width of a bucket.
    pub bucket_us: u64,
}

/// A key that shows an anomaly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// The class.
    pub anomaly: Anomaly,
    /// Its lane.
    pub lane: u16,
    /// Its number in the lane.
    pub key: u32,
    /// The op concerned.
    pub seq: Option<u32>,
    /// What the key holds.
    pub observed: Cell,
}

/// A value may outlive its time to live by this much before it counts as back from the dead: clocks of client and
/// server round differently, and expiry is checked on access.
pub const EXPIRY_SLACK_US: u64 = 1_000_000;
/// A deadline may be off by this much: the server rounds to milliseconds and its clock is another one.
pub const DRIFT_SLACK_US: u64 = 500_000;
/// Examples kept per class.
const EXAMPLES: usize = 4;

/// Compares what the client knows with what survived.
///
/// Each key must hold the state after some prefix of its ops, on top of its `baseline`. The loss is counted in the
/// server's favour: with the longest prefixes that explain what the keys hold and fit together in real time. Where no
/// prefixes fit together there is an [`Anomaly::Hole`], and each key counts for itself.
pub fn judge(history: &dyn History, baseline: &Survey, observed: &Survey, clock: &Clock) -> Loss {
    let mut lanes: Vec<_> = (0..history.lanes())
        .map(|lane| {
            let chains = Chains::build(history, lane);
            let fates = fate::of_lane(history, lane, &chains, baseline, observed, clock);
            (chains, fates)
        })
        .collect();
    let hole = closure::fit(history, &mut lanes, baseline, observed, clock);
    let (mut loss, split) = count(history, &lanes, observed, clock);
    if let Some((lane, key, seq)) = hole {
        note(&mut loss, Anomaly::Hole, lane, key, Some(seq), cell(observed, lane, key));
    }
    torn::find(history, &lanes, observed, &mut loss);
    drift(history, observed, &mut loss);
    loss.shape = shape::of(history, &lanes, &split, &loss);
    density::written(history, clock.fault_us, &mut loss);
    density::lost(history, &lanes, &split, &mut loss);
    let mut seen: BTreeSet<_> = loss.anomalies.iter().copied().collect();
    let classes = [
        (loss.lost > 0 || loss.lost_baseline > 0, Anomaly::Lost),
        (loss.rolled_back > 0, Anomaly::RolledBack),
        (loss.lost_baseline > 0, Anomaly::SecondRestartLoss),
        (loss.deleted_back + loss.baseline_back + loss.expired_back > 0, Anomaly::Resurrected),
        (loss.corrupt > 0, Anomaly::Corrupt),
        (loss.promised > 0, Anomaly::LostPromised),
    ];
    seen.extend(classes.iter().filter(|(there, _)| *there).map(|(_, anomaly)| *anomaly));
    loss.anomalies = seen.into_iter().collect();
    loss
}

/// A lane's ops by key, and what became of each key.
type Lane = (Chains, Vec<Fate>);

/// Ops of several keys that lost one of them at least, by lane: such an op is lost as a whole.
type Split = Vec<HashSet<u32>>;

fn count(history: &dyn History, lanes: &[Lane], observed: &Survey, clock: &Clock) -> (Loss, Split) {
    let mut loss = Loss { corrupt: observed.strangers, ..Loss::default() };
    let mut split = Split::new();
    for (lane, (chains, fates)) in (0..).zip(lanes) {
        let mut promised_to = None;
        for seq in history.span(lane) {
            let op = history.op(lane, seq);
            match op.answer {
                // A promise is no write: it only says something of those before it.
                answer if op.effect == Effect::Promise => {
                    if matches!(answer, Answer::Acked { .. }) {
                        promised_to = Some(seq);
                    }
                }
                Answer::Acked { .. } => loss.acknowledged += 1,
                Answer::InDoubt => loss.in_doubt += 1,
                Answer::Refused => loss.refused += 1,
                Answer::Skipped => {}
            }
        }
        let mut tally = Tally { promised_to, ..Tally::default() };
        for (key, fate) in (0..).zip(fates) {
            count_key(
                history,
                lane,
                key,
                chains.ops(key),
                *fate,
                cell(observed, lane, key),
                clock,
                &mut tally,
                &mut loss,
            );
        }
        split.push(tally.lost);
    }
    (loss, split)
}

#[allow(clippy::too_many_arguments, reason = "one key with all that is known of it")]
fn count_key(
    history: &dyn History,
    lane: u16,
    key: u32,
    ops: &[u32],
    fate: Fate,
    seen: Cell,
    clock: &Clock,
    tally: &mut Tally,
    loss: &mut Loss,
) {
    match fate.kind {
        Kind::Explained => {}
        Kind::Expired => loss.expired += 1,
        Kind::Corrupt => {
            loss.corrupt += 1;
            note(loss, Anomaly::Corrupt, lane, key, ops.last().copied(), seen);
        }
        Kind::Duplicated => {
            loss.duplicated += 1;
            note(loss, Anomaly::DuplicatedEffect, lane, key, ops.last().copied(), seen);
        }
        Kind::WrongType => {
            loss.wrong_type += 1;
            note(loss, Anomaly::WrongType, lane, key, ops.last().copied(), seen);
        }
        Kind::BaselineLost { seq } => {
            loss.lost_baseline += 1;
            loss.earliest_lost_us = Some(0);
            note(loss, Anomaly::SecondRestartLoss, lane, key, seq, seen);
            note_aspect(history, loss, lane, key, seq, seen);
        }
        Kind::BaselineBack => {
            loss.baseline_back += 1;
            note(loss, Anomaly::Resurrected, lane, key, None, seen);
        }
    }
    let (kept, gone) = ops.split_at(fate.longest as usize);
    let visible = fate.shortest as usize;
    for &seq in kept.iter().take(visible) {
        let op = history.op(lane, seq);
        loss.in_doubt_present += u64::from(op.answer == Answer::InDoubt && op.key == key);
    }
    let mut last_lost = None;
    for (position, &seq) in (kept.len()..).zip(gone) {
        let op = history.op(lane, seq);
        if let Answer::Acked { at_us } = op.answer
            && !fate.is_vacuous(history, lane, ops, position)
        {
            last_lost = Some((seq, effect_on(history, lane, seq, key)));
            // An op that changes several keys is lost once.
            if history.companions(lane, seq).is_empty() || tally.lost.insert(seq) {
                loss.lost += 1;
                loss.promised += u64::from(tally.promised_to.is_some_and(|promise| seq < promise));
            }
            loss.earliest_lost_us = Some(loss.earliest_lost_us.map_or(at_us, |earliest| earliest.min(at_us)));
        }
    }
    if fate.kind.is_garbled() {
        // What the key holds is no earlier value of its own, so nothing is back.
        return;
    }
    let undone =
        last_lost.filter(|_| matches!(seen, Cell::Version(_) | Cell::Count(_))).map(|(_, effect)| effect);
    let deleted = undone == Some(Effect::Delete);
    loss.deleted_back += u64::from(deleted && fate.kind != Kind::BaselineBack);
    loss.rolled_back += u64::from(matches!(undone, Some(Effect::Set { .. } | Effect::Add)));
    if let Some((seq, _)) = last_lost {
        let anomaly = match undone {
            Some(Effect::Delete) => Anomaly::Resurrected,
            Some(Effect::Set { .. } | Effect::Add) => Anomaly::RolledBack,
            Some(Effect::Promise) | None => Anomaly::Lost,
        };
        note_aspect(history, loss, lane, key, Some(seq), seen);
        note(loss, anomaly, lane, key, Some(seq), seen);
    }
    if let Cell::Version(seq) = seen
        && outlived(history.op(lane, seq), clock)
    {
        loss.expired_back += 1;
        note(loss, Anomaly::Resurrected, lane, key, Some(seq), seen);
    }
}

/// Says what a loss means where the key stands for more than data.
fn note_aspect(history: &dyn History, loss: &mut Loss, lane: u16, key: u32, seq: Option<u32>, seen: Cell) {
    match history.aspect(lane, key) {
        Aspect::Data => {}
        Aspect::Group => note(loss, Anomaly::LostGroupState, lane, key, seq, seen),
        Aspect::Function => note(loss, Anomaly::LostFunction, lane, key, seq, seen),
    }
}

/// What is counted per lane on the way.
#[derive(Default)]
struct Tally {
    /// Ops of several keys that were counted as lost.
    lost: HashSet<u32>,
    /// The newest promise that covers what was sent before it.
    promised_to: Option<u32>,
}

/// What an op does to one of its keys.
fn effect_on(history: &dyn History, lane: u16, seq: u32, key: u32) -> Effect {
    let op = history.op(lane, seq);
    if op.key == key {
        return op.effect;
    }
    let companion = history.companions(lane, seq).into_iter().find(|touch| touch.key == key);
    companion.map_or(op.effect, |touch| touch.effect)
}

/// Keys that will expire earlier or later than was asked for: by the server's own word, in absolute time.
fn drift(history: &dyn History, observed: &Survey, loss: &mut Loss) {
    for (&(lane, key), &deadline_us) in &observed.deadlines {
        let Cell::Version(seq) = cell(observed, lane, key) else { continue };
        let op = history.op(lane, seq);
        let (Effect::Set { ttl_us: Some(ttl) }, Answer::Acked { at_us }) = (op.effect, op.answer) else {
            continue;
        };
        let from_us = (op.sent_us + ttl).saturating_sub(DRIFT_SLACK_US);
        if !(from_us..=at_us + ttl + DRIFT_SLACK_US).contains(&deadline_us) {
            loss.drifted += 1;
            note(loss, Anomaly::TtlDrift, lane, key, Some(seq), Cell::Version(seq));
        }
    }
}

/// Whether a value is there although its time was up long before anyone looked.
fn outlived(op: Op, clock: &Clock) -> bool {
    match (op.effect, op.answer) {
        (Effect::Set { ttl_us: Some(ttl) }, Answer::Acked { at_us }) => {
            at_us.saturating_add(ttl).saturating_add(EXPIRY_SLACK_US) < clock.survey_from_us
        }
        _ => false,
    }
}

fn cell(survey: &Survey, lane: u16, key: u32) -> Cell {
    survey.lanes.get(usize::from(lane)).and_then(|cells| cells.get(key as usize)).copied().unwrap_or_default()
}

fn note(loss: &mut Loss, anomaly: Anomaly, lane: u16, key: u32, seq: Option<u32>, observed: Cell) {
    if !loss.anomalies.contains(&anomaly) {
        loss.anomalies.push(anomaly);
    }
    if loss.examples.iter().filter(|example| example.anomaly == anomaly).count() < EXAMPLES {
        loss.examples.push(Instance { anomaly, lane, key, seq, observed });
    }
}

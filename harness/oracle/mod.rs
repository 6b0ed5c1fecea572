//! Ledger and surviving state in; loss, shape and anomalies out. Pure.
//!
//! Every key has one writer (a lane: one connection), and what a key holds says
//! which op of its lane wrote it.

use std::ops::Range;

use crate::record::{Anomaly, Shape};

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
}

/// What a key holds after recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cell {
    /// Nothing.
    #[default]
    Absent,
    /// The value of the lane's op with this sequence number, intact.
    Version(u32),
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
    /// Acknowledgement time of the earliest lost op; 0 when the baseline lost something.
    pub earliest_lost_us: Option<u64>,
    /// How the loss lies.
    pub shape: Shape,
    /// Every class that was seen, sorted.
    pub anomalies: Vec<Anomaly>,
    /// A few examples per class.
    pub examples: Vec<Instance>,
    /// Acknowledgement times of all acknowledged ops, in buckets.
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

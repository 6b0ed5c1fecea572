//! What an epoch lost, in numbers, classes and examples.

use super::Cell;
use crate::record::{Anomaly, Shape};

/// Examples kept per class.
const EXAMPLES: usize = 4;

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

/// Notes that a key shows an anomaly.
pub fn note(loss: &mut Loss, anomaly: Anomaly, lane: u16, key: u32, seq: Option<u32>, observed: Cell) {
    if !loss.anomalies.contains(&anomaly) {
        loss.anomalies.push(anomaly);
    }
    if loss.examples.iter().filter(|example| example.anomaly == anomaly).count() < EXAMPLES {
        loss.examples.push(Instance { anomaly, lane, key, seq, observed });
    }
}

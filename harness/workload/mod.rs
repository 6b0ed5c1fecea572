//! What is written: ops derived from a seed, so that the ledger need not store them.
//!
//! A workload answers one question: which key does op `seq` of connection `lane` touch, and how?
//! A new workload is one file with that answer and one line in [`KINDS`].

use std::sync::Arc;

use crate::matrix;
use crate::oracle::Effect;

mod churn;
pub mod driver;
mod large;
pub mod ledger;
mod reply;
mod sessions;
mod single;
pub mod value;

/// The key of an op, by the lane's own number, and what happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The lane's number of the key.
    pub key: u32,
    /// What happens to it.
    pub effect: Effect,
}

/// Derives ops from a seed. A lane is one connection and the only writer of its keys.
pub trait Workload: Send + Sync {
    /// The op with number `seq` of a lane.
    fn plan(&self, lane: u16, seq: u32) -> Plan;

    /// How many keys the ops `0..ops` of a lane may touch: their numbers are below this.
    fn keys(&self, ops: u32) -> u32;
}

/// Makes a workload from its settings and a seed.
pub type Make = fn(&matrix::Workload, u64) -> Arc<dyn Workload>;

/// Every kind of workload, by the word for `kind` in matrix.toml.
pub const KINDS: &[(&str, Make)] =
    &[("sessions", sessions::make), ("single", single::make), ("large", large::make), ("churn", churn::make)];

/// Makes the workload of a case; `None` when the kind is unknown.
pub fn make(spec: &matrix::Workload, seed: u64) -> Option<Arc<dyn Workload>> {
    KINDS.iter().find(|(kind, _)| *kind == spec.kind).map(|(_, make)| make(spec, seed))
}

/// Mixes a seed with a position: the same everywhere and for ever, so that a seed names the
/// same ops on every machine (the finaliser of splitmix64).
pub fn mix(seed: u64, lane: u16, seq: u32) -> u64 {
    let mut z = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add((u64::from(lane) << 32) | u64::from(seq))
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The time to live of a workload's writes, in microseconds.
fn ttl_us(spec: &matrix::Workload) -> Option<u64> {
    spec.ttl.map(|ttl| u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX))
}

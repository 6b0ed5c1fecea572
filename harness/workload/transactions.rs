//! `transactions`: MULTI, three SETs, EXEC: all of them survive, or none.

use std::sync::Arc;

use super::strings::{Plan, Strings};
use super::{Workload, mix, ttl_us};
use crate::matrix;
use crate::oracle::{Effect, Touch};

/// Keys per connection when matrix.toml does not say.
const KEYS: u32 = 60;
/// Keys of one transaction.
const TOGETHER: u32 = 3;

struct Transactions {
    seed: u64,
    keys: u32,
    ttl_us: Option<u64>,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    let keys = spec.keys.unwrap_or(KEYS).max(TOGETHER);
    Arc::new(Strings::new(Transactions { seed, keys, ttl_us: ttl_us(spec) }, spec, seed))
}

impl Transactions {
    /// Evenly spaced keys, from one that the seed chooses.
    fn key(&self, lane: u16, seq: u32, position: u32) -> Touch {
        let first = mix(self.seed, lane, seq) % u64::from(self.keys);
        let key = (first as u32 + position * (self.keys / TOGETHER)) % self.keys;
        Touch { key, effect: Effect::Set { ttl_us: self.ttl_us } }
    }
}

impl Plan for Transactions {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        self.key(lane, seq, 0)
    }

    fn companions(&self, lane: u16, seq: u32) -> Vec<Touch> {
        (1..TOGETHER).map(|position| self.key(lane, seq, position)).collect()
    }

    fn keys(&self, ops: u32) -> u32 {
        if ops == 0 { 0 } else { self.keys }
    }
}

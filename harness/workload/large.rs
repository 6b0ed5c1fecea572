//! `large`: few, large values, so that a write spans many file system pages and a torn tail is likely.

use std::sync::Arc;

use super::strings::{Plan, Strings};
use super::{Workload, mix, ttl_us};
use crate::matrix;
use crate::oracle::{Effect, Touch};

/// Keys per connection when matrix.toml does not say.
const KEYS: u32 = 32;

struct Large {
    seed: u64,
    keys: u32,
    ttl_us: Option<u64>,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Strings::new(
        Large { seed, keys: spec.keys.unwrap_or(KEYS).max(1), ttl_us: ttl_us(spec) },
        spec,
        seed,
    ))
}

impl Plan for Large {
    /// Fills the keys in order first, then overwrites them at random: the files keep growing
    /// while memory does not.
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let key =
            if seq < self.keys { seq } else { (mix(self.seed, lane, seq) % u64::from(self.keys)) as u32 };
        Touch { key, effect: Effect::Set { ttl_us: self.ttl_us } }
    }

    fn keys(&self, ops: u32) -> u32 {
        ops.min(self.keys)
    }
}

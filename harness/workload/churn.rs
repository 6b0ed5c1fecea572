//! `churn`: overwrites and deletes on few keys, so that an old or a deleted value that comes back shows.

use std::sync::Arc;

use super::strings::{Plan, Strings};
use super::{Workload, mix, ttl_us};
use crate::matrix;
use crate::oracle::{Effect, Touch};

/// Keys per connection when matrix.toml does not say.
const KEYS: u32 = 200;
/// Deletes in a hundred ops.
const DELETES: u64 = 30;

struct Churn {
    seed: u64,
    keys: u32,
    ttl_us: Option<u64>,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Strings::new(
        Churn { seed, keys: spec.keys.unwrap_or(KEYS).max(1), ttl_us: ttl_us(spec) },
        spec,
        seed,
    ))
}

impl Plan for Churn {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let roll = mix(self.seed, lane, seq);
        let key = (roll % u64::from(self.keys)) as u32;
        let delete = (roll >> 32) % 100 < DELETES;
        let effect = if delete { Effect::Delete } else { Effect::Set { ttl_us: self.ttl_us } };
        Touch { key, effect }
    }

    fn keys(&self, ops: u32) -> u32 {
        if ops == 0 { 0 } else { self.keys }
    }
}

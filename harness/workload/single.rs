//! `single`: one write at a time, each to a key of its own: the plainest promise there is.

use std::sync::Arc;

use super::{Plan, Workload, ttl_us};
use crate::matrix;
use crate::oracle::Effect;

struct Single {
    ttl_us: Option<u64>,
}

pub(super) fn make(spec: &matrix::Workload, _seed: u64) -> Arc<dyn Workload> {
    Arc::new(Single { ttl_us: ttl_us(spec) })
}

impl Workload for Single {
    fn plan(&self, _lane: u16, seq: u32) -> Plan {
        Plan { key: seq, effect: Effect::Set { ttl_us: self.ttl_us } }
    }

    fn keys(&self, ops: u32) -> u32 {
        ops
    }
}

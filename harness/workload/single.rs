//! `single`: one write at a time, each to a key of its own: the plainest promise there is.

use std::sync::Arc;

use super::strings::{Plan, Strings};
use super::{Workload, ttl_us};
use crate::matrix;
use crate::oracle::{Effect, Touch};

struct Single {
    ttl_us: Option<u64>,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Strings::new(Single { ttl_us: ttl_us(spec) }, spec, seed))
}

impl Plan for Single {
    fn touch(&self, _lane: u16, seq: u32) -> Touch {
        Touch { key: seq, effect: Effect::Set { ttl_us: self.ttl_us } }
    }

    fn keys(&self, ops: u32) -> u32 {
        ops
    }
}

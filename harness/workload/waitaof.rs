//! `waitaof` and `wait`: each write to a key of its own, and every now and then a WAITAOF or a WAIT: what it answers for
//! must never be lost, by this server or by its replica.
//!
//! Every second connection never asks, and so never waits: a fault meets writes that nobody has answered for yet.

use std::sync::Arc;

use super::strings::{Plan, Strings};
use super::{Need, Safe, Workload, ttl_us};
use crate::matrix;
use crate::oracle::{Effect, Touch};

/// One op in so many is a WAITAOF, where the pipeline does not say: it ends a batch.
const EVERY: u32 = 10;

struct Waits {
    every: u32,
    ttl_us: Option<u64>,
    safe: Safe,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Strings::new(Waits::new(spec, Safe::OnDisk), spec, seed))
}

pub(super) fn make_for_replicas(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Strings::new(Waits::new(spec, Safe::OnReplica), spec, seed))
}

impl Waits {
    fn new(spec: &matrix::Workload, safe: Safe) -> Self {
        Self { every: if spec.pipeline > 1 { spec.pipeline } else { EVERY }, ttl_us: ttl_us(spec), safe }
    }
}

impl Plan for Waits {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let promises = lane.is_multiple_of(2) && seq % self.every == self.every - 1;
        let effect = if promises { Effect::Promise } else { Effect::Set { ttl_us: self.ttl_us } };
        Touch { key: seq, effect }
    }

    fn keys(&self, ops: u32) -> u32 {
        ops
    }

    fn needs(&self) -> &'static [Need] {
        match self.safe {
            Safe::OnDisk => &[Need { command: "WAITAOF", since: "Redis 7.2" }],
            Safe::OnReplica => &[],
        }
    }

    fn safe(&self) -> Safe {
        self.safe
    }
}

//! `hashes`: the fields of a few hashes, set, set again and deleted; with a time to live each field has its own.

use std::sync::Arc;

use super::members::{Members, Plan, name, parse};
use super::{Command, Need, Workload, mix, ttl_us, value, words};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// Hashes per connection, and fields of each when matrix.toml does not say.
const HASHES: u32 = 4;
const FIELDS: u32 = 100;
/// Deletes in a hundred ops.
const DELETES: u64 = 25;

struct Hashes {
    seed: u64,
    fields: u32,
    size: u32,
    ttl_us: Option<u64>,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    let each = spec.keys.unwrap_or(FIELDS).max(1);
    let fields = each.saturating_mul(HASHES);
    Arc::new(Members::new(Hashes { seed, fields, size: spec.value, ttl_us: ttl_us(spec) }, each))
}

impl Plan for Hashes {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let roll = mix(self.seed, lane, seq);
        let delete = (roll >> 32) % 100 < DELETES;
        let effect = if delete { Effect::Delete } else { Effect::Set { ttl_us: self.ttl_us } };
        Touch { key: (roll % u64::from(self.fields)) as u32, effect }
    }

    fn members(&self, ops: u32) -> u32 {
        if ops == 0 { 0 } else { self.fields }
    }

    fn write(&self, lane: u16, seq: u32, collection: &str) -> Command {
        let Touch { key: field, effect } = self.touch(lane, seq);
        let Effect::Set { ttl_us } = effect else {
            return [words(&["HDEL", collection]), vec![name(field)]].concat();
        };
        let pair = vec![name(field), value::bytes(self.seed, lane, seq, self.size)];
        match ttl_us.map(|ttl| (ttl / 1000).max(1).to_string()) {
            None => [words(&["HSET", collection]), pair].concat(),
            Some(ms) => [words(&["HSETEX", collection, "PX", &ms, "FIELDS", "1"]), pair].concat(),
        }
    }

    fn read(&self, collection: &str) -> Command {
        words(&["HGETALL", collection])
    }

    fn words_per_member(&self) -> usize {
        2
    }

    fn understand(&self, lane: u16, words: &[&[u8]]) -> Option<(u32, Cell)> {
        let [field, held] = words else { return None };
        Some((parse(field)?, value::decode(self.seed, lane, held, &mut Vec::new())))
    }

    fn needs(&self) -> &'static [Need] {
        const FIELD_TTL: &[Need] = &[
            Need { command: "HSETEX", since: "Redis 8.0 and Valkey 9.0" },
            Need { command: "HPTTL", since: "Redis 7.4 and Valkey 9.0" },
        ];
        if self.ttl_us.is_some() { FIELD_TTL } else { &[] }
    }

    fn ask_time_left(&self, collection: &str, member: u32) -> Option<Command> {
        let ask = || [words(&["HPTTL", collection, "FIELDS", "1"]), vec![name(member)]].concat();
        self.ttl_us.map(|_| ask())
    }
}

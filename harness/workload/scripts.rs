//! `scripts`: EVAL of a script that sets one key and counts up another: both effects survive, or none.

use std::sync::Arc;

use super::{Question, Workload, command, mix, strings, value};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// String keys per connection when matrix.toml does not say.
const KEYS: u32 = 60;
/// Counters per connection.
const COUNTERS: u32 = 4;
const SCRIPT: &str = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('INCR', KEYS[2])";

struct Scripts {
    seed: u64,
    size: u32,
    /// Numbered from [`COUNTERS`] on; counters come first.
    strings: u32,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Scripts { seed, size: spec.value, strings: spec.keys.unwrap_or(KEYS).max(1) })
}

impl Scripts {
    fn counter(&self, lane: u16, seq: u32) -> u32 {
        ((mix(self.seed, lane, seq) >> 32) % u64::from(COUNTERS)) as u32
    }
}

impl Workload for Scripts {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let roll = mix(self.seed, lane, seq) & u64::from(u32::MAX);
        let key = COUNTERS + (roll % u64::from(self.strings)) as u32;
        Touch { key, effect: Effect::Set { ttl_us: None } }
    }

    fn companions(&self, lane: u16, seq: u32) -> Vec<Touch> {
        vec![Touch { key: self.counter(lane, seq), effect: Effect::Add }]
    }

    fn keys(&self, ops: u32) -> u32 {
        if ops == 0 { 0 } else { COUNTERS + self.strings }
    }

    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        let key = value::key_name(lane, self.touch(lane, seq).key);
        let counter = value::key_name(lane, self.counter(lane, seq));
        let bytes = value::bytes(self.seed, lane, seq, self.size);
        command(out, &[b"EVAL", SCRIPT.as_bytes(), b"2", key.as_bytes(), counter.as_bytes(), &bytes]);
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        Box::new(strings::questions(lane, 0..keys, self.size))
    }

    fn understand(&self, lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        let mut scratch = Vec::new();
        strings::understand(question, answer, cells, |key, bytes| {
            if key < COUNTERS {
                value::count(bytes)
            } else {
                value::decode(self.seed, lane, bytes, &mut scratch)
            }
        });
    }

    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        strings::owns(name, |lane| keys.get(usize::from(lane)).copied())
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        value::key_name(lane, key)
    }
}

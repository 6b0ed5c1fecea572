//! `counters`: INCR on strings and HINCRBY on the fields of a hash: an effect that is lost or repeated shows in the number.

use std::sync::Arc;

use super::{Command, Question, Workload, command, mix, strings, value, words};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// Counters of either sort per connection when matrix.toml does not say.
const KEYS: u32 = 8;
/// Room for one number in an answer.
const NUMBER: u32 = 16;

struct Counters {
    seed: u64,
    /// Strings are numbered below this, fields from here on.
    strings: u32,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Counters { seed, strings: spec.keys.unwrap_or(KEYS).max(1) })
}

impl Counters {
    /// The hash is named like the string that would come after the others.
    fn hash(&self, lane: u16) -> String {
        value::key_name(lane, self.strings)
    }

    fn field(&self, key: u32) -> String {
        format!("f{}", key - self.strings)
    }
}

impl Workload for Counters {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let key = (mix(self.seed, lane, seq) % u64::from(self.strings * 2)) as u32;
        Touch { key, effect: Effect::Add }
    }

    fn keys(&self, ops: u32) -> u32 {
        if ops == 0 { 0 } else { self.strings * 2 }
    }

    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        let Touch { key, .. } = self.touch(lane, seq);
        if key < self.strings {
            command(out, &[b"INCR", value::key_name(lane, key).as_bytes()]);
        } else {
            command(out, &[b"HINCRBY", self.hash(lane).as_bytes(), self.field(key).as_bytes(), b"1"]);
        }
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        let fields = self.strings.min(keys)..keys;
        let names = fields.clone().map(|key| self.field(key).into_bytes());
        let command: Command = words(&["HMGET", &self.hash(lane)]).into_iter().chain(names).collect();
        let hash = (!fields.is_empty()).then_some(Question { command, keys: fields.clone() });
        Box::new(strings::questions(lane, 0..fields.start, NUMBER).chain(hash))
    }

    fn understand(&self, _lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        strings::understand(question, answer, cells, |_, bytes| value::count(bytes));
    }

    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        let touched = |lane: u16| keys.get(usize::from(lane)).filter(|keys| **keys > 0);
        strings::owns(name, |lane| touched(lane).map(|_| self.strings + 1))
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        if key < self.strings {
            value::key_name(lane, key)
        } else {
            format!("{} field {}", self.hash(lane), self.field(key))
        }
    }
}

//! `counters`: INCR on strings and HINCRBY on the fields of a hash: an effect that is lost or repeated shows in the number.

use std::sync::Arc;

use super::{Question, Workload, command, mix, strings, value, words};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// Counters of either sort per connection when matrix.toml does not say.
const KEYS: u32 = 8;
/// Room for one number in an answer.
const NUMBER: u32 = 16;

struct Counters {
    seed: u64,
    /// Strings are numbered below this. Then comes what else the hash holds, which no op touches, and then its fields.
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
        format!("f{}", key - self.strings - 1)
    }

    /// The key of a field, where its name is one of ours.
    fn key(&self, field: &[u8]) -> Option<u32> {
        let number: u32 = std::str::from_utf8(field).ok()?.strip_prefix('f')?.parse().ok()?;
        let key = (number < self.strings).then_some(self.strings + 1 + number)?;
        (self.field(key).as_bytes() == field).then_some(key)
    }
}

impl Workload for Counters {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let roll = (mix(self.seed, lane, seq) % u64::from(self.strings * 2)) as u32;
        Touch { key: roll + u32::from(roll >= self.strings), effect: Effect::Add }
    }

    fn keys(&self, ops: u32) -> u32 {
        if ops == 0 { 0 } else { self.strings * 2 + 1 }
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
        let command = words(&["HGETALL", &self.hash(lane)]);
        let hash = (!fields.is_empty()).then_some(Question { command, keys: fields.clone() });
        Box::new(strings::questions(lane, 0..fields.start, NUMBER).chain(hash))
    }

    fn understand(&self, _lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        if question.keys.start < self.strings {
            return strings::understand(question, answer, cells, |_, bytes| value::count(bytes));
        }
        let redis::Value::Array(words) = answer else { return };
        for pair in words.chunks(2) {
            let [redis::Value::BulkString(field), redis::Value::BulkString(number)] = pair else { continue };
            match self.key(field) {
                Some(key) => cells[key as usize] = value::count(number),
                // A field that nobody wrote has no key of its own.
                None => cells[question.keys.start as usize] = Cell::Corrupt,
            }
        }
    }

    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        let touched = |lane: u16| keys.get(usize::from(lane)).filter(|keys| **keys > 0);
        strings::owns(name, |lane| touched(lane).map(|_| self.strings + 1))
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        match key.checked_sub(self.strings) {
            None => value::key_name(lane, key),
            Some(0) => format!("{} beside its fields", self.hash(lane)),
            Some(_) => format!("{} field {}", self.hash(lane), self.field(key)),
        }
    }
}

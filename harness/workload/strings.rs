//! Workloads on plain strings: SET with or without a time to live, DEL, and MGET to read back.

use std::ops::Range;

use super::{Command, Question, Workload, command, value, words};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// Keys per MGET, and the most bytes that one answer should hold.
const BATCH_KEYS: u32 = 1_000;
const BATCH_BYTES: u32 = 4 << 20;

/// Which key an op touches, and how: all that a workload on strings has to say.
pub trait Plan: Send + Sync {
    /// The key that op `seq` of a lane changes.
    fn touch(&self, lane: u16, seq: u32) -> Touch;

    /// How many keys the ops `0..ops` of a lane may touch: their numbers are below this.
    fn keys(&self, ops: u32) -> u32;
}

/// A workload on strings.
pub struct Strings<P> {
    plan: P,
    seed: u64,
    size: u32,
    expires: bool,
}

impl<P: Plan> Strings<P> {
    /// Writes values of the size that matrix.toml asks for.
    pub fn new(plan: P, spec: &matrix::Workload, seed: u64) -> Self {
        Self { plan, seed, size: spec.value, expires: spec.ttl.is_some() }
    }
}

impl<P: Plan> Workload for Strings<P> {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        self.plan.touch(lane, seq)
    }

    fn keys(&self, ops: u32) -> u32 {
        self.plan.keys(ops)
    }

    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        let Touch { key, effect } = self.plan.touch(lane, seq);
        let name = value::key_name(lane, key);
        let Effect::Set { ttl_us } = effect else { return command(out, &[b"DEL", name.as_bytes()]) };
        let bytes = value::bytes(self.seed, lane, seq, self.size);
        match ttl_us {
            None => command(out, &[b"SET", name.as_bytes(), &bytes]),
            Some(ttl) => {
                let ms = (ttl / 1000).max(1).to_string();
                command(out, &[b"SET", name.as_bytes(), &bytes, b"PX", ms.as_bytes()]);
            }
        }
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        let batch = (BATCH_BYTES / self.size.max(1)).clamp(1, BATCH_KEYS);
        Box::new((0..keys).step_by(batch as usize).map(move |first| {
            let keys: Range<u32> = first..keys.min(first + batch);
            let names = keys.clone().map(|key| value::key_name(lane, key).into_bytes());
            Question { command: std::iter::once(b"MGET".to_vec()).chain(names).collect(), keys }
        }))
    }

    fn understand(&self, lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        let redis::Value::Array(values) = answer else { return };
        let mut scratch = Vec::new();
        for (key, value) in question.keys.clone().zip(values) {
            cells[key as usize] = match value {
                redis::Value::Nil => Cell::Absent,
                redis::Value::BulkString(bytes) => value::decode(self.seed, lane, bytes, &mut scratch),
                _ => Cell::Corrupt,
            };
        }
    }

    fn ask_time_left(&self, lane: u16, key: u32) -> Option<Command> {
        self.expires.then(|| words(&["PTTL", &value::key_name(lane, key)]))
    }

    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        value::parse_key(name)
            .is_some_and(|(lane, key)| keys.get(usize::from(lane)).is_some_and(|keys| key < *keys))
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        value::key_name(lane, key)
    }
}

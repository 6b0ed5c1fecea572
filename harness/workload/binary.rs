//! `binary`: keys and values out of every byte there is, empty ones, keys of 64 KiB and values of 16 MiB; each write has a key
//! of its own, which says what the value must be.

use std::sync::Arc;

use super::{Question, Workload, command, mix, strings, value};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// Where a lane's ops are of an unusual size: the first is early, so that a short trial meets each.
const LONG_KEY: (u32, u32) = (100, 20);
const EMPTY_VALUE: (u32, u32) = (10, 3);
const HUGE_VALUE: (u32, u32) = (400, 90);
const LONG_KEY_BYTES: usize = 64 << 10;
const HUGE_VALUE_BYTES: u32 = 16 << 20;
/// Longest of the usual keys.
const SHORT_KEY_BYTES: u64 = 80;
/// Lane and number: no two keys begin alike.
const HEAD: usize = 2 + 4;
/// Longest part of a name that a person wants to see.
const SHOWN: usize = 24;

struct Binary {
    seed: u64,
    size: u32,
    ttl_us: Option<u64>,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Binary { seed, size: spec.value, ttl_us: super::ttl_us(spec) })
}

fn is_at(seq: u32, (every, first): (u32, u32)) -> bool {
    seq % every == first
}

impl Binary {
    /// The empty key belongs to the very first op.
    fn name(&self, lane: u16, seq: u32) -> Vec<u8> {
        let mut name = Vec::new();
        if (lane, seq) != (0, 0) {
            let state = !mix(self.seed, lane, seq);
            let length = HEAD + (state % SHORT_KEY_BYTES) as usize;
            name.extend_from_slice(&lane.to_be_bytes());
            name.extend_from_slice(&seq.to_be_bytes());
            value::fill(state, if is_at(seq, LONG_KEY) { LONG_KEY_BYTES } else { length }, &mut name);
        }
        name
    }

    fn parse(&self, name: &[u8]) -> Option<(u16, u32)> {
        let (lane, seq) = match name {
            [] => (0, 0),
            [a, b, c, d, e, f, ..] => (u16::from_be_bytes([*a, *b]), u32::from_be_bytes([*c, *d, *e, *f])),
            _ => return None,
        };
        (self.name(lane, seq) == name).then_some((lane, seq))
    }

    fn value(&self, lane: u16, seq: u32) -> Vec<u8> {
        match seq {
            _ if is_at(seq, EMPTY_VALUE) => Vec::new(),
            _ if is_at(seq, HUGE_VALUE) => value::bytes(self.seed, lane, seq, HUGE_VALUE_BYTES),
            _ => value::bytes(self.seed, lane, seq, self.size),
        }
    }
}

impl Workload for Binary {
    fn touch(&self, _lane: u16, seq: u32) -> Touch {
        Touch { key: seq, effect: Effect::Set { ttl_us: self.ttl_us } }
    }

    fn keys(&self, ops: u32) -> u32 {
        ops
    }

    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        let (name, bytes) = (self.name(lane, seq), self.value(lane, seq));
        match self.ttl_us.map(|ttl| (ttl / 1000).max(1).to_string()) {
            None => command(out, &[b"SET", &name, &bytes]),
            Some(ms) => command(out, &[b"SET", &name, &bytes, b"PX", ms.as_bytes()]),
        }
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        let mut next = 0;
        // A huge value is asked for alone.
        let huge = |seq: &u32| is_at(*seq, HUGE_VALUE);
        Box::new(std::iter::from_fn(move || {
            let first = next;
            let most = keys.min(first + strings::batch(self.size));
            next = (first..most).find(huge).map_or(most, |at| at.max(first + 1));
            let names = (first..next).map(|key| self.name(lane, key));
            let command = std::iter::once(b"MGET".to_vec()).chain(names).collect();
            (first < keys).then_some(Question { command, keys: first..next })
        }))
    }

    /// Each key is written once, so its value is known.
    fn understand(&self, lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        strings::understand(question, answer, cells, |key, bytes| {
            if self.value(lane, key) == bytes { Cell::Version(key) } else { Cell::Corrupt }
        });
    }

    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        self.parse(name)
            .is_some_and(|(lane, seq)| keys.get(usize::from(lane)).is_some_and(|keys| seq < *keys))
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        let name = self.name(lane, key);
        let shown = name[..name.len().min(SHOWN)].escape_ascii();
        format!("\"{shown}\" of {} bytes", name.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_hold_every_byte_and_are_told_apart_and_known_again() {
        let binary = Binary { seed: 5, size: 64, ttl_us: None };
        let mut names = BTreeSet::new();
        let mut bytes = BTreeSet::new();
        for (lane, seq) in (0..3).flat_map(|lane| (0..300).map(move |seq| (lane, seq))) {
            let name = binary.name(lane, seq);
            assert_eq!(binary.parse(&name), Some((lane, seq)));
            bytes.extend(name.iter().copied());
            assert!(names.insert(name));
        }
        assert_eq!(bytes.len(), 256);
        assert!(names.contains(&Vec::new()) && names.iter().any(|name| name.len() == LONG_KEY_BYTES));
        assert_eq!(binary.parse(b"\0\0\0\0\0\x01"), None, "the rest of the name is missing");
        assert!(binary.owns(b"", &[1]) && !binary.owns(b"", &[0]) && !binary.owns(b"o:0:0", &[9, 9]));
    }

    #[test]
    fn every_key_is_asked_for_once_and_a_huge_value_alone() {
        let binary = Binary { seed: 5, size: 64, ttl_us: None };
        for keys in [0, 1, 90, 91, 92, 500, 1_000] {
            let asked: Vec<_> = binary.questions(0, keys).map(|question| question.keys).collect();
            let flat: Vec<_> = asked.iter().cloned().flatten().collect();
            assert_eq!(flat, (0..keys).collect::<Vec<_>>());
            let huge = |range: &std::ops::Range<u32>| range.clone().any(|seq| is_at(seq, HUGE_VALUE));
            assert!(asked.iter().all(|range| !huge(range) || range.len() == 1), "{asked:?}");
        }
    }
}

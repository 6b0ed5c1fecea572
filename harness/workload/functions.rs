//! `functions`: libraries loaded again and again, and deleted now and then; their code names the op.

use std::sync::Arc;

use super::{Need, Question, Workload, command, mix, words};
use crate::matrix;
use crate::oracle::{Aspect, Cell, Effect, Touch};

/// Libraries per connection when matrix.toml does not say.
const KEYS: u32 = 4;
/// One op in so many deletes its library.
const DELETE_ONE_IN: u64 = 8;

struct Functions {
    seed: u64,
    keys: u32,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Functions { seed, keys: spec.keys.unwrap_or(KEYS).max(1) })
}

fn library(lane: u16, key: u32) -> String {
    format!("library_{lane}_{key}")
}

impl Functions {
    /// The number of the op, and a second one that tells any two ops apart.
    fn code(&self, lane: u16, key: u32, seq: u32) -> String {
        let (library, check) = (library(lane, key), mix(self.seed, lane, seq));
        format!(
            "#!lua name={library}\nredis.register_function('{library}_f', function() return '{seq} {check}' end)"
        )
    }

    /// The op that wrote this code, where every byte is as it wrote them.
    fn decode(&self, lane: u16, key: u32, bytes: &[u8]) -> Cell {
        let seq = std::str::from_utf8(bytes).ok().and_then(|text| {
            let (_, tail) = text.rsplit_once("return '")?;
            tail.split(' ').next()?.parse().ok()
        });
        let seq = seq.filter(|seq| self.code(lane, key, *seq).as_bytes() == bytes);
        seq.map_or(Cell::Corrupt, Cell::Version)
    }
}

impl Workload for Functions {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let roll = mix(self.seed, lane, seq);
        let delete = (roll >> 32).is_multiple_of(DELETE_ONE_IN);
        let effect = if delete { Effect::Delete } else { Effect::Set { ttl_us: None } };
        Touch { key: (roll % u64::from(self.keys)) as u32, effect }
    }

    fn keys(&self, ops: u32) -> u32 {
        if ops == 0 { 0 } else { self.keys }
    }

    /// A library that is not there cannot be deleted: that error means that the op had no effect, as others do.
    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        let Touch { key, effect } = self.touch(lane, seq);
        if effect == Effect::Delete {
            command(out, &[b"FUNCTION", b"DELETE", library(lane, key).as_bytes()]);
        } else {
            command(out, &[b"FUNCTION", b"LOAD", b"REPLACE", self.code(lane, key, seq).as_bytes()]);
        }
    }

    fn needs(&self) -> Vec<Need> {
        vec![Need { command: "FUNCTION", since: "Redis 7.0" }]
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        Box::new((0..keys).map(move |key| Question {
            command: words(&["FUNCTION", "LIST", "LIBRARYNAME", &library(lane, key), "WITHCODE"]),
            keys: key..key + 1,
        }))
    }

    fn understand(&self, lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        let key = question.keys.start;
        let redis::Value::Array(libraries) = answer else { return };
        cells[key as usize] = match &libraries[..] {
            [] => Cell::Absent,
            [redis::Value::Array(facts)] => match facts.last() {
                Some(redis::Value::BulkString(bytes)) => self.decode(lane, key, bytes),
                _ => Cell::Corrupt,
            },
            [_] => Cell::Corrupt,
            _ => Cell::Twice,
        };
    }

    /// Libraries are no keys, so every name in the server is a stranger.
    fn owns(&self, _name: &[u8], _keys: &[u32]) -> bool {
        false
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        library(lane, key)
    }

    fn aspect(&self, _lane: u16, _key: u32) -> Aspect {
        Aspect::Function
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_names_its_op_and_any_flipped_bit_is_seen() {
        let functions = Functions { seed: 1, keys: 4 };
        let bytes = functions.code(3, 1, 4_711).into_bytes();
        assert_eq!(functions.decode(3, 1, &bytes), Cell::Version(4_711));
        assert_eq!(functions.decode(3, 2, &bytes), Cell::Corrupt, "the code of another library");
        for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << bit;
            assert_eq!(functions.decode(3, 1, &bad), Cell::Corrupt, "bit {bit} of byte {at}");
        }
    }
}

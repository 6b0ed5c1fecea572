//! `sorted-sets`: members whose score is the op, scored again and again, and removed now and then.

use std::sync::Arc;

use super::members::{Members, Plan, name, parse};
use super::{Command, Workload, mix, words};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// Sorted sets per connection, and members of each when matrix.toml does not say: enough for every encoding.
const SETS: u32 = 2;
const MEMBERS: u32 = 200;
/// Removals in a hundred ops.
const REMOVALS: u64 = 20;
/// Steps between two whole scores: a score is exact in this many.
const STEPS: u64 = 1 << 16;

struct SortedSets {
    seed: u64,
    members: u32,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    let each = spec.keys.unwrap_or(MEMBERS).max(1);
    Arc::new(Members::new(SortedSets { seed, members: each.saturating_mul(SETS) }, each))
}

impl SortedSets {
    /// The number of the op, and a fraction that tells any two ops apart.
    fn score(&self, lane: u16, seq: u32) -> f64 {
        f64::from(seq) + (mix(!self.seed, lane, seq) % STEPS) as f64 / STEPS as f64
    }
}

impl Plan for SortedSets {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let roll = mix(self.seed, lane, seq);
        let remove = (roll >> 32) % 100 < REMOVALS;
        let effect = if remove { Effect::Delete } else { Effect::Set { ttl_us: None } };
        Touch { key: (roll % u64::from(self.members)) as u32, effect }
    }

    fn members(&self, ops: u32) -> u32 {
        if ops == 0 { 0 } else { self.members }
    }

    fn write(&self, lane: u16, seq: u32, collection: &str) -> Command {
        let Touch { key: member, effect } = self.touch(lane, seq);
        let member = vec![name(member)];
        if effect == Effect::Delete {
            return [words(&["ZREM", collection]), member].concat();
        }
        [words(&["ZADD", collection, &self.score(lane, seq).to_string()]), member].concat()
    }

    fn read(&self, collection: &str) -> Command {
        words(&["ZRANGE", collection, "0", "-1", "WITHSCORES"])
    }

    fn words_per_member(&self) -> usize {
        2
    }

    fn understand(&self, lane: u16, words: &[&[u8]]) -> Option<(u32, Cell)> {
        let [member, score] = words else { return None };
        let score: Option<f64> = std::str::from_utf8(score).ok().and_then(|text| text.parse().ok());
        let op = score.map(|score| score as u32).filter(|&seq| Some(self.score(lane, seq)) == score);
        Some((parse(member)?, op.map_or(Cell::Corrupt, Cell::Version)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_names_its_op_and_a_score_beside_it_nobody() {
        let sets = SortedSets { seed: 2, members: 10 };
        for seq in [0, 1, 77, 1_000_000, u32::MAX] {
            let see = |score: f64| sets.understand(4, &[b"m3", score.to_string().as_bytes()]);
            let score = sets.score(4, seq);
            assert_eq!(see(score), Some((3, Cell::Version(seq))));
            assert_eq!(see(score + 1.0 / STEPS as f64), Some((3, Cell::Corrupt)));
        }
        assert_eq!(sets.understand(4, &[b"x3", b"1"]), None);
    }
}

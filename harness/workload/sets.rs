//! `sets`: members that are added once and of which some are removed later; the member itself says which op added it.

use std::sync::Arc;

use super::members::{Members, Plan};
use super::{Command, Workload, mix, value, words};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// Members per set when matrix.toml does not say: enough for every encoding.
const MEMBERS: u32 = 200;
/// Three ops add a member each, the fourth removes one.
const CYCLE: u32 = 4;
const ADDS: u32 = CYCLE - 1;

struct Sets {
    seed: u64,
    size: u32,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Members::new(Sets { seed, size: spec.value }, spec.keys.unwrap_or(MEMBERS).max(1)))
}

/// The op that adds a member.
fn adder(member: u32) -> u32 {
    member / ADDS * CYCLE + member % ADDS
}

impl Plan for Sets {
    /// Of every two members that were added, one is removed: each at most once.
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let (cycle, place) = (seq / CYCLE, seq % CYCLE);
        if place < ADDS {
            Touch { key: cycle * ADDS + place, effect: Effect::Set { ttl_us: None } }
        } else {
            let either = (mix(self.seed, lane, seq) % 2) as u32;
            Touch { key: cycle * 2 + either, effect: Effect::Delete }
        }
    }

    fn members(&self, ops: u32) -> u32 {
        ops - ops / CYCLE
    }

    fn write(&self, lane: u16, seq: u32, collection: &str) -> Command {
        let Touch { key: member, effect } = self.touch(lane, seq);
        let verb = if effect == Effect::Delete { "SREM" } else { "SADD" };
        let bytes = value::bytes(self.seed, lane, adder(member), self.size);
        [words(&[verb, collection]), vec![bytes]].concat()
    }

    fn read(&self, collection: &str) -> Command {
        words(&["SMEMBERS", collection])
    }

    fn words_per_member(&self) -> usize {
        1
    }

    fn understand(&self, lane: u16, words: &[&[u8]]) -> Option<(u32, Cell)> {
        let cell = value::decode(self.seed, lane, words.first()?, &mut Vec::new());
        let Cell::Version(seq) = cell else { return None };
        let Touch { key: member, effect } = self.touch(lane, seq);
        (effect != Effect::Delete).then_some((member, cell))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_member_is_added_once_and_removed_at_most_once_afterwards() {
        let sets = Sets { seed: 3, size: 40 };
        let (mut added, mut removed) = (BTreeSet::new(), BTreeSet::new());
        for seq in 0..2_000 {
            let Touch { key, effect } = sets.touch(1, seq);
            if effect == Effect::Delete {
                assert!(added.contains(&key) && removed.insert(key), "{seq}");
            } else {
                assert!(added.insert(key), "{seq}");
                assert_eq!(adder(key), seq);
            }
            assert_eq!(sets.members(seq + 1), added.len() as u32);
        }
        assert_eq!(removed.len(), 500);
    }
}

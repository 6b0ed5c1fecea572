//! `mixed`: several kinds at once, each on connections of its own.

use std::sync::Arc;

use super::{Command, Need, Question, Safe, Workload, of_kind, reply::Reply};
use crate::matrix;
use crate::oracle::{Aspect, Cell, Touch};

/// Workloads side by side: each lane belongs to one of them.
pub struct Mixed {
    parts: Vec<Arc<dyn Workload>>,
    /// Position of the part, by lane.
    part_of: Vec<usize>,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    let parts: Vec<_> = spec.mix.iter().filter_map(|(kind, _)| of_kind(kind, spec, seed)).collect();
    let weights: Vec<_> = spec.mix.iter().map(|(_, weight)| *weight).collect();
    Arc::new(Mixed::new(parts, deal(&weights, spec.connections)))
}

impl Mixed {
    /// Workloads by position, and the position of each lane's.
    pub fn new(parts: Vec<Arc<dyn Workload>>, part_of: Vec<usize>) -> Self {
        Self { parts, part_of }
    }

    fn part(&self, lane: u16) -> &dyn Workload {
        &*self.parts[self.part_of[usize::from(lane)]]
    }
}

/// Deals lanes out: one to each kind first, then each to the kind that lacks most of its share.
fn deal(weights: &[u32], lanes: u16) -> Vec<usize> {
    let mut dealt = vec![0_u64; weights.len()];
    let mut part_of = Vec::with_capacity(usize::from(lanes));
    for lane in 0..usize::from(lanes) {
        // Shares are compared crosswise: `dealt / weight`, without fractions.
        let needy = (0..weights.len()).reduce(|best, part| {
            let (ours, theirs) =
                (dealt[part] * u64::from(weights[best]), dealt[best] * u64::from(weights[part]));
            if ours < theirs { part } else { best }
        });
        let part = if lane < weights.len() { lane } else { needy.unwrap_or(0) };
        if let Some(count) = dealt.get_mut(part) {
            *count += 1;
        }
        part_of.push(part);
    }
    part_of
}

impl Workload for Mixed {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        self.part(lane).touch(lane, seq)
    }

    fn companions(&self, lane: u16, seq: u32) -> Vec<Touch> {
        self.part(lane).companions(lane, seq)
    }

    /// The most that any part may touch.
    fn keys(&self, ops: u32) -> u32 {
        self.parts.iter().map(|part| part.keys(ops)).max().unwrap_or(0)
    }

    fn keys_of_lane(&self, lane: u16, ops: u32) -> u32 {
        self.part(lane).keys_of_lane(lane, ops)
    }

    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        self.part(lane).encode(lane, seq, out);
    }

    fn replies(&self, lane: u16, seq: u32) -> u32 {
        self.part(lane).replies(lane, seq)
    }

    fn acknowledges(&self, lane: u16, seq: u32, reply: Reply<'_>) -> bool {
        self.part(lane).acknowledges(lane, seq, reply)
    }

    fn needs(&self) -> Vec<Need> {
        self.parts.iter().flat_map(|part| part.needs()).collect()
    }

    fn safe(&self, lane: u16) -> Safe {
        self.part(lane).safe(lane)
    }

    fn greeting(&self, lane: u16) -> Vec<Command> {
        self.part(lane).greeting(lane)
    }

    fn unit_of_lane(&self, lane: u16) -> u32 {
        self.part(lane).unit_of_lane(lane)
    }

    fn is_fragile(&self, lane: u16) -> bool {
        self.part(lane).is_fragile(lane)
    }

    fn has_waiter(&self, lane: u16) -> bool {
        self.part(lane).has_waiter(lane)
    }

    fn waits(&self, lane: u16, seq: u32) -> bool {
        self.part(lane).waits(lane, seq)
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        self.part(lane).questions(lane, keys)
    }

    fn understand(&self, lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        self.part(lane).understand(lane, question, answer, cells);
    }

    fn ask_time_left(&self, lane: u16, key: u32) -> Option<Command> {
        self.part(lane).ask_time_left(lane, key)
    }

    /// A name is judged by the part whose lane it names: to the others that lane has no keys.
    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        (0..self.parts.len()).any(|part| {
            let lanes = self.part_of.iter().zip(keys);
            let own: Vec<_> = lanes.map(|(&of, &keys)| if of == part { keys } else { 0 }).collect();
            self.parts[part].owns(name, &own)
        })
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        self.part(lane).key_name(lane, key)
    }

    fn aspect(&self, lane: u16, key: u32) -> Aspect {
        self.part(lane).aspect(lane, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_dealt_out_by_weight_and_every_kind_gets_one() {
        let counts = |weights: &[u32], lanes| {
            let dealt = deal(weights, lanes);
            (0..weights.len()).map(|part| dealt.iter().filter(|of| **of == part).count()).collect::<Vec<_>>()
        };
        assert_eq!(counts(&[3, 1, 1], 10), [6, 2, 2]);
        assert_eq!(counts(&[3, 1], 4), [3, 1]);
        assert_eq!(counts(&[1000, 1, 1], 3), [1, 1, 1]);
        assert_eq!(counts(&[1], 5), [5]);
    }
}

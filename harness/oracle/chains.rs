//! The ops of a lane by key, in order: 4 bytes per op.

use super::{Effect, History};

/// Numbers of the ops of one epoch, grouped by key.
pub struct Chains {
    /// Where each key's ops begin in `seqs`; one more than there are keys.
    offsets: Vec<u32>,
    seqs: Vec<u32>,
}

impl Chains {
    /// Groups the ops of a lane. Those that must have no effect are left out.
    pub fn build(history: &dyn History, lane: u16) -> Self {
        let keys = history.keys(lane) as usize;
        let mut offsets = vec![0_u32; keys + 1];
        let effective = |seq: u32| {
            let op = history.op(lane, seq);
            let effective = op.answer.may_count() && op.effect != Effect::Promise;
            let companions = if effective { history.companions(lane, seq) } else { Vec::new() };
            effective
                .then_some(op.key as usize)
                .into_iter()
                .chain(companions.into_iter().map(|touch| touch.key as usize))
        };
        for key in history.span(lane).flat_map(effective) {
            offsets[key + 1] += 1;
        }
        for key in 0..keys {
            offsets[key + 1] += offsets[key];
        }
        let mut next = offsets.clone();
        let mut seqs = vec![0; offsets[keys] as usize];
        for seq in history.span(lane) {
            for key in effective(seq) {
                seqs[next[key] as usize] = seq;
                next[key] += 1;
            }
        }
        Self { offsets, seqs }
    }

    /// The ops of a key, in order.
    pub fn ops(&self, key: u32) -> &[u32] {
        let key = key as usize;
        &self.seqs[self.offsets[key] as usize..self.offsets[key + 1] as usize]
    }

    /// How many keys there are.
    pub fn keys(&self) -> u32 {
        (self.offsets.len() - 1) as u32
    }
}

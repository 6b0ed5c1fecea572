//! What survived must fit together in time.
//!
//! If a was acknowledged before b was sent, and b survived, then a must have survived. The same holds where a was
//! acknowledged and b came after it on the same connection, however close together they were sent: a server executes
//! the commands of a connection in order. A key often leaves a choice of prefixes (a deleted key looks the same before
//! its first write and after its last delete). The choices that fit are closed under taking the longer prefix of each
//! key, so the longest one that fits is found by starting from the longest prefixes and lowering only what time forces:
//! an op that certainly came after a lost one cannot have survived. Where a key has no shorter prefix to lower to,
//! nothing fits: there is a hole.

use super::fate::{Fate, Kind, States};
use super::{Answer, Clock, History, Lane, Survey, cell};

/// Connections of a lane: one that works, and one that may wait for it.
const CONNECTIONS: usize = 2;

/// Lowers the prefixes to the longest choice that fits. When nothing fits, they stay as they were, and the survivor that
/// contradicts is returned: its lane, key and number.
pub fn fit(
    history: &dyn History,
    lanes: &mut [Lane],
    baseline: &Survey,
    observed: &Survey,
    clock: &Clock,
) -> Option<(u16, u32, u32)> {
    let before: Vec<Vec<Fate>> = lanes.iter().map(|(_, fates)| fates.clone()).collect();
    loop {
        let lost = Earliest::of(history, lanes)?;
        let mut lowered = false;
        for lane in 0..history.lanes() {
            let (chains, fates) = &mut lanes[usize::from(lane)];
            for (key, fate) in (0..).zip(fates.iter_mut()) {
                let ops = chains.ops(key);
                let fits = lost.fitting(history, lane, &ops[..fate.longest as usize]);
                if fits == fate.longest || fate.kind.is_garbled() {
                    continue;
                }
                let states = States { history, lane, key, ops, base: cell(baseline, lane, key), clock };
                let seen = cell(observed, lane, key);
                match states.previous(fits, seen) {
                    Some(prefix) => {
                        *fate = states.explained(fate.shortest, prefix, seen);
                        lowered = true;
                    }
                    None => {
                        let survivor = ops[fits as usize];
                        for ((_, fates), old) in lanes.iter_mut().zip(before) {
                            *fates = old;
                        }
                        return Some((lane, key, survivor));
                    }
                }
            }
        }
        if !lowered {
            return None;
        }
    }
}

/// The earliest acknowledged ops that are gone: nothing that certainly came after one of them can be there.
struct Earliest {
    /// When the first of them all was acknowledged.
    acked_us: u64,
    /// The first of each connection, by lane.
    seqs: Vec<[u32; CONNECTIONS]>,
}

impl Earliest {
    /// `None` when nothing is gone. What a baseline held was acknowledged before all. Wrong bytes are an anomaly of
    /// their own and say nothing about order.
    fn of(history: &dyn History, lanes: &[Lane]) -> Option<Self> {
        let mut acked_us = None;
        let mut seqs = vec![[u32::MAX; CONNECTIONS]; lanes.len()];
        let mut note =
            |at_us: u64| acked_us = Some(acked_us.map_or(at_us, |earliest: u64| earliest.min(at_us)));
        for (lane, (chains, fates)) in (0..).zip(lanes) {
            for (key, fate) in (0..).zip(fates) {
                if fate.kind.is_garbled() {
                    continue;
                }
                if matches!(fate.kind, Kind::BaselineLost { .. }) {
                    note(0);
                }
                let ops = chains.ops(key);
                let mut open = [true; CONNECTIONS];
                for position in fate.longest as usize..ops.len() {
                    let seq = ops[position];
                    let Answer::Acked { at_us } = history.op(lane, seq).answer else { continue };
                    if fate.is_vacuous(history, lane, key, ops, position) {
                        continue;
                    }
                    note(at_us);
                    let connection = usize::from(history.connection(lane, seq));
                    let first = &mut seqs[usize::from(lane)][connection];
                    *first = (*first).min(seq);
                    open[connection] = false;
                    // Ops of a key are in order: what follows on the same connection is later.
                    if !open.contains(&true) {
                        break;
                    }
                }
            }
        }
        acked_us.map(|acked_us| Self { acked_us, seqs })
    }

    /// How many of a key's ops can be there.
    fn fitting(&self, history: &dyn History, lane: u16, ops: &[u32]) -> u32 {
        let seqs = &self.seqs[usize::from(lane)];
        let in_time = ops.partition_point(|&seq| history.op(lane, seq).sent_us <= self.acked_us);
        let first = seqs.iter().copied().min().unwrap_or(u32::MAX);
        let untouched = ops[..in_time].partition_point(|&seq| seq <= first);
        let after = ops[untouched..in_time]
            .iter()
            .position(|&seq| seq > seqs[usize::from(history.connection(lane, seq))]);
        after.map_or(in_time, |after| untouched + after) as u32
    }
}

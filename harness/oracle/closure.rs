//! What survived must fit together in real time.
//!
//! If a was acknowledged before b was sent, and b survived, then a must have survived. A key often leaves a choice of
//! prefixes (a deleted key looks the same before its first write and after its last delete). The choices that fit
//! are closed under taking the longer prefix of each key, so the longest one that fits is found by starting from the
//! longest prefixes and lowering only what real time forces: an op that was sent after a lost one was
//! acknowledged cannot have survived. Where a key has no shorter prefix to lower to, nothing fits: there is a hole.

use super::fate::{Fate, Kind, States};
use super::{Answer, Clock, History, Lane, Survey, cell};

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
        let lost_us = earliest_lost(history, lanes)?;
        let mut lowered = false;
        for lane in 0..history.lanes() {
            let (chains, fates) = &mut lanes[usize::from(lane)];
            for (key, fate) in (0..).zip(fates.iter_mut()) {
                let ops = chains.ops(key);
                let fits = ops[..fate.longest as usize]
                    .partition_point(|&seq| history.op(lane, seq).sent_us <= lost_us)
                    as u32;
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

/// When the earliest acknowledged op that is gone was acknowledged. What a baseline held was acknowledged before all.
/// Wrong bytes are an anomaly of their own and say nothing about order.
fn earliest_lost(history: &dyn History, lanes: &[Lane]) -> Option<u64> {
    let mut earliest = None;
    for (lane, (chains, fates)) in (0..).zip(lanes) {
        for (key, fate) in (0..).zip(fates) {
            let at = match fate.kind {
                kind if kind.is_garbled() => continue,
                Kind::BaselineLost { .. } => Some(0),
                _ => {
                    let ops = chains.ops(key);
                    (fate.longest as usize..ops.len()).find_map(|position| {
                        match history.op(lane, ops[position]).answer {
                            Answer::Acked { at_us } if !fate.is_vacuous(history, lane, ops, position) => {
                                Some(at_us)
                            }
                            _ => None,
                        }
                    })
                }
            };
            earliest = match (earliest, at) {
                (Some(a), Some(b)) => Some(u64::min(a, b)),
                (a, b) => a.or(b),
            };
        }
    }
    earliest
}

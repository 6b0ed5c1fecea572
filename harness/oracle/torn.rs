//! Ops that change several keys: all of them survive, or none.

use std::collections::HashMap;

use super::{Aspect, Cell, History, Lane, Loss, Survey, cell, note};
use crate::record::Anomaly;

/// What is certain of an op's parts.
#[derive(Default, Clone, Copy)]
struct Parts {
    kept: bool,
    gone: Option<u32>,
}

/// Finds ops of which one part is certainly there and another one certainly is not. Acknowledged or not: a transaction
/// without an answer may be there or not, but never in part.
pub fn find(history: &dyn History, lanes: &[Lane], observed: &Survey, loss: &mut Loss) {
    for (lane, (chains, fates)) in (0..).zip(lanes) {
        let mut ops: HashMap<u32, Parts> = HashMap::new();
        for (key, fate) in (0..).zip(fates) {
            // What a group forgets has a name of its own.
            if fate.kind.is_garbled() || history.aspect(lane, key) == Aspect::Group {
                continue;
            }
            for (position, &seq) in (0..).zip(chains.ops(key)) {
                if history.companions(lane, seq).is_empty() {
                    continue;
                }
                let parts = ops.entry(seq).or_default();
                parts.kept |= position < fate.shortest;
                if position >= fate.longest {
                    parts.gone = Some(key);
                }
            }
        }
        let mut torn: Vec<_> = ops
            .into_iter()
            .filter_map(|(seq, parts)| parts.gone.filter(|_| parts.kept).map(|key| (seq, key)))
            .collect();
        torn.sort_unstable();
        loss.torn += torn.len() as u64;
        for (seq, key) in torn {
            let seen: Cell = cell(observed, lane, key);
            note(loss, Anomaly::TornTransaction, lane, key, Some(seq), seen);
        }
    }
}

//! How the loss lies in acknowledgement order.
//!
//! Ops of several connections overlap, so "before" means for certain: acknowledged before the other was sent. A few
//! ops in flight at the fault do not make a clean tail ragged.

use super::{Answer, History, Lane, Loss, Split};
use crate::record::Shape;

#[derive(Clone, Copy)]
struct Write {
    sent_us: u64,
    acked_us: u64,
    lost: bool,
}

/// The shape of a loss of at least one op.
pub fn of(history: &dyn History, lanes: &[Lane], split: &Split, loss: &Loss) -> Shape {
    if loss.lost == 0 {
        return Shape::None;
    }
    let mut writes = acknowledged(history, lanes, split);
    if writes.iter().all(|write| write.lost) {
        return Shape::All;
    }
    writes.sort_unstable_by_key(|write| write.acked_us);
    match (longest_chain(&writes, true), longest_chain(&writes, false)) {
        // Nothing lost is certainly followed by a survivor.
        (1, _) => Shape::Suffix,
        // No survivor is certainly followed by something lost.
        (_, 1) => Shape::Prefix,
        // No survivor lies certainly between lost ones: a single gap explains it.
        (2, 2 | 3) => Shape::Hole,
        // Loss first, survivors after it, and a few lost ones at the end: two gaps.
        _ => Shape::Scattered,
    }
}

/// How many times a walk forward in time can change sides when it begins with a lost (or a kept) write. Taking the
/// write that ends first leaves the most room for the next.
fn longest_chain(writes: &[Write], mut lost: bool) -> u32 {
    let mut length = 0;
    let mut after_us = None;
    for write in writes {
        if write.lost == lost && after_us.is_none_or(|after| write.sent_us > after) {
            length += 1;
            lost = !lost;
            after_us = Some(write.acked_us);
        }
    }
    length
}

fn acknowledged(history: &dyn History, lanes: &[Lane], split: &Split) -> Vec<Write> {
    let mut writes = Vec::new();
    for (lane, (chains, fates)) in (0..).zip(lanes) {
        for (key, fate) in (0..).zip(fates) {
            let ops = chains.ops(key);
            for (position, &seq) in (0..).zip(ops) {
                let op = history.op(lane, seq);
                let Answer::Acked { at_us } = op.answer else { continue };
                if op.key != key {
                    continue;
                }
                let vacuous = fate.is_vacuous(history, lane, key, ops, position as usize);
                let lost = (position >= fate.longest && !vacuous) || split[usize::from(lane)].contains(&seq);
                if lost || !vacuous {
                    writes.push(Write { sent_us: op.sent_us, acked_us: at_us, lost });
                }
            }
        }
    }
    writes
}

//! Acknowledgements and losses over time, in buckets, for the timeline of a report.

use super::{Answer, Clock, History, Lane, Loss, Split};

/// Buckets of a timeline.
const BUCKETS: u64 = 100;

/// Fills the densities of a loss: from the first send to the last acknowledgement or the fault.
pub fn fill(history: &dyn History, lanes: &[Lane], split: &Split, clock: &Clock, loss: &mut Loss) {
    let mut from_us = u64::MAX;
    let mut to_us = clock.fault_us;
    for lane in 0..history.lanes() {
        for seq in history.span(lane) {
            let op = history.op(lane, seq);
            if op.answer == Answer::Skipped {
                continue;
            }
            from_us = from_us.min(op.sent_us);
            if let Answer::Acked { at_us } = op.answer {
                to_us = to_us.max(at_us);
            }
        }
    }
    if from_us == u64::MAX {
        return;
    }
    loss.from_us = from_us;
    loss.bucket_us = (to_us.saturating_sub(from_us) / BUCKETS + 1).max(1);
    loss.ack_density = vec![0; BUCKETS as usize];
    loss.lost_density = vec![0; BUCKETS as usize];
    for (lane, (chains, fates)) in (0..).zip(lanes) {
        for (key, fate) in (0..).zip(fates) {
            let ops = chains.ops(key);
            for (position, &seq) in (0..).zip(ops) {
                let op = history.op(lane, seq);
                if let Answer::Acked { at_us } = op.answer
                    && op.key == key
                {
                    let bucket = ((at_us - from_us) / loss.bucket_us).min(BUCKETS - 1) as usize;
                    loss.ack_density[bucket] += 1;
                    let lost = position >= fate.longest
                        && !fate.is_vacuous(history, lane, key, ops, position as usize);
                    let lost = lost || split[usize::from(lane)].contains(&seq);
                    loss.lost_density[bucket] += u32::from(lost);
                }
            }
        }
    }
}

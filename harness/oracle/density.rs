//! Writes, acknowledgements and losses over time, in buckets, for the timeline of a report.

use super::{Answer, Effect, History, Lane, Loss, Split};

/// Buckets of a timeline.
const BUCKETS: u64 = 100;

/// Fills in what was sent and acknowledged: from the first send to the last acknowledgement or the fault.
pub fn written(history: &dyn History, fault_us: u64, loss: &mut Loss) {
    let ops = || {
        let of_lane = |lane| history.span(lane).map(move |seq| history.op(lane, seq));
        let writes = (0..history.lanes()).flat_map(of_lane).filter(|op| op.effect != Effect::Promise);
        writes.filter(|op| op.answer != Answer::Skipped)
    };
    let Some(from_us) = ops().map(|op| op.sent_us).min() else { return };
    let acknowledged = |answer| match answer {
        Answer::Acked { at_us } => Some(at_us),
        Answer::InDoubt | Answer::Refused | Answer::Skipped => None,
    };
    let to_us = ops().filter_map(|op| acknowledged(op.answer)).fold(fault_us, u64::max);
    loss.from_us = from_us;
    loss.bucket_us = (to_us.saturating_sub(from_us) / BUCKETS + 1).max(1);
    loss.sent_density = vec![0; BUCKETS as usize];
    loss.ack_density = vec![0; BUCKETS as usize];
    loss.lost_density = vec![0; BUCKETS as usize];
    for op in ops() {
        let bucket = bucket(loss, op.sent_us);
        loss.sent_density[bucket] += 1;
        if let Some(at_us) = acknowledged(op.answer) {
            let bucket = self::bucket(loss, at_us);
            loss.ack_density[bucket] += 1;
        }
    }
}

/// Fills in what was lost, on top of what was [`written`].
pub(super) fn lost(history: &dyn History, lanes: &[Lane], split: &Split, loss: &mut Loss) {
    for (lane, (chains, fates)) in (0..).zip(lanes) {
        for (key, fate) in (0..).zip(fates) {
            let ops = chains.ops(key);
            for (position, &seq) in (0..).zip(ops) {
                let op = history.op(lane, seq);
                if let Answer::Acked { at_us } = op.answer
                    && op.key == key
                {
                    let gone = position >= fate.longest
                        && !fate.is_vacuous(history, lane, key, ops, position as usize);
                    let bucket = bucket(loss, at_us);
                    loss.lost_density[bucket] += u32::from(gone || split[usize::from(lane)].contains(&seq));
                }
            }
        }
    }
}

fn bucket(loss: &Loss, at_us: u64) -> usize {
    (at_us.saturating_sub(loss.from_us) / loss.bucket_us).min(BUCKETS - 1) as usize
}

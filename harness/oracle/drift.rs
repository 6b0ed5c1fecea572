//! Keys that will expire at another time than was asked for.

use super::{Answer, Cell, Effect, History, Loss, Survey, cell, effect_on, note};
use crate::record::Anomaly;

/// A deadline may be off by this much: the server rounds to milliseconds and its clock is another one.
pub const DRIFT_SLACK_US: u64 = 500_000;

/// Keys that will expire earlier or later than was asked for: by the server's own word, in absolute time.
pub fn find(history: &dyn History, observed: &Survey, loss: &mut Loss) {
    for (&(lane, key), &deadline_us) in &observed.deadlines {
        let Cell::Version(seq) = cell(observed, lane, key) else { continue };
        let op = history.op(lane, seq);
        let effect = effect_on(history, lane, seq, key);
        let (Effect::Set { ttl_us: Some(ttl) }, Answer::Acked { at_us }) = (effect, op.answer) else {
            continue;
        };
        let from_us = (op.sent_us + ttl).saturating_sub(DRIFT_SLACK_US);
        if !(from_us..=at_us + ttl + DRIFT_SLACK_US).contains(&deadline_us) {
            loss.drifted += 1;
            note(loss, Anomaly::TtlDrift, lane, key, Some(seq), Cell::Version(seq));
        }
    }
}

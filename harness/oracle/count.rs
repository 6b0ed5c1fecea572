//! Counts what became of every key: what is lost, and what is there that should not be.

use std::collections::HashSet;

use super::fate::{self, Fate, Kind};
use super::{Answer, Aspect, Cell, Clock, Effect, History, Lane, Loss, Split, Survey, cell, effect_on, note};
use crate::record::Anomaly;

/// The loss in numbers, but for what only the whole of it tells; and the ops of several keys that are lost.
pub fn count(history: &dyn History, lanes: &[Lane], observed: &Survey, clock: &Clock) -> (Loss, Split) {
    let mut loss = Loss { corrupt: observed.strangers, ..Loss::default() };
    let mut split = Split::new();
    for (lane, (chains, fates)) in (0..).zip(lanes) {
        let mut promised_to = None;
        for seq in history.span(lane) {
            let op = history.op(lane, seq);
            match op.answer {
                // A promise is no write: it only says something of those before it.
                answer if op.effect == Effect::Promise => {
                    if matches!(answer, Answer::Acked { .. }) {
                        promised_to = Some(seq);
                    }
                }
                Answer::Acked { .. } => loss.acknowledged += 1,
                Answer::InDoubt => loss.in_doubt += 1,
                Answer::Refused => loss.refused += 1,
                Answer::Skipped => {}
            }
        }
        let mut tally = Tally { promised_to, ..Tally::default() };
        for (key, fate) in (0..).zip(fates) {
            count_key(
                history,
                lane,
                key,
                chains.ops(key),
                *fate,
                cell(observed, lane, key),
                clock,
                &mut tally,
                &mut loss,
            );
        }
        split.push(tally.lost);
    }
    (loss, split)
}

#[allow(clippy::too_many_arguments, reason = "one key with all that is known of it")]
fn count_key(
    history: &dyn History,
    lane: u16,
    key: u32,
    ops: &[u32],
    fate: Fate,
    seen: Cell,
    clock: &Clock,
    tally: &mut Tally,
    loss: &mut Loss,
) {
    match fate.kind {
        Kind::Explained => {}
        Kind::Expired => loss.expired += 1,
        Kind::Corrupt => {
            loss.corrupt += 1;
            note(loss, Anomaly::Corrupt, lane, key, ops.last().copied(), seen);
        }
        Kind::Duplicated => {
            loss.duplicated += 1;
            note(loss, Anomaly::DuplicatedEffect, lane, key, ops.last().copied(), seen);
        }
        Kind::WrongType => {
            loss.wrong_type += 1;
            note(loss, Anomaly::WrongType, lane, key, ops.last().copied(), seen);
        }
        Kind::BaselineLost { seq } => {
            loss.lost_baseline += 1;
            loss.earliest_lost_us = Some(0);
            note(loss, Anomaly::SecondRestartLoss, lane, key, seq, seen);
            note_aspect(history, loss, lane, key, seq, seen);
        }
        Kind::BaselineBack => {
            loss.baseline_back += 1;
            note(loss, Anomaly::Resurrected, lane, key, None, seen);
        }
    }
    let (kept, gone) = ops.split_at(fate.longest as usize);
    let visible = fate.shortest as usize;
    for &seq in kept.iter().take(visible) {
        let op = history.op(lane, seq);
        loss.in_doubt_present += u64::from(op.answer == Answer::InDoubt && op.key == key);
    }
    let mut last_lost = None;
    for (position, &seq) in (kept.len()..).zip(gone) {
        let op = history.op(lane, seq);
        if let Answer::Acked { at_us } = op.answer
            && !fate.is_vacuous(history, lane, key, ops, position)
        {
            last_lost = Some((seq, effect_on(history, lane, seq, key)));
            // An op that changes several keys is lost once.
            if history.companions(lane, seq).is_empty() || tally.lost.insert(seq) {
                loss.lost += 1;
                loss.promised += u64::from(tally.promised_to.is_some_and(|promise| seq < promise));
            }
            loss.earliest_lost_us = Some(loss.earliest_lost_us.map_or(at_us, |earliest| earliest.min(at_us)));
        }
    }
    if fate.kind.is_garbled() {
        // What the key holds is no earlier value of its own, so nothing is back.
        return;
    }
    let undone =
        last_lost.filter(|_| matches!(seen, Cell::Version(_) | Cell::Count(_))).map(|(_, effect)| effect);
    let deleted = undone == Some(Effect::Delete);
    loss.deleted_back += u64::from(deleted && fate.kind != Kind::BaselineBack);
    loss.rolled_back += u64::from(matches!(undone, Some(Effect::Set { .. } | Effect::Add)));
    if let Some((seq, _)) = last_lost {
        let anomaly = match undone {
            Some(Effect::Delete) => Anomaly::Resurrected,
            Some(Effect::Set { .. } | Effect::Add) => Anomaly::RolledBack,
            Some(Effect::Promise) | None => Anomaly::Lost,
        };
        note_aspect(history, loss, lane, key, Some(seq), seen);
        note(loss, anomaly, lane, key, Some(seq), seen);
    }
    if let Cell::Version(seq) = seen
        && fate::outlived(history, lane, key, seq, clock)
    {
        loss.expired_back += 1;
        note(loss, Anomaly::Resurrected, lane, key, Some(seq), seen);
    }
}

/// Says what a loss means where the key stands for more than data.
fn note_aspect(history: &dyn History, loss: &mut Loss, lane: u16, key: u32, seq: Option<u32>, seen: Cell) {
    match history.aspect(lane, key) {
        Aspect::Data => {}
        Aspect::Group => note(loss, Anomaly::LostGroupState, lane, key, seq, seen),
        Aspect::Function => note(loss, Anomaly::LostFunction, lane, key, seq, seen),
    }
}

/// What is counted per lane on the way.
#[derive(Default)]
struct Tally {
    /// Ops of several keys that were counted as lost.
    lost: HashSet<u32>,
    /// The newest promise that covers what was sent before it.
    promised_to: Option<u32>,
}

//! Whether what survived fits together in real time.
//!
//! If a was acknowledged before b was sent, and b survived, then a must have survived. A key often leaves a choice
//! of prefixes (a deleted key looks the same before its first write and after its last delete), so there is a hole
//! only when no choice for all keys fits. The choices that fit are closed under taking the smaller prefix of
//! each key, so the smallest one is found by starting from the shortest prefixes and raising only what real time
//! forces; where a key has no longer prefix to raise to, nothing fits.

use super::fate::{Kind, States};
use super::{Answer, Clock, History, Lane, Survey, cell};

/// A lost op that had to survive: its lane, key and number; `None` when everything fits.
pub fn hole(
    history: &dyn History,
    lanes: &[Lane],
    observed: &Survey,
    clock: &Clock,
) -> Option<(u16, u32, u32)> {
    let mut chosen: Vec<Vec<u32>> =
        lanes.iter().map(|(_, fates)| fates.iter().map(|fate| fate.shortest).collect()).collect();
    // The latest send among ops that survived.
    let mut newest_us = None;
    for (lane, prefixes) in (0..).zip(&chosen) {
        for (key, &prefix) in (0..).zip(prefixes) {
            newest_us = newest_us.max(last_sent(history, lanes, lane, key, prefix));
        }
    }
    let mut newest_us = newest_us?;
    loop {
        let before = newest_us;
        for (lane, prefixes) in (0..).zip(&mut chosen) {
            let (chains, fates) = &lanes[usize::from(lane)];
            for (key, prefix) in (0..).zip(prefixes) {
                let fate = fates[key as usize];
                let Some((needed, seq)) = required(history, lane, chains.ops(key), *prefix, newest_us) else {
                    continue;
                };
                if !matches!(fate.kind, Kind::Explained | Kind::Expired) {
                    // Wrong bytes are an anomaly of their own; a key older than its baseline is a hole.
                    if fate.kind == Kind::Corrupt {
                        continue;
                    }
                    return Some((lane, key, seq));
                }
                // What the base was plays no part any more: `needed` is at least 1.
                let states =
                    States { history, lane, ops: chains.ops(key), base: super::Cell::Corrupt, clock };
                match states.next(needed, cell(observed, lane, key)) {
                    Some(raised) => {
                        *prefix = raised;
                        newest_us =
                            newest_us.max(last_sent(history, lanes, lane, key, raised).unwrap_or(newest_us));
                    }
                    None => return Some((lane, key, seq)),
                }
            }
        }
        if newest_us == before {
            return None;
        }
    }
}

/// When the last op of a prefix was sent.
fn last_sent(history: &dyn History, lanes: &[Lane], lane: u16, key: u32, prefix: u32) -> Option<u64> {
    let ops = lanes[usize::from(lane)].0.ops(key);
    let last = prefix.checked_sub(1)?;
    Some(history.op(lane, ops[last as usize]).sent_us)
}

/// How long the prefix must be at least, and the last op that forces it: beyond `prefix`, acknowledged before
/// `newest_us`.
fn required(
    history: &dyn History,
    lane: u16,
    ops: &[u32],
    prefix: u32,
    newest_us: u64,
) -> Option<(u32, u32)> {
    (prefix as usize..ops.len()).rev().find_map(|at| match history.op(lane, ops[at]).answer {
        Answer::Acked { at_us } if at_us < newest_us => Some((at as u32 + 1, ops[at])),
        _ => None,
    })
}

//! The oracle against brute force: every way in which the keys can be explained is tried, and the best one must be
//! what the oracle says.
#![allow(clippy::unwrap_used)]

#[path = "support/history.rs"]
mod history;

use std::collections::BTreeSet;

use history::{Story, arbitrary, deletes_nothing, truthful};
use outlast::oracle::{Answer, Cell, EXPIRY_SLACK_US, Effect, History, Op, judge};
use outlast::record::{Anomaly, Shape};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// A key: its ops that were not refused (with the connection and the number of each), what it held before, and what it
/// holds.
struct Key {
    ops: Vec<(Op, Cell, bool)>,
    places: Vec<(u16, u8, u32)>,
    before: Cell,
    seen: Cell,
    /// Prefixes that explain it; empty when none does.
    fits: Vec<usize>,
    lapse: Lapse,
}

/// What is wrong with a key that nothing explains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lapse {
    None,
    WrongBytes,
    BaselineLost,
    BaselineBack,
}

/// What brute force finds.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    acknowledged: u64,
    in_doubt: u64,
    refused: u64,
    lost: u64,
    earliest_lost_us: Option<u64>,
    hole: bool,
    corrupt: u64,
    lost_baseline: u64,
    expired: u64,
    rolled_back: u64,
    deleted_back: u64,
    expired_back: u64,
    shape: Shape,
    anomalies: BTreeSet<Anomaly>,
}

fn keys(story: &Story) -> Vec<Key> {
    let script = &story.script;
    let mut keys = Vec::new();
    for (lane, all) in (0_u16..).zip(&script.lanes) {
        for number in 0..script.keys {
            let first = script.first[usize::from(lane)];
            let ops: Vec<_> = (first..all.len() as u32)
                .map(|seq| (script.op(lane, seq), seq))
                .filter(|(op, _)| op.key == number && op.answer != Answer::Refused)
                .map(|(op, seq)| {
                    let after = if op.effect == Effect::Delete { Cell::Absent } else { Cell::Version(seq) };
                    (op, after, deletes_nothing(script, &story.baseline, lane, seq))
                })
                .collect();
            let places = (first..all.len() as u32)
                .filter(|&seq| {
                    script.op(lane, seq).key == number && script.op(lane, seq).answer != Answer::Refused
                })
                .map(|seq| (lane, script.connection(lane, seq), seq))
                .collect();
            let before = story.baseline.lanes[usize::from(lane)][number as usize];
            let seen = story.observed.lanes[usize::from(lane)][number as usize];
            let out_of_time = |cell: Cell| match cell {
                Cell::Version(seq) => match script.op(lane, seq) {
                    Op { effect: Effect::Set { ttl_us: Some(ttl) }, sent_us, .. } => {
                        sent_us + ttl <= story.clock.survey_to_us
                    }
                    _ => false,
                },
                _ => false,
            };
            let fits: Vec<_> = (0..=ops.len())
                .filter(|&prefix| {
                    let held = if prefix == 0 { before } else { ops[prefix - 1].1 };
                    held == seen || (seen == Cell::Absent && out_of_time(held))
                })
                .collect();
            // A value that this key held in an earlier epoch is old; any other is wrong.
            let old = |seq: u32| {
                let op = (seq < first).then(|| script.op(lane, seq));
                op.is_some_and(|op| {
                    op.key == number && op.effect != Effect::Delete && op.answer != Answer::Refused
                })
            };
            let lapse = match (before, seen) {
                _ if !fits.is_empty() => Lapse::None,
                (_, Cell::Corrupt) => Lapse::WrongBytes,
                (_, Cell::Version(seq)) if !old(seq) => Lapse::WrongBytes,
                (Cell::Absent, _) => Lapse::BaselineBack,
                (Cell::Version(held), Cell::Version(seq)) if seq > held => Lapse::BaselineBack,
                _ => Lapse::BaselineLost,
            };
            keys.push(Key { ops, places, before, seen, fits, lapse });
        }
    }
    keys
}

impl Key {
    /// Prefixes to try: a key that nothing explains lost all of its ops, or for wrong bytes the last one.
    fn choices(&self) -> Vec<usize> {
        match self.lapse {
            Lapse::None => self.fits.clone(),
            Lapse::WrongBytes => vec![self.ops.len().saturating_sub(1)],
            Lapse::BaselineLost | Lapse::BaselineBack => vec![0],
        }
    }

    /// Acknowledgements that are lost with this prefix, by time.
    fn lost(&self, prefix: usize) -> Vec<u64> {
        let acked = |(op, _, idle): &(Op, Cell, bool)| match op.answer {
            Answer::Acked { at_us } if !idle => Some(at_us),
            _ => None,
        };
        self.ops[prefix..].iter().filter_map(acked).collect()
    }
}

/// Whether no op survived that was sent after a lost one was acknowledged, or that came after it on its connection.
fn fits_in_time(keys: &[Key], choice: &[usize]) -> bool {
    let telling = || keys.iter().zip(choice).filter(|(key, _)| key.lapse != Lapse::WrongBytes);
    let lost: Vec<u64> = telling()
        .flat_map(|(key, &prefix)| {
            let mut lost = key.lost(prefix);
            // What the baseline held was acknowledged before everything.
            lost.extend((key.lapse == Lapse::BaselineLost).then_some(0));
            lost
        })
        .collect();
    let overtaken = |&(lane, connection, seq): &(u16, u8, u32)| {
        telling().any(|(key, &prefix)| {
            (prefix..key.ops.len()).any(|at| {
                let (op, _, idle) = key.ops[at];
                let acked = matches!(op.answer, Answer::Acked { .. }) && !idle;
                acked && (key.places[at].0, key.places[at].1) == (lane, connection) && key.places[at].2 < seq
            })
        })
    };
    telling().all(|(key, &prefix)| {
        key.ops[..prefix].iter().all(|(op, ..)| lost.iter().all(|&acked_us| acked_us >= op.sent_us))
            && !key.places[..prefix].iter().any(overtaken)
    })
}

fn every_choice(keys: &[Key]) -> Vec<Vec<usize>> {
    keys.iter().fold(vec![Vec::new()], |choices, key| {
        let longer = |choice: Vec<usize>| {
            key.choices().into_iter().map(move |prefix| [choice.clone(), vec![prefix]].concat())
        };
        choices.into_iter().flat_map(longer).collect()
    })
}

fn brute_force(story: &Story) -> Finding {
    let keys = keys(story);
    let lost = |choice: &[usize]| -> usize {
        keys.iter().zip(choice).map(|(key, &prefix)| key.lost(prefix).len()).sum()
    };
    let choices = every_choice(&keys);
    // The least loss, and of choices that lose the same the one that keeps most.
    let rank = |choice: &&Vec<usize>| (lost(choice), usize::MAX - choice.iter().sum::<usize>());
    let fitting = choices.iter().filter(|choice| fits_in_time(&keys, choice)).min_by_key(rank);
    let hole = fitting.is_none();
    let choice = fitting.or_else(|| choices.iter().min_by_key(rank)).unwrap();

    let answers = |wanted: fn(&Answer) -> bool| {
        let script = &story.script;
        let ours = script.lanes.iter().zip(&script.first).flat_map(|(ops, &first)| &ops[first as usize..]);
        ours.filter(|op| wanted(&op.answer)).count() as u64
    };
    let mut finding = Finding {
        acknowledged: answers(|answer| matches!(answer, Answer::Acked { .. })),
        in_doubt: answers(|answer| *answer == Answer::InDoubt),
        refused: answers(|answer| *answer == Answer::Refused),
        lost: lost(choice) as u64,
        earliest_lost_us: None,
        hole,
        corrupt: story.observed.strangers,
        lost_baseline: 0,
        expired: 0,
        rolled_back: 0,
        deleted_back: 0,
        expired_back: 0,
        shape: shape(&keys, choice),
        anomalies: BTreeSet::new(),
    };
    for (index, (key, &prefix)) in keys.iter().zip(choice).enumerate() {
        let mut gone = key.lost(prefix);
        gone.extend((key.lapse == Lapse::BaselineLost).then_some(0));
        finding.earliest_lost_us = finding.earliest_lost_us.into_iter().chain(gone).min();
        if key.lapse == Lapse::WrongBytes {
            finding.corrupt += 1;
            continue;
        }
        let held = if prefix == 0 { key.before } else { key.ops[prefix - 1].1 };
        finding.lost_baseline += u64::from(key.lapse == Lapse::BaselineLost);
        finding.expired += u64::from(key.lapse == Lapse::None && held != key.seen);
        let undone = key.ops[prefix..]
            .iter()
            .rfind(|(op, _, idle)| matches!(op.answer, Answer::Acked { .. }) && !idle)
            .filter(|_| matches!(key.seen, Cell::Version(_)));
        let deleted = undone.is_some_and(|(op, ..)| op.effect == Effect::Delete);
        finding.rolled_back += u64::from(undone.is_some() && !deleted);
        finding.deleted_back += u64::from(deleted || key.lapse == Lapse::BaselineBack);
        if let Cell::Version(seq) = key.seen {
            let lane = index as u16 / story.script.keys as u16;
            let op = story.script.op(lane, seq);
            if let (Effect::Set { ttl_us: Some(ttl) }, Answer::Acked { at_us }) = (op.effect, op.answer) {
                let overdue = at_us + ttl + EXPIRY_SLACK_US < story.clock.survey_from_us;
                finding.expired_back += u64::from(overdue);
            }
        }
    }
    finding.anomalies = [
        (finding.lost + finding.lost_baseline > 0, Anomaly::Lost),
        (finding.rolled_back > 0, Anomaly::RolledBack),
        (finding.hole, Anomaly::Hole),
        (finding.deleted_back + finding.expired_back > 0, Anomaly::Resurrected),
        (finding.corrupt > 0, Anomaly::Corrupt),
        (finding.lost_baseline > 0, Anomaly::SecondRestartLoss),
    ]
    .into_iter()
    .filter_map(|(there, anomaly)| there.then_some(anomaly))
    .collect();
    finding
}

/// Tries every order of the acknowledged ops that real time allows, and takes the one that looks best.
fn shape(keys: &[Key], choice: &[usize]) -> Shape {
    let mut writes = Vec::new();
    for (key, &prefix) in keys.iter().zip(choice) {
        for (position, (op, _, idle)) in key.ops.iter().enumerate() {
            if let Answer::Acked { at_us } = op.answer
                && !idle
            {
                writes.push((op.sent_us, at_us, position >= prefix));
            }
        }
    }
    let mut patterns = BTreeSet::new();
    walk(&writes, &mut vec![false; writes.len()], &mut Vec::new(), &mut patterns);
    let seen = |pattern: &[bool]| patterns.contains(pattern);
    match () {
        () if writes.iter().all(|(.., lost)| !lost) => Shape::None,
        () if writes.iter().all(|(.., lost)| *lost) => Shape::All,
        () if seen(&[false, true]) => Shape::Suffix,
        () if seen(&[true, false]) => Shape::Prefix,
        () if seen(&[false, true, false]) => Shape::Hole,
        () => Shape::Scattered,
    }
}

/// Collects the runs of kept (false) and lost (true) ops of every order in which each op comes after all that were
/// acknowledged before it was sent.
fn walk(
    writes: &[(u64, u64, bool)],
    placed: &mut Vec<bool>,
    runs: &mut Vec<bool>,
    patterns: &mut BTreeSet<Vec<bool>>,
) {
    if placed.iter().all(|placed| *placed) {
        patterns.insert(runs.clone());
        return;
    }
    for next in 0..writes.len() {
        let (sent_us, _, lost) = writes[next];
        let first = (0..writes.len()).all(|other| placed[other] || writes[other].1 >= sent_us);
        if placed[next] || !first {
            continue;
        }
        let longer = runs.last() != Some(&lost);
        if longer {
            runs.push(lost);
        }
        placed[next] = true;
        walk(writes, placed, runs, patterns);
        placed[next] = false;
        if longer {
            runs.pop();
        }
    }
}

fn check(story: &Story) -> Result<(), TestCaseError> {
    let loss = judge(&story.script, &story.baseline, &story.observed, &story.clock);
    let judged = Finding {
        acknowledged: loss.acknowledged,
        in_doubt: loss.in_doubt,
        refused: loss.refused,
        lost: loss.lost,
        earliest_lost_us: loss.earliest_lost_us,
        hole: loss.anomalies.contains(&Anomaly::Hole),
        corrupt: loss.corrupt,
        lost_baseline: loss.lost_baseline,
        expired: loss.expired,
        rolled_back: loss.rolled_back,
        deleted_back: loss.deleted_back + loss.baseline_back,
        expired_back: loss.expired_back,
        shape: loss.shape,
        anomalies: loss.anomalies.iter().copied().collect(),
    };
    prop_assert_eq!(judged, brute_force(story));
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 4_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_oracle_agrees_with_brute_force_on_a_truthful_server_that_loses(story in truthful(true)) {
        check(&story)?;
    }

    #[test]
    fn the_oracle_agrees_with_brute_force_on_any_state_that_a_server_could_show(story in arbitrary()) {
        check(&story)?;
    }
}

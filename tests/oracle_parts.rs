//! Counters, ops on several keys, and promises: what the oracle says of them, by example and against brute force.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ops::Range;

use outlast::oracle::{Answer, Cell, Clock, Effect, History, Loss, Op, Survey, Touch, judge};
use outlast::record::{Anomaly, Shape};
use proptest::prelude::*;
use proptest::test_runner::Config;

const GONE: Cell = Cell::Absent;
const CLOCK: Clock = Clock { fault_us: 1_000, survey_from_us: 2_000, survey_to_us: 2_100 };
const SET: Effect = Effect::Set { ttl_us: None };

/// An op and the keys that it changes beside its own.
type Wide = (Op, Vec<Touch>);

#[derive(Debug, Clone)]
struct Script {
    lanes: Vec<Vec<Wide>>,
    keys: u32,
}

impl History for Script {
    fn lanes(&self) -> u16 {
        self.lanes.len() as u16
    }
    fn span(&self, lane: u16) -> Range<u32> {
        0..self.lanes[usize::from(lane)].len() as u32
    }
    fn keys(&self, _lane: u16) -> u32 {
        self.keys
    }
    fn op(&self, lane: u16, seq: u32) -> Op {
        self.lanes[usize::from(lane)][seq as usize].0
    }
    fn companions(&self, lane: u16, seq: u32) -> Vec<Touch> {
        self.lanes[usize::from(lane)][seq as usize].1.clone()
    }
    fn key_name(&self, lane: u16, key: u32) -> String {
        format!("{lane}:{key}")
    }
}

/// One lane that waits for each answer: op `n` is sent at `10 n` and acknowledged five later.
fn lane(ops: &[(&[u32], Effect)]) -> Vec<Wide> {
    let wide = |(seq, (keys, effect)): (u64, &(&[u32], Effect))| {
        let answer = Answer::Acked { at_us: seq * 10 + 5 };
        let own = keys.first().copied().unwrap_or_default();
        let companions = keys.iter().skip(1).map(|&key| Touch { key, effect: *effect }).collect();
        (Op { key: own, effect: *effect, sent_us: seq * 10, answer }, companions)
    };
    (0..).zip(ops).map(wide).collect()
}

fn see(ops: Vec<Wide>, before: &[Cell], seen: &[Cell]) -> Loss {
    let survey = |cells: &[Cell]| Survey { lanes: vec![cells.to_vec()], ..Survey::default() };
    judge(&Script { lanes: vec![ops], keys: seen.len() as u32 }, &survey(before), &survey(seen), &CLOCK)
}

#[test]
fn a_count_tells_how_many_effects_are_gone_or_were_repeated() {
    use Anomaly as A;
    let three = lane(&[(&[0], Effect::Add), (&[0], Effect::Add), (&[0], Effect::Add)]);
    type Row<'a> = (&'a str, Cell, Cell, (u64, u64, u64), Shape, &'a [A]);
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("all there", GONE, Cell::Count(3), (0, 0, 0), Shape::None, &[]),
        ("... on top of what was", Cell::Count(4), Cell::Count(7), (0, 0, 0), Shape::None, &[]),
        ("the newest gone", GONE, Cell::Count(2), (1, 0, 0), Shape::Suffix, &[A::Lost, A::RolledBack]),
        ("all gone", GONE, GONE, (3, 0, 0), Shape::All, &[A::Lost]),
        ("all of this life gone", Cell::Count(4), Cell::Count(4), (3, 0, 0), Shape::All, &[A::Lost, A::RolledBack]),
        ("and of the life before", Cell::Count(4), Cell::Count(1), (3, 1, 0), Shape::All,
            &[A::Lost, A::RolledBack, A::SecondRestartLoss]),
        ("one too many", GONE, Cell::Count(4), (0, 0, 1), Shape::None, &[A::DuplicatedEffect]),
        ("no number", GONE, Cell::Corrupt, (1, 0, 0), Shape::Suffix, &[A::Lost, A::Corrupt]),
        ("of another type", GONE, Cell::WrongType, (1, 0, 0), Shape::Suffix, &[A::Lost, A::WrongType]),
    ];
    for (what, before, seen, counts, shape, anomalies) in rows {
        let loss = see(three.clone(), &[*before], &[*seen]);
        assert_eq!((loss.lost, loss.lost_baseline, loss.duplicated), *counts, "{what}: {loss:#?}");
        assert_eq!((loss.shape, &loss.anomalies[..]), (*shape, *anomalies), "{what}");
    }
}

#[test]
fn an_op_on_several_keys_is_there_gone_or_torn() {
    let v = Cell::Version;
    let two = lane(&[(&[0, 1], SET), (&[2, 1], SET)]);
    for (what, seen, lost, torn, shape) in [
        ("whole", [v(0), v(1), v(1)], 0, 0, Shape::None),
        ("the newest gone", [v(0), v(0), GONE], 1, 0, Shape::Suffix),
        ("all gone", [GONE, GONE, GONE], 2, 0, Shape::All),
        ("half of the newest", [v(0), v(0), v(1)], 1, 1, Shape::Suffix),
        ("the other half", [v(0), v(1), GONE], 1, 1, Shape::Suffix),
        ("half of each", [v(0), GONE, v(1)], 2, 2, Shape::All),
    ] {
        let loss = see(two.clone(), &[], &seen);
        assert_eq!((loss.lost, loss.torn, loss.shape), (lost, torn, shape), "{what}: {loss:#?}");
        assert_eq!(loss.anomalies.contains(&Anomaly::TornTransaction), torn > 0, "{what}");
        assert_eq!(loss.lost_density.iter().sum::<u32>(), lost as u32, "{what}");
    }
    // Without an answer it may be there or not, but never in part.
    let doubt = |seen: [Cell; 2]| {
        let mut ops = lane(&[(&[0, 1], SET)]);
        ops[0].0.answer = Answer::InDoubt;
        let loss = see(ops, &[], &seen);
        (loss.lost, loss.torn)
    };
    assert_eq!(doubt([v(0), v(0)]), (0, 0));
    assert_eq!(doubt([GONE, GONE]), (0, 0));
    assert_eq!(doubt([v(0), GONE]), (0, 1));
}

/// Of an op on several keys each key has its own effect: what is said of a key must look at that one.
#[test]
fn a_key_that_an_op_changes_beside_its_own_is_judged_by_what_happens_to_it() {
    const SHORT: Effect = Effect::Set { ttl_us: Some(50) };
    let v = Cell::Version;
    let with = |effect: Effect| {
        let mut ops = lane(&[(&[0], SET), (&[0], SET)]);
        ops[1].1 = vec![Touch { key: 1, effect }];
        ops
    };
    // Only the companion has a time to live: it may be gone, and the op's own key may not.
    let expired = see(with(SHORT), &[], &[v(1), GONE]);
    assert_eq!((expired.expired, expired.lost, expired.torn), (1, 0, 0), "{expired:#?}");
    let lost = see(with(SHORT), &[], &[v(0), v(1)]);
    assert_eq!((lost.expired, lost.lost, lost.torn), (0, 1, 1), "{lost:#?}");
    // ... and the other way round.
    let mut own = with(SET);
    own[1].0.effect = SHORT;
    let lost = see(own, &[], &[v(1), GONE]);
    assert_eq!((lost.expired, lost.lost, lost.torn), (0, 1, 1), "{lost:#?}");
    // A companion that was not there was not deleted, whatever the op did to its own key.
    let mut ops = with(Effect::Delete);
    ops.push((Op { key: 1, ..ops[0].0 }, Vec::new()));
    (ops[2].0.sent_us, ops[2].0.answer) = (20, Answer::Acked { at_us: 25 });
    let nothing = see(ops.clone(), &[], &[v(1), v(2)]);
    assert_eq!((nothing.lost, nothing.anomalies.len()), (0, 0), "{nothing:#?}");
    let newest = see(ops, &[v(0), GONE], &[v(1), GONE]);
    assert_eq!((newest.lost, newest.torn, newest.shape), (1, 0, Shape::Suffix), "{newest:#?}");
    // Own deletes of nothing leave a companion's effect to be lost.
    let mut ops = lane(&[(&[0], Effect::Delete)]);
    ops[0].1 = vec![Touch { key: 1, effect: SET }];
    let gone = see(ops.clone(), &[], &[GONE, GONE]);
    assert_eq!((gone.lost, gone.shape), (1, Shape::All), "{gone:#?}");
    let kept = see(ops, &[], &[GONE, v(0)]);
    assert_eq!((kept.lost, kept.shape, kept.torn), (0, Shape::None, 0), "{kept:#?}");
}

#[test]
fn a_companion_that_outlives_its_time_or_will_end_at_another_is_seen() {
    const MINUTE: Effect = Effect::Set { ttl_us: Some(60_000_000) };
    let mut ops = lane(&[(&[0], SET)]);
    ops[0].1 = vec![Touch { key: 1, effect: MINUTE }];
    let script = Script { lanes: vec![ops], keys: 2 };
    let at = |deadline_us: u64, from_us: u64| {
        let deadlines = [((0, 1), deadline_us)].into();
        let seen = Survey { lanes: vec![vec![Cell::Version(0); 2]], deadlines, ..Survey::default() };
        let clock = Clock { survey_from_us: from_us, survey_to_us: from_us + 10, ..CLOCK };
        let loss = judge(&script, &Survey::default(), &seen, &clock);
        (loss.drifted, loss.expired_back)
    };
    assert_eq!(at(60_000_002, 2_000), (0, 0));
    assert_eq!(at(62_000_000, 2_000), (1, 0));
    assert_eq!(at(60_000_002, 70_000_000), (0, 1));
}

#[test]
fn what_was_promised_is_told_from_what_was_only_acknowledged() {
    let v = Cell::Version;
    let ops = || lane(&[(&[0], SET), (&[1], SET), (&[], Effect::Promise), (&[2], SET)]);
    let kept = see(ops(), &[], &[v(0), v(1), v(3)]);
    assert_eq!((kept.acknowledged, kept.lost, kept.promised), (3, 0, 0));
    assert!(kept.anomalies.is_empty());
    let after = see(ops(), &[], &[v(0), v(1), GONE]);
    assert_eq!((after.lost, after.promised, &after.anomalies[..]), (1, 0, &[Anomaly::Lost][..]));
    let before = see(ops(), &[], &[v(0), GONE, GONE]);
    assert_eq!((before.lost, before.promised), (2, 1));
    assert_eq!(before.anomalies, [Anomaly::Lost, Anomaly::LostPromised]);
    for answer in [Answer::InDoubt, Answer::Refused, Answer::Skipped] {
        let mut ops = ops();
        ops[2].0.answer = answer;
        let none = see(ops, &[], &[v(0), GONE, GONE]);
        assert_eq!((none.lost, none.promised), (2, 0), "{answer:?} promises nothing");
        assert_eq!((none.in_doubt, none.refused), (0, 0), "a promise is no write");
    }
}

/// The first keys count, the others hold values.
const COUNTERS: u32 = 2;
const KEYS: u32 = 5;

/// A history, what its keys had counted before, and what they hold.
#[derive(Debug, Clone)]
struct Story {
    script: Script,
    before: Vec<Vec<Cell>>,
    seen: Vec<Vec<Cell>>,
}

/// Time before it is sent, until its answer, the keys, and how it is answered.
type Raw = (u64, u64, Vec<u32>, u8);

fn ops() -> impl Strategy<Value = Vec<Wide>> {
    let keys = prop::sample::subsequence((0..KEYS).collect::<Vec<_>>(), 0..=3).prop_shuffle();
    prop::collection::vec((0..4_u64, 0..6_u64, keys, 0..10_u8), 0..=6).prop_map(|raw: Vec<Raw>| {
        let (mut sent_us, mut acked_us, mut broken) = (1, 1, false);
        raw.into_iter()
            .map(|(gap, latency, keys, answer)| {
                sent_us += gap;
                acked_us = acked_us.max(sent_us + latency);
                // An answer that never comes is the connection's last.
                broken |= answer == 0;
                let answer = match answer {
                    _ if broken => Answer::InDoubt,
                    1 => Answer::Refused,
                    _ => Answer::Acked { at_us: acked_us },
                };
                let touch = |&key: &u32| {
                    let effect = if key < COUNTERS { Effect::Add } else { SET };
                    Touch { key, effect }
                };
                let Touch { key, effect } =
                    keys.first().map_or(Touch { key: 0, effect: Effect::Promise }, touch);
                (Op { key, effect, sent_us, answer }, keys.iter().skip(1).map(touch).collect())
            })
            .collect()
    })
}

/// The ops of a key that were not refused.
fn chain(script: &Script, lane: u16, key: u32) -> Vec<u32> {
    let touches = |(op, companions): &Wide| {
        let own = op.effect != Effect::Promise && op.key == key;
        op.answer != Answer::Refused && (own || companions.iter().any(|touch| touch.key == key))
    };
    let ops = (0..).zip(&script.lanes[usize::from(lane)]);
    ops.filter(|(_, op)| touches(op)).map(|(seq, _)| seq).collect()
}

/// What a key holds after so many of its ops.
fn held(chain: &[u32], key: u32, before: Cell, prefix: usize) -> Cell {
    match (before, prefix) {
        (before, 0) => before,
        (Cell::Count(count), _) => Cell::Count(count + prefix as u32),
        (_, _) if key < COUNTERS => Cell::Count(prefix as u32),
        (_, _) => Cell::Version(chain[prefix - 1]),
    }
}

/// Every lane shows each key after some of its ops: as many as the seed says, or all that were sent before a moment; now
/// and then a count that no ops explain.
fn story(whole: bool) -> impl Strategy<Value = Story> {
    let picks = prop::collection::vec((any::<prop::sample::Index>(), 0..4_u32, 0..12_u8), 10);
    (prop::collection::vec(ops(), 1..=2), picks, 0..30_u64).prop_map(move |(lanes, picks, cut_us)| {
        let script = Script { lanes, keys: KEYS };
        let (mut before, mut seen) = (Vec::new(), Vec::new());
        for lane in 0..script.lanes() {
            let (mut old, mut new) = (Vec::new(), Vec::new());
            for key in 0..KEYS {
                let (pick, count, odd) = picks[usize::from(lane) * 5 + key as usize];
                let base = if key < COUNTERS && count > 0 { Cell::Count(count) } else { GONE };
                let ops = chain(&script, lane, key);
                let early = ops.iter().take_while(|&&seq| script.op(lane, seq).sent_us <= cut_us).count();
                let prefix = if whole { early } else { pick.index(ops.len() + 1) };
                let shown = match (held(&ops, key, base, prefix), odd) {
                    (Cell::Count(count), 0) if !whole => Cell::Count(count + 2),
                    (Cell::Count(count), 1) if !whole && count > 1 => Cell::Count(count - 2),
                    (cell, _) => cell,
                };
                old.push(base);
                new.push(if shown == Cell::Count(0) { GONE } else { shown });
            }
            before.push(old);
            seen.push(new);
        }
        Story { script, before, seen }
    })
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Finding {
    acknowledged: u64,
    lost: u64,
    lost_baseline: u64,
    duplicated: u64,
    torn: u64,
    promised: u64,
    hole: bool,
}

/// Tries every number of ops for every key, and takes what explains most.
fn brute_force(story: &Story) -> Finding {
    let script = &story.script;
    let mut finding = Finding::default();
    // Every part of an op: lane, op, whether it is there; and whether its key says anything.
    let mut parts: Vec<(u16, u32, bool, bool)> = Vec::new();
    let mut baseline_lost = false;
    for lane in 0..script.lanes() {
        for key in 0..KEYS {
            let ops = chain(script, lane, key);
            let before = story.before[usize::from(lane)][key as usize];
            let seen = story.seen[usize::from(lane)][key as usize];
            let fits = (0..=ops.len()).rfind(|&prefix| held(&ops, key, before, prefix) == seen);
            let counted = |cell| if let Cell::Count(count) = cell { count } else { 0 };
            let too_many = fits.is_none() && counted(seen) > counted(before);
            finding.duplicated += u64::from(too_many);
            let gone = fits.is_none() && !too_many;
            finding.lost_baseline += u64::from(gone);
            baseline_lost |= gone;
            let prefix = fits.unwrap_or(if too_many { ops.len() } else { 0 });
            parts.extend((0..).zip(&ops).map(|(at, &seq)| (lane, seq, at < prefix, !too_many)));
        }
    }
    let acked = |lane, seq| match script.op(lane, seq).answer {
        Answer::Acked { at_us } => Some(at_us),
        _ => None,
    };
    for lane in 0..script.lanes() {
        let span = script.span(lane);
        let promise =
            |seq: &u32| script.op(lane, *seq).effect == Effect::Promise && acked(lane, *seq).is_some();
        let promised_to = span.clone().rfind(promise);
        for seq in span {
            let own: Vec<_> = parts.iter().filter(|part| (part.0, part.1) == (lane, seq)).collect();
            let gone = own.iter().any(|part| !part.2);
            let wide = !script.companions(lane, seq).is_empty();
            finding.torn += u64::from(
                wide && own.iter().any(|part| part.2 && part.3) && own.iter().any(|part| !part.2 && part.3),
            );
            if acked(lane, seq).is_some() && script.op(lane, seq).effect != Effect::Promise {
                finding.acknowledged += 1;
                finding.lost += u64::from(gone);
                finding.promised += u64::from(gone && promised_to.is_some_and(|promise| seq < promise));
            }
        }
    }
    let telling: Vec<_> = parts.iter().filter(|part| part.3).collect();
    let lost: BTreeSet<_> = telling
        .iter()
        .filter(|part| !part.2)
        .filter_map(|part| acked(part.0, part.1))
        .chain(baseline_lost.then_some(0))
        .collect();
    let earliest = lost.first();
    let overtaken = |kept: &(u16, u32, bool, bool)| {
        telling
            .iter()
            .any(|gone| !gone.2 && gone.0 == kept.0 && gone.1 < kept.1 && acked(gone.0, gone.1).is_some())
    };
    finding.hole = telling.iter().any(|part| {
        part.2 && (overtaken(part) || earliest.is_some_and(|lost| script.op(part.0, part.1).sent_us > *lost))
    });
    finding
}

fn judged(story: &Story) -> Loss {
    let survey = |lanes: &Vec<Vec<Cell>>| Survey { lanes: lanes.clone(), ..Survey::default() };
    judge(&story.script, &survey(&story.before), &survey(&story.seen), &CLOCK)
}

proptest! {
    #![proptest_config(Config { cases: 4_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_oracle_agrees_with_brute_force_on_counters_and_ops_on_several_keys(story in story(false)) {
        let loss = judged(&story);
        let finding = Finding {
            acknowledged: loss.acknowledged,
            lost: loss.lost,
            lost_baseline: loss.lost_baseline,
            duplicated: loss.duplicated,
            torn: loss.torn,
            promised: loss.promised,
            hole: loss.anomalies.contains(&Anomaly::Hole),
        };
        prop_assert_eq!(finding, brute_force(&story));
        let sum = |buckets: &[u32]| buckets.iter().map(|&count| u64::from(count)).sum::<u64>();
        prop_assert_eq!((sum(&loss.ack_density), sum(&loss.lost_density)), (loss.acknowledged, loss.lost));
        prop_assert_eq!(loss.shape == Shape::None, loss.lost == 0);
    }

    #[test]
    fn a_server_that_forgets_whole_ops_from_some_moment_on_tears_and_repeats_nothing(story in story(true)) {
        let loss = judged(&story);
        prop_assert_eq!((loss.torn, loss.duplicated, loss.lost_baseline, loss.corrupt), (0, 0, 0, 0));
        prop_assert!(!loss.anomalies.contains(&Anomaly::Hole), "{loss:#?}");
        prop_assert!(matches!(loss.shape, Shape::None | Shape::Suffix | Shape::All), "{loss:#?}");
    }
}

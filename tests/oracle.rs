//! What the oracle says of a history and a read-back: a table of examples, and what must hold for all.
#![allow(clippy::unwrap_used)]

#[path = "support/history.rs"]
mod history;

use history::{Script, arbitrary, truthful};
use outlast::oracle::{Answer, Cell, Clock, EXPIRY_SLACK_US, Effect, Loss, Op, Survey, judge};
use outlast::record::{Anomaly, Shape};
use proptest::prelude::*;
use proptest::test_runner::Config;

const GONE: Cell = Cell::Absent;
const CLOCK: Clock = Clock { fault_us: 1_000, survey_from_us: 2_000, survey_to_us: 2_100 };

fn v(seq: u32) -> Cell {
    Cell::Version(seq)
}

/// A write of key `key`, sent at `sent` and acknowledged at `acked`.
fn set(key: u32, sent: u64, acked: u64) -> Op {
    let answer = Answer::Acked { at_us: acked };
    Op { key, effect: Effect::Set { ttl_us: None }, sent_us: sent, answer }
}

fn del(key: u32, sent: u64, acked: u64) -> Op {
    Op { effect: Effect::Delete, ..set(key, sent, acked) }
}

fn in_doubt(op: Op) -> Op {
    Op { answer: Answer::InDoubt, ..op }
}

fn refused(op: Op) -> Op {
    Op { answer: Answer::Refused, ..op }
}

fn ttl(ttl: u64, op: Op) -> Op {
    Op { effect: Effect::Set { ttl_us: Some(ttl) }, ..op }
}

fn survey(lanes: &[&[Cell]]) -> Survey {
    Survey { lanes: lanes.iter().map(|keys| keys.to_vec()).collect(), ..Survey::default() }
}

/// One epoch on an empty server.
fn see(lanes: &[&[Op]], seen: &[&[Cell]]) -> Loss {
    let script = Script::new(lanes.iter().map(|ops| ops.to_vec()).collect());
    judge(&script, &Survey::default(), &survey(seen), &CLOCK)
}

/// A second epoch of one lane: its first op, what the first recovery showed, and what is there now.
fn see_again(ops: &[Op], first: u32, before: &[Cell], now: &[Cell]) -> Loss {
    let script = Script { first: vec![first], ..Script::new(vec![ops.to_vec()]) };
    judge(&script, &survey(&[before]), &survey(&[now]), &CLOCK)
}

#[test]
fn a_loss_is_told_by_its_place_in_time() {
    use Anomaly as A;
    type Row<'a> = (&'a str, &'a [&'a [Op]], &'a [&'a [Cell]], u64, Shape, &'a [A]);
    let three: &[Op] = &[set(0, 1, 2), set(1, 3, 4), set(2, 5, 6)];
    let four: &[Op] = &[set(0, 1, 2), set(1, 3, 4), set(2, 5, 6), set(3, 7, 8)];
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("all there", &[three], &[&[v(0), v(1), v(2)]], 0, Shape::None, &[]),
        ("the newest gone", &[three], &[&[v(0), v(1), GONE]], 1, Shape::Suffix, &[A::Lost]),
        ("all gone", &[three], &[&[GONE, GONE, GONE]], 3, Shape::All, &[A::Lost]),
        ("the oldest gone", &[three], &[&[GONE, v(1), v(2)]], 1, Shape::Prefix, &[A::Lost, A::Hole]),
        ("the middle gone", &[three], &[&[v(0), GONE, v(2)]], 1, Shape::Hole, &[A::Lost, A::Hole]),
        ("every other gone", &[four], &[&[GONE, v(1), GONE, v(3)]], 2, Shape::Scattered, &[A::Lost, A::Hole]),
        ("overlapping ops have no order", &[&[set(0, 1, 9)], &[set(0, 2, 8)]], &[&[GONE], &[v(0)]], 1,
            Shape::Suffix, &[A::Lost]),
        ("sent when the other was answered is not after it", &[&[set(0, 1, 5)], &[set(0, 5, 8)]],
            &[&[GONE], &[v(0)]], 1, Shape::Suffix, &[A::Lost]),
        ("two lanes that began and ended otherwise: one gap explains it",
            &[&[set(0, 1, 4), set(1, 8, 9)], &[set(0, 1, 4), set(1, 8, 9)]],
            &[&[GONE, v(1)], &[v(0), GONE]], 2, Shape::Hole, &[A::Lost, A::Hole]),
        ("an older value", &[&[set(0, 1, 2), set(0, 3, 4)]], &[&[v(0)]], 1, Shape::Suffix, &[A::Lost, A::RolledBack]),
        ("a deleted value", &[&[set(0, 1, 2), del(0, 3, 4)]], &[&[v(0)]], 1, Shape::Suffix, &[A::Lost, A::Resurrected]),
        ("a delete of nothing had no effect", &[&[del(0, 1, 2), set(1, 3, 4)]], &[&[GONE, v(1)]], 0, Shape::None, &[]),
        ("a deleted key looks as before its first write, unless time forbids it",
            &[&[set(0, 1, 2), set(1, 3, 4), del(1, 5, 6)]], &[&[GONE, GONE]], 3, Shape::All, &[A::Lost]),
        ("a write in doubt may be gone", &[&[set(0, 1, 2), in_doubt(set(1, 3, 0))]], &[&[v(0), GONE]], 0, Shape::None, &[]),
        ("... or there", &[&[set(0, 1, 2), in_doubt(set(1, 3, 0))]], &[&[v(0), v(1)]], 0, Shape::None, &[]),
        ("... but not when an older write is lost", &[&[set(0, 1, 2), in_doubt(set(1, 3, 0))]], &[&[GONE, v(1)]], 1,
            Shape::All, &[A::Lost, A::Hole]),
        ("a delete after one in doubt may have deleted nothing",
            &[&[set(0, 1, 2), in_doubt(del(0, 3, 0)), del(0, 5, 6), set(1, 7, 8)]], &[&[v(0), v(3)]], 0, Shape::None, &[]),
        ("a refused write is no loss", &[&[set(0, 1, 2), refused(set(0, 3, 0))]], &[&[v(0)]], 0, Shape::None, &[]),
        ("... and must not be there", &[&[set(0, 1, 2), refused(set(0, 3, 0))]], &[&[v(1)]], 1, Shape::All,
            &[A::Lost, A::Corrupt]),
        ("wrong bytes", &[&[set(0, 1, 2), del(0, 3, 4)]], &[&[Cell::Corrupt]], 1, Shape::Suffix, &[A::Lost, A::Corrupt]),
        ("a value of another key", &[&[set(0, 1, 2), set(1, 3, 4)]], &[&[v(1), v(1)]], 1, Shape::Prefix,
            &[A::Lost, A::Corrupt]),
        ("a value whose time was up", &[&[ttl(50, set(0, 1, 2)), set(1, 3, 4)]], &[&[GONE, v(1)]], 0, Shape::None, &[]),
        ("a value that had time left", &[&[ttl(5_000, set(0, 1, 2)), set(1, 3, 4)]], &[&[GONE, v(1)]], 1, Shape::Prefix,
            &[A::Lost, A::Hole]),
    ];
    for (what, lanes, seen, lost, shape, anomalies) in rows {
        let loss = see(lanes, seen);
        assert_eq!(
            (loss.lost, loss.shape, &loss.anomalies[..]),
            (*lost, *shape, *anomalies),
            "{what}: {loss:#?}"
        );
    }
}

#[test]
fn ops_of_one_connection_are_in_order_however_close_together_they_were_sent() {
    // One batch: all sent at 1, all answered at 9.
    let batch: Vec<_> = (0..4).map(|key| set(key, 1, 9)).collect();
    let tail = see(&[&batch], &[&[v(0), v(1), GONE, GONE]]);
    assert_eq!((tail.lost, &tail.anomalies[..]), (2, &[Anomaly::Lost][..]), "{tail:#?}");
    let hole = see(&[&batch], &[&[v(0), GONE, v(2), v(3)]]);
    assert_eq!((hole.lost, &hole.anomalies[..]), (1, &[Anomaly::Lost, Anomaly::Hole][..]), "{hole:#?}");
    // Two connections have no order among them.
    let lanes = [&batch[..1], &batch[1..]];
    let other = see(&lanes, &[&[GONE, GONE, GONE, GONE], &[GONE, v(0), v(1), v(2)]]);
    assert_eq!((other.lost, &other.anomalies[..]), (1, &[Anomaly::Lost][..]), "{other:#?}");
    let script = Script { paired: true, ..Script::new(vec![batch.clone()]) };
    let seen = |cells: &[Cell]| judge(&script, &Survey::default(), &survey(&[cells]), &CLOCK).anomalies;
    assert_eq!(seen(&[GONE, v(1), GONE, v(3)]), [Anomaly::Lost]);
    assert_eq!(seen(&[GONE, v(1), v(2), v(3)]), [Anomaly::Lost, Anomaly::Hole]);
    // What was not answered, or answered with an error, may be missing.
    for odd in [in_doubt, refused] {
        let ops = [batch[0], odd(batch[1]), batch[2]];
        let loss = see(&[&ops], &[&[v(0), GONE, v(2)]]);
        assert!(loss.anomalies.is_empty(), "{loss:#?}");
    }
    // A delete that may have come before or after: only before fits.
    let ops = [set(0, 1, 9), set(1, 1, 9), del(0, 1, 9)];
    let loss = see(&[&ops], &[&[GONE, GONE]]);
    assert_eq!((loss.lost, loss.shape, loss.anomalies.len()), (3, Shape::All, 1), "{loss:#?}");
}

#[test]
fn each_answer_is_counted_and_what_is_there_without_one_is_told() {
    let ops = [set(0, 1, 2), in_doubt(set(1, 3, 0)), in_doubt(set(2, 3, 0)), refused(set(3, 3, 0))];
    let loss = see(&[&ops], &[&[v(0), v(1), GONE, GONE]]);
    assert_eq!((loss.acknowledged, loss.in_doubt, loss.refused, loss.in_doubt_present), (1, 2, 1, 1));
}

#[test]
fn what_an_earlier_recovery_showed_must_stay() {
    use Anomaly as A;
    let ops = [set(0, 1, 2), set(0, 3, 4), set(1, 9, 10)];
    type Row<'a> = (&'a str, &'a [Cell], &'a [Cell], (u64, u64, u64), Option<u64>, &'a [A]);
    #[rustfmt::skip]
    let rows: &[Row] = &[
        ("it stayed", &[v(1), GONE], &[v(1), v(2)], (0, 0, 0), None, &[]),
        ("it is gone", &[v(1), GONE], &[GONE, GONE], (1, 0, 0), Some(0), &[A::Lost, A::SecondRestartLoss]),
        ("it is gone and what came later is there", &[v(1), GONE], &[GONE, v(2)], (1, 0, 0), Some(0),
            &[A::Lost, A::Hole, A::SecondRestartLoss]),
        ("it is older", &[v(1), GONE], &[v(0), GONE], (1, 0, 0), Some(0), &[A::Lost, A::SecondRestartLoss]),
        ("what had been lost is back", &[v(0), GONE], &[v(1), v(2)], (0, 1, 0), None, &[A::Resurrected]),
        ("... from nothing", &[GONE, GONE], &[v(1), v(2)], (0, 1, 0), None, &[A::Resurrected]),
        ("wrong bytes stay wrong", &[Cell::Corrupt, GONE], &[Cell::Corrupt, v(2)], (0, 0, 0), None, &[]),
        ("wrong bytes are gone", &[Cell::Corrupt, GONE], &[GONE, GONE], (1, 0, 0), Some(0),
            &[A::Lost, A::SecondRestartLoss]),
        ("right bytes are wrong", &[v(1), GONE], &[Cell::Corrupt, v(2)], (0, 0, 1), None, &[A::Corrupt]),
    ];
    for (what, before, now, (lost_baseline, back, corrupt), earliest, anomalies) in rows {
        let loss = see_again(&ops, 2, before, now);
        let counts = (loss.lost_baseline, loss.baseline_back, loss.corrupt);
        assert_eq!(counts, (*lost_baseline, *back, *corrupt), "{what}: {loss:#?}");
        assert_eq!(loss.anomalies, *anomalies, "{what}");
        // The write of this epoch is lost where it is not there.
        let earliest = earliest.or((now[1] == GONE).then_some(10));
        assert_eq!(loss.earliest_lost_us, earliest, "{what}");
    }
}

#[test]
fn one_key_that_is_back_counts_once_and_a_delete_of_nothing_says_nothing_of_time() {
    let ops = [set(0, 1, 2), set(0, 11, 12), del(0, 13, 14), set(1, 15, 16)];
    let loss = see_again(&ops, 1, &[GONE, GONE], &[v(0), GONE]);
    assert_eq!((loss.baseline_back, loss.rolled_back, loss.lost), (1, 0, 3), "{loss:#?}");
    let ops = [set(0, 1, 2), del(0, 11, 12), set(1, 15, 16)];
    let loss = see_again(&ops, 1, &[GONE, GONE], &[v(0), v(2)]);
    assert_eq!((loss.baseline_back, loss.lost), (1, 0), "{loss:#?}");
    assert_eq!(loss.anomalies, [Anomaly::Resurrected]);
}

#[test]
fn a_value_that_outlives_its_time_is_back_only_when_no_clock_can_excuse_it() {
    let ops = [ttl(100, set(0, 1, 2))];
    for (from, back) in [(102 + EXPIRY_SLACK_US, 0), (103 + EXPIRY_SLACK_US, 1)] {
        let clock = Clock { survey_from_us: from, survey_to_us: from + 10, ..CLOCK };
        let script = Script::new(vec![ops.to_vec()]);
        let loss = judge(&script, &Survey::default(), &survey(&[&[v(0)]]), &clock);
        assert_eq!((loss.expired_back, loss.expired, loss.lost), (back, 0, 0));
        let loss = judge(&script, &Survey::default(), &survey(&[&[GONE]]), &clock);
        assert_eq!((loss.expired_back, loss.expired, loss.lost), (0, 1, 0));
    }
}

#[test]
fn the_earliest_possible_end_of_a_value_excuses_its_absence_and_nothing_sooner_does() {
    // Sent at 1 and read until 2,100: a time to live of 2,099 may be up, one of 2,100 cannot.
    for (time, lost) in [(2_099, 0), (2_100, 1)] {
        let loss = see(&[&[ttl(time, set(0, 1, 2))]], &[&[GONE]]);
        assert_eq!((loss.lost, loss.expired), (lost, 1 - lost), "{loss:#?}");
    }
}

proptest! {
    #![proptest_config(Config { cases: 3_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn an_honest_server_loses_nothing_and_shows_nothing_strange(story in truthful(false)) {
        let loss = judge(&story.script, &story.baseline, &story.observed, &story.clock);
        prop_assert_eq!((loss.lost, loss.lost_baseline, loss.shape), (0, 0, Shape::None));
        prop_assert!(loss.anomalies.is_empty(), "{loss:#?}");
    }

    #[test]
    fn a_server_that_loses_its_newest_writes_is_never_blamed_for_more(story in truthful(true)) {
        let loss = judge(&story.script, &story.baseline, &story.observed, &story.clock);
        prop_assert!(loss.lost <= story.truly_lost.unwrap(), "{loss:#?}");
        prop_assert!(!loss.anomalies.contains(&Anomaly::Hole), "{loss:#?}");
        prop_assert!(!loss.anomalies.contains(&Anomaly::Corrupt), "{loss:#?}");
        prop_assert!(matches!(loss.shape, Shape::None | Shape::Suffix | Shape::All), "{loss:#?}");
    }

    #[test]
    fn the_judgement_does_not_depend_on_the_order_of_the_lanes(story in arbitrary()) {
        let judged = |script: &Script, baseline: &Survey, observed: &Survey| {
            let loss = judge(script, baseline, observed, &story.clock);
            Loss { examples: Vec::new(), ..loss }
        };
        let forwards = judged(&story.script, &story.baseline, &story.observed);
        let mut turned = story.clone();
        turned.script.lanes.reverse();
        turned.script.first.reverse();
        turned.baseline.lanes.reverse();
        turned.observed.lanes.reverse();
        prop_assert_eq!(forwards, judged(&turned.script, &turned.baseline, &turned.observed));
    }

    #[test]
    fn the_timeline_holds_every_acknowledgement_and_every_loss(story in arbitrary()) {
        let loss = judge(&story.script, &story.baseline, &story.observed, &story.clock);
        let sum = |buckets: &[u32]| buckets.iter().map(|&count| u64::from(count)).sum::<u64>();
        prop_assert_eq!((sum(&loss.ack_density), sum(&loss.lost_density)), (loss.acknowledged, loss.lost));
    }

    #[test]
    fn a_cut_through_one_lane_that_waits_for_each_answer_is_a_tail(
        keys in prop::collection::vec((0..4_u32, any::<bool>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let ops: Vec<_> = (0..)
            .zip(&keys)
            .map(|(at, &(key, delete))| {
                let op = set(key, at * 2 + 1, at * 2 + 2);
                if delete { del(key, op.sent_us, op.sent_us + 1) } else { op }
            })
            .collect();
        let script = Script { keys: 4, ..Script::new(vec![ops.clone()]) };
        let mut seen = vec![GONE; 4];
        for (seq, op) in (0..).zip(&ops[..cut.index(ops.len())]) {
            seen[op.key as usize] = if op.effect == Effect::Delete { GONE } else { v(seq) };
        }
        let loss = judge(&script, &Survey::default(), &survey(&[&seen]), &CLOCK);
        prop_assert!(matches!(loss.shape, Shape::None | Shape::Suffix | Shape::All), "{loss:#?}");
        prop_assert_eq!(loss.shape == Shape::None, loss.lost == 0);
        prop_assert!(!loss.anomalies.contains(&Anomaly::Hole), "{loss:#?}");
    }

    #[test]
    fn a_refused_write_changes_nothing_but_its_own_count(story in truthful(true)) {
        let loss = judge(&story.script, &story.baseline, &story.observed, &story.clock);
        // The same op as one that never was: it moves to a key of its own that nobody ever saw.
        let mut without = story.clone();
        without.script.keys += 1;
        for (lane, ops) in without.script.lanes.iter_mut().enumerate() {
            without.baseline.lanes[lane].push(GONE);
            without.observed.lanes[lane].push(GONE);
            for op in ops.iter_mut().filter(|op| op.answer == Answer::Refused) {
                op.key = story.script.keys;
            }
        }
        prop_assert_eq!(judge(&without.script, &without.baseline, &without.observed, &story.clock), loss);
    }
}

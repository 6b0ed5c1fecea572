//! The promises: which row applies under which circumstances, what it allows, and how a loss is held against it.
#![allow(clippy::unwrap_used)]

#[path = "support/history.rs"]
mod history;

use std::collections::BTreeSet;
use std::time::Duration;

use history::Script;
use outlast::contract::table::{EVERYSEC_WINDOW, ROWS};
use outlast::contract::{
    Allow, Applied, Circumstances, Damage, Death, TrialFacts, apply_known, judge, over_budget, promise,
};
use outlast::matrix::{Budget, Known, Override, When};
use outlast::oracle::{self, Answer, Cell, Clock, Effect, Loss, Op, Survey};
use outlast::record::{Anomaly, PolicyLine, Shape, TrialRecord, Verdict};
use proptest::prelude::*;
use proptest::test_runner::Config;

const TRIAL: TrialFacts<'static> = TrialFacts {
    suite: "core",
    server: "redis-7.0",
    persistence: "aof",
    storage: "bind",
    workload: "single",
    fault: "kill",
    engine: "process",
};
/// When the fault strikes, and until when everything is in a completed save.
const FAULT_US: u64 = 10_000_000;
const SAVED_US: u64 = 4_000_000;

/// A server with these lines (`name=value`, blank-separated) that died in this way.
fn died(lines: &str, death: Death, clean_exit: bool) -> Circumstances {
    let line =
        |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.replace('_', " ")));
    let config = lines.split(' ').filter_map(line).collect();
    Circumstances { config, death, clean_exit, fault_us: FAULT_US, ..Circumstances::default() }
}

const ALWAYS: &str = "appendonly=yes appendfsync=always save=";
const EVERYSEC: &str = "appendonly=yes appendfsync=everysec save=900_1";
const NO: &str = "appendonly=yes appendfsync=no save=";
const ON_REWRITE: &str = "appendonly=yes appendfsync=everysec save= no-appendfsync-on-rewrite=yes";
const STRICT: &str = "appendonly=yes appendfsync=always save= aof-load-truncated=no";
const RDB: &str = "appendonly=no save=900_1";
const NONE: &str = "appendonly=no save=";

#[test]
fn a_bound_does_not_rest_on_the_luck_of_the_moment() {
    let applied = |facts: &Circumstances, own: &[Override]| {
        let record = promise(facts, own, &TRIAL).to_record();
        (record.window_ms, record.bound_ms, record.class)
    };
    let lucky = Circumstances { settled_us: Some(FAULT_US - 700), ..died(EVERYSEC, Death::Kill, false) };
    assert_eq!(applied(&lucky, &[]), (Some(0.7), Some(2_100.0), "death".into()));
    assert_eq!(applied(&died(ALWAYS, Death::Kill, false), &[]), (Some(0.0), Some(0.0), "death".into()));
    assert_eq!(applied(&died(RDB, Death::Kill, false), &[]), (None, None, "death".into()));
    let own = Override {
        when: When::default(),
        lost_window: Some(Duration::from_millis(5)),
        ..Override::default()
    };
    assert_eq!(
        applied(&lucky, &[own]),
        (Some(5.0), Some(5.0), "death".into()),
        "one's own promise is a bound"
    );
    let torn = Circumstances {
        damage: Some(Damage::AofTail { commands: 3 }),
        ..died(ALWAYS, Death::Shutdown, true)
    };
    assert_eq!(
        applied(&torn, &[]).2,
        "files",
        "what was done to the files counts, not how the process ended"
    );
}

#[test]
fn every_row_is_met_under_its_circumstances() {
    use Allow::{All, Batch, Count, Nothing, SinceSave, Window};
    use Death::{DiskError, Kill, PowerCut, Shutdown, ShutdownNosave, ShutdownSave, Stop, Term};
    let window = Window(EVERYSEC_WINDOW);
    let with = |base: Circumstances, change: fn(&mut Circumstances)| {
        let mut facts = base;
        change(&mut facts);
        facts
    };
    let tail = |facts: &mut Circumstances| facts.damage = Some(Damage::AofTail { commands: 3 });
    let hurt = |facts: &mut Circumstances| facts.damage = Some(Damage::Elsewhere);
    // What the fsyncs about then leave open is 1.4 s, and a child has been at work for 7 µs.
    let cut = |base: Circumstances| {
        with(base, |facts| {
            facts.power_cut = Some(outlast::contract::PowerCut {
                takes_unsynced: true,
                warns: false,
                everysec_us: 1_400_000,
                child_from_us: Some(FAULT_US - 7),
            });
        })
    };
    let unwritten = |facts: &mut Circumstances| {
        facts.unwritten = Some(outlast::contract::Unwritten { since_us: FAULT_US - 900, batch: 5 });
    };
    let dropped = |facts: &mut Circumstances| facts.dropped_since_us = Some(FAULT_US - 7_000_000);
    let saved = |facts: &mut Circumstances| facts.saved_until_us = Some(SAVED_US);
    #[rustfmt::skip]
    let rows: Vec<(&str, Circumstances, &str, Allow, bool)> = vec![
        ("AOF, SIGTERM in time", died(EVERYSEC, Term, true), "aof-clean-exit", Nothing, false),
        ("AOF, SIGTERM in time, always", died(ALWAYS, Stop, true), "aof-clean-exit", Nothing, false),
        ("AOF, SIGTERM then SIGKILL: always", died(ALWAYS, Stop, false), "aof-always", Nothing, false),
        ("AOF, SIGTERM then SIGKILL: everysec", died(EVERYSEC, Stop, false), "aof-everysec", window, false),
        ("AOF, SIGTERM then SIGKILL: no", died(NO, Stop, false), "aof-no", Nothing, false),
        ("always, power cut", cut(died(ALWAYS, PowerCut, false)), "aof-power-cut", Nothing, false),
        ("always, power cut, aof-load-truncated no", cut(died(STRICT, PowerCut, false)), "aof-power-cut", Nothing, true),
        ("everysec, power cut", cut(died(EVERYSEC, PowerCut, false)), "aof-power-cut",
            Window(Duration::from_millis(1_400)), false),
        ("everysec, power cut, the control", with(cut(died(EVERYSEC, PowerCut, false)), |facts| {
            facts.power_cut.as_mut().expect("a cut").takes_unsynced = false;
        }), "aof-everysec", window, false),
        ("no fsync while a child writes, power cut", cut(died(ON_REWRITE, PowerCut, false)), "aof-power-cut",
            Window(Duration::from_millis(1_400) + Duration::from_micros(7)), false),
        ("no, power cut", cut(died(NO, PowerCut, false)), "aof-power-cut-no", All, false),
        ("AOF, power cut after a clean exit", cut(died(EVERYSEC, Stop, true)), "aof-clean-exit", Nothing, false),
        ("RDB, power cut", cut(died(RDB, PowerCut, false)), "rdb", SinceSave, false),
        ("RDB, SIGTERM in time", died(RDB, Term, true), "saved-at-exit", Nothing, false),
        ("RDB, the server's own rule for SHUTDOWN", died(RDB, Shutdown, true), "saved-at-exit", Nothing, false),
        ("RDB, grace exceeded", died(RDB, Stop, false), "rdb", SinceSave, false),
        ("RDB, grace exceeded after a save", with(died(RDB, Stop, false), saved), "rdb", SinceSave, false),
        ("none, SIGTERM", died(NONE, Term, true), "none", All, false),
        ("none, SIGKILL", died(NONE, Kill, false), "none", All, false),
        ("none, told to SAVE", died(NONE, ShutdownSave, true), "saved-at-exit", Nothing, false),
        ("none, but a snapshot was asked for and done", with(died(NONE, Kill, false), saved), "none", SinceSave, false),
        ("an empty save in quotes is none", died("appendonly=no save=\"\"", Term, true), "none", All, false),
        ("AOF, SHUTDOWN NOSAVE", died(EVERYSEC, ShutdownNosave, true), "aof-clean-exit", Nothing, false),
        ("RDB, SHUTDOWN NOSAVE", died(RDB, ShutdownNosave, true), "rdb", SinceSave, false),
        ("RDB, SIGKILL", died(RDB, Kill, false), "rdb", SinceSave, false),
        ("always, SIGKILL", died(ALWAYS, Kill, false), "aof-always", Nothing, false),
        ("everysec, SIGKILL, nobody could ask for an fsync", died(EVERYSEC, Kill, false), "aof-everysec", window, false),
        ("everysec, SIGKILL, no fsync in flight", with(died(EVERYSEC, Kill, false), |facts| facts.settled_us = Some(FAULT_US - 700)),
            "aof-everysec", Window(Duration::from_micros(700)), false),
        ("no, SIGKILL", died(NO, Kill, false), "aof-no", Nothing, false),
        ("AOF being switched on, killed before its first rewrite ended",
            with(died(EVERYSEC, Kill, false), |facts| facts.first_rewrite_pending = true), "first-rewrite", All, false),
        ("tail truncated", with(died(ALWAYS, Kill, false), tail), "tail-truncated", Count(3), false),
        ("tail truncated after a clean exit", with(died(EVERYSEC, Term, true), tail), "tail-truncated", Count(3), false),
        ("tail truncated, and writes that everysec may lose",
            with(with(died(EVERYSEC, Kill, false), tail), |facts| facts.unsettled = 40), "tail-truncated", Count(43), false),
        ("tail truncated, aof-load-truncated no", with(died(STRICT, Kill, false), tail), "tail-truncated", Count(3), true),
        ("damage elsewhere, always", with(died(ALWAYS, Kill, false), hurt), "damaged", Nothing, true),
        ("damage elsewhere, RDB", with(died(RDB, Kill, false), hurt), "damaged", SinceSave, true),
        ("no volume", with(died(ALWAYS, Stop, true), |facts| facts.data_dropped = true), "no-volume", All, false),
        ("another setting after a clean exit", with(died(RDB, Term, true), |facts| facts.switched = true), "switched", Nothing, true),
        ("another setting after a kill", with(died(EVERYSEC, Kill, false), |facts| facts.switched = true), "switched", window, true),
        ("a backup of an AOF", with(died(ALWAYS, Term, true), |facts| facts.restored = Some((FAULT_US - 5, None))),
            "restored", Window(Duration::from_micros(5)), false),
        ("a backup of a snapshot", with(died(RDB, Term, true), |facts| facts.restored = Some((FAULT_US - 5, Some(FAULT_US - 9)))),
            "restored", Window(Duration::from_micros(9)), false),
        ("a backup without a snapshot", with(died(RDB, Term, true), |facts| facts.restored = Some((FAULT_US - 5, None))),
            "restored", All, false),
        ("a replica in its place", with(died(EVERYSEC, Kill, false), |facts| (facts.promoted, facts.switched) = (true, true)),
            "promoted", All, false),
        ("mended by hand", with(with(died(ALWAYS, Kill, false), hurt), |facts| facts.repaired = true), "repaired", All, true),
        ("a tail mended by hand", with(with(died(ALWAYS, Kill, false), tail), |facts| facts.repaired = true), "repaired", Count(3), false),
        ("mended by hand with nothing damaged", with(died(ALWAYS, Kill, false), |facts| facts.repaired = true), "repaired", Nothing, false),
        ("always, the disk failed and the server ended", died(ALWAYS, DiskError, false), "disk-error-exit", Nothing, false),
        ("... and then the power went", cut(with(died(ALWAYS, DiskError, false), dropped)), "aof-power-cut", Nothing, false),
        ("everysec, the disk failed and the server ended: no rule of its own", died(EVERYSEC, DiskError, false), "aof-everysec", window, false),
        ("RDB, the disk failed and the server ended", died(RDB, DiskError, false), "rdb", SinceSave, false),
        ("everysec, the last write failed, SIGKILL", with(died(EVERYSEC, Kill, false), unwritten), "aof-unwritten",
            Batch(Duration::from_micros(900), 5), false),
        ("no, the last write failed, SIGKILL", with(died(NO, Kill, false), unwritten), "aof-unwritten",
            Batch(Duration::from_micros(900), 5), false),
        ("everysec, the last write failed, a clean exit", with(died(EVERYSEC, Term, true), unwritten), "aof-unwritten",
            Batch(Duration::from_micros(900), 5), false),
        ("always owes nothing after a failed write", with(died(ALWAYS, Kill, false), unwritten), "aof-always", Nothing, false),
        ("everysec, an fsync failed, power cut", cut(with(died(EVERYSEC, PowerCut, false), dropped)), "aof-power-cut-unsynced",
            Window(Duration::from_secs(7)), false),
        ("everysec, an fsync failed, SIGKILL", with(died(EVERYSEC, Kill, false), dropped), "aof-everysec", window, false),
        ("the disk failed during the start", with(died(ALWAYS, Kill, false), |facts| facts.failed_start = true), "failed-start", Nothing, true),
        ("AOF being switched on, a clean exit", with(died(ALWAYS, Shutdown, true), |facts| facts.first_rewrite_pending = true),
            "aof-clean-exit", Nothing, false),
    ];
    for (what, facts, id, allow, may_refuse) in &rows {
        let applied = promise(facts, &[], &TRIAL);
        assert_eq!(
            (applied.id.as_str(), applied.allow, applied.may_refuse),
            (*id, *allow, *may_refuse),
            "{what}"
        );
        // Where everything may go, it may go in any order; everything else goes as a tail.
        let loose =
            ["no-volume", "first-rewrite", "aof-power-cut-no", "aof-power-cut-unsynced", "none"].contains(id);
        assert_eq!(applied.suffix, !loose, "{what}");
    }
    let met: BTreeSet<_> = rows.iter().map(|row| row.2).collect();
    let all: BTreeSet<_> = ROWS.iter().map(|row| row.id).collect();
    assert_eq!((met, ROWS.len()), (all.clone(), all.len()), "each row once, and each is met");
}

#[test]
fn ones_own_promise_replaces_the_built_in_one_where_it_matches() {
    let when = |fault: &str| When { fault: vec![fault.into()], ..When::default() };
    let own = [
        Override { when: when("stop"), lost: Some(9), ..Override::default() },
        Override { when: when("k*"), lost: Some(5), may_refuse: Some(true), ..Override::default() },
        Override {
            when: when("kill"),
            lost_window: Some(Duration::from_secs(3)),
            why: Some("so".into()),
            ..Override::default()
        },
    ];
    let facts = died(ALWAYS, Death::Kill, false);
    let applied = |own: &[Override]| promise(&facts, own, &TRIAL);
    assert_eq!(applied(&own[..1]).id, "aof-always");
    let first = applied(&own[..2]);
    assert_eq!(
        (first.allow, first.may_refuse, first.source.as_str()),
        (Allow::Count(5), true, "matrix.toml")
    );
    // What the last one leaves open, the one before it decides.
    let last = applied(&own);
    assert_eq!((last.allow, last.may_refuse), (Allow::Window(Duration::from_secs(3)), true));
    assert_eq!((last.id.as_str(), last.sentence.as_str()), ("matrix", "so"));
    let nothing = Override { when: When::default(), lost: Some(0), ..Override::default() };
    assert_eq!(promise(&died(NONE, Death::Kill, false), &[nothing], &TRIAL).allow, Allow::Nothing);
    // Directives are those in force.
    let config = [("appendfsync".to_owned(), vec!["every*".to_owned()])].into();
    let by_line = Override { when: When { config, ..When::default() }, lost: Some(1), ..Override::default() };
    assert_eq!(applied(std::slice::from_ref(&by_line)).id, "aof-always");
    assert_eq!(promise(&died(EVERYSEC, Death::Kill, false), &[by_line], &TRIAL).allow, Allow::Count(1));
}

/// What the oracle says of one connection, one write at a time, of which the first `kept` survived.
fn cut(acked_us: &[u64], kept: usize) -> Loss {
    let op = |(key, &at_us): (u32, &u64)| Op {
        key,
        effect: Effect::Set { ttl_us: None },
        sent_us: at_us - 1,
        answer: Answer::Acked { at_us },
    };
    let script = Script::new(vec![(0..).zip(acked_us).map(op).collect()]);
    let cell = |key: usize| if key < kept { Cell::Version(key as u32) } else { Cell::Absent };
    let lanes = vec![(0..acked_us.len()).map(cell).collect()];
    let clock = Clock { fault_us: FAULT_US, survey_from_us: FAULT_US, survey_to_us: FAULT_US + 1 };
    oracle::judge(&script, &Survey::default(), &Survey { lanes, ..Survey::default() }, &clock)
}

fn applied(allow: Allow, suffix: bool) -> Applied {
    let facts = died(NONE, Death::Kill, false);
    Applied { allow, suffix, ..promise(&facts, &[], &TRIAL) }
}

fn kept(applied: &Applied, loss: &Loss) -> bool {
    let facts = Circumstances { saved_until_us: Some(SAVED_US), ..died(NONE, Death::Kill, false) };
    judge(applied, Some(loss), false, false, &facts).kept
}

fn allowance() -> impl Strategy<Value = Allow> {
    prop_oneof![
        Just(Allow::Nothing),
        Just(Allow::SinceSave),
        Just(Allow::All),
        (0..12_u64).prop_map(Allow::Count),
        (0..FAULT_US).prop_map(|window| Allow::Window(Duration::from_micros(window))),
    ]
}

proptest! {
    #![proptest_config(Config { cases: 3_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_may_be_lost_may_also_be_kept(
        gaps in prop::collection::vec(2..1_500_000_u64, 1..10),
        allow in allowance(),
        suffix in any::<bool>(),
    ) {
        let acked: Vec<u64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
        let verdicts: Vec<_> =
            (0..=acked.len()).map(|survivors| kept(&applied(allow, suffix), &cut(&acked, survivors))).collect();
        prop_assert!(verdicts.is_sorted(), "{allow:?}: {verdicts:?}");
        prop_assert_eq!(verdicts.last(), Some(&true), "nothing is lost");
        // And a wider allowance never forbids what a narrower one allows.
        for (loss, allowed) in (0..).map(|survivors| cut(&acked, survivors)).zip(&verdicts) {
            prop_assert!(!allowed || kept(&applied(Allow::All, suffix), &loss));
        }
    }
}

#[test]
fn each_allowance_ends_where_it_says() {
    // Ten writes, one a second, the last 0.5 s before the fault.
    let acked: Vec<u64> = (0..10).map(|second| second * 1_000_000 + 500_000).collect();
    let most_lost =
        |allow| (0..=10).rev().find(|&lost| kept(&applied(allow, true), &cut(&acked, 10 - lost))).unwrap();
    for (allow, expected) in [
        (Allow::Nothing, 0),
        (Allow::Count(3), 3),
        (Allow::Window(Duration::from_millis(499)), 0),
        (Allow::Window(Duration::from_millis(500)), 1),
        (Allow::Window(EVERYSEC_WINDOW), 2),
        (Allow::SinceSave, 6),
        (Allow::All, 10),
    ] {
        assert_eq!(most_lost(allow), expected, "{allow:?}");
    }
}

#[test]
fn what_no_allowance_covers_is_a_breach() {
    let facts = died(NONE, Death::Kill, false);
    let all = applied(Allow::All, false);
    let lossy = Loss {
        lost: 3,
        acknowledged: 9,
        earliest_lost_us: Some(5_000_000),
        shape: Shape::Hole,
        ..Loss::default()
    };
    assert!(judge(&all, Some(&lossy), false, false, &facts).kept);
    for (what, loss) in [
        ("wrong bytes", Loss { corrupt: 1, ..Loss::default() }),
        ("another type", Loss { wrong_type: 1, ..Loss::default() }),
        ("twice the effect", Loss { duplicated: 1, ..Loss::default() }),
        ("half a transaction", Loss { torn: 1, ..Loss::default() }),
        ("WAITAOF had answered", Loss { promised: 1, ..Loss::default() }),
        ("another time to live", Loss { drifted: 1, ..Loss::default() }),
        ("expired and back", Loss { expired_back: 1, ..Loss::default() }),
        ("gone and back", Loss { baseline_back: 1, ..Loss::default() }),
    ] {
        assert!(!judge(&all, Some(&loss), false, false, &facts).kept, "{what}");
    }
    // A backup is older than some promises; those from before it stand, as its row does.
    let old = Circumstances { restored: Some((FAULT_US - 5, None)), ..died(ALWAYS, Death::Kill, false) };
    let window = promise(&old, &[], &TRIAL);
    let promised = |at_us| Loss {
        lost: 1,
        promised: 1,
        acknowledged: 9,
        earliest_lost_us: Some(at_us),
        shape: Shape::Suffix,
        ..Loss::default()
    };
    assert!(judge(&window, Some(&promised(FAULT_US - 4)), false, false, &old).kept);
    assert!(!judge(&window, Some(&promised(FAULT_US - 6)), false, false, &old).kept);
    assert!(!judge(&all, Some(&Loss::default()), false, true, &facts).kept, "it never answered");
    assert!(!judge(&all, None, false, false, &facts).kept, "nothing could be read back");
    assert!(!judge(&all, None, true, false, &facts).kept, "it refused to start");
    assert!(judge(&Applied { may_refuse: true, ..all }, None, true, false, &facts).kept, "it may refuse");
    // A tail is promised: the same loss elsewhere is none.
    let tail = Loss { shape: Shape::Suffix, ..lossy.clone() };
    assert!(kept(&applied(Allow::Count(3), true), &tail) && !kept(&applied(Allow::Count(3), true), &lossy));
    assert!(kept(&applied(Allow::Count(3), false), &lossy));
    // A later write of the same connection survived: no tail, whatever the times say.
    let under = Loss { anomalies: vec![Anomaly::Lost, Anomaly::Hole], ..tail.clone() };
    assert!(!kept(&applied(Allow::Count(3), true), &under) && kept(&applied(Allow::Count(3), false), &under));
    assert!(
        judge(&applied(Allow::Count(3), true), Some(&under), false, false, &facts)
            .message
            .contains("survived")
    );
    // What an earlier recovery showed is out of every window.
    let old = Loss { lost_baseline: 1, earliest_lost_us: Some(0), ..Loss::default() };
    let day = Duration::from_secs(86_400);
    for allow in [Allow::Nothing, Allow::Count(0), Allow::SinceSave, Allow::Window(day)] {
        assert!(!kept(&applied(allow, true), &old), "{allow:?}");
    }
}

#[test]
fn a_budget_is_held_against_what_the_promise_allows() {
    let facts = died(EVERYSEC, Death::Kill, false);
    let loss =
        Loss { lost: 6, lost_baseline: 1, earliest_lost_us: Some(FAULT_US - 2_000_000), ..Loss::default() };
    let over = |budget: Budget, recovery_ms| over_budget(&[budget], &TRIAL, &facts, Some(&loss), recovery_ms);
    let lost = |lost| Budget { lost: Some(lost), ..Budget::default() };
    assert!(over(lost(6), None).unwrap().contains("lost 7") && over(lost(7), None).is_none());
    let window = |ms| Budget { lost_window: Some(Duration::from_millis(ms)), ..Budget::default() };
    assert!(over(window(1_999), None).is_some() && over(window(2_000), None).is_none());
    let recovery = Budget { recovery: Some(Duration::from_secs(1)), ..Budget::default() };
    assert!(
        over(recovery.clone(), Some(1_000.5)).is_some() && over(recovery.clone(), Some(1_000.0)).is_none()
    );
    assert!(over(recovery, None).is_none(), "a server that did not come back is the promise's business");
    let elsewhere = When { server: vec!["valkey-*".into()], ..When::default() };
    assert!(over(Budget { when: elsewhere, ..lost(0) }, None).is_none());
}

#[test]
fn a_listed_defect_explains_a_breach_of_its_kind_and_nothing_else() {
    let record = |verdict| TrialRecord {
        suite: "core".into(),
        server: "redis-7.0".into(),
        fault: "kill".into(),
        verdict,
        shape: Shape::All,
        anomalies: vec![Anomaly::Lost, Anomaly::SilentTruncation],
        policy: vec![PolicyLine {
            directive: "save".into(),
            effective: Some("900 1".into()),
            ..PolicyLine::default()
        }],
        ..TrialRecord::default()
    };
    let entry = |expect: &[&str], when: When| Known {
        when,
        expect: expect.iter().map(ToString::to_string).collect(),
        beside: Vec::new(),
        link: Some("https://example.com".into()),
        cause: Some("why".into()),
        remedy: None,
    };
    let applied = |entries: &[Known], verdict| {
        let mut record = record(verdict);
        apply_known(entries, &mut record);
        (record.verdict, record.known.map(|known| known.cause))
    };
    let here = || When { server: vec!["redis-*".into()], ..When::default() };
    let explained = (Verdict::Known, Some("why".to_owned()));
    for expect in [&["all", "silent-truncation"][..], &["silent-truncation", "lost", "hole"], &[]] {
        assert_eq!(applied(&[entry(expect, here())], Verdict::Broken), explained, "{expect:?}");
    }
    let unexplained = (Verdict::Broken, None);
    // What shows beside a listed anomaly has to be listed too: in this entry, or in another one about the trial.
    for expect in [&["all"][..], &["silent-truncation"], &["hole", "lost"]] {
        assert_eq!(applied(&[entry(expect, here())], Verdict::Broken), unexplained, "{expect:?}");
    }
    let mut other = entry(&["hole", "silent-truncation"], here());
    other.cause = Some("how".into());
    let both = applied(&[entry(&["all"], here()), other.clone()], Verdict::Broken);
    assert_eq!(both, (Verdict::Known, Some("why how".to_owned())));
    other.when.server = vec!["valkey-*".into()];
    assert_eq!(applied(&[entry(&["all"], here()), other], Verdict::Broken), unexplained);
    // What may come with a defect covers what is beside it, and tells nothing alone.
    let beside = |word: &str| Known { beside: vec!["lost".into()], ..entry(&[word], here()) };
    assert_eq!(applied(&[beside("silent-truncation")], Verdict::Broken), explained);
    assert_eq!(applied(&[beside("corrupt")], Verdict::Broken), unexplained);
    // An entry that explains nothing new, or nothing at all, is no cause.
    let idle = Known { cause: Some("idle".into()), ..entry(&["lost", "hole"], here()) };
    let first = entry(&["all", "silent-truncation"], here());
    assert_eq!(applied(&[first, idle], Verdict::Broken), explained);
    assert_eq!(applied(&[entry(&["hole", "corrupt"], here())], Verdict::Broken), unexplained);
    let there = When { server: vec!["valkey-*".into()], ..When::default() };
    assert_eq!(applied(&[entry(&["all"], there)], Verdict::Broken), unexplained);
    for (value, expected) in [("900 *", &explained), ("60 1", &unexplained)] {
        let config = [("save".to_owned(), vec![value.to_owned()])].into();
        assert_eq!(&applied(&[entry(&[], When { config, ..When::default() })], Verdict::Broken), expected);
    }
    for verdict in Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Broken) {
        assert_eq!(applied(&[entry(&[], here())], verdict), (verdict, None), "{verdict:?}");
    }
}

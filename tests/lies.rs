//! Every lie of a server is seen, and an honest server passes: whole trials against a server that was written for
//! this test and dies in the same process.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outlast::engine::Engine;
use outlast::matrix::{Directive, Fault, Matrix, Persistence, Server, Storage, Workload};
use outlast::plan::Plan;
use outlast::record::{Anomaly, Shape, TrialRecord, Verdict};
use outlast::server::Build;
use outlast::trial;
use support::liar::{Liars, Lie};

fn directive(name: &str, value: &str) -> Directive {
    Directive { name: name.into(), value: value.into() }
}

fn workload(kind: &str) -> Workload {
    Workload {
        name: kind.into(),
        kind: kind.into(),
        connections: 3,
        pipeline: 4,
        writes: 120,
        value: 40,
        keys: Some(12),
        ..Workload::default()
    }
}

/// One trial: `appendfsync always` promises that nothing is lost, so every loss is a breach.
fn run(lie: Lie, workload: Workload, seed: u64) -> TrialRecord {
    run_steps(lie, workload, &["kill", "start"], seed)
}

fn run_steps(lie: Lie, workload: Workload, steps: &[&str], seed: u64) -> TrialRecord {
    let folder = tempfile::tempdir().unwrap();
    let policy = [directive("appendonly", "yes"), directive("appendfsync", "always"), directive("save", "")];
    let plan = Plan {
        name: format!("lies::liar::always::{}::kill::s{seed}", workload.name),
        suite: "lies".into(),
        server: Server { name: "liar".into(), ..Server::default() },
        build: Arc::new(Build { name: "liar".into(), ..Build::default() }),
        builds: Arc::default(),
        persistence: Persistence {
            name: "always".into(),
            directives: policy.into(),
            ..Persistence::default()
        },
        storage: Storage { name: "bind".into(), ..Storage::default() },
        workload,
        fault: Fault {
            name: "kill".into(),
            steps: steps.iter().map(ToString::to_string).collect(),
            ..Fault::default()
        },
        seed,
        second_life: true,
        attempt: 1,
        limit: Duration::from_secs(20),
        ready: Duration::from_millis(300),
        folder: folder.path().join("t"),
        traces: None,
        id: format!("lie-{seed}"),
        matrix: Arc::new(Matrix::default()),
        base: Vec::new(),
    };
    let engine: Arc<dyn Engine> = Arc::new(Liars(lie));
    trial::run(&Arc::new(plan), &engine, Instant::now())
}

fn anomalies(record: &TrialRecord) -> BTreeSet<Anomaly> {
    record.anomalies.iter().copied().collect()
}

#[test]
fn honest_servers_pass_over_a_thousand_random_histories() {
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            std::thread::spawn(move || {
                for number in 0..260 {
                    let seed = thread * 1_000 + number;
                    let kind = ["sessions", "single", "large", "churn"][(number % 4) as usize];
                    let lie = [Lie::Honest, Lie::AnswersLate, Lie::Errs][(number % 3) as usize];
                    let record = run(lie, workload(kind), seed);
                    assert_eq!(record.verdict, Verdict::Kept, "{lie:?} {kind} {seed}: {record:#?}");
                    assert!(record.anomalies.is_empty(), "{lie:?} {kind} {seed}: {:?}", record.anomalies);
                    assert_eq!((record.lost, record.shape), (0, Shape::None));
                    assert!(record.acknowledged >= 120);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn every_lie_is_seen_for_what_it_is() {
    use Anomaly as A;
    type Case = (Lie, &'static str, &'static [Anomaly], Option<&'static [Shape]>);
    let cases: &[Case] = &[
        (Lie::LosesTail, "single", &[A::Lost], Some(&[Shape::Suffix])),
        (Lie::LosesTail, "sessions", &[A::Lost], Some(&[Shape::Suffix])),
        (Lie::LosesTail, "churn", &[A::Lost], Some(&[Shape::Suffix])),
        (Lie::LosesAll, "sessions", &[A::Lost], Some(&[Shape::All])),
        (Lie::LosesHead, "single", &[A::Lost, A::Hole], Some(&[Shape::Prefix])),
        (Lie::LosesMiddle, "single", &[A::Lost, A::Hole], Some(&[Shape::Hole])),
        (Lie::Reorders, "single", &[A::Lost, A::Hole], Some(&[Shape::Scattered])),
        (Lie::ResurrectsDeleted, "churn", &[A::Resurrected], None),
        (Lie::Corrupts, "sessions", &[A::Corrupt], None),
        (Lie::Invents, "sessions", &[A::Corrupt], None),
        (Lie::ErrsFalsely, "single", &[A::Corrupt], None),
        (Lie::ForgetsLater, "sessions", &[A::Lost, A::SecondRestartLoss], None),
        (Lie::Refuses, "single", &[A::RefusedToStart], None),
        (Lie::Hangs, "single", &[A::StuckLoading], None),
        (Lie::IgnoresPolicy, "single", &[A::PolicyNotInForce], None),
    ];
    for (lie, kind, expected, shapes) in cases {
        for seed in 1..=10 {
            let mut workload = workload(kind);
            if *lie == Lie::LosesHead || *lie == Lie::LosesMiddle || *lie == Lie::Reorders {
                // One write at a time: what came first is certain.
                (workload.connections, workload.pipeline) = (1, 1);
            }
            let record = run(*lie, workload, seed);
            let seen = anomalies(&record);
            assert_eq!(record.verdict, Verdict::Broken, "{lie:?} {kind} {seed}: {record:#?}");
            assert!(expected.iter().all(|anomaly| seen.contains(anomaly)), "{lie:?} {kind} {seed}: {seen:?}");
            if let Some(shapes) = shapes {
                assert!(shapes.contains(&record.shape), "{lie:?} {kind} {seed}: {:?}", record.shape);
            }
        }
    }
}

#[test]
fn an_older_value_is_a_rollback_and_an_old_deletion_undone_is_a_resurrection() {
    let mut seen = BTreeSet::new();
    for seed in 1..=10 {
        seen.extend(anomalies(&run(Lie::LosesTail, workload("churn"), seed)));
    }
    assert!(seen.contains(&Anomaly::RolledBack) && seen.contains(&Anomaly::Resurrected), "{seen:?}");
}

#[test]
fn expired_values_that_come_back_are_seen_and_those_that_stay_away_are_no_loss() {
    let mut short = workload("sessions");
    short.ttl = Some(Duration::from_millis(5));
    // Clocks of client and server are not one: only a second after its time is a value certainly overdue.
    let steps = ["kill", "wait 1200ms", "start"];
    let honest = run_steps(Lie::Honest, short.clone(), &steps, 1);
    assert_eq!((honest.verdict, honest.lost), (Verdict::Kept, 0), "{honest:#?}");
    assert!(honest.epochs[0].expired > 0, "{honest:#?}");
    let back = run_steps(Lie::ResurrectsExpired, short, &steps, 1);
    assert_eq!(back.verdict, Verdict::Broken, "{back:#?}");
    assert!(anomalies(&back).contains(&Anomaly::Resurrected), "{back:#?}");
}

#[test]
fn a_server_that_does_not_end_when_told_to_is_a_finding_and_its_data_is_judged_all_the_same() {
    let steps = ["term 100ms", "start"];
    let stubborn = run_steps(Lie::IgnoresTerm, workload("churn"), &steps, 1);
    assert_eq!(stubborn.verdict, Verdict::Broken, "{stubborn:#?}");
    assert_eq!(anomalies(&stubborn), BTreeSet::from([Anomaly::ShutdownRefused]), "{stubborn:#?}");
    assert!(stubborn.message.contains("told to end, did not") && stubborn.message.contains("kept all"));
    assert!(stubborn.epochs[0].exit.contains("after its grace had run out"), "{stubborn:#?}");
    let honest = run_steps(Lie::Honest, workload("churn"), &steps, 1);
    assert_eq!((honest.verdict, honest.anomalies.len()), (Verdict::Kept, 0), "{honest:#?}");
    // A kill asks nobody.
    let killed = run(Lie::IgnoresTerm, workload("churn"), 1);
    assert_eq!((killed.verdict, killed.anomalies.len()), (Verdict::Kept, 0), "{killed:#?}");
}

#[test]
fn a_server_that_cuts_its_own_file_while_it_loads_is_seen_even_where_nothing_is_lost() {
    let cut = run(Lie::CutsItsFile, workload("sessions"), 1);
    assert_eq!(anomalies(&cut), BTreeSet::from([Anomaly::SilentTruncation]), "{cut:#?}");
    assert_eq!(cut.lost, 0);
    let honest = run(Lie::Honest, workload("sessions"), 1);
    assert!(honest.anomalies.is_empty(), "{honest:#?}");
}

#[test]
fn exit_code_0_with_loss_is_a_false_success_and_a_kill_never_is() {
    let ended = run_steps(Lie::LosesTail, workload("single"), &["term", "start"], 1);
    assert_eq!(ended.verdict, Verdict::Broken);
    assert!(anomalies(&ended).contains(&Anomaly::FalseSuccess), "{ended:#?}");
    let killed = run_steps(Lie::LosesTail, workload("single"), &["kill", "start"], 1);
    assert!(!anomalies(&killed).contains(&Anomaly::FalseSuccess), "{killed:#?}");
    let honest = run_steps(Lie::Honest, workload("single"), &["term", "start"], 1);
    assert_eq!((honest.verdict, honest.anomalies.len()), (Verdict::Kept, 0), "{honest:#?}");
}

#[test]
fn a_start_that_shows_nothing_of_the_files_is_told_from_one_that_lost_a_part() {
    let empty = run(Lie::LosesAll, workload("sessions"), 1);
    assert!(anomalies(&empty).contains(&Anomaly::SilentEmptyStart), "{empty:#?}");
    for part in [Lie::LosesTail, Lie::LosesHead, Lie::Honest] {
        let record = run(part, workload("sessions"), 1);
        assert!(!anomalies(&record).contains(&Anomaly::SilentEmptyStart), "{part:?}: {record:#?}");
    }
}

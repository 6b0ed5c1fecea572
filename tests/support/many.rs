//! A report of any size from real records, made through the real generator.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use outlast::record::{
    Anomaly, Epoch, Event, FileFact, JournalLine, KnownRef, Promise, Shape, TrialRecord, Verdict,
};
use outlast::report::{assemble, write};

use super::records::{self, run};

const SERVERS: [&str; 6] = ["redis-6.2", "redis-7.0", "redis-8.2", "valkey-8.1", "valkey-9.0", "valkey-9.1"];
const POLICIES: [&str; 12] = [
    "aof-always",
    "aof-everysec",
    "aof-no",
    "aof-strict",
    "aof-everysec+rdb-900-1",
    "aof-no-preamble",
    "aof-io-threads-4",
    "rdb-1-1",
    "rdb-900-1",
    "rdb-default",
    "none",
    "incident",
];
const WORKLOADS: [&str; 5] = ["sessions", "churn", "single", "large", "counters"];
const FAULTS: usize = 40;

/// So many finished trials of every kind; the same ones each time.
pub fn lines(count: usize) -> Vec<JournalLine> {
    let mut roll = 1_u64;
    let mut next = move |below: u64| {
        roll = roll.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (roll >> 33) % below
    };
    let trials = (0..count).map(|n| {
        let (policy, fault) = (n / SERVERS.len() % POLICIES.len(), n / 72 % FAULTS);
        let acknowledged = 2_000 + next(6_000);
        let lossy = policy > 6 || next(12) == 0;
        let lost = if lossy { 1 + next(acknowledged) } else { 0 };
        let verdict = match next(100) {
            0 if lossy => Verdict::Broken,
            1..=4 if lossy => Verdict::Known,
            5 => Verdict::Unsupported,
            6 if n % 7 == 0 => Verdict::Errored,
            7 if n % 5 == 0 => Verdict::Inconclusive,
            _ => Verdict::Kept,
        };
        one(n, (policy, fault), (acknowledged, lost), verdict, &mut next)
    });
    let closed = outlast::record::RunFacts {
        duration_ms: 240_000.0,
        planned: count as u64,
        selected: count as u64,
        ..run()
    };
    trials.map(JournalLine::Finished).chain([JournalLine::Closed(closed)]).collect()
}

fn one(
    n: usize,
    (policy, fault): (usize, usize),
    (acknowledged, lost): (u64, u64),
    verdict: Verdict,
    next: &mut impl FnMut(u64) -> u64,
) -> TrialRecord {
    let (server, workload) = (SERVERS[n % SERVERS.len()], WORKLOADS[n / 2_880 % WORKLOADS.len()]);
    let policy = POLICIES[policy];
    let fault = format!("fault-{fault:02}");
    let seed = (n / 14_400 + 1) as u64;
    let window_ms = (lost > 0).then(|| next(3_000_000) as f64 / 1000.0);
    let base = records::trial("kill", seed, verdict);
    let mut epoch = base.epochs[0].clone();
    epoch.acknowledged = acknowledged;
    epoch.lost = lost;
    epoch.window_ms = window_ms;
    epoch.shape =
        if lost == 0 { Shape::None } else { [Shape::Suffix, Shape::Hole, Shape::All][next(3) as usize] };
    epoch.ack_density = (0..100).map(|_| next(120) as u32).collect();
    epoch.sent_density = epoch.ack_density.iter().map(|n| n + 3).collect();
    epoch.lost_density =
        (0..100).map(|k| if lost > 0 && k > 60 { epoch.ack_density[k as usize] } else { 0 }).collect();
    epoch.bucket_ms = 20.0;
    epoch.fault_ms = 1_950.0;
    epoch.pressure.latency_p99_ms = Some(next(40_000) as f64 / 1000.0);
    epoch.pressure.latency_p50_ms = Some(0.8);
    epoch.pressure.rate = 2_000.0 + next(5_000) as f64;
    let event = |at_ms: f64, kind: &str, text: &str| Event {
        at_ms,
        kind: kind.into(),
        text: text.into(),
        ..Event::default()
    };
    TrialRecord {
        name: format!("core::{server}::{policy}::{workload}::{fault}::s{seed}"),
        server: server.into(),
        persistence: policy.into(),
        workload: workload.into(),
        acknowledged,
        lost,
        shape: epoch.shape,
        anomalies: if lost > 0 { vec![Anomaly::Lost] } else { Vec::new() },
        window_ms,
        recovery_ms: Some(next(400_000) as f64 / 1000.0),
        duration_ms: 900.0 + next(3_000) as f64,
        offset_ms: n as f64 * 20.0,
        message: if lost > 0 {
            format!(
                "lost {lost} of {acknowledged} acknowledged writes, the oldest {:.2} s before the fault",
                window_ms.unwrap_or(0.0) / 1000.0
            )
        } else {
            format!("kept all {acknowledged} acknowledged writes; {} in doubt", next(200))
        },
        promise: Some(Promise {
            id: if policy.starts_with("aof") { "aof-everysec".into() } else { "rdb".into() },
            window_ms: policy.starts_with("aof").then_some(2_100.0),
            bound_ms: policy.starts_with("aof").then_some(2_100.0),
            ..base.promise.clone().unwrap()
        }),
        known: (verdict == Verdict::Known).then(|| KnownRef {
            link: "https://example.com/1".into(),
            cause: format!("cause {}", n % 9),
            remedy: format!("remedy {}", n % 9),
        }),
        repro: format!(
            "cargo test --test persistence -- --repro 'core::{server}::{policy}::{workload}::{fault}::s{seed}'"
        ),
        epochs: vec![
            epoch.clone(),
            Epoch {
                lost: 0,
                lost_density: vec![0; 100],
                from_ms: 2_200.0,
                fault_ms: 2_600.0,
                bucket_ms: 4.0,
                ..epoch
            },
        ],
        events: vec![
            event(0.1, "start", "redis 7.0.15"),
            event(40.0, "ready", "answers after 39 ms"),
            event(41.0, "writes", "8 connections"),
            Event { until_ms: Some(900.0), ..event(700.0, "snapshot", "a child is at work") },
            event(1_950.0, "fault", "kill"),
            event(1_951.0, "exit", "ended by signal 9"),
            event(1_960.0, "start", "started again"),
            event(2_100.0, "ready", "answers after 140 ms"),
            event(2_150.0, "read-back", "every key read back"),
        ],
        files: if lost > 0 {
            (0..4)
                .map(|k| FileFact {
                    epoch: k / 2,
                    path: format!("appendonlydir/appendonly.aof.{k}.incr.aof"),
                    bytes_dead: Some(next(9_000_000)),
                    bytes_recovered: Some(next(9_000_000)),
                })
                .collect()
        } else {
            Vec::new()
        },
        log_tail: if lost > 0 || verdict.fails() {
            (0..40).map(|k| format!("4711:M 25 Nov 2026 17:{:02}:{:02}.{:03} * line {k} of the log, DB loaded from append only file: {} s", k, next(60), next(1000), next(10_000))).collect()
        } else {
            Vec::new()
        },
        fault,
        ..base
    }
}

/// Writes the reports of these lines into a folder; the page.
pub fn page(folder: &Path, lines: Vec<JournalLine>) -> PathBuf {
    write(folder, &assemble(lines)).unwrap();
    folder.join("index.html")
}

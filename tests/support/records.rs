//! A small run, written by hand: a trial of every verdict, one that never ended, and names that try to break out.

use outlast::record::{
    Anomaly, Epoch, Event, Example, FileFact, JournalLine, KnownRef, Origin, PolicyLine, Pressure, Promise,
    RunFacts, ServerFacts, Shape, TrialRecord, Verdict,
};

/// Ends a script element, opens an image, and ends a line in JavaScript.
pub const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\u{2028}\"'`<!--\u{1b}[31m\r\n";

pub fn run() -> RunFacts {
    RunFacts {
        id: "2026-01-31T12-00-00Z-1a2b".into(),
        started_at: "2026-01-31T12:00:00Z".into(),
        outlast: "0.1.0".into(),
        command: vec!["--exact".into(), "core".into()],
        matrix: "matrix.toml".into(),
        matrix_digest: "00ff".into(),
        profile: "default".into(),
        engine: "process".into(),
        os: "Linux 6.1".into(),
        arch: "x86_64".into(),
        cpus: 2,
        filesystem: "ext4".into(),
        planned: 9,
        selected: 8,
        servers: vec![
            ServerFacts {
                name: "redis-7.0".into(),
                version: "redis 7.0.15".into(),
                origin: origin(),
                unavailable: None,
            },
            ServerFacts {
                name: "gone".into(),
                unavailable: Some("gone is not on PATH".into()),
                ..ServerFacts::default()
            },
        ],
        ..RunFacts::default()
    }
}

fn origin() -> Origin {
    Origin {
        kind: "path".into(),
        source: "/usr/bin/redis-server".into(),
        digest: "abcdef0123456789abcdef".into(),
    }
}

/// A trial of the suite `core`.
pub fn trial(fault: &str, seed: u64, verdict: Verdict) -> TrialRecord {
    TrialRecord {
        name: format!("core::redis-7.0::aof::single::{fault}::s{seed}"),
        suite: "core".into(),
        server: "redis-7.0".into(),
        persistence: "aof".into(),
        storage: "bind".into(),
        workload: "single".into(),
        fault: fault.into(),
        seed,
        engine: "process".into(),
        verdict,
        acknowledged: 1_000,
        in_doubt: 2,
        recovery_ms: Some(12.5),
        duration_ms: 345.678,
        message: "kept all 1000 acknowledged writes; 2 in doubt".into(),
        attempt: 1,
        started_at: format!("2026-01-31T12:00:0{seed}Z"),
        offset_ms: 1_000.0,
        server_version: "7.0.15".into(),
        origin: origin(),
        promise: Some(promise()),
        epochs: vec![epoch(0)],
        repro: format!(
            "cargo test --test persistence -- --repro 'core::redis-7.0::aof::single::{fault}::s{seed}'"
        ),
        ..TrialRecord::default()
    }
}

fn promise() -> Promise {
    Promise {
        id: "aof-always".into(),
        sentence: "with appendfsync always a reply is sent after the write is on disk".into(),
        source: "docs".into(),
        allowed: "nothing".into(),
        window_ms: Some(0.0),
        bound_ms: Some(0.0),
        class: "death".into(),
    }
}

fn epoch(lost: u64) -> Epoch {
    Epoch {
        death: "kill".into(),
        exit: "signal 9".into(),
        acknowledged: 1_000,
        lost,
        in_doubt: 2,
        in_doubt_present: 1,
        refused: 3,
        expired: 4,
        shape: if lost > 0 { Shape::Suffix } else { Shape::None },
        window_ms: (lost > 0).then_some(1_500.25),
        recovery_ms: Some(12.5),
        promise: Some(promise()),
        verdict: if lost > 0 { Verdict::Broken } else { Verdict::Kept },
        message: "one life".into(),
        pressure: Pressure {
            acked_before_fault: 900,
            acked_after_fault: 100,
            in_flight: 2,
            quiet_ms: Some(0.5),
            phase: Some("bgsave".into()),
            rate: 2_400.0,
            ..Pressure::default()
        },
        from_ms: 10.0,
        fault_ms: 400.0,
        ack_density: vec![500, 500],
        lost_density: vec![0, lost as u32],
        bucket_ms: 200.0,
        ..Epoch::default()
    }
}

/// A trial that lost writes, with all that a record can tell.
pub fn broken() -> TrialRecord {
    TrialRecord {
        lost: 250,
        shape: Shape::Suffix,
        anomalies: vec![Anomaly::Lost, Anomaly::RolledBack],
        window_ms: Some(1_500.25),
        message: "lost 250 of 1000 acknowledged writes; allowed is nothing".into(),
        epochs: vec![epoch(250)],
        policy: vec![PolicyLine {
            directive: "appendfsync".into(),
            requested: Some("always".into()),
            effective: Some("everysec".into()),
            in_force: false,
        }],
        events: vec![Event { at_ms: 400.0, kind: "fault".into(), text: "kill".into(), ..Event::default() }],
        examples: vec![Example {
            anomaly: "lost".into(),
            key: "o:0:1".into(),
            sent_ms: 399.0,
            acked_ms: Some(399.5),
            expected: "write 7".into(),
            observed: "nothing".into(),
        }],
        files: vec![FileFact {
            epoch: 0,
            path: "appendonly.aof".into(),
            bytes_dead: Some(100),
            bytes_recovered: None,
        }],
        log_tail: vec!["# Server initialized".into()],
        ..trial("kill", 2, Verdict::Broken)
    }
}

/// A trial whose every text tries to break out of the report.
pub fn hostile() -> TrialRecord {
    let text = || HOSTILE.to_owned();
    TrialRecord {
        name: format!("{HOSTILE}::=cmd()::+1+1::@SUM(A1)::-2+3::s6"),
        suite: text(),
        server: "=cmd()".into(),
        persistence: "+1+1".into(),
        storage: "bind".into(),
        workload: "@SUM(A1)".into(),
        fault: "-2+3".into(),
        message: text(),
        server_version: text(),
        origin: Origin { kind: text(), source: text(), digest: text() },
        policy: vec![PolicyLine {
            directive: text(),
            requested: Some(text()),
            effective: Some(text()),
            in_force: false,
        }],
        events: vec![Event { at_ms: 1.0, kind: text(), text: text(), ..Event::default() }],
        examples: vec![Example {
            anomaly: text(),
            key: text(),
            expected: text(),
            observed: text(),
            ..Example::default()
        }],
        log_tail: vec![text(), "\0\u{7}\u{202e}".into()],
        promise: Some(Promise {
            id: text(),
            sentence: text(),
            source: text(),
            allowed: text(),
            ..Promise::default()
        }),
        known: Some(KnownRef { link: "javascript:alert(1)".into(), cause: text(), remedy: text() }),
        repro: text(),
        lost: 1,
        ..trial("kill", 6, Verdict::Errored)
    }
}

/// The journal of the run.
pub fn lines() -> Vec<JournalLine> {
    let known = TrialRecord {
        name: "core::redis-7.0::aof@vol::single::kill::s3".into(),
        storage: "vol".into(),
        lost: 40,
        shape: Shape::All,
        anomalies: vec![Anomaly::Lost],
        known: Some(KnownRef {
            link: "https://example.com/1".into(),
            cause: "it is so".into(),
            remedy: "do it another way".into(),
        }),
        ..trial("kill", 3, Verdict::Known)
    };
    let trials = [
        trial("stop", 1, Verdict::Kept),
        broken(),
        known,
        TrialRecord {
            acknowledged: 0,
            message: "no oom without a container".into(),
            epochs: Vec::new(),
            ..trial("oom", 4, Verdict::Unsupported)
        },
        TrialRecord {
            attempt: 3,
            message: "no write was near the fault".into(),
            ..trial("term", 5, Verdict::Inconclusive)
        },
        hostile(),
    ];
    let mut lines = vec![JournalLine::Run(run())];
    for trial in trials {
        lines.push(JournalLine::Started {
            name: trial.name.clone(),
            attempt: 1,
            at: trial.started_at.clone(),
        });
        lines.push(JournalLine::Finished(trial));
    }
    let name = "core::redis-7.0::aof@vol::single::never-ended::s7".to_owned();
    lines.push(JournalLine::Started { name, attempt: 1, at: "2026-01-31T12:00:07Z".into() });
    lines.push(JournalLine::Closed(RunFacts { duration_ms: 8_000.0, interrupted: true, ..run() }));
    lines
}

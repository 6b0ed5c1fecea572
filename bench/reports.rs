//! How long the reports of 10,000 trials take, and how large each is.

use std::time::Instant;

use outlast::record::{
    Epoch, Event, JournalLine, PolicyLine, Promise, ReportWishes, RunFacts, Shape, TrialRecord, Verdict,
};
use outlast::report::{FORMATS, assemble, complete, diff, history, write};

const TRIALS: usize = 10_000;

fn main() {
    let lines = || {
        let closed = JournalLine::Closed(RunFacts {
            id: "2026-01-31T12-00-00Z-1a2b".into(),
            started_at: "2026-01-31T12:00:00Z".into(),
            report: ReportWishes { allure: true, ..ReportWishes::default() },
            ..RunFacts::default()
        });
        (0..TRIALS).map(|number| JournalLine::Finished(trial(number))).chain([closed]).collect::<Vec<_>>()
    };
    let lines = lines();
    let (mut report, took) = timed(|| assemble(lines));
    println!("assemble               {took:>8.1} ms");
    let line = history::Line::of(&report);
    let past: Vec<_> = (1..=50)
        .map(|day| {
            let mut line = line.clone();
            line.run.id = format!("past-{day}");
            line.run.started_at = format!("2025-12-{:02}T12:{day:02}:00Z", day % 28 + 1);
            line
        })
        .collect();
    let before = report.clone();
    let ((), took) = timed(|| complete(&mut report, Some(&past), None));
    println!("history of 50 runs     {took:>8.1} ms");
    let (_, took) = timed(|| diff(&before, &report));
    println!("difference             {took:>8.1} ms");
    let mut sum = 0.0;
    for format in FORMATS {
        let (bytes, took) = timed(|| (format.render)(&report).unwrap_or_default());
        sum += took;
        println!("{:<22} {took:>8.1} ms {:>8.2} MB", format.file, bytes.len() as f64 / 1e6);
    }
    println!("all formats            {sum:>8.1} ms");
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return eprintln!("failed to make a folder: {error}"),
    };
    let (written, took) = timed(|| write(folder.path(), &report));
    if let Err(error) = written {
        return eprintln!("{error}");
    }
    println!("written, with Allure   {took:>8.1} ms");
    let files = std::fs::read_dir(folder.path().join("allure-results")).map_or(0, Iterator::count);
    println!("allure-results/        {files:>8} files");
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let began = Instant::now();
    let done = work();
    (done, began.elapsed().as_secs_f64() * 1e3)
}

/// One in ten loses something, one in a hundred is broken and has all that a record can hold.
fn trial(number: usize) -> TrialRecord {
    let (server, policy, fault) = (number % 6, number / 6 % 12, number / 72);
    let broken = number.is_multiple_of(100);
    let lost = if number.is_multiple_of(10) { 250 } else { 0 };
    let promise = Promise {
        class: "death".into(),
        bound_ms: Some(2_100.0),
        id: "everysec".into(),
        sentence: "with appendfsync everysec at most the last two seconds are lost".into(),
        source: "docs; source; run".into(),
        allowed: "the last 2.1 s".into(),
        window_ms: Some(0.0),
    };
    let epoch = |lost| Epoch {
        death: "kill".into(),
        exit: "signal 9".into(),
        acknowledged: 10_000,
        lost,
        shape: if lost > 0 { Shape::Suffix } else { Shape::None },
        window_ms: (lost > 0).then_some(600.0),
        recovery_ms: Some(40.0),
        promise: Some(promise.clone()),
        message: "kept all 10000 acknowledged writes".into(),
        ack_density: vec![170; 60],
        lost_density: vec![0; 60],
        ..Epoch::default()
    };
    TrialRecord {
        name: format!("core::server-{server}::policy-{policy}::sessions::fault-{fault}::s1"),
        suite: "core".into(),
        server: format!("server-{server}"),
        persistence: format!("policy-{policy}"),
        storage: "bind".into(),
        workload: "sessions".into(),
        fault: format!("fault-{fault}"),
        seed: 1,
        engine: "process".into(),
        verdict: if broken { Verdict::Broken } else { Verdict::Kept },
        acknowledged: 20_000,
        lost,
        message: format!("lost {lost} of 20000 acknowledged writes; allowed is the last 2.1 s"),
        attempt: 1,
        started_at: "2026-01-31T12:00:00Z".into(),
        duration_ms: 900.0,
        promise: Some(promise.clone()),
        policy: ["appendonly", "appendfsync", "save"]
            .map(|name| PolicyLine { directive: name.into(), in_force: true, ..PolicyLine::default() })
            .into(),
        epochs: vec![epoch(lost), epoch(0)],
        events: (0..12)
            .map(|at| Event {
                at_ms: f64::from(at) * 60.0,
                kind: "step".into(),
                text: "something happened".into(),
                until_ms: None,
            })
            .collect(),
        log_tail: if lost > 0 {
            vec!["# a line of the server's log, as long as they are".into(); 40]
        } else {
            Vec::new()
        },
        repro: "OUTLAST_ENGINE=process cargo test --test persistence -- --repro 'core::...'".into(),
        ..TrialRecord::default()
    }
}

//! Journals: whatever was written down comes out, in any order, as often as it was written, and torn or whole.
#![allow(clippy::unwrap_used)]

#[path = "support/records.rs"]
mod records;

use std::fs;
use std::path::Path;

use outlast::journal::{self, Journal};
use outlast::record::{JournalLine, RunFacts, TrialRecord, Verdict};
use outlast::report::assemble;
use proptest::prelude::*;
use proptest::test_runner::Config;
use records::{broken, lines, run, trial};

fn started(name: &str) -> JournalLine {
    JournalLine::Started { name: name.into(), attempt: 1, at: "2026-01-31T12:00:00Z".into() }
}

/// A run in three processes, one of which was killed.
fn three_processes() -> Vec<JournalLine> {
    let part = |number: u64| RunFacts {
        started_at: format!("2026-01-31T12:0{number}:00Z"),
        shard: Some(format!("{number}/3")),
        ..run()
    };
    let mut lines = lines();
    lines.push(JournalLine::Run(part(1)));
    lines.push(JournalLine::Finished(trial("kill", 11, Verdict::Kept)));
    lines.push(JournalLine::Closed(RunFacts { duration_ms: 5_000.0, ..part(1) }));
    lines.push(JournalLine::Run(part(2)));
    lines.push(started("core::redis-7.0::aof::single::kill::s12"));
    lines
}

#[test]
fn processes_of_one_run_make_one_report() {
    let report = assemble(three_processes());
    assert_eq!(report.totals.trials, 7);
    assert_eq!((report.run.selected, report.run.planned, report.run.shard.as_deref()), (24, 9, None));
    // From the first start to the last end that is known.
    assert_eq!(report.run.duration_ms, 120_000.0);
    assert!(report.run.interrupted);
    assert_eq!(report.run.servers.len(), 2);
}

#[test]
fn a_trial_that_began_and_never_ended_is_named() {
    let report = assemble(three_processes());
    let names =
        ["core::redis-7.0::aof::single::kill::s12", "core::redis-7.0::aof@vol::single::never-ended::s7"];
    assert_eq!(report.interrupted, names);
    // Its end may stand in another journal, before its beginning.
    let mut lines = vec![JournalLine::Finished(trial("kill", 12, Verdict::Kept))];
    lines.extend(three_processes());
    assert_eq!(assemble(lines).interrupted, names[1..]);
}

#[test]
fn a_run_without_an_end_was_interrupted() {
    let open = vec![JournalLine::Run(run())];
    assert!(assemble(open.clone()).run.interrupted);
    assert!(!assemble([open, vec![JournalLine::Closed(run())]].concat()).run.interrupted);
    assert!(assemble(Vec::new()).run.interrupted);
}

#[test]
fn of_several_records_of_a_trial_the_last_one_stands() {
    let again = |seconds: &str, attempt: u32, verdict: Verdict| {
        JournalLine::Finished(TrialRecord {
            started_at: format!("2026-01-31T12:00:{seconds}Z"),
            attempt,
            verdict,
            ..trial("kill", 1, verdict)
        })
    };
    for lines in [
        [again("09", 3, Verdict::Inconclusive), again("10", 1, Verdict::Kept)],
        [again("10.9", 1, Verdict::Inconclusive), again("10.95", 1, Verdict::Kept)],
        [again("10", 1, Verdict::Inconclusive), again("10", 2, Verdict::Kept)],
    ] {
        let [first, second] = lines;
        for lines in [vec![first.clone(), second.clone()], vec![second, first]] {
            let report = assemble(lines);
            assert_eq!((report.totals.trials, report.trials[0].verdict), (1, Verdict::Kept));
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn lines_merge_in_any_order_and_as_often_as_they_come(
        order in Just(three_processes()).prop_shuffle(),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut lines = order.clone();
        for at in again {
            lines.insert(at.index(lines.len()), order[at.index(order.len())].clone());
        }
        let expected = assemble(three_processes());
        prop_assert_eq!(&assemble(lines), &expected);
    }
}

fn put(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder.join("journal")).unwrap();
    fs::write(folder.join("journal").join(name), text).unwrap();
}

fn text(lines: &[JournalLine]) -> String {
    lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
}

#[test]
fn a_torn_last_line_is_left_out_wherever_it_is_torn() {
    let (whole, last) = (text(&[JournalLine::Run(run())]), text(&[JournalLine::Finished(broken())]));
    for cut in [0, 1, last.len() / 2, last.len() - 1] {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "1-1.jsonl", &format!("{whole}{}", &last[..cut]));
        put(folder.path(), "2-1.jsonl", &text(&[JournalLine::Finished(trial("stop", 1, Verdict::Kept))]));
        put(folder.path(), "notes.txt", "not a journal");
        let report = assemble(journal::read(folder.path()).unwrap());
        assert_eq!((report.totals.kept, report.totals.broken), (1, 0), "cut at {cut}");
    }
}

#[test]
fn a_line_that_is_torn_in_the_middle_of_a_journal_is_told_and_not_skipped() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "1-1.jsonl", &format!("{{\"line\":\"fini\n{}", text(&[JournalLine::Closed(run())])));
    let error = journal::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("1-1.jsonl"), "{error}");
    let missing = journal::read(&folder.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("none"), "{missing}");
}

#[test]
fn what_a_journal_was_told_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(folder.path(), &run()).unwrap();
    std::thread::scope(|scope| {
        for seed in 1..=8 {
            let journal = &journal;
            scope.spawn(move || {
                let trial = trial("kill", seed, Verdict::Kept);
                journal.started(&trial.name, 1).unwrap();
                journal.finished(&trial).unwrap();
            });
        }
    });
    journal.started("core::a::b::c::d::s1", 1).unwrap();
    journal.close(&run()).unwrap();
    let report = assemble(journal::read(folder.path()).unwrap());
    assert_eq!((report.totals.kept, report.run.interrupted), (8, false));
    assert_eq!(report.interrupted, ["core::a::b::c::d::s1"]);
    assert_eq!(report.run, run());
}

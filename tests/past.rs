//! What other runs tell of one: the history, the difference, the gate.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/records.rs"]
mod records;

use outlast::record::{
    Change, GateRules, JournalLine, Outcome, Report, RunFacts, TrialRecord, Verdict, exit,
};
use outlast::report::history::{self, Line};
use outlast::report::{assemble, complete, diff};
use records::trial;

use Verdict::{Broken, Errored, Inconclusive, Kept, Known, Unsupported};

/// The run of one day: a trial of each of these faults with its verdict.
fn day(day: u32, verdicts: &[(&str, Verdict)]) -> Report {
    let facts = RunFacts {
        id: format!("2026-01-{day:02}T12-00-00Z-aaaa"),
        started_at: format!("2026-01-{day:02}T12:00:00Z"),
        ..records::run()
    };
    let trials = (1..).zip(verdicts).map(|(seed, (fault, verdict))| {
        let lost = if matches!(verdict, Broken | Known) { 7 } else { 0 };
        JournalLine::Finished(TrialRecord { lost, ..trial(fault, seed, *verdict) })
    });
    assemble(trials.chain([JournalLine::Closed(facts)]).collect())
}

fn lines(reports: &[Report]) -> Vec<Line> {
    let text = reports
        .iter()
        .fold(String::new(), |text, report| history::append(history::parse(&text), Line::of(report), 50));
    history::parse(&text)
}

/// What has become of the case of this fault in the last of the runs.
fn change(verdicts: &[Option<Verdict>]) -> Option<Change> {
    let runs: Vec<_> = (1..)
        .zip(verdicts)
        .map(|(number, verdict)| match verdict {
            Some(verdict) => day(number, &[("kill", *verdict), ("stop", Kept)]),
            None => day(number, &[("stop", Kept)]),
        })
        .collect();
    let (last, earlier) = runs.split_last().unwrap();
    let history = history::history(&lines(earlier), last);
    assert_eq!(history.runs.len(), runs.len());
    assert!(history.cases.iter().all(|case| case.name.ends_with("::kill")), "the others never changed");
    let case = history.cases.first()?;
    assert_eq!(case.verdicts, verdicts);
    Some(case.change)
}

#[test]
fn a_case_is_new_fixed_still_broken_flaky_or_unproven() {
    for (verdicts, expected) in [
        (&[Some(Kept)][..], None),
        (&[Some(Broken)], Some(Change::New)),
        (&[Some(Kept), Some(Kept)], None),
        (&[Some(Kept), Some(Broken)], Some(Change::New)),
        (&[Some(Known), Some(Broken)], Some(Change::New)),
        (&[Some(Errored), Some(Broken)], Some(Change::New)),
        (&[Some(Broken), Some(Broken)], Some(Change::StillBroken)),
        (&[Some(Broken), Some(Errored), Some(Broken)], Some(Change::StillBroken)),
        (&[Some(Broken), None, Some(Broken)], Some(Change::StillBroken)),
        (&[Some(Broken), Some(Kept)], Some(Change::Fixed)),
        (&[Some(Known), Some(Kept)], Some(Change::Fixed)),
        (&[Some(Broken), Some(Kept), Some(Broken)], Some(Change::Flaky)),
        (&[Some(Kept), Some(Broken), Some(Kept)], Some(Change::Flaky)),
        (&[Some(Broken), Some(Kept), Some(Kept)], None),
        (&[Some(Kept), Some(Errored)], Some(Change::Unproven)),
        (&[Some(Kept), Some(Unsupported)], Some(Change::Unproven)),
        (&[Some(Errored), Some(Inconclusive)], None),
        (&[Some(Errored), Some(Kept)], Some(Change::Proven)),
        (&[Some(Kept), Some(Known)], Some(Change::Known)),
        (&[Some(Broken), None], Some(Change::NotRun)),
        (&[Some(Kept), None], None),
    ] {
        assert_eq!(change(verdicts), expected, "{verdicts:?}");
    }
    // Long ago it was flaky; ten runs later that is forgotten.
    let mut calm = vec![Some(Kept), Some(Broken)];
    calm.extend([Some(Kept); 10]);
    assert_eq!(change(&calm), None);
}

#[test]
fn the_history_holds_each_run_once_is_bounded_and_survives_what_is_no_line_of_it() {
    let runs: Vec<_> = (1..=9).map(|number| day(number, &[("kill", Broken)])).collect();
    let twice: Vec<_> = runs.iter().chain(&runs).rev().cloned().collect();
    assert_eq!(lines(&twice), lines(&runs));
    let text = history::append(lines(&runs), Line::of(&runs[0]), 4);
    let kept = history::parse(&text);
    let days: Vec<_> = kept.iter().map(|line| &line.run.started_at[8..10]).collect();
    assert_eq!(days, ["06", "07", "08", "09"]);
    let torn = format!("{{\"sch\nnull\n{}\n{}", text.trim_end(), &text[..40]);
    assert_eq!(history::parse(&torn), kept);
    // A report that is made again later says the same as at first.
    assert_eq!(history::history(&lines(&runs), &runs[3]), history::history(&lines(&runs[..3]), &runs[3]));
}

#[test]
fn a_line_of_the_history_is_small_and_keeps_the_worst_of_all_seeds() {
    let trials = (0..10_000).map(|number: u64| TrialRecord {
        name: format!(
            "core::redis-7.0::aof::a-workload-with-a-name::a-fault-{}::s{}",
            number / 2,
            number % 2
        ),
        lost: number,
        ..trial("kill", 1, if number.is_multiple_of(1_000) { Broken } else { Kept })
    });
    let report = assemble(trials.map(JournalLine::Finished).collect());
    let line = Line::of(&report);
    let length = serde_json::to_string(&line).unwrap().len();
    assert!(length < 100_000, "5,000 cases take {length} bytes");
    assert_eq!(line.named.len(), 10);
    let later = history::history(
        &[Line {
            run: outlast::record::PastRun { started_at: "2020-01-01T00:00:00Z".into(), ..line.run.clone() },
            ..line
        }],
        &day(1, &[]),
    );
    assert_eq!(later.cases.len(), 10);
    let seen = later.cases.iter().find(|case| case.name.ends_with("a-fault-500")).unwrap();
    assert_eq!((seen.verdicts[0], seen.lost[0], seen.change), (Some(Broken), Some(1_001), Change::NotRun));
}

#[test]
fn two_runs_differ_by_case() {
    let before = day(
        1,
        &[("a", Kept), ("b", Broken), ("c", Broken), ("d", Kept), ("e", Kept), ("g", Errored), ("h", Kept)],
    );
    let after = day(
        2,
        &[("a", Broken), ("b", Broken), ("c", Kept), ("d", Errored), ("f", Kept), ("g", Kept), ("h", Kept)],
    );
    let diff = diff(&before, &after);
    let changes: Vec<_> =
        diff.cases.iter().map(|case| (case.name.rsplit("::").next().unwrap(), case.change)).collect();
    let expected = [
        ("a", Change::New),
        ("b", Change::StillBroken),
        ("d", Change::Unproven),
        ("e", Change::NotRun),
        ("c", Change::Fixed),
        ("g", Change::Proven),
        ("f", Change::Added),
    ];
    assert_eq!(changes, expected);
    assert_eq!((diff.same, diff.regressions, diff.cut), (1, 2, 0));
    let same = outlast::report::diff(&after, &after);
    assert_eq!((same.cases.len(), same.regressions), (2, 0), "{same:?}");
}

#[test]
fn losses_that_are_allowed_differ_only_when_they_doubled() {
    let run = |lost: u64| {
        let record = TrialRecord { lost, ..trial("kill", 1, Kept) };
        assemble(vec![JournalLine::Finished(record)])
    };
    for (before, after, expected) in [
        (0, 1, Some(Change::LostMore)),
        (100, 200, None),
        (100, 201, Some(Change::LostMore)),
        (201, 100, Some(Change::LostLess)),
        (3, 0, Some(Change::LostLess)),
    ] {
        let found = diff(&run(before), &run(after));
        assert_eq!(found.cases.first().map(|case| case.change), expected, "{before} -> {after}");
        assert_eq!(found.regressions, 0);
    }
}

/// Outcome of a rule, and the exit code.
fn judged(rules: GateRules, verdicts: &[Verdict], rule: &str) -> (Option<Outcome>, u8) {
    let facts = RunFacts { gate: rules, ..records::run() };
    let trials = (1..).zip(verdicts).map(|(seed, verdict)| {
        JournalLine::Finished(TrialRecord { lost: 10, ..trial("kill", seed, *verdict) })
    });
    let report = assemble(trials.chain([JournalLine::Closed(facts)]).collect());
    let found = report.gate.checks.iter().find(|check| check.rule == rule);
    (found.map(|check| check.outcome), report.gate.exit_code)
}

#[test]
fn every_rule_of_the_gate_fails_and_passes_where_it_should() {
    use Outcome::{Failed, Passed, Warned};
    let none = GateRules::default;
    let warns = || GateRules { inconclusive_warns: true, ..none() };
    let lost = |most| GateRules { lost: Some(most), ..none() };
    let trials = |least| GateRules { trials: Some(least), ..none() };
    let unsupported = |share| GateRules { unsupported: Some(share), ..none() };
    for (rules, verdicts, rule, outcome, code) in [
        (none(), &[Kept, Known, Unsupported][..], "broken", Passed, exit::KEPT),
        (none(), &[Broken, Errored], "broken", Failed, exit::BROKEN),
        (none(), &[Kept, Errored], "errored", Failed, exit::LAB),
        (none(), &[Kept, Inconclusive], "inconclusive", Failed, exit::LAB),
        (warns(), &[Kept, Inconclusive], "inconclusive", Warned, exit::KEPT),
        (warns(), &[Errored, Inconclusive], "inconclusive", Warned, exit::LAB),
        (lost(20), &[Kept, Kept], "lost", Passed, exit::KEPT),
        (lost(19), &[Kept, Kept], "lost", Failed, exit::BROKEN),
        (lost(19), &[Kept, Errored], "lost", Failed, exit::BROKEN),
        (trials(2), &[Kept, Known], "trials", Passed, exit::KEPT),
        (trials(2), &[Kept, Unsupported], "trials", Failed, exit::LAB),
        (unsupported(0.5), &[Kept, Unsupported], "unsupported", Passed, exit::KEPT),
        (unsupported(0.3), &[Kept, Unsupported], "unsupported", Failed, exit::LAB),
    ] {
        let got = judged(rules.clone(), verdicts, rule);
        assert_eq!(got, (Some(outcome), code), "{rules:?} {verdicts:?}");
    }
    assert_eq!(judged(none(), &[Kept], "lost").0, None);
}

#[test]
fn a_run_that_is_worse_than_its_baseline_fails_or_warns() {
    let baseline = day(1, &[("a", Kept), ("b", Kept)]);
    for (verdict, warns, outcome, code) in [
        (Kept, false, Outcome::Passed, exit::KEPT),
        (Unsupported, false, Outcome::Failed, exit::BROKEN),
        (Unsupported, true, Outcome::Warned, exit::KEPT),
    ] {
        let mut run = day(2, &[("a", Kept), ("b", verdict)]);
        run.run.gate.regressions_warn = warns;
        complete(&mut run, None, Some(&baseline));
        let check = run.gate.checks.iter().find(|check| check.rule == "regressions").unwrap();
        assert_eq!((check.outcome, run.gate.exit_code), (outcome, code), "{check:?}");
        assert_eq!(run.history, None);
    }
}

#[test]
fn a_part_that_is_missing_or_short_of_trials_is_told() {
    let part = |part: &str, seeds: std::ops::Range<u64>| {
        let facts = RunFacts {
            started_at: format!("2026-01-31T12:0{}:00Z", &part[..1]),
            shard: Some(part.into()),
            selected: 2,
            gate: GateRules { trials: Some(4), ..GateRules::default() },
            ..records::run()
        };
        let trials = seeds.map(|seed| JournalLine::Finished(trial("kill", seed, Kept)));
        [JournalLine::Run(facts.clone())].into_iter().chain(trials).chain([JournalLine::Closed(facts)])
    };
    let whole = assemble(part("1/2", 0..2).chain(part("2/2", 2..4)).collect());
    assert_eq!((whole.missing.len(), whole.gate.exit_code), (0, exit::KEPT), "{:?}", whole.gate);
    let again = part("1/2", 0..2).chain(part("2/2", 2..4)).chain(part("1/2", 0..2));
    assert_eq!(assemble(again.collect()).missing, [""; 0]);
    let short = assemble(part("1/2", 0..2).chain(part("2/2", 2..3)).collect());
    assert_eq!(short.missing, ["1 of 4 trials have no record"]);
    assert_eq!(short.gate.exit_code, exit::LAB);
    let parts = assemble(part("1/3", 0..2).chain(part("3/3", 2..4)).collect());
    assert_eq!(parts.missing, ["part 2/3 left no journal"]);
    // A part alone is no more than a part.
    let alone = assemble(part("1/2", 0..2).collect());
    assert_eq!((alone.missing.len(), alone.gate.exit_code), (0, exit::KEPT));
}

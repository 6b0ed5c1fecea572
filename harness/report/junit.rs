//! `junit.xml`: a suite per server and policy, a test case per trial.

use std::collections::BTreeMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report as Xml, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::text;
use crate::record::{Report, TrialRecord, Verdict};

/// Most characters of a text of a server.
const MOST_TEXT: usize = 2_000;

pub(super) fn render(report: &Report) -> Result<Vec<u8>, String> {
    let mut suites: BTreeMap<(&str, &str), Vec<TestCase>> = BTreeMap::new();
    for trial in &report.trials {
        suites.entry((&trial.server, place(&trial.name))).or_default().push(case(report, trial));
    }
    // A trial that was begun and never ended keeps its place: a crash must not make trials vanish.
    for name in &report.interrupted {
        let mut case =
            TestCase::new(text::line(name).as_ref(), failing(NonSuccessKind::Error, "interrupted"));
        let server = name.split("::").nth(1).unwrap_or_default();
        case.set_classname(class(server, place(name)));
        suites.entry((server, place(name))).or_default().push(case);
    }
    let mut xml = Xml::new("outlast");
    xml.timestamp = report.run.started_at.parse().ok();
    xml.set_time(seconds(report.run.duration_ms));
    for ((server, place), cases) in suites {
        let mut suite = TestSuite::new(class(server, place));
        suite.set_time(cases.iter().filter_map(|case| case.time).sum());
        suite.timestamp = report.run.started_at.parse().ok();
        let facts = report.run.servers.iter().find(|facts| facts.name == server);
        let version = facts.map(|facts| facts.version.as_str()).unwrap_or_default();
        suite.add_properties(properties(&[
            ("run", &report.run.id),
            ("engine", &report.run.engine),
            ("os", &report.run.os),
            ("filesystem", &report.run.filesystem),
            ("matrix", &report.run.matrix),
            ("server", server),
            ("server-version", version),
            ("persistence", place),
        ]));
        suite.add_test_cases(cases);
        xml.add_test_suite(suite);
    }
    let mut out = Vec::new();
    xml.serialize(&mut out).map_err(|error| error.to_string())?;
    Ok(out)
}

/// The third part of a trial's name: the policy, and the storage where it is named.
fn place(name: &str) -> &str {
    name.split("::").nth(2).unwrap_or_default()
}

fn class(server: &str, place: &str) -> String {
    text::line(&format!("{server}.{place}")).into_owned()
}

fn case(report: &Report, trial: &TrialRecord) -> TestCase {
    let mut case = TestCase::new(text::line(&trial.name).as_ref(), status(report, trial));
    case.set_classname(class(&trial.server, place(&trial.name)));
    case.set_time(seconds(trial.duration_ms));
    let number = |value: Option<f64>| value.map(|value| format!("{value:.3}")).unwrap_or_default();
    let anomalies: Vec<_> = trial.anomalies.iter().map(|anomaly| anomaly.as_str()).collect();
    case.add_properties(properties(&[
        ("verdict", trial.verdict.as_str()),
        ("suite", &trial.suite),
        ("workload", &trial.workload),
        ("fault", &trial.fault),
        ("seed", &trial.seed.to_string()),
        ("attempt", &trial.attempt.to_string()),
        ("acknowledged", &trial.acknowledged.to_string()),
        ("lost", &trial.lost.to_string()),
        ("in-doubt", &trial.in_doubt.to_string()),
        ("shape", trial.shape.as_str()),
        ("anomalies", &anomalies.join(" ")),
        ("window-ms", &number(trial.window_ms)),
        ("recovery-ms", &number(trial.recovery_ms)),
        ("promise", trial.promise.as_ref().map(|promise| promise.id.as_str()).unwrap_or_default()),
    ]));
    if trial.verdict != Verdict::Kept || trial.lost > 0 {
        case.set_system_out(text::line(&trial.repro).as_ref());
    }
    if !trial.log_tail.is_empty() {
        let lines: Vec<_> = trial.log_tail.iter().map(|line| text::short(line, MOST_TEXT)).collect();
        case.set_system_err(lines.join("\n"));
    }
    case
}

/// Properties that say something.
fn properties(all: &[(&str, &str)]) -> Vec<Property> {
    let told = all.iter().filter(|(_, value)| !value.is_empty());
    told.map(|(name, value)| Property::new(*name, text::line(value).as_ref())).collect()
}

fn status(report: &Report, trial: &TrialRecord) -> TestCaseStatus {
    let message = text::short(&trial.message, MOST_TEXT);
    let mut status = match trial.verdict {
        Verdict::Kept => TestCaseStatus::success(),
        Verdict::Broken => failing(NonSuccessKind::Failure, "broken"),
        Verdict::Errored => failing(NonSuccessKind::Error, "errored"),
        Verdict::Inconclusive if report.run.gate.inconclusive_warns => skipped("inconclusive"),
        Verdict::Inconclusive => failing(NonSuccessKind::Error, "inconclusive"),
        Verdict::Known => skipped("known"),
        Verdict::Unsupported => skipped("unsupported"),
    };
    if trial.verdict != Verdict::Kept {
        status.set_message(message.as_ref());
    }
    if trial.verdict.fails()
        && let Some(promise) = &trial.promise
    {
        let told = format!(
            "{message}\n\npromise: {} ({})\nrun again: {}",
            text::line(&promise.sentence),
            text::line(&promise.source),
            text::line(&trial.repro)
        );
        status.set_description(told);
    }
    for attempt in &trial.earlier {
        let mut rerun = TestRerun::new(NonSuccessKind::Error);
        rerun.set_type(attempt.verdict.as_str());
        rerun.set_message(text::short(&attempt.message, MOST_TEXT).as_ref());
        status.add_rerun(rerun);
    }
    status
}

fn failing(kind: NonSuccessKind, word: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(word);
    status
}

fn skipped(word: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_type(word);
    status
}

fn seconds(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default()
}

//! `index.html`: one page that opens from a file, asks nothing of the network, and answers first.

use std::collections::BTreeMap;

use askama::Template;
use serde::Serialize;

use crate::record::{Report, TrialRecord, Verdict};

/// Trials whose details are part of the page: failing ones first, then the greatest losses. The others are in
/// report.json; the page says so.
const DETAILS: usize = 400;
/// Trials of a kind that are named one by one where no script is needed.
const NAMED: usize = 100;

#[derive(Template)]
#[template(path = "index.html")]
struct Page<'a> {
    report: &'a Report,
    headline: String,
    tone: &'static str,
    tallies: Vec<(&'static str, u64)>,
    trials: String,
    acknowledged: String,
    lost: String,
    in_doubt: String,
    seconds: String,
    failing: Vec<&'a TrialRecord>,
    interrupted: Vec<&'a str>,
    more: usize,
    data: String,
}

pub(super) fn render(report: &Report) -> Result<Vec<u8>, String> {
    let failing: Vec<_> = report.trials.iter().filter(|trial| trial.verdict.fails()).take(NAMED).collect();
    let interrupted: Vec<_> = report.interrupted.iter().map(String::as_str).take(NAMED).collect();
    let page = Page {
        report,
        headline: headline(report),
        tone: tone(report),
        tallies: tallies(report),
        trials: grouped(report.totals.trials),
        acknowledged: grouped(report.totals.acknowledged),
        lost: grouped(report.totals.lost),
        in_doubt: grouped(report.totals.in_doubt),
        seconds: format!("{:.1}", report.run.duration_ms / 1000.0),
        failing,
        more: report.interrupted.len() - interrupted.len(),
        interrupted,
        data: embed(&Data::of(report))?,
    };
    page.render().map(String::into_bytes).map_err(|error| error.to_string())
}

/// `11,869,988`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The answer, as a sentence.
pub(super) fn headline(report: &Report) -> String {
    let totals = &report.totals;
    if report.run.interrupted {
        let so_far = match totals.broken {
            0 => String::new(),
            1 => "; one lost more than was promised".into(),
            broken => format!("; {broken} lost more than was promised"),
        };
        return format!("Interrupted after {} of {} trials{so_far}", totals.trials, report.run.selected);
    }
    match (totals.broken, totals.errored + totals.inconclusive) {
        (0, 0) if totals.known == 1 => "No new breach; one trial shows a known defect".into(),
        (0, 0) if totals.known > 0 => format!("No new breach; {} trials show known defects", totals.known),
        (0, 0) if totals.trials == totals.unsupported => "Nothing could be put to the test".into(),
        (0, 0) => "Every promise was kept".into(),
        (0, 1) => "No promise was broken, but one trial proved nothing".into(),
        (0, weak) => format!("No promise was broken, but {weak} trials proved nothing"),
        (1, _) => "One trial lost more than was promised".into(),
        (broken, _) => format!("{broken} trials lost more than was promised"),
    }
}

fn tone(report: &Report) -> &'static str {
    let totals = &report.totals;
    if totals.broken > 0 {
        "broken"
    } else if totals.errored + totals.inconclusive > 0 || report.run.interrupted {
        "inconclusive"
    } else {
        "kept"
    }
}

fn tallies(report: &Report) -> Vec<(&'static str, u64)> {
    let totals = &report.totals;
    let counts = [
        ("kept", totals.kept),
        ("broken", totals.broken),
        ("known", totals.known),
        ("inconclusive", totals.inconclusive),
        ("errored", totals.errored),
        ("unsupported", totals.unsupported),
        ("interrupted", report.interrupted.len() as u64),
    ];
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// JSON that cannot end the script element it stands in.
fn embed(data: &Data<'_>) -> Result<String, String> {
    let json = serde_json::to_string(data).map_err(|error| error.to_string())?;
    Ok(json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

/// The trials by column: a dictionary per dimension keeps ten thousand of them small.
#[derive(Serialize)]
struct Data<'a> {
    suite: Column<'a>,
    server: Column<'a>,
    persistence: Column<'a>,
    /// The third part of a trial's name: the policy, and the storage where it is named.
    place: Column<'a>,
    workload: Column<'a>,
    fault: Column<'a>,
    verdict: Vec<&'static str>,
    shape: Column<'a>,
    seed: Vec<u64>,
    acknowledged: Vec<u64>,
    lost: Vec<u64>,
    /// Worst share that a life of the trial lost, from 0 to 1.
    share: Vec<f64>,
    in_doubt: Vec<u64>,
    window_ms: Vec<Option<u64>>,
    recovery_ms: Vec<Option<u64>>,
    duration_ms: Vec<u64>,
    message: Column<'a>,
    details: BTreeMap<usize, &'a TrialRecord>,
    cut: usize,
}

#[derive(Serialize, Default)]
struct Column<'a> {
    words: Vec<&'a str>,
    at: Vec<usize>,
}

impl<'a> Column<'a> {
    fn of(trials: &'a [TrialRecord], word: impl Fn(&'a TrialRecord) -> &'a str) -> Self {
        let mut seen = BTreeMap::new();
        let mut column = Self::default();
        for trial in trials {
            let word = word(trial);
            let next = column.words.len();
            let at = *seen.entry(word).or_insert(next);
            if at == next {
                column.words.push(word);
            }
            column.at.push(at);
        }
        column
    }
}

impl<'a> Data<'a> {
    fn of(report: &'a Report) -> Self {
        let trials = &report.trials;
        let round = |value: f64| value.max(0.0).round() as u64;
        let mut notable: Vec<_> = (0..trials.len())
            .filter(|&at| trials[at].verdict != Verdict::Kept || trials[at].lost > 0)
            .collect();
        notable.sort_by_key(|&at| {
            (!trials[at].verdict.fails(), trials[at].verdict != Verdict::Known, u64::MAX - trials[at].lost)
        });
        let cut = notable.len().saturating_sub(DETAILS);
        notable.truncate(DETAILS);
        Self {
            suite: Column::of(trials, |trial| &trial.suite),
            server: Column::of(trials, |trial| &trial.server),
            persistence: Column::of(trials, |trial| &trial.persistence),
            place: Column::of(trials, |trial| trial.name.split("::").nth(2).unwrap_or(&trial.persistence)),
            workload: Column::of(trials, |trial| &trial.workload),
            fault: Column::of(trials, |trial| &trial.fault),
            verdict: trials.iter().map(|trial| trial.verdict.as_str()).collect(),
            shape: Column::of(trials, |trial| trial.shape.as_str()),
            seed: trials.iter().map(|trial| trial.seed).collect(),
            acknowledged: trials.iter().map(|trial| trial.acknowledged).collect(),
            lost: trials.iter().map(|trial| trial.lost).collect(),
            share: trials.iter().map(worst_share).collect(),
            in_doubt: trials.iter().map(|trial| trial.in_doubt).collect(),
            window_ms: trials.iter().map(|trial| trial.window_ms.map(round)).collect(),
            recovery_ms: trials.iter().map(|trial| trial.recovery_ms.map(round)).collect(),
            duration_ms: trials.iter().map(|trial| round(trial.duration_ms)).collect(),
            message: Column::of(trials, |trial| &trial.message),
            details: notable.into_iter().map(|at| (at, &trials[at])).collect(),
            cut,
        }
    }
}

/// A trial that loses its whole first life has lost everything, however well the second one went.
fn worst_share(trial: &TrialRecord) -> f64 {
    let shares = trial.epochs.iter().filter(|epoch| epoch.acknowledged > 0);
    let worst = shares.map(|epoch| epoch.lost as f64 / epoch.acknowledged as f64).fold(0.0, f64::max);
    (worst * 1e4).round() / 1e4
}

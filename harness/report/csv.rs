//! `trials.csv`: pytest-csv's columns, then every dimension and measure.

use std::borrow::Cow;

use crate::matrix::keys::COLUMNS;
use crate::record::{Report, TrialRecord, Verdict};

pub(super) fn render(report: &Report) -> Result<Vec<u8>, String> {
    let chosen = chosen(&report.run.report.columns)?;
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let failed = |error: csv::Error| error.to_string();
    out.write_record(chosen.iter().map(|&at| COLUMNS[at])).map_err(failed)?;
    let mut write =
        |row: Row| out.write_record(chosen.iter().map(|&at| plain(&row[at]).into_owned())).map_err(failed);
    for trial in &report.trials {
        write(row(trial, &report.run.matrix))?;
    }
    // A trial that was begun and never ended keeps its row: a crash must not make trials vanish.
    for name in &report.interrupted {
        let trial = begun(name);
        let mut row = row(&trial, &report.run.matrix);
        row[6] = "interrupted".into();
        row[17] = "interrupted".into();
        write(row)?;
    }
    let text = out.into_inner().map_err(|error| error.to_string())?;
    // A spreadsheet takes text that is not ASCII for that of its own country, unless it begins with this mark.
    Ok(if text.is_ascii() { text } else { ["\u{feff}".as_bytes(), &text[..]].concat() })
}

/// A cell for each of all columns.
type Row = [String; COLUMNS.len()];

/// Positions of the columns that were asked for; all of them when none was.
fn chosen(names: &[String]) -> Result<Vec<usize>, String> {
    if names.is_empty() {
        return Ok((0..COLUMNS.len()).collect());
    }
    let position = |name: &String| {
        let found = COLUMNS.iter().position(|column| column == name);
        found.ok_or_else(|| format!("there is no column `{name}`; columns are {}", COLUMNS.join(", ")))
    };
    names.iter().map(position).collect()
}

/// What the name alone says of a trial.
fn begun(name: &str) -> TrialRecord {
    let mut parts = name.split("::").map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    let (suite, server, policy, workload, fault, seed) = (next(), next(), next(), next(), next(), next());
    let (persistence, storage) = policy.split_once('@').unwrap_or((&policy, ""));
    TrialRecord {
        name: name.into(),
        persistence: persistence.into(),
        storage: storage.into(),
        seed: seed.strip_prefix('s').and_then(|seed| seed.parse().ok()).unwrap_or_default(),
        message: "interrupted".into(),
        suite,
        server,
        workload,
        fault,
        ..TrialRecord::default()
    }
}

fn row(trial: &TrialRecord, matrix: &str) -> Row {
    let sum = |of: fn(&crate::record::Epoch) -> u64| trial.epochs.iter().map(of).sum::<u64>().to_string();
    let first = trial.epochs.first();
    let anomalies: Vec<_> = trial.anomalies.iter().map(|anomaly| anomaly.as_str()).collect();
    let millis = |value: Option<f64>| value.map(|value| format!("{value:.3}")).unwrap_or_default();
    [
        trial.name.clone(),
        trial.suite.clone(),
        trial.name.clone(),
        matrix.to_owned(),
        trial.promise.as_ref().map(|promise| promise.sentence.clone()).unwrap_or_default(),
        format!("{},{}", trial.suite, trial.engine).trim_end_matches(',').to_owned(),
        status(trial.verdict).into(),
        trial.message.clone(),
        format!("{:.3}", trial.duration_ms / 1000.0),
        trial.suite.clone(),
        trial.server.clone(),
        trial.persistence.clone(),
        trial.storage.clone(),
        trial.workload.clone(),
        trial.fault.clone(),
        trial.seed.to_string(),
        trial.engine.clone(),
        trial.verdict.as_str().into(),
        trial.acknowledged.to_string(),
        trial.lost.to_string(),
        trial.in_doubt.to_string(),
        trial.shape.as_str().into(),
        anomalies.join(" "),
        millis(trial.window_ms),
        millis(trial.recovery_ms),
        format!("{:.3}", trial.duration_ms),
        trial.attempt.to_string(),
        trial.server_version.clone(),
        format!("{} {}", trial.origin.kind, trial.origin.source).trim().to_owned(),
        trial.promise.as_ref().map(|promise| promise.id.clone()).unwrap_or_default(),
        trial.promise.as_ref().map(|promise| promise.allowed.clone()).unwrap_or_default(),
        sum(|epoch| epoch.in_doubt_present),
        sum(|epoch| epoch.refused),
        sum(|epoch| epoch.expired),
        first.map(|epoch| epoch.pressure.rate.to_string()).unwrap_or_default(),
        trial.started_at.clone(),
        trial.known.as_ref().map(|known| known.link.clone()).unwrap_or_default(),
        first.and_then(|epoch| epoch.pressure.phase.clone()).unwrap_or_default(),
        trial.repro.clone(),
    ]
}

/// A spreadsheet takes text that begins so for a formula, unless an apostrophe says that it is text.
fn plain(cell: &str) -> Cow<'_, str> {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
        && cell.parse::<f64>().is_err();
    if formula { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// The words of pytest.
fn status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Kept => "passed",
        Verdict::Broken | Verdict::Inconclusive => "failed",
        Verdict::Known => "xfailed",
        Verdict::Unsupported => "skipped",
        Verdict::Errored => "error",
    }
}

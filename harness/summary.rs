//! What the terminal shows at the end of a run.

use std::fmt::Write;
use std::path::Path;

use crate::record::{Report, TrialRecord, Verdict};

/// Runs of one case from which on the terminal tells of its chances.
const OFTEN: u64 = 5;
/// Failing trials that are named one by one.
const NAMED: usize = 9;

/// A few lines: what was broken, the totals, where the reports are.
pub fn text(report: &Report, reports: &Path) -> String {
    let mut out = String::new();
    for verdict in [Verdict::Broken, Verdict::Errored, Verdict::Inconclusive, Verdict::Known] {
        let found: Vec<_> = report.trials.iter().filter(|trial| trial.verdict == verdict).collect();
        section(&mut out, verdict, &found);
    }
    let unsupported: std::collections::BTreeSet<_> = report
        .trials
        .iter()
        .filter(|trial| trial.verdict == Verdict::Unsupported)
        .map(|trial| trial.message.as_str())
        .collect();
    for reason in unsupported.iter().take(NAMED) {
        let _ = writeln!(out, "unsupported   {reason}");
    }
    repeated(&mut out, report);
    let totals = &report.totals;
    let counts: Vec<_> = [
        (totals.kept, "kept"),
        (totals.broken, "broken"),
        (totals.known, "known"),
        (totals.inconclusive, "inconclusive"),
        (totals.unsupported, "unsupported"),
        (totals.errored, "errored"),
        (report.interrupted.len() as u64, "interrupted"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    let seconds = report.run.duration_ms / 1000.0;
    let _ = writeln!(
        out,
        "\noutlast: {} trials on {} in {seconds:.1} s: {}",
        totals.trials,
        report.run.engine,
        if counts.is_empty() { "none".into() } else { counts.join(", ") },
    );
    let _ = writeln!(
        out,
        "         {} writes acknowledged, {} of them lost, {} in doubt",
        totals.acknowledged, totals.lost, totals.in_doubt
    );
    let _ = writeln!(out, "         {}", reports.join("latest").join("index.html").display());
    out
}

/// Cases that were repeated often enough to say something of their chances.
fn repeated(out: &mut String, report: &Report) {
    let often = report.cases.iter().filter(|case| case.runs >= OFTEN);
    for case in often.take(NAMED) {
        let name = [&case.suite, &case.server, &case.persistence, &case.workload, &case.fault];
        let name = name.map(String::as_str).join("::");
        let says = match case.chance_at_most {
            Some(chance) => {
                format!("none lost; a loss per run has a chance of at most {:.1}% (95% sure)", chance * 100.0)
            }
            None => format!(
                "{} lost, {} of them more than promised; the worst {}, the median {} writes",
                case.lossy, case.broken, case.worst_lost, case.median_lost
            ),
        };
        let _ = writeln!(out, "{:<13} {name}\n              {says}", format!("{} runs", case.runs));
    }
}

fn section(out: &mut String, verdict: Verdict, trials: &[&TrialRecord]) {
    for trial in trials.iter().take(NAMED) {
        let _ = writeln!(out, "{:<13} {}\n              {}", verdict.as_str(), trial.name, trial.message);
    }
    if trials.len() > NAMED {
        let _ = writeln!(out, "{:<13} and {} more, see the report", verdict.as_str(), trials.len() - NAMED);
    }
}

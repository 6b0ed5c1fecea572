//! What the terminal shows at the end of a run.

use std::fmt::Write;
use std::path::Path;

use crate::record::{Change, Outcome, Report, TrialRecord, Verdict};
use crate::report::statistics::counts;
use crate::report::text::line;

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
        let _ = writeln!(out, "unsupported   {}", line(reason));
    }
    repeated(&mut out, report);
    let totals = &report.totals;
    let seconds = report.run.duration_ms / 1000.0;
    let _ = writeln!(
        out,
        "\noutlast: {} trials on {} in {seconds:.1} s: {}",
        totals.trials,
        report.run.engine,
        counts(report),
    );
    let _ = writeln!(
        out,
        "         {} writes acknowledged, {} of them lost, {} in doubt",
        totals.acknowledged, totals.lost, totals.in_doubt
    );
    for check in report.gate.checks.iter().filter(|check| check.outcome != Outcome::Passed) {
        let _ = writeln!(
            out,
            "         gate {}: {}: {}",
            check.outcome.as_str(),
            check.rule,
            line(&check.message)
        );
    }
    if let Some(history) = report.history.as_ref().filter(|history| history.runs.len() > 1) {
        let told = Change::TOLD.map(|change| {
            let count = history.cases.iter().filter(|case| case.change == change).count();
            (count > 0).then(|| format!("{count} {}", change.as_str()))
        });
        let told: Vec<_> = told.into_iter().flatten().collect();
        if !told.is_empty() {
            let _ = writeln!(out, "         over the last {} runs: {}", history.runs.len(), told.join(", "));
        }
    }
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
        let _ = writeln!(
            out,
            "{:<13} {}\n              {}",
            verdict.as_str(),
            line(&trial.name),
            line(&trial.message)
        );
    }
    if trials.len() > NAMED {
        let _ = writeln!(out, "{:<13} and {} more, see the report", verdict.as_str(), trials.len() - NAMED);
    }
}

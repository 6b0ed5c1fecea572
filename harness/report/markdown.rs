//! `summary.md`: what a step summary or a pull request shows. Bounded, because a summary that is too large is dropped.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::findings;
use super::page::headline;
use super::statistics::{graver, worst_life, worst_share};
use super::table::{Axis, Table, by};
use super::text::{self, code, grouped, markdown};
use crate::record::{Change, Diff, Outcome, Report, TrialRecord, Verdict};

/// Cases or reasons of a kind that are named one by one.
const NAMED: usize = 20;
/// Rows of the table by policy.
const POLICIES: usize = 40;
/// Most characters of a message.
const MOST_TEXT: usize = 300;

pub(super) fn render(report: &Report) -> Result<Vec<u8>, String> {
    let mut out = format!("## {}\n\n", markdown(&headline(report)));
    facts(&mut out, report);
    gate(&mut out, report);
    for verdict in [Verdict::Broken, Verdict::Errored, Verdict::Inconclusive] {
        cases(&mut out, report, verdict);
    }
    known(&mut out, report);
    changes(&mut out, report);
    if let Some(diff) = &report.baseline {
        let _ =
            writeln!(out, "### Since the baseline {}\n\n{}", code(&diff.before.id), differences(diff, NAMED));
    }
    policies(&mut out, report);
    untested(&mut out, report);
    if let Some(url) = report.run.ci.as_ref().map(|ci| ci.url.as_str()).filter(|url| text::is_link(url)) {
        let _ = writeln!(out, "[The run]({url})");
    }
    Ok(out.into_bytes())
}

fn facts(out: &mut String, report: &Report) {
    let totals = &report.totals;
    let _ = writeln!(
        out,
        "{} on {} in {:.1} s: {}.  \n{} writes acknowledged, {} of them lost, {} in doubt.\n",
        text::count(totals.trials, "trial"),
        markdown(&report.run.engine),
        report.run.duration_ms / 1000.0,
        markdown(&super::statistics::counts(report)),
        grouped(totals.acknowledged),
        grouped(totals.lost),
        grouped(totals.in_doubt)
    );
}

fn gate(out: &mut String, report: &Report) {
    for check in report.gate.checks.iter().filter(|check| check.outcome != Outcome::Passed) {
        let word = check.outcome.as_str();
        let _ = writeln!(out, "- gate {word}: {}: {}", code(&check.rule), markdown(&check.message));
    }
    out.push('\n');
}

/// The cases of a verdict, each with its worst trial.
fn cases(out: &mut String, report: &Report, verdict: Verdict) {
    let mut worst: BTreeMap<&str, (u64, &TrialRecord)> = BTreeMap::new();
    for trial in report.trials.iter().filter(|trial| trial.verdict == verdict) {
        let (count, other) = worst.entry(super::cases::name_of(&trial.name)).or_insert((0, trial));
        *count += 1;
        if worst_share(trial) > worst_share(other) {
            *other = trial;
        }
    }
    if worst.is_empty() {
        return;
    }
    let (trials, all) = (worst.values().map(|(count, _)| count).sum::<u64>(), worst.len());
    let (trials, cases) = (text::count(trials, "trial"), text::count(all as u64, "case"));
    let _ = writeln!(out, "### {}: {trials}, {cases}\n", verdict.as_str());
    let mut rows: Vec<_> = worst.into_iter().collect();
    // The one that the headline speaks of is the first.
    rows.sort_by(|(_, (_, one)), (_, (_, other))| graver(one, other));
    let _ = writeln!(out, "| case | trials | lost | of | shape | what |\n|---|---:|---:|---:|---|---|");
    for (name, (count, trial)) in rows.iter().take(NAMED) {
        let (lost, acknowledged, shape) = worst_life(trial)
            .map_or((trial.lost, trial.acknowledged, trial.shape), |life| {
                (life.lost, life.acknowledged, life.shape)
            });
        let _ = writeln!(
            out,
            "| {} | {count} | {} | {} | {} | {} |",
            code(&text::short(name, MOST_TEXT)),
            grouped(lost),
            grouped(acknowledged),
            shape.as_str(),
            markdown(&text::short(&trial.message, MOST_TEXT))
        );
    }
    more(out, all, NAMED, "cases");
    if verdict.fails()
        && let Some((_, (_, trial))) = rows.first()
    {
        let _ = writeln!(out, "Run the first of them again: {}\n", code(&text::short(&trial.repro, 1_000)));
    }
}

/// Listed defects by cause, with what to do.
fn known(out: &mut String, report: &Report) {
    let findings = findings::of(&report.trials, report.history.as_ref());
    let known: Vec<_> = findings.iter().filter(|finding| finding.verdict == Verdict::Known).collect();
    if known.is_empty() {
        return;
    }
    let trials: usize = known.iter().map(|finding| finding.trials.len()).sum();
    let (trials, causes) = (text::count(trials as u64, "trial"), text::count(known.len() as u64, "cause"));
    let _ = writeln!(out, "### known: {trials}, {causes}\n");
    let _ = writeln!(out, "| cause | trials | policies | what to do |\n|---|---:|---|---|");
    for finding in known.iter().take(NAMED) {
        let link = Some(finding.link).filter(|link| text::is_link(link));
        let link = link.map(|link| format!(" ([listed]({link}))")).unwrap_or_default();
        let policies: Vec<_> = finding.axes[1].1.iter().copied().collect();
        let _ = writeln!(
            out,
            "| {}{link} | {} | {} | {} |",
            markdown(&text::short(&finding.title, MOST_TEXT)),
            finding.trials.len(),
            markdown(&text::short(&policies.join(", "), MOST_TEXT)),
            markdown(&text::short(&finding.remedy, MOST_TEXT))
        );
    }
    more(out, known.len(), NAMED, "causes");
}

fn more(out: &mut String, all: usize, shown: usize, what: &str) {
    if all > shown {
        let _ = writeln!(out, "\nand {} more {what}, see the report.", all - shown);
    }
    out.push('\n');
}

fn changes(out: &mut String, report: &Report) {
    let Some(history) = report.history.as_ref().filter(|history| history.runs.len() > 1) else { return };
    let told: Vec<_> = history.cases.iter().filter(|case| case.change != Change::Known).collect();
    let _ = writeln!(out, "### Over the last {} runs\n", history.runs.len());
    if told.is_empty() {
        let _ = writeln!(out, "Nothing has changed.\n");
        return;
    }
    let table = Table {
        head: vec!["change", "case", "verdicts, oldest first"],
        words: 3,
        rows: told
            .iter()
            .take(NAMED)
            .map(|case| {
                let verdicts = case.verdicts.iter().rev().take(10).rev();
                let verdicts: Vec<_> = verdicts.map(|verdict| verdict.map_or("-", Verdict::as_str)).collect();
                let name = text::short(&case.name, MOST_TEXT).into_owned();
                vec![case.change.as_str().into(), name, verdicts.join(" ")]
            })
            .collect(),
    };
    out.push_str(&table.markdown());
    more(out, told.len() + history.cut as usize, NAMED, "cases");
}

/// A difference as a table of at most so many cases.
pub(super) fn differences(diff: &Diff, most: usize) -> String {
    let mut out = super::comparison::sentence(diff) + "\n";
    if !diff.cases.is_empty() {
        let _ = write!(out, "\n{}", super::comparison::table(diff, most).markdown());
        more(&mut out, diff.cases.len() + diff.cut as usize, most, "cases");
    }
    out
}

fn policies(out: &mut String, report: &Report) {
    if report.trials.is_empty() {
        return;
    }
    let mut table = by(report, Axis::Persistence);
    let all = table.rows.len();
    table.rows.truncate(POLICIES);
    for row in &mut table.rows {
        row[0] = text::short(&row[0], MOST_TEXT).into_owned();
    }
    let _ = write!(out, "### By policy\n\n{}", table.markdown());
    more(out, all, POLICIES, "policies");
}

fn untested(out: &mut String, report: &Report) {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for trial in report.trials.iter().filter(|trial| trial.verdict == Verdict::Unsupported) {
        *reasons.entry(&trial.message).or_default() += 1;
    }
    let lost = report.interrupted.len();
    if reasons.is_empty() && report.missing.is_empty() && lost == 0 {
        return;
    }
    out.push_str("### Not tested\n\n");
    for missing in report.missing.iter().take(NAMED) {
        let _ = writeln!(out, "- {}", markdown(missing));
    }
    if lost > 0 {
        let _ = writeln!(out, "- begun and never ended: {}", text::count(lost as u64, "trial"));
    }
    for (reason, count) in reasons.iter().take(NAMED) {
        let _ = writeln!(
            out,
            "- {}: {}",
            text::count(*count, "trial"),
            markdown(&text::short(reason, MOST_TEXT))
        );
    }
    more(out, reasons.len(), NAMED, "reasons");
}

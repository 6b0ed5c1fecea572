//! The answer, as sentences that need no script.

use std::collections::BTreeMap;

use crate::record::{Outcome, Report, TrialRecord, Verdict};
use crate::report::findings::Finding;
use crate::report::statistics::{chance_at_most, class, worst_share};
use crate::report::text::grouped;

/// Reasons why something was not tested that are told one by one.
const REASONS: usize = 3;
/// Policies that are named one by one.
const POLICIES: usize = 4;

/// One of the few things to know at once.
pub struct Highlight<'a> {
    /// What it is about.
    pub label: &'static str,
    /// A short sentence.
    pub text: String,
    /// The trial that shows it.
    pub trial: Option<&'a str>,
}

/// The answer, as a sentence.
pub fn headline(report: &Report) -> String {
    let totals = &report.totals;
    if report.run.interrupted {
        let so_far = match totals.broken {
            0 => String::new(),
            1 => "; one lost more than was promised".into(),
            broken => format!("; {} lost more than was promised", grouped(broken)),
        };
        let (done, of) = (grouped(totals.trials), grouped(report.run.selected));
        return format!("Interrupted after {done} of {of} trials{so_far}");
    }
    match (totals.broken, totals.errored + totals.inconclusive) {
        (0, 0) if totals.known == 1 => "No new breach; one trial shows a known defect".into(),
        (0, 0) if totals.known > 0 => {
            format!("No new breach; {} trials show known defects", grouped(totals.known))
        }
        (0, 0) if totals.trials == totals.unsupported => "Nothing could be put to the test".into(),
        (0, 0) => "Every promise was kept".into(),
        (0, 1) => "No promise was broken, but one trial proved nothing".into(),
        (0, weak) => format!("No promise was broken, but {} trials proved nothing", grouped(weak)),
        (1, _) => "One trial lost more than was promised".into(),
        (broken, _) => format!("{} trials lost more than was promised", grouped(broken)),
    }
}

/// The verdict that the headline speaks of.
pub fn tone(report: &Report) -> &'static str {
    let totals = &report.totals;
    if totals.broken > 0 {
        "broken"
    } else if totals.errored + totals.inconclusive > 0 || report.run.interrupted {
        "inconclusive"
    } else {
        "kept"
    }
}

/// Verdicts that were given, and how often.
pub fn tallies(report: &Report) -> Vec<(&'static str, u64)> {
    let totals = &report.totals;
    let counts = [
        ("broken", totals.broken),
        ("errored", totals.errored),
        ("inconclusive", totals.inconclusive),
        ("known", totals.known),
        ("kept", totals.kept),
        ("unsupported", totals.unsupported),
        ("interrupted", report.interrupted.len() as u64),
    ];
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// The worst loss of each kind, who lost nothing, and what was not tested and why.
pub fn highlights<'a>(report: &'a Report, findings: &[Finding<'_>]) -> Vec<Highlight<'a>> {
    let mut all = Vec::new();
    let kinds = [
        (Verdict::Broken, "Worst breach"),
        (Verdict::Known, "Worst known defect"),
        (Verdict::Kept, "Worst loss that is allowed"),
    ];
    for (verdict, label) in kinds {
        all.extend(worst(report, verdict).map(|trial| Highlight {
            label,
            text: loss(trial),
            trial: Some(&trial.name),
        }));
    }
    all.extend(unharmed(report));
    all.extend(untested(report, findings));
    all.extend(gate(report));
    all
}

/// What the gate holds against the run.
fn gate(report: &Report) -> Option<Highlight<'_>> {
    // What the verdicts say already is not said twice.
    let said = ["broken", "errored", "inconclusive", "interrupted"];
    let held = report.gate.checks.iter().filter(|check| check.outcome != Outcome::Passed);
    let held = held.filter(|check| !said.contains(&check.rule.as_str()));
    let words: Vec<_> = held.map(|check| format!("{}: {}", check.outcome.as_str(), check.message)).collect();
    let label = if words.iter().any(|text| text.starts_with("failed")) {
        "The gate stays shut"
    } else {
        "The gate warns"
    };
    (!words.is_empty()).then(|| Highlight { label, text: words.join(" · "), trial: None })
}

fn worst(report: &Report, verdict: Verdict) -> Option<&TrialRecord> {
    let lossy = report.trials.iter().filter(|trial| trial.verdict == verdict && trial.lost > 0);
    // Who loses everything because the place is taken away has nothing to say about the policy.
    let telling = lossy.filter(|trial| verdict != Verdict::Kept || class(trial) == "death");
    telling.max_by(|one, other| {
        let key = |trial: &TrialRecord| (worst_share(trial), trial.lost);
        let ((share, lost), (other_share, other_lost)) = (key(one), key(other));
        share.total_cmp(&other_share).then(lost.cmp(&other_lost))
    })
}

fn loss(trial: &TrialRecord) -> String {
    let percent = worst_share(trial) * 100.0;
    let share = if percent >= 1.0 { format!("{percent:.0}%") } else { "under 1%".into() };
    let window = trial.window_ms.map_or_else(String::new, |ms| {
        let window = if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1000.0) };
        format!(", the oldest {window} before the fault")
    });
    let TrialRecord { persistence, fault, server, .. } = trial;
    let writes = if trial.lost == 1 { "one write".into() } else { format!("{} writes", grouped(trial.lost)) };
    format!("{share} of a life, {writes}{window}: {persistence} under {fault}, {server}")
}

/// Policies that lost nothing when the process died, with what that proves.
fn unharmed(report: &Report) -> Option<Highlight<'_>> {
    let mut policies: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
    let proves =
        |trial: &&TrialRecord| matches!(trial.verdict, Verdict::Kept | Verdict::Broken | Verdict::Known);
    for trial in report.trials.iter().filter(proves).filter(|trial| class(trial) == "death") {
        let (runs, lossy) = policies.entry(&trial.persistence).or_default();
        *runs += 1;
        *lossy |= trial.lost > 0;
    }
    let mut safe: Vec<_> = policies
        .into_iter()
        .filter(|(_, (_, lossy))| !lossy)
        .map(|(policy, (runs, _))| (policy, runs))
        .collect();
    safe.sort_by_key(|(_, runs)| u64::MAX - runs);
    if safe.is_empty() {
        return None;
    }
    let mut words: Vec<_> = safe
        .iter()
        .take(POLICIES)
        .map(|(policy, runs)| {
            let chance = chance_at_most(*runs) * 100.0;
            format!("{policy} in {} trials (chance per trial at most {chance:.1}%)", grouped(*runs))
        })
        .collect();
    if safe.len() > POLICIES {
        words.push(format!("{} more", safe.len() - POLICIES));
    }
    Some(Highlight { label: "Lost nothing when the process died", text: words.join("; "), trial: None })
}

fn untested<'a>(report: &'a Report, findings: &[Finding<'_>]) -> Option<Highlight<'a>> {
    let mut words = Vec::new();
    let reasons: Vec<_> = findings.iter().filter(|finding| finding.verdict == Verdict::Unsupported).collect();
    for reason in reasons.iter().take(REASONS) {
        words.push(format!("{}: {}", grouped(reason.trials.len() as u64), reason.title));
    }
    if reasons.len() > REASONS {
        words.push(format!("and {} more, below", reasons.len() - REASONS));
    }
    if !report.interrupted.is_empty() {
        words.push(format!("{} begun and never ended", grouped(report.interrupted.len() as u64)));
    }
    words.extend(report.missing.iter().cloned());
    let run = &report.run;
    if run.selected < run.planned {
        words.push(format!("{} of {} trials were selected", grouped(run.selected), grouped(run.planned)));
    }
    let text = words.join(" · ");
    (!text.is_empty()).then_some(Highlight { label: "Not tested", text, trial: None })
}

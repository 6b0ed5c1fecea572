//! The answer, as sentences that need no script.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::answer::{self, share, worst};
use crate::record::{Check, Outcome, Report, TrialRecord, Verdict, exit};
use crate::report::breach;
use crate::report::cases::{self, name_of};
use crate::report::findings::Finding;
use crate::report::statistics::{Kinds, chance_at_most, class, graver, proves, worst_share};
use crate::report::text::{count, grouped, short};

/// Policies that are named one by one.
const POLICIES: usize = 4;
/// Longest name in a sentence.
const NAME: usize = 60;
/// Reasons why something was not tested that are told one by one.
const REASONS: usize = 3;
/// Longest text that comes from elsewhere.
const TEXT: usize = 120;

/// One of the few things to know at once.
pub struct Highlight {
    /// What it is about.
    pub label: &'static str,
    /// A short sentence.
    pub text: String,
}

/// The answer, as a sentence: what was broken, by whom, when and how much; else what is in the way of saying that all is
/// well; else what is known, or the worst that was allowed.
pub fn headline(report: &Report) -> String {
    let totals = &report.totals;
    let of = |verdict| report.trials.iter().filter(move |trial| trial.verdict == verdict);
    let broken = (totals.broken > 0).then(|| broken(of(Verdict::Broken))).flatten();
    if report.run.interrupted {
        let (done, of) = (grouped(totals.trials), grouped(report.run.selected));
        let so_far = broken.map_or(String::new(), |broken| format!(". {broken}"));
        return format!("Interrupted after {done} of {of} trials{so_far}");
    }
    if let Some(broken) = broken {
        let part = if report.missing.is_empty() { "" } else { ". The run is incomplete" };
        return format!("{broken}{part}");
    }
    if let Some(first) = report.missing.first() {
        let more = report.missing.len() as u64 - 1;
        let more = if more > 0 { format!(", and {} more", grouped(more)) } else { String::new() };
        return format!("Incomplete: {}{more}. What was run broke no promise", short(first, TEXT));
    }
    let weak = totals.errored + totals.inconclusive;
    if totals.trials == totals.unsupported {
        "Nothing could be put to the test".into()
    } else if weak > 0 {
        format!("No promise was broken, but {} proved nothing", count(weak, "trial"))
    } else if let Some(check) = failed(report) {
        format!("No promise was broken, but the gate failed: {}", short(&check.message, TEXT))
    } else if totals.known > 0 {
        known(of(Verdict::Known))
    } else {
        kept(of(Verdict::Kept))
    }
}

/// Who broke a promise worst.
fn broken<'a>(trials: impl Iterator<Item = &'a TrialRecord> + Clone) -> Option<String> {
    let worst = trials.clone().min_by(|one, other| graver(one, other))?;
    let cases: BTreeSet<_> = trials.map(|trial| name_of(&trial.name)).collect();
    let more = match cases.len() {
        1 => String::new(),
        2 => ". One more case breaks one".into(),
        many => format!(". {} more cases break one", grouped(many as u64 - 1)),
    };
    let what = if lossy(worst) {
        format!("{} of its writes are gone", share(worst))
    } else {
        breach::words(worst).into()
    };
    Some(format!("{} on {} breaks its promise under {}: {what}{more}", who(worst), on(worst), fault(worst)))
}

fn known<'a>(trials: impl Iterator<Item = &'a TrialRecord>) -> String {
    match trials.min_by(|one, other| graver(one, other)) {
        Some(worst) if lossy(worst) => format!(
            "No new breach, but a known defect loses data: {} on {} loses {} under {}",
            who(worst),
            on(worst),
            share(worst),
            fault(worst)
        ),
        Some(worst) => format!(
            "No new breach, but a known defect: {} on {} {} under {}",
            who(worst),
            on(worst),
            breach::words(worst),
            fault(worst)
        ),
        None => "No new breach, but known defects".into(),
    }
}

/// The worst that was allowed; a policy that keeps nothing at all is the answer only where there is no other.
fn kept<'a>(trials: impl Iterator<Item = &'a TrialRecord>) -> String {
    let lossy: Vec<_> = trials
        .filter(|trial| trial.lost > 0 && matches!(class(trial), "death" | "power" | "failover"))
        .collect();
    let none = |trial: &TrialRecord| trial.promise.as_ref().is_some_and(|promise| promise.id == "none");
    let worst = worst(lossy.iter().copied().filter(|trial| !none(trial)));
    match worst.or_else(|| answer::worst(lossy.iter().copied())) {
        Some(worst) => format!(
            "Every promise was kept; the most that one allowed: {} lost {} under {}",
            who(worst),
            share(worst),
            fault(worst)
        ),
        None => "Every promise was kept".into(),
    }
}

/// Whether the lives that the verdict speaks of lost anything.
fn lossy(trial: &TrialRecord) -> bool {
    worst_share(trial) > 0.0
}

fn who(trial: &TrialRecord) -> Cow<'_, str> {
    short(&trial.persistence, NAME)
}

fn on(trial: &TrialRecord) -> Cow<'_, str> {
    short(&trial.server, NAME)
}

fn fault(trial: &TrialRecord) -> Cow<'_, str> {
    short(&trial.fault, NAME)
}

/// The rule of the gate that failed first.
fn failed(report: &Report) -> Option<&Check> {
    report.gate.checks.iter().find(|check| check.outcome == Outcome::Failed)
}

/// The verdict that the headline speaks of.
pub fn tone(report: &Report) -> &'static str {
    let totals = &report.totals;
    let unproven = totals.errored + totals.inconclusive > 0 || totals.trials == totals.unsupported;
    if totals.broken > 0 {
        "broken"
    } else if unproven || report.run.interrupted || !report.missing.is_empty() {
        "inconclusive"
    } else if report.gate.exit_code != exit::KEPT {
        "broken"
    } else if totals.known > 0 {
        "known"
    } else {
        "kept"
    }
}

/// How many promises, one of a policy under one kind of misfortune each, were kept, and how many were not.
pub fn promises(report: &Report) -> String {
    let mut promises: BTreeMap<(&str, usize), Verdict> = BTreeMap::new();
    let kinds = Kinds::of(&report.trials);
    for trial in report.trials.iter().filter(|trial| proves(trial)) {
        let worst = promises.entry((&trial.persistence, kinds.rank(trial))).or_insert(Verdict::Kept);
        if cases::weight(trial.verdict) < cases::weight(*worst) {
            *worst = trial.verdict;
        }
    }
    let of = |verdict| promises.values().filter(|other| **other == verdict).count() as u64;
    let broken = breach::counts(report.trials.iter().filter(|trial| trial.verdict == Verdict::Broken));
    let broken = match of(Verdict::Broken) {
        0 => "none was broken".into(),
        1 => format!("1 was broken (trials: {broken})"),
        many => format!("{} were broken (trials: {broken})", grouped(many)),
    };
    let known = match of(Verdict::Known) {
        0 => String::new(),
        1 => ", 1 fails by a known defect".into(),
        many => format!(", {} fail by known defects", grouped(many)),
    };
    format!(
        "Of {} put to the test, {} held{known}, {broken}",
        count(promises.len() as u64, "promise"),
        grouped(of(Verdict::Kept))
    )
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

/// Who lost nothing, what was not tested and why, and what the gate holds against the run.
pub fn highlights(report: &Report, findings: &[Finding<'_>]) -> Vec<Highlight> {
    let all = [spared(report), untested(report, findings), gate(report)];
    all.into_iter().flatten().collect()
}

/// What the gate holds against the run.
fn gate(report: &Report) -> Option<Highlight> {
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
    (!words.is_empty()).then(|| Highlight { label, text: words.join(" · ") })
}

/// Policies that lost nothing when the process died, and what the same policies did when the power went.
fn spared(report: &Report) -> Option<Highlight> {
    let kinds = &Kinds::of(&report.trials);
    let of = |class: &'static str| {
        report.trials.iter().filter(move |trial| proves(trial) && kinds.word(trial) == class)
    };
    let mut policies: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
    for trial in of("death") {
        let (runs, lossy) = policies.entry(&trial.persistence).or_default();
        *runs += 1;
        *lossy |= trial.lost > 0;
    }
    let powered = of("power").next().is_some();
    let mut safe: Vec<_> = policies
        .into_iter()
        .filter(|(_, (_, lossy))| !lossy)
        .map(|(policy, (runs, _))| {
            let cuts: Vec<_> = of("power").filter(|trial| trial.persistence == policy).collect();
            let lost = worst(cuts.iter().copied().filter(|trial| trial.lost > 0));
            let power = match (lost, cuts.len() as u64) {
                (Some(worst), _) => format!("up to {} gone when the power goes", share(worst)),
                (None, 0) => "not tested when the power goes".into(),
                (None, cuts) => format!("nor in {} of the power", self::count(cuts, "cut")),
            };
            let chance = chance_at_most(runs) * 100.0;
            let words = format!(
                "{} in {} (chance per trial at most {chance:.1}%){}",
                short(policy, NAME),
                self::count(runs, "trial"),
                if powered { format!(", {power}") } else { String::new() }
            );
            ((lost.is_some(), cuts.is_empty(), u64::MAX - runs), words)
        })
        .collect();
    if safe.is_empty() {
        return None;
    }
    safe.sort();
    let more = safe.len().saturating_sub(POLICIES);
    let mut words: Vec<_> = safe.into_iter().take(POLICIES).map(|(_, words)| words).collect();
    if more > 0 {
        words.push(format!("{more} more"));
    }
    let mut text = words.join("; ");
    if !powered {
        text.push_str(". No trial cut the power: what was left to the kernel was never at risk");
    }
    Some(Highlight { label: "Lost nothing when the process died", text })
}

fn untested(report: &Report, findings: &[Finding<'_>]) -> Option<Highlight> {
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
    if run.elsewhere > 0 {
        let (needs, engine) =
            if run.engine == "process" { ("containers", "docker") } else { ("local processes", "process") };
        words.push(format!(
            "{}: they need {needs}, OUTLAST_ENGINE={engine} runs them",
            count(run.elsewhere, "trial")
        ));
    }
    if run.selected + run.elsewhere < run.planned {
        words.push(format!(
            "{} of {} trials were selected by the command line",
            grouped(run.selected),
            grouped(run.planned)
        ));
    }
    let text = words.join(" · ");
    (!text.is_empty()).then_some(Highlight { label: "Not tested", text })
}

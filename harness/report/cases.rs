//! Cases over all their seeds, as other runs are compared by.

use std::collections::BTreeMap;

use super::statistics::{class, worst_share};
use crate::record::{CaseState, PastRun, Report, TrialRecord, Verdict};

/// The name of a trial without its seed.
pub fn name_of(trial: &str) -> &str {
    trial.rsplit_once("::s").map_or(trial, |(case, _)| case)
}

/// What a run says of each of its cases.
pub fn states(trials: &[TrialRecord]) -> BTreeMap<&str, CaseState> {
    let mut states: BTreeMap<&str, CaseState> = BTreeMap::new();
    for trial in trials {
        let state = states
            .entry(name_of(&trial.name))
            .or_insert_with(|| CaseState { verdict: trial.verdict, ..CaseState::default() });
        if weight(trial.verdict) < weight(state.verdict) {
            state.verdict = trial.verdict;
        }
        state.trials += 1;
        state.lost = state.lost.max(trial.lost);
        state.window_ms = longer(state.window_ms, trial.window_ms);
        state.recovery_ms = longer(state.recovery_ms, trial.recovery_ms);
    }
    states
}

/// The place of a verdict in the order that reports list them by, worst first.
pub fn weight(verdict: Verdict) -> usize {
    Verdict::ALL.iter().position(|other| *other == verdict).unwrap_or(Verdict::ALL.len())
}

fn longer(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

/// Whether a verdict shows a breach (a listed one too), shows that there is none, or proves nothing.
pub fn shows_breach(verdict: Verdict) -> Option<bool> {
    match verdict {
        Verdict::Broken | Verdict::Known => Some(true),
        Verdict::Kept => Some(false),
        Verdict::Inconclusive | Verdict::Unsupported | Verdict::Errored => None,
    }
}

/// A run, as others remember it.
pub fn summary(report: &Report) -> PastRun {
    let run = &report.run;
    PastRun {
        id: run.id.clone(),
        started_at: run.started_at.clone(),
        duration_ms: run.duration_ms,
        outlast: run.outlast.clone(),
        profile: run.profile.clone(),
        engine: run.engine.clone(),
        matrix_digest: run.matrix_digest.clone(),
        revision: run.ci.as_ref().map(|ci| ci.revision.clone()).unwrap_or_default(),
        planned: run.planned,
        selected: run.selected,
        interrupted: run.interrupted,
        totals: report.totals.clone(),
        worst_lost: report.trials.iter().map(|trial| trial.lost).max().unwrap_or(0),
        worst_share: report
            .trials
            .iter()
            .filter(|trial| matches!(class(trial), "death" | "power" | "failover"))
            .map(worst_share)
            .reduce(f64::max),
    }
}

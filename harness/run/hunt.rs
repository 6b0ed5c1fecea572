//! A hunt: the selected trials again and again, with ever new seeds, until a promise is broken; and then the smallest
//! case that still breaks it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::lab::Lab;
use super::{Recipe, interrupt};
use crate::matrix::{Case, value};
use crate::record::{TrialRecord, Verdict};

/// Seeds that a candidate gets to show the breach again.
const TRIES: u32 = 6;
/// Longest search for a smaller case.
const SHRINK_LIMIT: Duration = Duration::from_secs(120);
/// Fewer writes than this are no workload.
const LEAST_WRITES: u32 = 10;

/// Writes that take the place of a time.
const BY_COUNT: u32 = 1_000;
/// Less time than this is not worth a search.
const LEAST_WAIT: Duration = Duration::from_millis(10);

/// How far a hunt goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Seeds per case.
    pub(super) seeds: u32,
    /// Time.
    pub(super) time: Option<Duration>,
    /// Trials in flight.
    pub(super) threads: usize,
}

/// Runs the cases with one seed after the other; the first broken record ends it.
pub(super) fn run(lab: &Lab, cases: &[Case], bounds: Bounds) -> Option<(Case, TrialRecord)> {
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let over = AtomicBool::new(false);
    let hit = Mutex::new(None);
    let hunter = || {
        while !over.load(Ordering::Relaxed) && !interrupt::happened() {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let round = turn / cases.len() as u64;
            let late = bounds.time.is_some_and(|time| began.elapsed() > time);
            if round >= u64::from(bounds.seeds) || late {
                return;
            }
            let place = (turn % cases.len() as u64) as usize;
            let case = Case { seed: round as u32 + 1, ..cases[place] };
            let Some(record) = lab.try_again(case, lab.recipe.clone()) else { return };
            if record.verdict == Verdict::Broken && !over.swap(true, Ordering::Relaxed) {
                *hit.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((case, record));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..bounds.threads {
            scope.spawn(hunter);
        }
    });
    hit.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Fewer writes, connections, commands in flight and steps, and less time between them, as long as the same class of breach shows.
pub(super) fn shrink(lab: &Lab, case: Case, found: &TrialRecord) -> Recipe {
    let began = Instant::now();
    let mut best = lab.recipe_of(case);
    loop {
        let smaller = smaller_than(&best).into_iter().find(|candidate| {
            began.elapsed() < SHRINK_LIMIT && !interrupt::happened() && shows(lab, case, candidate, found)
        });
        match smaller {
            Some(candidate) => best = candidate,
            None => return best,
        }
    }
}

/// Whether a candidate breaks the promise in the same way, with one of a few seeds.
fn shows(lab: &Lab, case: Case, candidate: &Recipe, found: &TrialRecord) -> bool {
    let seen = AtomicBool::new(false);
    let alike = |record: &TrialRecord| {
        record.verdict == Verdict::Broken
            && (record.anomalies.iter().any(|anomaly| found.anomalies.contains(anomaly))
                || found.anomalies.is_empty())
    };
    std::thread::scope(|scope| {
        for offset in 0..TRIES {
            let seen = &seen;
            scope.spawn(move || {
                let case = Case { seed: case.seed.saturating_add(offset), ..case };
                if lab.rehearse(case, candidate.clone()).is_some_and(|record| alike(&record)) {
                    seen.store(true, Ordering::Relaxed);
                }
            });
        }
    });
    seen.into_inner()
}

/// Candidates, the greatest saving first.
fn smaller_than(recipe: &Recipe) -> Vec<Recipe> {
    let mut candidates = Vec::new();
    if recipe.writes.is_none() {
        // A count ends at the same op on every machine, and a time does not.
        candidates.push(Recipe { writes: Some(BY_COUNT), ..recipe.clone() });
    }
    let writes = recipe.writes.unwrap_or(0);
    for part in [10, 4, 2] {
        if writes / part >= LEAST_WRITES {
            candidates.push(Recipe { writes: Some(writes / part), ..recipe.clone() });
        }
    }
    for (get, set) in [(recipe.connections.map(u32::from), 0), (recipe.pipeline, 1)] {
        let Some(now) = get.filter(|now| *now > 1) else { continue };
        for smaller in [1, now / 2] {
            let mut candidate = recipe.clone();
            match set {
                0 => candidate.connections = u16::try_from(smaller.max(1)).ok(),
                _ => candidate.pipeline = Some(smaller.max(1)),
            }
            if candidate != *recipe {
                candidates.push(candidate);
            }
        }
    }
    let steps = recipe.steps.clone().unwrap_or_default();
    for left_out in 0..steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(left_out);
        if fewer.iter().any(|step| step == "start" || step.starts_with("restart")) {
            candidates.push(Recipe { steps: Some(fewer), ..recipe.clone() });
        }
    }
    for (at, step) in steps.iter().enumerate() {
        let Some(shorter) = shorter(step) else { continue };
        let mut steps = steps.clone();
        steps[at] = shorter;
        candidates.push(Recipe { steps: Some(steps), ..recipe.clone() });
    }
    candidates
}

/// A step that waits or writes a quarter as long.
fn shorter(step: &str) -> Option<String> {
    let (verb, argument) = step.split_once(' ')?;
    match verb {
        "wait" | "kill-after" => {
            let quarter = value::duration(argument).ok()? / 4;
            (quarter >= LEAST_WAIT).then(|| format!("{verb} {}ms", quarter.as_millis()))
        }
        "write" | "kill-at" => {
            let quarter = argument.parse::<u32>().ok()? / 4;
            (quarter >= LEAST_WRITES).then(|| format!("{verb} {quarter}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_is_smaller_and_the_smallest_case_has_none() {
        fn length(step: &str) -> u64 {
            let argument = step.split(' ').nth(1).unwrap_or_default();
            let count = argument.parse().ok();
            count.or(value::duration(argument).ok().map(|time| time.as_millis() as u64)).unwrap_or(0)
        }
        let weight = |recipe: &Recipe| {
            u64::from(recipe.writes.unwrap_or(u32::MAX))
                + u64::from(recipe.connections.unwrap_or(0))
                + u64::from(recipe.pipeline.unwrap_or(0))
                + recipe.steps.iter().flatten().map(|step| 1 + length(step)).sum::<u64>()
        };
        let mut open = vec![Recipe {
            writes: None,
            connections: Some(8),
            pipeline: Some(16),
            steps: Some(["wait 1s", "write 200", "kill", "start"].map(String::from).into()),
        }];
        let mut smallest = Vec::new();
        while let Some(recipe) = open.pop() {
            let candidates = smaller_than(&recipe);
            assert!(candidates.iter().all(|candidate| weight(candidate) < weight(&recipe)), "{recipe:?}");
            if candidates.is_empty() {
                smallest.push(recipe);
            } else {
                open.push(candidates[candidates.len() - 1].clone());
                open.push(candidates[0].clone());
            }
            open.truncate(50);
        }
        assert!(smallest.iter().any(|recipe| recipe.connections == Some(1) && recipe.pipeline == Some(1)));
        assert!(smallest.iter().all(|recipe| recipe.steps.as_ref().is_some_and(|steps| steps.len() == 1)));
    }
}

//! The difference between two runs, case by case.

use std::collections::BTreeMap;

use super::cases::{self, shows_breach};
use crate::record::{CaseDiff, CaseState, Change, Diff, Report, Verdict};

/// Most cases in a difference.
const MOST_CASES: usize = 2_000;

/// Compares an earlier run with a later one. The order of trials does not matter, nor how many seeds each run had.
pub fn diff(before: &Report, after: &Report) -> Diff {
    let mut pairs: BTreeMap<&str, (Option<CaseState>, Option<CaseState>)> = BTreeMap::new();
    for (name, state) in cases::states(&before.trials) {
        pairs.entry(name).or_default().0 = Some(state);
    }
    for (name, state) in cases::states(&after.trials) {
        pairs.entry(name).or_default().1 = Some(state);
    }
    let all = pairs.len();
    let mut found: Vec<_> = pairs
        .into_iter()
        .map(|(name, (before, after))| CaseDiff {
            name: name.into(),
            change: change(before.as_ref(), after.as_ref()),
            before,
            after,
        })
        .filter(|case| case.change != Change::Same)
        .collect();
    found.sort_by(|a, b| (a.change, &a.name).cmp(&(b.change, &b.name)));
    let same = (all - found.len()) as u64;
    let regressions = found.iter().filter(|case| case.change.is_regression()).count() as u64;
    let cut = found.len().saturating_sub(MOST_CASES) as u64;
    found.truncate(MOST_CASES);
    Diff {
        before: cases::summary(before),
        after: cases::summary(after),
        cases: found,
        same,
        regressions,
        cut,
    }
}

fn change(before: Option<&CaseState>, after: Option<&CaseState>) -> Change {
    let Some(after) = after else { return Change::NotRun };
    let Some(before) = before else {
        return if after.verdict == Verdict::Broken { Change::New } else { Change::Added };
    };
    match (before.verdict, after.verdict) {
        (Verdict::Broken, Verdict::Broken) => Change::StillBroken,
        (_, Verdict::Broken) => Change::New,
        (Verdict::Known, Verdict::Known) => Change::Same,
        (_, Verdict::Known) => Change::Known,
        (Verdict::Broken | Verdict::Known, Verdict::Kept) => Change::Fixed,
        (Verdict::Kept, Verdict::Kept) => lost(before.lost, after.lost),
        (_, Verdict::Kept) => Change::Proven,
        (before, _) if shows_breach(before).is_some() => Change::Unproven,
        _ => Change::Same,
    }
}

/// What a kill takes differs from run to run: only something for nothing, or twice as much, is a difference.
fn lost(before: u64, after: u64) -> Change {
    if after > before.saturating_mul(2) {
        Change::LostMore
    } else if before > after.saturating_mul(2) {
        Change::LostLess
    } else {
        Change::Same
    }
}

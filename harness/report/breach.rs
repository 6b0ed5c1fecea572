//! What a broken promise looked like, in the words of somebody who was there.

use std::collections::BTreeMap;

use super::text::grouped;
use crate::record::{Anomaly, TrialRecord};

/// Classes of difference and what they are called, the ones that say most first.
const WORDS: [(Anomaly, &str); 18] = [
    (Anomaly::PolicyNotInForce, "ran with another policy"),
    (Anomaly::SilentEmptyStart, "started empty"),
    (Anomaly::Corrupt, "held values that nobody wrote"),
    (Anomaly::WrongType, "changed the type of a key"),
    (Anomaly::TornTransaction, "kept half a transaction"),
    (Anomaly::DuplicatedEffect, "did a write twice"),
    (Anomaly::LostPromised, "lost what WAIT or WAITAOF had answered for"),
    (Anomaly::LostGroupState, "forgot the state of a group"),
    (Anomaly::LostFunction, "lost a function"),
    (Anomaly::Lost, "lost too much"),
    (Anomaly::SecondRestartLoss, "lost more at the second start"),
    (Anomaly::RefusedToStart, "would not start"),
    (Anomaly::NeedsManualRepair, "would not start"),
    (Anomaly::StuckLoading, "never answered"),
    (Anomaly::RolledBack, "went back to older values"),
    (Anomaly::Resurrected, "brought deleted values back"),
    (Anomaly::Hole, "lost a write and kept a later one"),
    (Anomaly::TtlDrift, "changed a time to live"),
];

/// What a trial that broke its promise did.
pub fn words(trial: &TrialRecord) -> &'static str {
    let seen = WORDS.iter().find(|(anomaly, _)| trial.anomalies.contains(anomaly));
    match seen {
        Some((_, words)) => words,
        None if trial.anomalies.contains(&Anomaly::ShutdownRefused) => "would not end",
        None if trial.lost > 0 => "lost too much",
        None => "went over the budget",
    }
}

/// How many trials did what, the most frequent first: `3 lost too much, 1 would not start`.
pub fn counts<'a>(trials: impl Iterator<Item = &'a TrialRecord>) -> String {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for trial in trials {
        *kinds.entry(words(trial)).or_default() += 1;
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(words, count)| (u64::MAX - count, *words));
    let words: Vec<_> =
        kinds.into_iter().map(|(words, count)| format!("{} {words}", grouped(count))).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breach_that_lost_nothing_is_not_called_a_loss() {
        let trial = |anomalies: &[Anomaly], lost| TrialRecord {
            anomalies: anomalies.to_vec(),
            lost,
            ..TrialRecord::default()
        };
        let trials = [
            trial(&[Anomaly::RefusedToStart], 0),
            trial(&[Anomaly::Lost, Anomaly::Corrupt], 3),
            trial(&[Anomaly::Lost, Anomaly::RolledBack], 9),
            trial(&[], 9),
            trial(&[], 0),
        ];
        assert_eq!(
            counts(trials.iter()),
            "2 lost too much, 1 held values that nobody wrote, 1 went over the budget, 1 would not start"
        );
    }
}

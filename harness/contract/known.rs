//! Listed defects: a broken promise that is tracked, not silenced.

use std::collections::BTreeMap;

use super::{TrialFacts, when};
use crate::matrix::Known;
use crate::record::{KnownRef, TrialRecord, Verdict};

/// Turns `broken` into `known` where an entry is about this trial and expects what was seen. Only a broken promise
/// can be known: an entry never hides trouble of the lab.
pub fn apply_known(known: &[Known], record: &mut TrialRecord) {
    if record.verdict != Verdict::Broken {
        return;
    }
    let config: BTreeMap<_, _> = record
        .policy
        .iter()
        .filter_map(|line| Some((line.directive.clone(), line.effective.clone()?)))
        .collect();
    let trial = TrialFacts {
        suite: &record.suite,
        server: &record.server,
        persistence: &record.persistence,
        storage: &record.storage,
        workload: &record.workload,
        fault: &record.fault,
        engine: &record.engine,
    };
    let seen = |expected: &String| {
        expected == record.shape.as_str()
            || record.anomalies.iter().any(|anomaly| anomaly.as_str() == expected)
    };
    let entry = known.iter().find(|entry| {
        when::matches(&entry.when, &trial, &config)
            && (entry.expect.is_empty() || entry.expect.iter().any(seen))
    });
    if let Some(entry) = entry {
        record.verdict = Verdict::Known;
        record.known = Some(KnownRef {
            link: entry.link.clone().unwrap_or_default(),
            cause: entry.cause.clone().unwrap_or_default(),
        });
    }
}

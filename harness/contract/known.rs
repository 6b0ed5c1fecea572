//! Listed defects: a broken promise that is tracked, not silenced.

use std::collections::BTreeMap;

use super::{TrialFacts, when};
use crate::matrix::Known;
use crate::record::{Anomaly, KnownRef, Shape, TrialRecord, Verdict};

/// Turns `broken` into `known` where the entries about this trial cover what was seen: each of them is told by something
/// it expects, and together they name every anomaly, so that a new one beside a listed one is not missed. Only a broken promise can be known:
/// an entry never hides trouble of the lab.
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
    let about = known.iter().filter(|entry| when::matches(&entry.when, &trial, &config));
    let mut unexplained = record.anomalies.clone();
    let mut causes: Vec<&Known> = Vec::new();
    for entry in about.filter(|entry| expects_something(entry, record)) {
        let before = unexplained.len();
        unexplained.retain(|anomaly| !expects(entry, *anomaly, record.shape));
        // An entry that explains nothing new is no cause.
        if causes.is_empty() || unexplained.len() < before {
            causes.push(entry);
        }
    }
    if causes.is_empty() || !unexplained.is_empty() {
        return;
    }
    let first = |of: fn(&Known) -> Option<&String>| causes.iter().find_map(|entry| of(entry)).cloned();
    let words = |of: fn(&Known) -> Option<&String>| {
        let words: Vec<_> = causes.iter().filter_map(|entry| of(entry)).map(String::as_str).collect();
        words.join(" ")
    };
    record.verdict = Verdict::Known;
    record.known = Some(KnownRef {
        link: first(|entry| entry.link.as_ref()).unwrap_or_default(),
        cause: words(|entry| entry.cause.as_ref()),
        remedy: words(|entry| entry.remedy.as_ref()),
    });
}

/// Whether the trial showed anything that tells the entry's defect.
fn expects_something(entry: &Known, record: &TrialRecord) -> bool {
    entry.expect.is_empty()
        || names(entry, record.shape.as_str())
        || record.anomalies.iter().any(|anomaly| names(entry, anomaly.as_str()))
}

/// Whether an entry covers an anomaly: by its name, beside others or not, or where that is `lost` by the shape of the loss.
fn expects(entry: &Known, anomaly: Anomaly, shape: Shape) -> bool {
    let by_shape = anomaly == Anomaly::Lost && names(entry, shape.as_str());
    let beside = entry.beside.iter().any(|word| word == anomaly.as_str());
    entry.expect.is_empty() || by_shape || beside || names(entry, anomaly.as_str())
}

/// Whether a word is one of those that tell the defect.
fn names(entry: &Known, word: &str) -> bool {
    entry.expect.iter().any(|expected| expected == word)
}

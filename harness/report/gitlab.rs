//! `gl-code-quality.json`: what a GitLab merge request shows beside its diff. One entry per case that is not kept.

use std::collections::BTreeMap;

use serde_json::json;

use super::{cases, text};
use crate::record::{Report, TrialRecord, Verdict};

/// Most entries; GitLab reads a few hundred with ease.
const MOST: usize = 500;

pub(super) fn render(report: &Report) -> Result<Vec<u8>, String> {
    let mut worst: BTreeMap<&str, &TrialRecord> = BTreeMap::new();
    let told = |trial: &&TrialRecord| trial.verdict.fails() || trial.verdict == Verdict::Known;
    for trial in report.trials.iter().filter(told) {
        let other = worst.entry(cases::name_of(&trial.name)).or_insert(trial);
        let key = |trial: &TrialRecord| (cases::weight(trial.verdict), u64::MAX - trial.lost);
        if key(trial) < key(other) {
            *other = trial;
        }
    }
    let mut found: Vec<_> = worst.into_iter().collect();
    found.sort_by_key(|(_, trial)| cases::weight(trial.verdict));
    let entries: Vec<_> = found
        .into_iter()
        .take(MOST)
        .map(|(case, trial)| {
            let verdict = trial.verdict.as_str();
            json!({
                "description": text::short(&format!("{verdict}: {case}: {}", trial.message), 500),
                "check_name": format!("outlast/{verdict}"),
                // The same finding in another run is the same finding.
                "fingerprint": blake3::hash(format!("{verdict}\n{case}").as_bytes()).to_hex().to_string(),
                "severity": severity(trial.verdict),
                "location": { "path": text::line(&report.run.matrix), "lines": { "begin": 1 } },
            })
        })
        .collect();
    serde_json::to_vec_pretty(&entries).map_err(|error| error.to_string())
}

fn severity(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Broken => "critical",
        Verdict::Errored | Verdict::Inconclusive => "major",
        Verdict::Known | Verdict::Unsupported | Verdict::Kept => "minor",
    }
}

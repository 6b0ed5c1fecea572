//! Which trials an entry of matrix.toml is about.

use std::collections::BTreeMap;

use crate::glob;
use crate::matrix::When;

/// The names of a trial, for matching.
#[derive(Debug, Clone, Copy)]
pub struct TrialFacts<'a> {
    /// Suite.
    pub suite: &'a str,
    /// Server.
    pub server: &'a str,
    /// Policy.
    pub persistence: &'a str,
    /// Storage.
    pub storage: &'a str,
    /// Workload.
    pub workload: &'a str,
    /// Fault.
    pub fault: &'a str,
    /// `process` or `docker`.
    pub engine: &'a str,
}

/// Whether all that `when` asks for is so. A directive that the configuration lacks matches nothing.
pub fn matches(when: &When, trial: &TrialFacts<'_>, config: &BTreeMap<String, String>) -> bool {
    let any = |patterns: &[String], text: &str| {
        patterns.is_empty() || patterns.iter().any(|pattern| glob::matches(pattern, text))
    };
    any(&when.suite, trial.suite)
        && any(&when.server, trial.server)
        && any(&when.persistence, trial.persistence)
        && any(&when.storage, trial.storage)
        && any(&when.workload, trial.workload)
        && any(&when.fault, trial.fault)
        && any(&when.engine, trial.engine)
        && when
            .config
            .iter()
            .all(|(name, patterns)| config.get(name).is_some_and(|value| any(patterns, value)))
}

//! What was explored of one recorded disk.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Anomaly;

/// Every crash state of one trace.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Exploration {
    /// Operations of the disk that were recorded.
    pub operations: u64,
    /// Cuts that there are: moments, models and variants.
    pub cuts: u64,
    /// Different states that they leave.
    pub states: u64,
    /// States that a server was started on; fewer than there are where the step or the time set a bound.
    pub booted: u64,
    /// How many in a second, enumeration and judgement included.
    pub states_per_second: f64,
    /// How long was recorded.
    pub recorded_ms: f64,
    /// By model.
    pub models: Vec<ModelFacts>,
    /// The broken states that speak most, at most five for each model.
    pub found: Vec<StateFact>,
    /// What cuts during the recoveries showed, where they were asked for.
    pub recovery: Option<RecoveryFacts>,
    /// The trace, as a file below the run's folder.
    pub trace: Option<String>,
}

/// Crash states of the boots on crash states.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RecoveryFacts {
    /// Boots that were recorded.
    pub recoveries: u64,
    /// States that cuts in them leave.
    pub states: u64,
    /// States that a server was started on.
    pub booted: u64,
    /// Those that hold less than the recovery had shown, or do not start.
    pub broken: u64,
    /// A few of them.
    pub found: Vec<StateFact>,
}

/// What the states of one model say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ModelFacts {
    /// The model.
    pub model: String,
    /// Whether a breach under it is the server's; a warning otherwise.
    pub accuses: bool,
    /// States that were booted.
    pub states: u64,
    /// States that break the promise.
    pub broken: u64,
    /// States on which the server would not start.
    pub refused: u64,
    /// Most acknowledged writes lost.
    pub worst_lost: u64,
    /// Longest time from a lost acknowledgement to the cut.
    pub worst_window_ms: Option<f64>,
    /// Share of the recorded time in which a cut leaves a state that breaks the promise.
    pub broken_time_share: f64,
}

/// A state that breaks the promise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StateFact {
    /// Rebuilds it: `MODEL@OPERATIONS.VARIANT`.
    pub token: String,
    /// The latest cut that leaves it.
    pub at_ms: f64,
    /// The operation before that cut.
    pub after: String,
    /// What is wrong.
    pub message: String,
    /// Classes of difference.
    pub anomalies: Vec<Anomaly>,
    /// Acknowledged writes lost.
    pub lost: u64,
    /// From the earliest lost acknowledgement to the cut.
    pub window_ms: Option<f64>,
    /// Cuts that leave it and break the promise.
    pub cuts: u64,
    /// How long, in all, a cut leaves it and breaks the promise.
    pub broken_ms: f64,
}

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
    /// Why no more were booted.
    pub stopped: Stopped,
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
    /// Every broken state with its token, as a file below the run's folder; absent where none is broken.
    pub broken: Option<String>,
}

/// Why no more states were booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// There are no more.
    #[default]
    Done,
    /// The step set a bound.
    Bound,
    /// The trial's time was over.
    Time,
}

impl Stopped {
    /// How many of how many, and why no more, for people.
    pub fn words(self, booted: u64, of: u64, what: &str) -> String {
        match self {
            Self::Done => format!("all {of} {what}"),
            Self::Bound => format!("{booted} of {of} {what} (the step's bound)"),
            Self::Time => format!("{booted} of {of} {what} (the trial's time)"),
        }
    }
}

/// Crash states of the boots on crash states.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RecoveryFacts {
    /// How many recoveries the step asked for.
    pub asked: u64,
    /// Boots that were recorded.
    pub recoveries: u64,
    /// Why no more were.
    pub stopped: Stopped,
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
    /// States that it allows, over all cuts: more than are tried where there are too many combinations, and the same state
    /// as often as a cut leaves it.
    pub exist: u64,
    /// Different states among those that are tried.
    pub distinct: u64,
    /// States that were booted.
    pub states: u64,
    /// Why no more were.
    pub stopped: Stopped,
    /// States that break the promise.
    pub broken: u64,
    /// States on which the server would not start.
    pub refused: u64,
    /// Most acknowledged writes lost.
    pub worst_lost: u64,
    /// Longest time from a lost acknowledgement to the cut.
    pub worst_window_ms: Option<f64>,
    /// How long, in all, a cut leaves a state that was booted.
    pub covered_ms: f64,
    /// Share of the recorded time in which a cut leaves a state that was booted.
    pub covered_time_share: f64,
    /// How long, in all, a cut leaves a state that was booted and breaks the promise.
    pub broken_ms: f64,
    /// Share of the covered time in which a cut leaves a state that breaks the promise.
    pub broken_time_share: f64,
}

/// A state that breaks the promise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StateFact {
    /// Rebuilds it: `MODEL@OPERATIONS.VARIANT`.
    pub token: String,
    /// Of the cuts that leave it and break the promise, the one with the largest loss.
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
    /// Of its names and bytes: those that a rebuilt state has to have.
    pub digest: String,
}

//! What failing one call of a disk after the other showed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Anomaly;

/// The same life again and again, each time with another call failing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Exhaustion {
    /// How each life ended after its disk was healed: `kill` or `power-cut`.
    pub ending: String,
    /// Lives in all, those included in which no such call was left.
    pub lives: u64,
    /// How many in a second.
    pub lives_per_second: f64,
    /// By call and error.
    pub calls: Vec<CallFacts>,
}

/// What failing one kind of call with one error showed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CallFacts {
    /// The call.
    pub call: String,
    /// The error.
    pub error: String,
    /// Calls of a life that were met: the highest number that failed.
    pub existing: u64,
    /// Calls that were failed, each in a life of its own.
    pub tried: u64,
    /// Whether a life came to its end in which no such call was left; else there are more than were tried.
    pub exhausted: bool,
    /// Lives that broke the promise.
    pub broken: u64,
    /// Most acknowledged writes lost.
    pub worst_lost: u64,
    /// What the server did, and in how many lives.
    pub reactions: BTreeMap<String, u64>,
    /// The broken lives that speak most, and one for each reaction.
    pub examples: Vec<FailureFact>,
}

/// One life with one failed call.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FailureFact {
    /// Which call failed, as `CALL@N ERROR`.
    pub token: String,
    /// The call, the file that it was about, and the error.
    pub about: String,
    /// What the server did.
    pub reaction: String,
    /// What it said: the error that it answered with, or the last line of its log.
    pub said: String,
    /// Whether it broke the promise.
    pub broken: bool,
    /// What is wrong, or that nothing is.
    pub message: String,
    /// Classes of difference.
    pub anomalies: Vec<Anomaly>,
    /// Acknowledged writes lost.
    pub lost: u64,
    /// Steps of a fault that does the same once more.
    pub steps: Vec<String>,
}

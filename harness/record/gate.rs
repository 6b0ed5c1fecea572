//! The quality gate: what a run must show to pass, and whether it did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Exit codes, apart so that CI can tell them apart.
pub mod exit {
    /// Every promise kept.
    pub const KEPT: u8 = 0;
    /// A promise was broken, or a rule of the gate about the server.
    pub const BROKEN: u8 = 1;
    /// The command line or matrix.toml is wrong, or no server can be had.
    pub const USAGE: u8 = 2;
    /// The lab failed, put no pressure, or ran too little.
    pub const LAB: u8 = 3;
    /// Stopped before the end.
    pub const INTERRUPTED: u8 = 130;
}

/// `[gate]` of matrix.toml, as the run took it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GateRules {
    /// Inconclusive trials only warn.
    pub inconclusive_warns: bool,
    /// Most acknowledged writes that all trials together may lose, allowed or not.
    pub lost: Option<u64>,
    /// Fewest trials that must have proven something.
    pub trials: Option<u64>,
    /// Largest share of unsupported trials, from 0 to 1.
    pub unsupported: Option<f64>,
    /// The run to compare with: its folder or its report.json.
    pub baseline: Option<String>,
    /// Cases that are worse than in the baseline only warn.
    pub regressions_warn: bool,
}

/// What the gate says of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Gate {
    /// Every rule that applied.
    pub checks: Vec<Check>,
    /// Exit code that follows from the run and its gate.
    pub exit_code: u8,
}

/// One rule of the gate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Check {
    /// `broken`, `errored`, `inconclusive`, `interrupted`, `missing`, or a key of `[gate]`.
    pub rule: String,
    /// What came out.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub message: String,
}

/// What a rule of the gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should be.
    #[default]
    Passed,
    /// Not as it should be, and told only.
    Warned,
    /// Not as it should be: the run fails.
    Failed,
}

impl Outcome {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
        }
    }
}

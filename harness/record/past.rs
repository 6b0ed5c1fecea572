//! What other runs tell of this one: the trend over earlier runs, and the difference from one of them.
//!
//! A case is a trial's name without its seed; its state is that of its worst trial.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Totals, Verdict};

/// Earlier runs, and what has changed since.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct History {
    /// Earlier runs, oldest first; this run is the last of them.
    pub runs: Vec<PastRun>,
    /// Cases that were broken or known at some time, or that no longer prove anything, the most urgent first.
    pub cases: Vec<CaseHistory>,
    /// Cases that are left out of `cases`, because there are too many.
    pub cut: u64,
}

/// A run, as the history keeps it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PastRun {
    /// Name of the run's folder.
    pub id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Wall-clock time of the run.
    pub duration_ms: f64,
    /// Version of Outlast.
    pub outlast: String,
    /// `quick`, `default` or `full`.
    pub profile: String,
    /// `process`, or the container engine with its version.
    pub engine: String,
    /// Content hash of the matrix file.
    pub matrix_digest: String,
    /// Revision of the sources under test, where CI tells it.
    pub revision: String,
    /// Trials in the whole matrix.
    pub planned: u64,
    /// Trials that the filters left.
    pub selected: u64,
    /// The run was stopped before its end.
    pub interrupted: bool,
    /// Count of trials by verdict, and of writes.
    pub totals: Totals,
    /// Most acknowledged writes that one trial lost.
    pub worst_lost: u64,
    /// Greatest share that a life of a trial lost, from 0 to 1, whose process died, whose power went or that a replica took
    /// over from; absent in lines of earlier versions.
    pub worst_share: Option<f64>,
}

/// One case over the runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CaseHistory {
    /// Name of the case.
    pub name: String,
    /// What has become of it.
    pub change: Change,
    /// Its verdict in each of the runs of the history; absent where it was not run.
    pub verdicts: Vec<Option<Verdict>>,
    /// Most writes that one of its trials lost, in each of the runs.
    pub lost: Vec<Option<u64>>,
}

/// What has become of a case, the most urgent first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Broken now, and not when it was last put to the test.
    New,
    /// Its verdict went to and fro between kept and broken in the last runs.
    Flaky,
    /// Broken now and before.
    StillBroken,
    /// It proved something before and proves nothing now.
    Unproven,
    /// Broken or known before, and not run now.
    NotRun,
    /// Shows a listed defect.
    Known,
    /// Kept now, broken or known before.
    Fixed,
    /// It proves something now and did not before.
    Proven,
    /// Lost more than before, and no more than is allowed.
    LostMore,
    /// Lost less than before.
    LostLess,
    /// Only this run has it.
    Added,
    /// Nothing that matters.
    #[default]
    Same,
}

impl Change {
    /// What a history tells of, the most urgent first.
    pub const TOLD: [Self; 8] = [
        Self::New,
        Self::Flaky,
        Self::StillBroken,
        Self::Unproven,
        Self::NotRun,
        Self::Known,
        Self::Fixed,
        Self::Proven,
    ];

    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Flaky => "flaky",
            Self::StillBroken => "still-broken",
            Self::Unproven => "unproven",
            Self::NotRun => "not-run",
            Self::Known => "known",
            Self::Fixed => "fixed",
            Self::Proven => "proven",
            Self::LostMore => "lost-more",
            Self::LostLess => "lost-less",
            Self::Added => "added",
            Self::Same => "same",
        }
    }

    /// Whether this is worse than before.
    pub fn is_regression(self) -> bool {
        matches!(self, Self::New | Self::Unproven)
    }
}

/// The difference between two runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Diff {
    /// The earlier run.
    pub before: PastRun,
    /// The later run.
    pub after: PastRun,
    /// Cases that differ or are broken in both, the most urgent first.
    pub cases: Vec<CaseDiff>,
    /// Cases that both runs have and that do not differ.
    pub same: u64,
    /// Cases that are worse than before: `new` and `unproven`.
    pub regressions: u64,
    /// Cases that are left out of `cases`, because there are too many.
    pub cut: u64,
}

/// A case in two runs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CaseDiff {
    /// Name of the case.
    pub name: String,
    /// What has become of it.
    pub change: Change,
    /// In the earlier run; absent where it was not run.
    pub before: Option<CaseState>,
    /// In the later run; absent where it was not run.
    pub after: Option<CaseState>,
}

/// What one run says of a case, over all seeds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CaseState {
    /// The worst verdict.
    pub verdict: Verdict,
    /// How many trials.
    pub trials: u64,
    /// Most acknowledged writes that one trial lost.
    pub lost: u64,
    /// Oldest lost acknowledgement before the fault.
    pub window_ms: Option<f64>,
    /// Longest recovery.
    pub recovery_ms: Option<f64>,
}

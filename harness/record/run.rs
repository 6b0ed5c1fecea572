//! The run that trials belong to: its facts, its journal, its report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Diff, Gate, GateRules, History, Origin, TrialRecord};

/// The run that the trials belong to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RunFacts {
    /// Name of the run's folder: `2026-01-31T12-00-00Z-1a2b`.
    pub id: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// Wall-clock time of the run.
    pub duration_ms: f64,
    /// Version of Outlast.
    pub outlast: String,
    /// Command line.
    pub command: Vec<String>,
    /// The matrix file.
    pub matrix: String,
    /// Content hash of the matrix file.
    pub matrix_digest: String,
    /// `quick`, `default` or `full`.
    pub profile: String,
    /// `process` or `docker`, with the engine's version.
    pub engine: String,
    /// Operating system and kernel.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Processors that the run could use.
    pub cpus: usize,
    /// File system that held the data.
    pub filesystem: String,
    /// `i/n` when the run was a part.
    pub shard: Option<String>,
    /// Trials in the whole matrix.
    pub planned: u64,
    /// Those of them that this engine cannot do, and the other one can.
    pub elsewhere: u64,
    /// Trials that the filters left.
    pub selected: u64,
    /// The run was stopped before its end.
    pub interrupted: bool,
    /// Every server of the matrix: where it came from, or why it could not be had.
    pub servers: Vec<ServerFacts>,
    /// What CI says of the run; absent elsewhere.
    pub ci: Option<Ci>,
    /// What the run must show to pass.
    pub gate: GateRules,
    /// What was asked of the reports.
    pub report: ReportWishes,
}

/// What CI says of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ci {
    /// `github`, `gitlab`, `jenkins`, or `ci` where it has no name.
    pub system: String,
    /// Name of the job.
    pub job: String,
    /// Its number.
    pub number: String,
    /// Where it can be looked at.
    pub url: String,
    /// Revision of the sources.
    pub revision: String,
    /// Branch or tag.
    pub branch: String,
}

/// `[report]` of matrix.toml, as the run took it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ReportWishes {
    /// Columns of trials.csv; all when empty.
    pub columns: Vec<String>,
    /// Whether allure-results/ is written.
    pub allure: bool,
    /// Runs that history.jsonl keeps; no history when 0.
    pub history: usize,
    /// What may be lost at most by the strictest `[[budget]]`, as a stretch of time before a fault, in milliseconds; 0
    /// where it lets no write go. The page's recommendation begins with it.
    pub budget_window_ms: Option<u64>,
    /// The longest recovery by the strictest `[[budget]]`, in milliseconds.
    pub budget_recovery_ms: Option<u64>,
}

/// A server of the matrix, as found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServerFacts {
    /// Name in matrix.toml.
    pub name: String,
    /// Version that it reported.
    pub version: String,
    /// Where it came from.
    pub origin: Origin,
    /// Why it could not be had; absent when it could.
    pub unavailable: Option<String>,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "line", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "lines are written and read one at a time")]
pub enum JournalLine {
    /// First line of every journal file.
    Run(RunFacts),
    /// A trial has begun. Without an end it was interrupted.
    Started {
        /// Name of the trial.
        name: String,
        /// Which attempt.
        attempt: u32,
        /// RFC 3339, UTC.
        at: String,
    },
    /// A trial has ended.
    Finished(TrialRecord),
    /// Last line of a journal that was closed in order.
    Closed(RunFacts),
}

/// `report.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Report {
    /// Version of this format, `outlast-report/1`.
    pub schema: String,
    /// The run.
    pub run: RunFacts,
    /// Count of trials by verdict.
    pub totals: Totals,
    /// Trials that were begun and never ended.
    pub interrupted: Vec<String>,
    /// Every finished trial, sorted by name.
    pub trials: Vec<TrialRecord>,
    /// What the trials of each case say together, over all seeds.
    pub cases: Vec<CaseFacts>,
    /// What the parts of the run lack, a sentence each: parts without a journal, trials without a record.
    pub missing: Vec<String>,
    /// Earlier runs, and what has changed since; absent where no history is kept.
    pub history: Option<History>,
    /// The difference from the baseline; absent where there is none.
    pub baseline: Option<Diff>,
    /// What the gate says, and the exit code.
    pub gate: Gate,
}

/// Repeated runs of one case, over all seeds. Trials that proved nothing are left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CaseFacts {
    /// Suite.
    pub suite: String,
    /// Server.
    pub server: String,
    /// Persistence policy.
    pub persistence: String,
    /// Storage.
    pub storage: String,
    /// Workload.
    pub workload: String,
    /// Fault.
    pub fault: String,
    /// Trials that proved something.
    pub runs: u64,
    /// Trials that were broken.
    pub broken: u64,
    /// Trials that showed a known defect.
    pub known: u64,
    /// Trials that lost acknowledged writes, allowed or not.
    pub lossy: u64,
    /// Most writes that one trial lost.
    pub worst_lost: u64,
    /// Writes that the trial in the middle lost.
    pub median_lost: u64,
    /// Oldest lost acknowledgement before the fault, over all trials.
    pub worst_window_ms: Option<f64>,
    /// 95% upper bound on the chance of a loss per run, where none was seen: from 0 to 1.
    pub chance_at_most: Option<f64>,
}

/// Sums over the trials of a report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Totals {
    /// Finished trials.
    pub trials: u64,
    /// Count of `kept`.
    pub kept: u64,
    /// Count of `broken`.
    pub broken: u64,
    /// Count of `known`.
    pub known: u64,
    /// Count of `inconclusive`.
    pub inconclusive: u64,
    /// Count of `unsupported`.
    pub unsupported: u64,
    /// Count of `errored`.
    pub errored: u64,
    /// Acknowledged writes over all trials.
    pub acknowledged: u64,
    /// Lost writes over all trials.
    pub lost: u64,
    /// Writes in doubt over all trials.
    pub in_doubt: u64,
}

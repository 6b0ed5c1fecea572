//! What a run leaves behind: the data model of the journal and of every report.
//!
//! A [`TrialRecord`] is self-contained: it can be read, believed and run again
//! without the matrix that made it. Times are milliseconds unless the name says
//! otherwise; `at_ms` counts from the start of the trial.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of `report.json` and of the journal lines. The number rises when a
/// field changes its meaning or goes away; new fields alone do not raise it.
pub const SCHEMA: &str = "outlast-report/1";

/// What a trial says about the server, or about the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The server lost no more than its policy allows under this fault.
    Kept,
    /// The loss is more than the policy, or the user's budget, allows.
    Broken,
    /// The policy was broken in a way that matrix.toml lists under `[[known]]`.
    Known,
    /// The trial put no pressure on what it claims to test.
    Inconclusive,
    /// The engine or the server cannot do what the trial asks for.
    Unsupported,
    /// The lab failed, not the server.
    Errored,
}

impl Verdict {
    /// Every verdict, worst first: the order in which reports list them.
    pub const ALL: [Self; 6] =
        [Self::Broken, Self::Errored, Self::Inconclusive, Self::Known, Self::Unsupported, Self::Kept];

    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::Known => "known",
            Self::Inconclusive => "inconclusive",
            Self::Unsupported => "unsupported",
            Self::Errored => "errored",
        }
    }

    /// Whether a trial with this verdict fails the run.
    pub fn fails(self) -> bool {
        matches!(self, Self::Broken | Self::Inconclusive | Self::Errored)
    }
}

/// How the loss lies in the order of acknowledgement.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Nothing acknowledged was lost.
    #[default]
    None,
    /// One contiguous tail: the newest writes are gone.
    Suffix,
    /// One contiguous head: the oldest writes are gone.
    Prefix,
    /// One gap with survivors on both sides.
    Hole,
    /// Several gaps.
    Scattered,
    /// Every acknowledged write is gone.
    All,
}

impl Shape {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Suffix => "suffix",
            Self::Prefix => "prefix",
            Self::Hole => "hole",
            Self::Scattered => "scattered",
            Self::All => "all",
        }
    }
}

/// A way in which the recovered state differs from what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Anomaly {
    /// An acknowledged write is gone.
    Lost,
    /// A key holds an older acknowledged value than the last acknowledged one.
    RolledBack,
    /// A write survived although an earlier one, acknowledged before it was sent, did not.
    Hole,
    /// A deleted or expired value is back.
    Resurrected,
    /// A value that was never written to this key, or a key that nobody wrote.
    Corrupt,
    /// What an earlier recovery still showed is gone after the next restart.
    SecondRestartLoss,
    /// The server would not start on the files that it left behind.
    RefusedToStart,
    /// The server started but never finished loading within the limit.
    StuckLoading,
    /// The server cut the end off its own file while loading.
    SilentTruncation,
    /// The policy asked for is not the one the server runs with.
    PolicyNotInForce,
}

impl Anomaly {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::RolledBack => "rolled-back",
            Self::Hole => "hole",
            Self::Resurrected => "resurrected",
            Self::Corrupt => "corrupt",
            Self::SecondRestartLoss => "second-restart-loss",
            Self::RefusedToStart => "refused-to-start",
            Self::StuckLoading => "stuck-loading",
            Self::SilentTruncation => "silent-truncation",
            Self::PolicyNotInForce => "policy-not-in-force",
        }
    }
}

/// One trial, complete.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TrialRecord {
    /// `suite::server::persistence[@storage]::workload::fault::s<seed>`.
    pub name: String,
    /// Suite, as named in matrix.toml.
    pub suite: String,
    /// Server, as named in matrix.toml.
    pub server: String,
    /// Persistence policy, as named in matrix.toml.
    pub persistence: String,
    /// Storage, as named in matrix.toml.
    pub storage: String,
    /// Workload, as named in matrix.toml.
    pub workload: String,
    /// Fault, as named in matrix.toml.
    pub fault: String,
    /// Seed of the generated ops and of the moment of the fault.
    pub seed: u64,
    /// `process` or `docker`.
    pub engine: String,
    /// What the trial says.
    pub verdict: Verdict,
    /// Writes that the server acknowledged.
    pub acknowledged: u64,
    /// Acknowledged writes whose effect is gone after recovery.
    pub lost: u64,
    /// Writes sent without an answer.
    pub in_doubt: u64,
    /// How the loss lies in acknowledgement order.
    pub shape: Shape,
    /// Every class of difference that was seen, sorted.
    pub anomalies: Vec<Anomaly>,
    /// From the earliest lost acknowledgement to the fault; absent when nothing was lost.
    pub window_ms: Option<f64>,
    /// From the (longest) start to the first answer that is not "loading"; absent if it never came.
    pub recovery_ms: Option<f64>,
    /// Wall-clock time of the whole trial.
    pub duration_ms: f64,
    /// One sentence for a person.
    pub message: String,

    /// 1 for the first attempt; inconclusive trials are tried again with more pressure.
    pub attempt: u32,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// From the start of the run to the start of the trial.
    pub offset_ms: f64,
    /// Version that the server itself reported (`INFO server`).
    pub server_version: String,
    /// Where the server's binary or image came from.
    pub origin: Origin,
    /// The policy: what was asked for, and what `CONFIG GET` answered after the last start.
    pub policy: Vec<PolicyLine>,
    /// The promise of the worst epoch, and where it is written down.
    pub promise: Option<Promise>,
    /// The listed defect that explains a `known` verdict.
    pub known: Option<KnownRef>,
    /// One entry per death: what was written before it and what was left after it.
    pub epochs: Vec<Epoch>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Lost, resurrected or corrupt keys, a few of each.
    pub examples: Vec<Example>,
    /// The persistence files around each recovery.
    pub files: Vec<FileFact>,
    /// The last lines of the server's log; kept when the trial fails or loses.
    pub log_tail: Vec<String>,
    /// A command to paste that runs this trial again.
    pub repro: String,
}

impl Default for Verdict {
    /// A record that nobody finished says that the lab failed.
    fn default() -> Self {
        Self::Errored
    }
}

/// Where a server came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Origin {
    /// `path`, `file`, `wheel`, `deb`, `image`, or `local-image` for one imported from a binary.
    pub kind: String,
    /// File, package or image reference.
    pub source: String,
    /// Content hash of the binary, or the image's digest.
    pub digest: String,
}

/// One configuration directive of the policy under test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PolicyLine {
    /// Name of the directive, as in redis.conf.
    pub directive: String,
    /// Value in matrix.toml (after the fault's own changes); absent if not asked for.
    pub requested: Option<String>,
    /// Value that `CONFIG GET` answered; absent if the server does not know the directive.
    pub effective: Option<String>,
    /// Whether the two agree.
    pub in_force: bool,
}

/// A row of the contract table, as it was applied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Promise {
    /// Identifier of the row.
    pub id: String,
    /// The promise as a sentence.
    pub sentence: String,
    /// Where the promise is written down (`docs`, `source`, `run`, `matrix`, ...).
    pub source: String,
    /// What may be lost, in words: `nothing`, `the last 2.1 s`, `everything since the last save`, ...
    pub allowed: String,
}

/// A listed defect.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct KnownRef {
    /// Link to the report of the defect; may be empty.
    pub link: String,
    /// What is known of its cause.
    pub cause: String,
}

/// The writes up to one death, and what the next start showed of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Epoch {
    /// How the server died: `kill`, `term`, `stop 10s`, ...
    pub death: String,
    /// How it ended: exit code or signal, forced or not.
    pub exit: String,
    /// Acknowledged writes.
    pub acknowledged: u64,
    /// Acknowledged writes whose effect is gone.
    pub lost: u64,
    /// Keys that an earlier recovery showed and this one does not.
    pub lost_baseline: u64,
    /// Writes without an answer.
    pub in_doubt: u64,
    /// Writes without an answer whose effect is there.
    pub in_doubt_present: u64,
    /// Writes answered with an error.
    pub refused: u64,
    /// Keys that were gone because their time was up.
    pub expired: u64,
    /// How the loss lies in acknowledgement order.
    pub shape: Shape,
    /// From the earliest lost acknowledgement to the fault.
    pub window_ms: Option<f64>,
    /// From the start to the first answer that is not "loading".
    pub recovery_ms: Option<f64>,
    /// Classes of difference.
    pub anomalies: Vec<Anomaly>,
    /// The promise that applied.
    pub promise: Option<Promise>,
    /// Verdict on this epoch alone.
    pub verdict: Verdict,
    /// Why.
    pub message: String,
    /// Proof that there was something to lose.
    pub pressure: Pressure,
    /// First write sent.
    pub from_ms: f64,
    /// The fault struck.
    pub fault_ms: f64,
    /// Acknowledgements over time: [`Epoch::from_ms`] to the last write in equal buckets.
    pub ack_density: Vec<u32>,
    /// Lost acknowledgements in the same buckets.
    pub lost_density: Vec<u32>,
    /// Width of a bucket.
    pub bucket_ms: f64,
}

/// Proof that the fault met a server under pressure.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Pressure {
    /// Acknowledged before the fault struck.
    pub acked_before_fault: u64,
    /// Acknowledged after it, while the server was dying.
    pub acked_after_fault: u64,
    /// Sent and unanswered when the connection broke.
    pub in_flight: u64,
    /// From the last acknowledgement to the fault.
    pub quiet_ms: Option<f64>,
    /// The phase that the fault was aimed at (`bgsave`, `rewrite`, `load`), when it was met.
    pub phase: Option<String>,
    /// Acknowledged writes per second.
    pub rate: f64,
}

/// Something that happened in a trial.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Event {
    /// When.
    pub at_ms: f64,
    /// `start`, `ready`, `writes`, `fault`, `exit`, `read-back`, `step`, `note`.
    pub kind: String,
    /// What, in a few words.
    pub text: String,
}

/// A key that shows a difference.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Example {
    /// The class of difference.
    pub anomaly: String,
    /// Name of the key.
    pub key: String,
    /// When the write concerned was sent.
    pub sent_ms: f64,
    /// When it was acknowledged; absent when it never was.
    pub acked_ms: Option<f64>,
    /// What the key should hold.
    pub expected: String,
    /// What it holds.
    pub observed: String,
}

/// A persistence file before and after a recovery.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FileFact {
    /// Which epoch's death this follows, from 0.
    pub epoch: u32,
    /// Path below the data directory.
    pub path: String,
    /// Size after the death; absent if the file was not there.
    pub bytes_dead: Option<u64>,
    /// Size after the recovery; absent if the file was not there.
    pub bytes_recovered: Option<u64>,
}

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
    /// Trials that the filters left.
    pub selected: u64,
    /// The run was stopped before its end.
    pub interrupted: bool,
    /// Every server of the matrix: where it came from, or why it could not be had.
    pub servers: Vec<ServerFacts>,
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
    /// [`SCHEMA`].
    pub schema: String,
    /// The run.
    pub run: RunFacts,
    /// Count of trials by verdict.
    pub totals: Totals,
    /// Trials that were begun and never ended.
    pub interrupted: Vec<String>,
    /// Every finished trial, sorted by name.
    pub trials: Vec<TrialRecord>,
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

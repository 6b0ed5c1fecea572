//! What a run leaves behind: the data model of the journal and of every report.
//!
//! A [`TrialRecord`] is self-contained: it can be read, believed and run again
//! without the matrix that made it. Times are milliseconds unless the name says
//! otherwise; `at_ms` counts from the start of the trial.

mod exhaustion;
mod exploration;
mod gate;
mod past;
mod run;
mod verdict;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::exhaustion::{CallFacts, Exhaustion, FailureFact};
pub use self::exploration::{Exploration, ModelFacts, RecoveryFacts, StateFact, Stopped};
pub use self::gate::{Check, Gate, GateRules, Outcome, exit};
pub use self::past::{CaseDiff, CaseHistory, CaseState, Change, Diff, History, PastRun};
pub use self::run::{CaseFacts, Ci, JournalLine, Report, ReportWishes, RunFacts, ServerFacts, Totals};
pub use self::verdict::{Anomaly, Shape, Verdict};

/// Version of `report.json` and of the journal lines. The number rises when a
/// field changes its meaning or goes away; new fields alone do not raise it.
pub const SCHEMA: &str = "outlast-report/1";

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
    /// The attempts before this one.
    pub earlier: Vec<Attempt>,
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
    /// What was explored of a recorded disk.
    pub exploration: Option<Exploration>,
    /// What failing one call of a disk after the other showed.
    pub exhaustion: Option<Exhaustion>,
    /// A command to paste that runs this trial again.
    pub repro: String,
}

impl TrialRecord {
    /// Every text that a server, a log, a library or a file may have had its say in; names are not among them.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        fn promised(promise: &mut Option<Promise>) -> impl Iterator<Item = &mut String> {
            promise
                .iter_mut()
                .flat_map(|promise| [&mut promise.sentence, &mut promise.source, &mut promise.allowed])
        }
        let one = [&mut self.message, &mut self.repro, &mut self.origin.source].into_iter();
        one.chain(promised(&mut self.promise))
            .chain(
                self.known
                    .iter_mut()
                    .flat_map(|known| [&mut known.link, &mut known.cause, &mut known.remedy]),
            )
            .chain(
                self.policy.iter_mut().flat_map(|line| line.requested.iter_mut().chain(&mut line.effective)),
            )
            .chain(self.epochs.iter_mut().flat_map(|epoch| {
                let texts = [&mut epoch.death, &mut epoch.exit, &mut epoch.message].into_iter();
                texts.chain(&mut epoch.pressure.phase).chain(promised(&mut epoch.promise))
            }))
            .chain(self.events.iter_mut().map(|event| &mut event.text))
            .chain(
                self.examples
                    .iter_mut()
                    .flat_map(|example| [&mut example.key, &mut example.expected, &mut example.observed]),
            )
            .chain(self.exhaustion.iter_mut().flat_map(|exhaustion| {
                let examples = exhaustion.calls.iter_mut().flat_map(|facts| &mut facts.examples);
                examples.flat_map(|fact| [&mut fact.about, &mut fact.said, &mut fact.message])
            }))
            .chain(self.files.iter_mut().map(|file| &mut file.path))
            .chain(&mut self.log_tail)
            .chain(self.earlier.iter_mut().map(|attempt| &mut attempt.message))
    }
}

/// An attempt that was tried again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Attempt {
    /// What it said.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub message: String,
    /// From the start of the run to its start.
    pub offset_ms: f64,
    /// How long it took.
    pub duration_ms: f64,
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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
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
    /// The same as a stretch of time before the fault, 0 for nothing; absent where time does not bound it.
    pub window_ms: Option<f64>,
    /// What the promise allows whenever the fault strikes: `window_ms` may be less, by the luck of the moment.
    pub bound_ms: Option<f64>,
    /// What kind of misfortune it is about: `death` of the process, loss of `power`, damaged `files`, a `place` that is
    /// taken away, a `failover`, a `switch` of settings or versions.
    pub class: String,
}

/// A listed defect.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct KnownRef {
    /// Link to the report of the defect; may be empty.
    pub link: String,
    /// What is known of its cause.
    pub cause: String,
    /// What to do about it; may be empty.
    pub remedy: String,
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
    /// Writes sent over time: from `from_ms` to the last write, in equal buckets.
    pub sent_density: Vec<u32>,
    /// Acknowledgements in the same buckets.
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
    /// AOF rewrites that a storm had ended before the fault; absent where none was asked for.
    pub rewrites: Option<u64>,
    /// Snapshots likewise.
    pub saves: Option<u64>,
    /// Acknowledged writes per second.
    pub rate: f64,
    /// Writes per second that the workload was held to; absent where nothing held it back.
    pub pace: Option<u32>,
    /// From sending to acknowledgement, before the fault: half of the writes took no longer.
    pub latency_p50_ms: Option<f64>,
    /// 99 of 100 took no longer.
    pub latency_p99_ms: Option<f64>,
    /// The slowest one.
    pub latency_max_ms: Option<f64>,
}

/// Something that happened in a trial.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Event {
    /// When.
    pub at_ms: f64,
    /// Its end, where it lasted.
    pub until_ms: Option<f64>,
    /// `start`, `ready`, `writes`, `snapshot`, `rewrite`, `fsync`, `fault`, `exit`, `read-back`, `step`, `note`; readers
    /// show others as they are.
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

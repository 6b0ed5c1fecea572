//! What a trial says, in three words: verdict, shape, anomalies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Every shape.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Suffix, Self::Prefix, Self::Hole, Self::Scattered, Self::All];

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
    /// A write survived although one that certainly came before it did not.
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
    /// A transaction or a script survived in part.
    TornTransaction,
    /// A write took effect more than once, or a thing is in two places.
    DuplicatedEffect,
    /// A key is of another type than was ever written.
    WrongType,
    /// A key will expire at another time than was asked for.
    TtlDrift,
    /// A consumer group forgot a delivery or an acknowledgement.
    LostGroupState,
    /// A function is gone or older.
    LostFunction,
    /// A write is gone that WAITAOF had answered for.
    LostPromised,
    /// The server found data files, started with none of their data, and said nothing.
    SilentEmptyStart,
    /// The server starts only after somebody repaired its files by hand.
    NeedsManualRepair,
    /// The server would not end when it was told to.
    ShutdownRefused,
    /// The server reported a clean end and had lost acknowledged writes.
    FalseSuccess,
}

impl Anomaly {
    /// Every anomaly.
    pub const ALL: [Self; 21] = [
        Self::Lost,
        Self::RolledBack,
        Self::Hole,
        Self::Resurrected,
        Self::Corrupt,
        Self::SecondRestartLoss,
        Self::RefusedToStart,
        Self::StuckLoading,
        Self::SilentTruncation,
        Self::PolicyNotInForce,
        Self::TornTransaction,
        Self::DuplicatedEffect,
        Self::WrongType,
        Self::TtlDrift,
        Self::LostGroupState,
        Self::LostFunction,
        Self::LostPromised,
        Self::SilentEmptyStart,
        Self::NeedsManualRepair,
        Self::ShutdownRefused,
        Self::FalseSuccess,
    ];

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
            Self::TornTransaction => "torn-transaction",
            Self::DuplicatedEffect => "duplicated-effect",
            Self::WrongType => "wrong-type",
            Self::TtlDrift => "ttl-drift",
            Self::LostGroupState => "lost-group-state",
            Self::LostFunction => "lost-function",
            Self::LostPromised => "lost-promised",
            Self::SilentEmptyStart => "silent-empty-start",
            Self::NeedsManualRepair => "needs-manual-repair",
            Self::ShutdownRefused => "shutdown-refused",
            Self::FalseSuccess => "false-success",
        }
    }

    /// What it means for a service, as docs/verdicts.md says it.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Lost => "a user was told \"done\", and it is not",
            Self::RolledBack => "a read returns yesterday's answer as if it were today's",
            Self::Hole => "an effect is there and its cause is not: an order without its payment",
            Self::Resurrected => "a user who logged out is logged in again",
            Self::Corrupt => "the data cannot be trusted, and nothing says so",
            Self::SecondRestartLoss => {
                "a recovery that looked fine was not; checks made after it are worth nothing"
            }
            Self::RefusedToStart => "an outage until somebody mends the files, and no silent loss",
            Self::StuckLoading => "an outage that a health check may turn into a restart loop",
            Self::SilentTruncation => "what was cut is gone for good; only a line of the log tells",
            Self::PolicyNotInForce => {
                "everything you believe about durability is about another configuration"
            }
            Self::TornTransaction => "an amount was taken from one account and never reached the other",
            Self::DuplicatedEffect => "a customer is charged twice, a job runs twice",
            Self::WrongType => "every command on the key fails",
            Self::TtlDrift => "a session ends too early, or a lock is held too long",
            Self::LostGroupState => "a message is handled again, or by nobody",
            Self::LostFunction => "calls fail, or run code that was replaced",
            Self::LostPromised => "the one guarantee that was asked for by name did not hold",
            Self::SilentEmptyStart => "the service runs, and everything is missing",
            Self::NeedsManualRepair => "an outage as long as it takes to find that person",
            Self::ShutdownRefused => "a stop becomes a kill when the grace has run out",
            Self::FalseSuccess => "exit code 0 hides the loss from every tool that looks at it",
        }
    }
}

impl Default for Verdict {
    /// A record that nobody finished says that the lab failed.
    fn default() -> Self {
        Self::Errored
    }
}

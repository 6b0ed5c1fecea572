//! What a policy promises under a fault, and whether it was kept. Pure.
//!
//! The [`Circumstances`] of an epoch pick a row of the [`table`], which matrix.toml may override; [`judge`] holds the
//! loss against it, [`over_budget`] against what the user tolerates, and [`apply_known`] looks for a listed defect.

use std::collections::BTreeMap;

mod budget;
mod ending;
mod known;
mod promise;
pub mod table;
mod verdict;
mod when;

pub use budget::over_budget;
pub use ending::{false_success, would_not_end};
pub use known::apply_known;
pub use promise::{Allow, Applied, promise};
pub use verdict::{Judgement, judge};
pub use when::TrialFacts;

/// Everything a promise can depend on, as facts of one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// Effective configuration (`CONFIG GET`) that the server died with.
    pub config: BTreeMap<String, String>,
    /// Effective configuration after the next start.
    pub config_after: BTreeMap<String, String>,
    /// How the server was made to die.
    pub death: Death,
    /// It ended by itself with exit code 0.
    pub clean_exit: bool,
    /// What happened to the files between death and start.
    pub damage: Option<Damage>,
    /// The place was made again without its data.
    pub data_dropped: bool,
    /// The server was started again with another persistence setting or another version.
    pub switched: bool,
    /// A replica was put in its place.
    pub promoted: bool,
    /// A check tool mended the files.
    pub repaired: bool,
    /// A backup was put back: when it was begun, and up to when its snapshot holds everything, in microseconds since the
    /// trial began.
    pub restored: Option<(u64, Option<u64>)>,
    /// The AOF was switched on while running and its first rewrite had not ended.
    pub first_rewrite_pending: bool,
    /// Acknowledgements up to this moment are in a completed save (RDB), in microseconds since
    /// the trial began; `None` when no save of this or an earlier life completed.
    pub saved_until_us: Option<u64>,
    /// When the server last said that no fsync was in flight, in microseconds since the trial began; `None` when one
    /// was, or when nobody could ask.
    pub settled_us: Option<u64>,
    /// Acknowledged writes that the policy alone may lose to a kill: those since `settled_us`, or of the last
    /// [`EVERYSEC_WINDOW`](table::EVERYSEC_WINDOW).
    pub unsettled: u64,
    /// When the fault struck, in microseconds since the trial began.
    pub fault_us: u64,
    /// The power went, before or after the server ended.
    pub power_cut: Option<PowerCut>,
    /// The server left its data unsaved because an earlier attempt to save failed.
    pub save_failed: bool,
    /// The server was told to end, did not, and was killed.
    pub outlived: bool,
    /// Why it may refuse to end: no promise covers a server whose directory is gone, for example.
    pub excuse: Option<&'static str>,
    /// Writes that were answered and are in no file, because the disk refused them; absent where nothing is owed.
    pub unwritten: Option<Unwritten>,
    /// What was acknowledged before this the last good fsync of the AOF covers, where a later one failed and its pages are
    /// gone, in microseconds since the trial began.
    pub dropped_since_us: Option<u64>,
    /// The disk failed while the server started.
    pub failed_start: bool,
}

/// Writes that a server answered and could not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unwritten {
    /// What was acknowledged before this is written, in microseconds since the trial began.
    pub since_us: u64,
    /// Most that may have been acknowledged since: what one event loop answers.
    pub batch: u64,
}

/// A power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerCut {
    /// What it may take: what no fsync covers, or, as the control, nothing.
    pub takes_unsynced: bool,
    /// Whether a breach is a warning only: no real file system is known to leave such a state.
    pub warns: bool,
    /// How long before it that may be acknowledged which no fsync covers under `everysec`, as the fsyncs about then say, in
    /// microseconds.
    pub everysec_us: u64,
    /// When a child that writes a snapshot or a rewrite began, where one is or was at work within the reach of an fsync,
    /// in microseconds since the trial began.
    pub child_from_us: Option<u64>,
}

/// How the server was made to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Death {
    /// SIGTERM and nothing else.
    Term,
    /// SIGTERM, then SIGKILL when the grace ran out.
    Stop,
    /// SIGKILL (also: the kernel's, for want of memory).
    #[default]
    Kill,
    /// `SHUTDOWN SAVE`.
    ShutdownSave,
    /// `SHUTDOWN NOSAVE`.
    ShutdownNosave,
    /// `SHUTDOWN` with the server's own rule.
    Shutdown,
    /// The power went: what the disk had not made durable is gone with the process.
    PowerCut,
    /// The server ended by itself, because its disk failed.
    DiskError,
}

/// What happened to the files of a dead server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The end of the AOF was cut off.
    AofTail {
        /// Write commands in what was cut, the torn one included.
        commands: u64,
    },
    /// A file was changed, cut off, emptied or removed anywhere else.
    Elsewhere,
}

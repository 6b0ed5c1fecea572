//! What is known of the life that is being lived, and how a start went.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::contract::{Damage, Death, PowerCut};
use crate::disk::errors::Owed;
use crate::engine::{DataFile, Exit};
use crate::fault::control::Control;
use crate::fault::storm::Ended;
use crate::workload::driver::Done;

/// A stretch of a server's life that a fault can be aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A snapshot child is at work.
    Bgsave,
    /// A rewrite child is at work.
    Rewrite,
    /// Files are being read.
    Load,
}

impl Phase {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Bgsave => "bgsave",
            Self::Rewrite => "rewrite",
            Self::Load => "load",
        }
    }

    /// What is at work then, as the timeline of a report calls it.
    pub fn child(self) -> &'static str {
        match self {
            Self::Bgsave => "snapshot",
            Self::Rewrite => "rewrite",
            Self::Load => "load",
        }
    }

    /// Whether the server says that it is in this phase now.
    pub async fn under_way(self, control: &mut Control) -> bool {
        let field = match self {
            Self::Bgsave => "rdb_bgsave_in_progress",
            Self::Rewrite => "aof_rewrite_in_progress",
            Self::Load => "loading",
        };
        control.info("persistence").await.is_ok_and(|info| info.get(field).is_some_and(|value| value == "1"))
    }
}

/// One way the server was made to die, and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeathFact {
    /// The step, as written.
    pub words: String,
    /// Its class.
    pub death: Death,
    /// When it struck, in microseconds since the trial began.
    pub fault_us: u64,
    /// How the server ended.
    pub exit: Option<Exit>,
    /// When that was seen: it ended no later, in microseconds since the trial began.
    pub exit_us: Option<u64>,
}

/// What is known of the epoch that is being lived.
#[derive(Debug, Default)]
pub struct Draft {
    /// Deaths so far; the first is the one that the writes met.
    pub deaths: Vec<DeathFact>,
    /// What happened to the files.
    pub damage: Option<Damage>,
    /// The place was made again without its data.
    pub data_dropped: bool,
    /// The AOF was switched on and its first rewrite is not known to have ended.
    pub first_rewrite_pending: bool,
    /// The phase that the next death is aimed at.
    pub phase: Option<Phase>,
    /// That phase, once a death met it.
    pub met_phase: Option<&'static str>,
    /// Effective configuration at the death.
    pub config: BTreeMap<String, String>,
    /// Acknowledgements up to here are in a completed snapshot.
    pub saved_until_us: Option<u64>,
    /// Snapshots that ended: when that was seen, and up to when they hold everything.
    pub saves: Vec<(u64, u64)>,
    /// The last snapshot failed.
    pub save_failed: bool,
    /// Starts that were refused before somebody mended the files.
    pub refusals: u32,
    /// A refused start was only tried again.
    pub retried: bool,
    /// A check tool was told to mend the files.
    pub repaired: bool,
    /// Another server was put in the dead one's place.
    pub switched_server: bool,
    /// A replica was put in the dead one's place.
    pub promoted: bool,
    /// A backup was put back: when it was begun, and up to when its snapshot holds everything.
    pub restored: Option<(u64, Option<u64>)>,
    /// When the server last said that no fsync was in flight: what it had acknowledged by then is written.
    pub settled_us: Option<u64>,
    /// The server was told to end and did not, so that it had to be killed.
    pub outlived: bool,
    /// The power was cut.
    pub power_cut: Option<PowerCut>,
    /// Why it may refuse to end.
    pub excuse: Option<&'static str>,
    /// A step told the disk to fail calls.
    pub told_to_fail: bool,
    /// What calls that failed have left to be made good when the server was dead.
    pub owed: Owed,
    /// Calls of the disk that had failed before the server was started again.
    pub failed_before_start: u64,
    /// The fault itself keeps writes away: that none is near it is no lack of pressure.
    pub muted: bool,
    /// Acknowledged in this epoch when the fault struck.
    pub acked_before_fault: u64,
    /// What the writers had done in the end.
    pub done: Option<Done>,
    /// What of a storm had ended when the fault struck.
    pub storm: Option<Ended>,
    /// How long they wrote.
    pub wrote_for: Duration,
    /// The files of the dead server, just before it was started again.
    pub files_dead: Vec<DataFile>,
}

/// A backup.
#[derive(Debug, Default)]
pub struct Copy {
    /// Every file by its path below the data directory.
    pub files: Vec<(String, Vec<u8>)>,
    /// What was acknowledged by then had been written, in microseconds since the trial began.
    pub at_us: u64,
    /// Acknowledgements up to here were in a completed snapshot by then.
    pub saved_until_us: Option<u64>,
}

/// How a start went.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    /// The server answers.
    Ready {
        /// From the start to the first answer that is not "loading", in milliseconds.
        ms: f64,
    },
    /// The server ended by itself instead.
    Refused {
        /// How it ended.
        exit: Exit,
    },
    /// The server neither answered nor ended within [`Plan::ready`](crate::plan::Plan::ready).
    Stuck,
}

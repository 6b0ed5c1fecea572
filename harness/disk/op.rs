//! What a server does to its files, as a log of operations. Pure.

use std::sync::Arc;

/// Number of a file or a folder; the root is [`ROOT`]. A number is never given twice.
pub type Ino = u64;

/// The folder that is mounted.
pub const ROOT: Ino = 1;

/// Where an entry stands: a folder and a name in it.
pub type Place = (Ino, String);

/// One operation, as it took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A new, empty file.
    Create {
        /// Its place.
        at: Place,
        /// Its number.
        ino: Ino,
    },
    /// A new, empty folder.
    Mkdir {
        /// Its place.
        at: Place,
        /// Its number.
        ino: Ino,
    },
    /// Another name for a file.
    Link {
        /// The new place.
        at: Place,
        /// The file.
        ino: Ino,
    },
    /// A file or folder has moved, and what stood there before is gone.
    Rename {
        /// From here.
        from: Place,
        /// To here.
        to: Place,
    },
    /// A name of a file is gone.
    Unlink {
        /// Where it stood.
        at: Place,
    },
    /// An empty folder is gone.
    Rmdir {
        /// Where it stood.
        at: Place,
    },
    /// Bytes were written.
    Write {
        /// The file.
        ino: Ino,
        /// Where, in bytes.
        offset: u64,
        /// What.
        data: Arc<[u8]>,
    },
    /// The length was set.
    Truncate {
        /// The file.
        ino: Ino,
        /// The length, in bytes.
        len: u64,
    },
    /// A file was made durable, as far as it had been written when the call came.
    Fsync {
        /// The file.
        ino: Ino,
        /// Operations before this number are covered.
        covers: usize,
        /// Whether it was `fdatasync`, which makes of what is not in the bytes durable only what they need.
        datasync: bool,
    },
    /// The entries of a folder were made durable.
    FsyncDir {
        /// The folder.
        ino: Ino,
        /// Operations before this number are covered.
        covers: usize,
    },
    /// An fsync failed. Linux then takes the pages for clean: a later fsync has nothing to do for them.
    FsyncFailed {
        /// The file.
        ino: Ino,
        /// Operations before this number were concerned.
        covers: usize,
        /// Whether the pages are clean afterwards, and so never written; else the next fsync tries again.
        clean: bool,
    },
    /// The file system's journal was committed for somebody else's sake.
    Commit,
    /// Everything was made durable (`syncfs`).
    SyncAll,
}

impl Op {
    /// Whether it changes entries of folders.
    pub fn changes_names(&self) -> bool {
        matches!(
            self,
            Self::Create { .. }
                | Self::Mkdir { .. }
                | Self::Link { .. }
                | Self::Rename { .. }
                | Self::Unlink { .. }
                | Self::Rmdir { .. }
        )
    }

    /// Whether a device is told to keep what it has.
    pub fn is_flush(&self) -> bool {
        matches!(self, Self::Fsync { .. } | Self::SyncAll)
    }

    /// The file whose bytes or length it changes.
    pub fn changes_content(&self) -> Option<Ino> {
        match self {
            Self::Write { ino, .. } | Self::Truncate { ino, .. } => Some(*ino),
            _ => None,
        }
    }

    /// The word for it in scripts and reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Mkdir { .. } => "mkdir",
            Self::Link { .. } => "link",
            Self::Rename { .. } => "rename",
            Self::Unlink { .. } => "delete",
            Self::Rmdir { .. } => "rmdir",
            Self::Write { .. } => "write",
            Self::Truncate { .. } => "truncate",
            Self::Fsync { .. } => "fsync",
            Self::FsyncDir { .. } => "fsync-dir",
            Self::FsyncFailed { .. } => "fsync-failed",
            Self::Commit => "commit",
            Self::SyncAll => "syncfs",
        }
    }
}

/// An operation in its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rec {
    /// When it was asked for, in microseconds since the trial began.
    pub asked_us: u64,
    /// When it took effect.
    pub done_us: u64,
    /// What it was.
    pub op: Op,
}

/// How long after the end of a child its want of fsyncs may still tell, in microseconds.
const AFTERMATH_US: u64 = 1_100_000;
/// How the files begin that a child writes before they get their name.
const CHILD_FILES: &str = "temp-";

/// Children of the server that write snapshots and rewrites, as told by their files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Children {
    open: std::collections::BTreeSet<String>,
    /// When the first of those that are at work began, or of those that ended last.
    from_us: Option<u64>,
    ended_us: Option<u64>,
}

impl Children {
    /// Takes an operation into account.
    pub fn note(&mut self, op: &Op, at_us: u64) {
        match op {
            Op::Create { at, .. } if at.1.starts_with(CHILD_FILES) && !at.1.ends_with(".manifest") => {
                if self.open.is_empty() {
                    (self.from_us, self.ended_us) = (Some(at_us), None);
                }
                self.open.insert(at.1.clone());
            }
            Op::Rename { from: at, .. } | Op::Unlink { at }
                if self.open.remove(&at.1) && self.open.is_empty() =>
            {
                self.ended_us = Some(at_us);
            }
            _ => {}
        }
    }

    /// When they began, where they are at work or ended so short before that it may still tell.
    pub fn from_us(&self, at_us: u64) -> Option<u64> {
        self.from_us.filter(|_| self.ended_us.is_none_or(|ended| at_us <= ended + AFTERMATH_US))
    }
}

/// When a child of the server began whose file was there at a moment, or lately, in microseconds since the trial began.
pub fn child_from_us(log: &[Rec], at_us: u64) -> Option<u64> {
    let mut children = Children::default();
    for rec in log.iter().filter(|rec| rec.op.changes_names()).take_while(|rec| rec.done_us <= at_us) {
        children.note(&rec.op, rec.done_us);
    }
    children.from_us(at_us)
}

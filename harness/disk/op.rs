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

//! What a power cut may leave: one file per model. Pure.
//!
//! A model says which trees a moment may leave behind, as numbered variants: the same moment and number give the same
//! tree, byte for byte. See docs/power-loss.md for the rules and their sources.

pub mod allows;
mod fsync_only;
mod journal;
mod posix_random;
mod process_kill;
mod real;
mod strict_posix;

use super::replay::Replay;
use super::tree::Tree;
use crate::matrix::Filesystem;

/// What may be lost in a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// Nothing that was written: the control.
    ProcessKill,
    /// Everything that no fsync covers; names in the order of a journal, up to its last commit.
    FsyncOnly,
    /// Names up to any point of the journal; of unsynced bytes none, all, or a part from the front.
    Journal,
    /// Everything that POSIX does not promise: also a name whose folder was not synced.
    StrictPosix,
    /// Any part of what POSIX does not promise.
    PosixRandom,
    /// What ext4 makes of an image that holds what its device had flushed.
    RealExt4,
    /// The same with XFS.
    RealXfs,
    /// The same with btrfs.
    RealBtrfs,
}

/// Whether a breach under a model is the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It is.
    Accuses,
    /// Only where a real file system confirms it, or nowhere: a breach is a warning.
    Warns,
}

impl Model {
    /// Every model.
    pub const ALL: [Self; 8] = [
        Self::ProcessKill,
        Self::FsyncOnly,
        Self::Journal,
        Self::StrictPosix,
        Self::PosixRandom,
        Self::RealExt4,
        Self::RealXfs,
        Self::RealBtrfs,
    ];
    /// Those that work on the files themselves. The others work on the image of a file system.
    pub const PURE: [Self; 5] =
        [Self::ProcessKill, Self::FsyncOnly, Self::Journal, Self::StrictPosix, Self::PosixRandom];

    /// The word for it in scripts and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProcessKill => "process-kill",
            Self::FsyncOnly => "fsync-only",
            Self::Journal => "journal",
            Self::StrictPosix => "strict-posix",
            Self::PosixRandom => "posix-random",
            Self::RealExt4 => "real-ext4",
            Self::RealXfs => "real-xfs",
            Self::RealBtrfs => "real-btrfs",
        }
    }

    /// The model of this name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.as_str() == word)
    }

    /// The file system that the disk has to hold for it.
    pub fn filesystem(self) -> Option<Filesystem> {
        match self {
            Self::RealExt4 => Some(Filesystem::Ext4),
            Self::RealXfs => Some(Filesystem::Xfs),
            Self::RealBtrfs => Some(Filesystem::Btrfs),
            _ => None,
        }
    }

    /// The model of a disk for which none is named.
    pub fn default_of(filesystem: Option<Filesystem>) -> Self {
        match filesystem {
            None => Self::FsyncOnly,
            Some(Filesystem::Ext4) => Self::RealExt4,
            Some(Filesystem::Xfs) => Self::RealXfs,
            Some(Filesystem::Btrfs) => Self::RealBtrfs,
        }
    }

    /// Whether a breach under it is the server's.
    pub fn weight(self) -> Weight {
        match self {
            Self::ProcessKill | Self::FsyncOnly | Self::RealExt4 | Self::RealXfs | Self::RealBtrfs => {
                Weight::Accuses
            }
            Self::Journal | Self::StrictPosix | Self::PosixRandom => Weight::Warns,
        }
    }

    /// How many variants a moment has.
    pub fn variants(self, replay: &Replay) -> u32 {
        match self {
            Self::ProcessKill | Self::FsyncOnly => 1,
            Self::Journal => journal::variants(replay),
            Self::StrictPosix => strict_posix::variants(replay),
            Self::PosixRandom => posix_random::variants(replay),
            Self::RealExt4 | Self::RealXfs | Self::RealBtrfs => real::variants(replay),
        }
    }

    /// How many states the rules of the model allow at a moment, of which the variants are those that are tried;
    /// `u64::MAX` stands for at least as many.
    pub fn exist(self, replay: &Replay) -> u64 {
        match self {
            Self::ProcessKill | Self::FsyncOnly => 1,
            Self::Journal => journal::exist(replay),
            Self::StrictPosix => strict_posix::exist(replay),
            Self::PosixRandom => posix_random::exist(replay),
            Self::RealExt4 | Self::RealXfs | Self::RealBtrfs => real::exist(replay),
        }
    }

    /// What a cut at the moment to which the log was played leaves; `None` where the moment has no such variant.
    pub fn tree(self, replay: &Replay, variant: u32) -> Option<Tree> {
        if variant >= self.variants(replay) {
            return None;
        }
        Some(match self {
            Self::ProcessKill => process_kill::tree(replay),
            Self::FsyncOnly => fsync_only::tree(replay),
            Self::Journal => journal::tree(replay, variant),
            Self::StrictPosix => strict_posix::tree(replay, variant),
            Self::PosixRandom => posix_random::tree(replay, variant),
            Self::RealExt4 | Self::RealXfs | Self::RealBtrfs => real::tree(replay, variant),
        })
    }
}

/// How many subsets so many things have, at most `u64::MAX`.
fn subsets(things: usize) -> u64 {
    u32::try_from(things).ok().and_then(|things| 1_u64.checked_shl(things)).unwrap_or(u64::MAX)
}

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

    /// What a cut at the moment to which the log was played may leave.
    pub fn variants_of(self, replay: &Replay) -> Variants<'_> {
        let choices = match self {
            Self::ProcessKill => Choices::Everything,
            Self::FsyncOnly => Choices::Fsynced,
            Self::Journal => Choices::Journal(journal::Choices::of(replay)),
            Self::StrictPosix => Choices::StrictPosix(strict_posix::Choices::of(replay)),
            Self::PosixRandom => Choices::PosixRandom(posix_random::Choices::of(replay)),
            Self::RealExt4 | Self::RealXfs | Self::RealBtrfs => Choices::Real(real::Choices::of(replay)),
        };
        Variants { replay, choices }
    }

    /// How many variants a moment has.
    pub fn variants(self, replay: &Replay) -> u32 {
        self.variants_of(replay).count()
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

    /// One variant of a moment; `None` where it has no such.
    pub fn tree(self, replay: &Replay, variant: u32) -> Option<Tree> {
        self.variants_of(replay).tree(variant)
    }
}

/// What a cut at one moment may leave under one model, numbered from 0.
pub struct Variants<'a> {
    replay: &'a Replay,
    choices: Choices,
}

enum Choices {
    Everything,
    Fsynced,
    Journal(journal::Choices),
    StrictPosix(strict_posix::Choices),
    PosixRandom(posix_random::Choices),
    Real(real::Choices),
}

impl Variants<'_> {
    /// How many there are.
    pub fn count(&self) -> u32 {
        match &self.choices {
            Choices::Everything | Choices::Fsynced => 1,
            Choices::Journal(choices) => choices.len(),
            Choices::StrictPosix(choices) => choices.len(),
            Choices::PosixRandom(choices) => choices.len(),
            Choices::Real(choices) => choices.len(),
        }
    }

    /// One of them; `None` where there is no such.
    pub fn tree(&self, variant: u32) -> Option<Tree> {
        if variant >= self.count() {
            return None;
        }
        let replay = self.replay;
        Some(match &self.choices {
            Choices::Everything => process_kill::tree(replay),
            Choices::Fsynced => fsync_only::tree(replay),
            Choices::Journal(choices) => choices.tree(replay, variant),
            Choices::StrictPosix(choices) => choices.tree(replay, variant),
            Choices::PosixRandom(choices) => choices.tree(replay, variant),
            Choices::Real(choices) => choices.tree(replay, variant),
        })
    }
}

/// How many subsets so many things have, at most `u64::MAX`.
fn subsets(things: usize) -> u64 {
    u32::try_from(things).ok().and_then(|things| 1_u64.checked_shl(things)).unwrap_or(u64::MAX)
}

//! `strict-posix`: a name is durable with the fsync of its folder and not before. Variant 0 has none of the others. Of a
//! few, each further variant has one subset of them that happened to get through; of many, all, one, or all but one.

use crate::disk::replay::Replay;
use crate::disk::tree::Tree;

/// Of at most so many changes of names every subset is tried.
const FEW: usize = 6;
/// Else at most so many are tried one by one, the newest.
const SINGLES: usize = 16;

/// The variants of a moment.
pub(super) struct Choices {
    names: usize,
}

pub(super) fn exist(replay: &Replay) -> u64 {
    super::subsets(replay.unsynced_names.len())
}

impl Choices {
    pub(super) fn of(replay: &Replay) -> Self {
        Self { names: replay.unsynced_names.len() }
    }

    pub(super) fn len(&self) -> u32 {
        if self.names <= FEW { 1 << self.names } else { 2 + 2 * self.singles() as u32 }
    }

    fn singles(&self) -> usize {
        self.names.min(SINGLES)
    }

    /// `variant` is less than their number.
    pub(super) fn tree(&self, replay: &Replay, variant: u32) -> Tree {
        let mut folders = replay.by_folder.clone();
        for (number, change) in replay.unsynced_names.iter().enumerate() {
            if self.has(variant as usize, number) {
                change.apply(&mut folders);
            }
        }
        replay.tree(folders, |ino| replay.files.get(&ino).map(|file| file.synced.clone()).unwrap_or_default())
    }

    /// Whether a variant has a change of names.
    fn has(&self, variant: usize, number: usize) -> bool {
        if self.names <= FEW {
            return variant >> number & 1 == 1;
        }
        let singles = self.singles();
        let newest = |single: usize| number == self.names - singles + single;
        match variant {
            0 => false,
            1 => true,
            variant if variant < 2 + singles => newest(variant - 2),
            variant => !newest(variant - 2 - singles),
        }
    }
}

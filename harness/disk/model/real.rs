//! `real-ext4`, `real-xfs`, `real-btrfs`: the device that a real file system lives on. Variant 0 keeps what it had flushed;
//! variant 1 all that was written; some flip a coin for every write since the last flush, and tear some of them at a
//! sector, because a device may reorder what nobody told it to flush; the others are every subset of few writes, or lack
//! one of many. A sector is whole or absent.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::disk::content::Content;
use crate::disk::file::{Change, FileState};
use crate::disk::replay::{Names, Replay};
use crate::disk::tree::Tree;

/// Variants that flip coins.
const TOSSES: u32 = 6;
/// Of at most so many unflushed writes every subset is tried.
const FEW: u32 = 3;
/// Else at most so many are dropped one by one, the newest.
const DROPS: u32 = 4;
/// What a device writes as one.
const SECTOR: usize = 512;

/// The variants of a moment.
pub(super) struct Choices {
    /// Writes since the last flush.
    writes: u32,
}

/// Every subset of the sectors that were written since the last flush.
pub(super) fn exist(replay: &Replay) -> u64 {
    let sectors = |change: &Change| match change {
        Change::Write(_, data) => data.len().div_ceil(SECTOR),
        Change::Truncate(_) => 1,
    };
    let files = replay.unsynced_files(Names::Journal);
    super::subsets(files.flat_map(|(_, file)| &file.pending).map(|(_, change)| sectors(change)).sum())
}

impl Choices {
    pub(super) fn of(replay: &Replay) -> Self {
        let writes: usize = replay.unsynced_files(Names::Journal).map(|(_, file)| file.pending.len()).sum();
        Self { writes: u32::try_from(writes).unwrap_or(u32::MAX) }
    }

    pub(super) fn len(&self) -> u32 {
        match self.writes {
            0 => 1,
            few @ 1..=FEW => 2 + TOSSES + (1 << few) - 2,
            _ => 2 + TOSSES + DROPS,
        }
    }

    /// `variant` is less than their number.
    pub(super) fn tree(&self, replay: &Replay, variant: u32) -> Tree {
        let mut coin = ChaCha8Rng::seed_from_u64(u64::from(variant) << 32 | replay.played as u64);
        let mut number = 0;
        replay.tree(replay.committed.clone(), |ino| {
            let Some(file) = replay.files.get(&ino) else { return Content::default() };
            self.kept(file, variant, &mut number, &mut coin)
        })
    }

    fn kept(&self, file: &FileState, variant: u32, number: &mut u32, coin: &mut ChaCha8Rng) -> Content {
        let mut content = file.synced.clone();
        // The odds differ from variant to variant: most, about half, or few of the writes are there.
        let odds = [8, 4, 12][variant as usize % 3];
        for (_, change) in &file.pending {
            let this = *number;
            *number += 1;
            let toss = coin.next_u32() % 16;
            let Change::Write(offset, data) = change else {
                if variant > 0 {
                    change.apply(&mut content);
                }
                continue;
            };
            let is_there = match variant {
                0 => false,
                1 => true,
                2..8 => toss < odds,
                // Neither none nor all: those are variants 0 and 1.
                subset if self.writes <= FEW => (subset - 7) >> this & 1 == 1,
                lacking => this != self.writes - 1 - (lacking - 8),
            };
            if is_there {
                content.write(*offset, data);
            } else if (2..8).contains(&variant) && toss.is_multiple_of(4) && data.len() > SECTOR {
                // One in four of the others is torn: its sectors up to one of them are there.
                let sectors = coin.next_u32() as usize % (data.len() / SECTOR);
                content.write(*offset, &data[..sectors * SECTOR]);
            }
        }
        content
    }
}

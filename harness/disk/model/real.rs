//! `real-ext4`, `real-xfs`, `real-btrfs`: the device that a real file system lives on. Variant 0 keeps what it had flushed;
//! variant 1 all that was written; each further one flips a coin for every write since the last flush, and tears some
//! of them at a sector, because a device may reorder what nobody told it to flush. A sector is whole or absent.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::disk::content::Content;
use crate::disk::file::{Change, FileState};
use crate::disk::replay::Replay;
use crate::disk::tree::Tree;

/// Subsets of the unflushed writes.
const SUBSETS: u32 = 6;
/// What a device writes as one.
const SECTOR: usize = 512;

pub(super) fn variants(replay: &Replay) -> u32 {
    if replay.unsynced_files().next().is_some() { 2 + SUBSETS } else { 1 }
}

/// Every subset of the writes since the last flush.
pub(super) fn exist(replay: &Replay) -> u64 {
    super::subsets(replay.unsynced_files().map(|(_, file)| file.pending.len()).sum())
}

pub(super) fn tree(replay: &Replay, variant: u32) -> Tree {
    let mut coin = ChaCha8Rng::seed_from_u64(u64::from(variant) << 32 | replay.played as u64);
    replay.tree(replay.committed.clone(), |ino| {
        let Some(file) = replay.files.get(&ino) else { return Content::default() };
        kept(file, variant, &mut coin)
    })
}

fn kept(file: &FileState, variant: u32, coin: &mut ChaCha8Rng) -> Content {
    let mut content = file.synced.clone();
    // The odds differ from variant to variant: most, about half, or few of the writes are there.
    let odds = [8, 4, 12][variant as usize % 3];
    for (_, change) in file.pending.iter().filter(|_| variant > 0) {
        let toss = coin.next_u32() % 16;
        match change {
            Change::Write(offset, data) if variant > 1 && toss >= odds => {
                // One in four of the others is torn: its sectors up to one of them are there.
                if toss.is_multiple_of(4) && data.len() > SECTOR {
                    let sectors = coin.next_u32() as usize % (data.len() / SECTOR);
                    content.write(*offset, &data[..sectors * SECTOR]);
                }
            }
            change => change.apply(&mut content),
        }
    }
    content
}

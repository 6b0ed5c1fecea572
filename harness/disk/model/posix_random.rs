//! `posix-random`: any part of what POSIX does not promise. The first variants drop one unsynced write and keep all the
//! others; the rest toss a coin for every entry and every page, and may tear the last page.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::disk::content::{Content, PAGE};
use crate::disk::file::{Change, FileState};
use crate::disk::op::Ino;
use crate::disk::replay::Replay;
use crate::disk::tree::{self, Tree};

/// At most so many unsynced writes are dropped one by one, the newest.
const DROPS: usize = 8;
/// Tosses for each moment.
const TOSSES: u32 = 4;
/// What a disk writes as one.
const SECTOR: usize = 512;

pub(super) fn variants(replay: &Replay) -> u32 {
    let unsynced = replay.unsynced_files().next().is_some() || !replay.unsynced_names.is_empty();
    if unsynced { drops(replay).len() as u32 + TOSSES } else { 1 }
}

/// Every entry in its old or new state, and every page as it was at any moment since the last fsync of its file.
pub(super) fn exist(replay: &Replay) -> u64 {
    let mut states = super::subsets(replay.unsynced_names.iter().map(|change| change.entries.len()).sum());
    for (_, file) in replay.unsynced_files() {
        let mut versions: BTreeMap<u64, u64> = BTreeMap::new();
        for (_, change) in &file.pending {
            for page in change.pages() {
                *versions.entry(page).or_insert(1) += 1;
            }
        }
        states = versions.values().fold(states, |states, count| states.saturating_mul(*count));
        if states == u64::MAX {
            break;
        }
    }
    states
}

pub(super) fn tree(replay: &Replay, variant: u32) -> Tree {
    match drops(replay).get(variant as usize) {
        Some(&index) => drop_one(replay, index),
        None => toss(replay, variant),
    }
}

/// Numbers of the writes that are dropped one by one.
fn drops(replay: &Replay) -> Vec<usize> {
    let mut writes: Vec<_> = replay
        .unsynced_files()
        .flat_map(|(_, file)| &file.pending)
        .filter(|(_, change)| matches!(change, Change::Write(..)))
        .map(|(index, _)| *index)
        .collect();
    writes.sort_unstable();
    writes.split_off(writes.len().saturating_sub(DROPS))
}

fn drop_one(replay: &Replay, dropped: usize) -> Tree {
    replay.tree(replay.now.folders.clone(), |ino| {
        let Some(file) = replay.files.get(&ino) else { return Content::default() };
        let mut content = file.synced.clone();
        for (index, change) in &file.pending {
            match change {
                // The length is kept: what was not written reads as zeros.
                Change::Write(offset, data) if *index == dropped => {
                    let end = offset + data.len() as u64;
                    content.truncate(content.len().max(end));
                }
                change => change.apply(&mut content),
            }
        }
        content
    })
}

fn toss(replay: &Replay, variant: u32) -> Tree {
    let mut coin = ChaCha8Rng::seed_from_u64(u64::from(variant) << 32 | replay.played as u64);
    let mut folders = replay.by_folder.clone();
    for change in &replay.unsynced_names {
        for (at, entry) in &change.entries {
            if coin.next_u32().is_multiple_of(2) {
                tree::set(&mut folders, at, *entry);
            }
        }
        if let Some(folder) = change.folder {
            folders.entry(folder).or_default();
        }
    }
    let files: Vec<Ino> = replay.files.keys().copied().collect();
    let mut contents: BTreeMap<_, _> =
        files.into_iter().map(|ino| (ino, some_pages(&replay.files[&ino], &mut coin))).collect();
    replay.tree(folders, |ino| contents.remove(&ino).unwrap_or_default())
}

/// The file as of some moment since its fsync, each page that was written since in its old or its new state.
fn some_pages(file: &FileState, coin: &mut ChaCha8Rng) -> Content {
    if file.pending.is_empty() {
        return file.synced.clone();
    }
    let upto = coin.next_u32() as usize % (file.pending.len() + 1);
    let mut new = file.synced.clone();
    for (_, change) in &file.pending[..upto] {
        change.apply(&mut new);
    }
    let mut mixed = Content::default();
    mixed.truncate(new.len());
    let last = (new.len() as usize).div_ceil(PAGE).saturating_sub(1);
    for page in 0..=last {
        let offset = (page * PAGE) as u64;
        let (old_bytes, new_bytes) = (file.synced.read(offset, PAGE), new.read(offset, PAGE));
        let fresh = coin.next_u32().is_multiple_of(2);
        if old_bytes == new_bytes || !fresh {
            let kept = old_bytes.len().min(new_bytes.len());
            mixed.write(offset, &old_bytes[..kept]);
        } else if page == last && coin.next_u32().is_multiple_of(4) {
            let sectors = new_bytes.len().div_ceil(SECTOR);
            let torn = (coin.next_u32() as usize % (sectors + 1)) * SECTOR;
            mixed.write(offset, &old_bytes[..old_bytes.len().min(new_bytes.len())]);
            mixed.write(offset, &new_bytes[..torn.min(new_bytes.len())]);
        } else {
            mixed.write(offset, &new_bytes);
        }
    }
    mixed
}

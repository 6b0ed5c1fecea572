//! `posix-random`: any part of what POSIX does not promise. Where there is little, each entry and each page is in its old
//! or its new state in every combination. Else the first variants lack one page and keep all the others; the rest toss a
//! coin for every entry and every page, and may tear the last page.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::disk::content::{Content, PAGE};
use crate::disk::file::FileState;
use crate::disk::op::{Ino, Place};
use crate::disk::replay::{Names, Replay};
use crate::disk::tree::{self, Folders, Tree};

/// Of at most so many entries and pages every subset is tried.
const FEW: usize = 6;
/// Else at most so many pages are missing one by one, the newest.
const DROPS: usize = 16;
/// Tosses for each moment.
const TOSSES: u32 = 8;
/// What a disk writes as one.
const SECTOR: usize = 512;

/// The variants of a moment.
pub(super) enum Choices {
    /// Every subset of the entries and these pages.
    Every { entries: usize, pages: Vec<(Ino, u64)> },
    /// Pages that are missing one by one, and then tosses.
    Some(Vec<(Ino, u64)>),
}

/// Every entry in its old or new state, and every page as it was at any moment since the last fsync of its file.
pub(super) fn exist(replay: &Replay) -> u64 {
    let mut states = super::subsets(entries(replay).count());
    for (_, file) in replay.unsynced_files(Names::Folder) {
        let mut versions: BTreeMap<u64, u64> = BTreeMap::new();
        for (_, change) in file.possible().iter() {
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

impl Choices {
    pub(super) fn of(replay: &Replay) -> Self {
        let entries = entries(replay).count();
        let mut pages = BTreeSet::new();
        for (ino, file) in replay.unsynced_files(Names::Folder) {
            for (_, change) in file.possible().iter() {
                pages.extend(change.pages().map(|page| (ino, page)));
                if entries + pages.len() > FEW {
                    return Self::Some(drops(replay));
                }
            }
        }
        // A truncation to a page's boundary is in no page, and still not durable.
        let all_in_pages =
            replay.unsynced_files(Names::Folder).all(|(ino, _)| pages.iter().any(|(other, _)| *other == ino));
        if entries + pages.len() > FEW || !all_in_pages {
            return Self::Some(drops(replay));
        }
        Self::Every { entries, pages: pages.into_iter().collect() }
    }

    pub(super) fn len(&self) -> u32 {
        match self {
            Self::Every { entries, pages } => 1 << (entries + pages.len()),
            Self::Some(drops) => drops.len() as u32 + TOSSES,
        }
    }

    /// `variant` is less than their number.
    pub(super) fn tree(&self, replay: &Replay, variant: u32) -> Tree {
        match self {
            Self::Every { entries, pages } => {
                let is_new = |number: usize| variant >> number & 1 == 1;
                let folders = some_entries(replay, is_new);
                let fresh: BTreeSet<_> = pages
                    .iter()
                    .enumerate()
                    .filter(|(number, _)| is_new(entries + number))
                    .map(|(_, page)| *page)
                    .collect();
                replay.tree(folders, |ino| {
                    let Some(file) = replay.files.get(&ino) else { return Content::default() };
                    if !fresh.iter().any(|(other, _)| *other == ino) {
                        return file.synced.clone();
                    }
                    mixed(file, &latest(file), |page| fresh.contains(&(ino, page)))
                })
            }
            Self::Some(drops) => match drops.get(variant as usize) {
                Some(&page) => without(replay, page),
                None => toss(replay, variant),
            },
        }
    }
}

/// Every entry whose folder was not synced since it changed.
fn entries(replay: &Replay) -> impl Iterator<Item = &(Place, Option<Ino>)> {
    replay.unsynced_names.iter().flat_map(|change| &change.entries)
}

/// What is durable, with those of the other entries that are chosen by their number.
fn some_entries(replay: &Replay, mut is_new: impl FnMut(usize) -> bool) -> Folders {
    let mut folders = replay.by_folder.clone();
    for folder in replay.unsynced_names.iter().filter_map(|change| change.folder) {
        folders.entry(folder).or_default();
    }
    for (number, (at, entry)) in entries(replay).enumerate() {
        if is_new(number) {
            tree::set(&mut folders, at, *entry);
        }
    }
    folders
}

/// Pages that are missing one by one: those that were written to last. A page is written as a whole, so that what came
/// later in it is missing too.
fn drops(replay: &Replay) -> Vec<(Ino, u64)> {
    let mut newest: BTreeMap<(Ino, u64), usize> = BTreeMap::new();
    for (ino, file) in replay.unsynced_files(Names::Folder) {
        let mut seen = BTreeSet::new();
        for (index, change) in file.possible().iter().rev() {
            for page in change.pages().rev().filter(|page| seen.insert(*page)) {
                newest.insert((ino, page), *index);
            }
            if seen.len() >= DROPS {
                break;
            }
        }
    }
    let mut pages: Vec<_> = newest.into_iter().map(|(page, index)| (index, page)).collect();
    pages.sort_unstable();
    pages.drain(..pages.len().saturating_sub(DROPS));
    pages.into_iter().map(|(_, page)| page).collect()
}

fn without(replay: &Replay, (only, missing): (Ino, u64)) -> Tree {
    replay.tree(replay.now.folders.clone(), |ino| {
        let Some(file) = replay.files.get(&ino) else { return Content::default() };
        // The length is kept: what was not written reads as zeros.
        mixed(file, &latest(file), |page| ino != only || page != missing)
    })
}

fn toss(replay: &Replay, variant: u32) -> Tree {
    let mut coin = ChaCha8Rng::seed_from_u64(u64::from(variant) << 32 | replay.played as u64);
    let folders = some_entries(replay, |_| coin.next_u32().is_multiple_of(2));
    // Files that were tossed for whether they have a name or not: the same coins for the same number.
    let files: Vec<_> = replay.unsynced_files(Names::Folder).collect();
    let mut contents: BTreeMap<_, _> =
        files.into_iter().map(|(ino, file)| (ino, some_pages(file, &mut coin))).collect();
    replay.tree(folders, |ino| {
        let synced = || replay.files.get(&ino).map(|file| file.synced.clone()).unwrap_or_default();
        contents.remove(&ino).unwrap_or_else(synced)
    })
}

fn latest(file: &FileState) -> Content {
    let mut content = file.synced.clone();
    file.possible().iter().for_each(|(_, change)| change.apply(&mut content));
    content
}

/// The file as of some moment since its fsync, each page that was written since in its old or its new state.
fn some_pages(file: &FileState, coin: &mut ChaCha8Rng) -> Content {
    let possible = file.possible();
    let upto = coin.next_u32() as usize % (possible.len() + 1);
    let mut new = file.synced.clone();
    for (_, change) in &possible[..upto] {
        change.apply(&mut new);
    }
    let mut content = mixed(file, &new, |_| coin.next_u32().is_multiple_of(2));
    if coin.next_u32().is_multiple_of(4) {
        let last = (new.len() as usize).div_ceil(PAGE).saturating_sub(1);
        let offset = (last * PAGE) as u64;
        let bytes = new.read(offset, PAGE);
        let sectors = bytes.len().div_ceil(SECTOR);
        let torn = (coin.next_u32() as usize % (sectors + 1)) * SECTOR;
        content.write(offset, &bytes[..torn.min(bytes.len())]);
    }
    content
}

/// The length of one state of a file, and each of its pages as it is there or as it was durable.
fn mixed(file: &FileState, new: &Content, mut is_new: impl FnMut(u64) -> bool) -> Content {
    let mut mixed = new.clone();
    for page in 0..new.len().div_ceil(PAGE as u64) {
        let offset = page * PAGE as u64;
        let new_bytes = new.read(offset, PAGE);
        let mut old_bytes = file.synced.read(offset, new_bytes.len());
        old_bytes.resize(new_bytes.len(), 0);
        if old_bytes != new_bytes && !is_new(page) {
            mixed.write(offset, &old_bytes);
        }
    }
    mixed
}

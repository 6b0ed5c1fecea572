//! `journal`: what a file system with a journal may leave when it was committed, and pages were written back, at any
//! time of its own choice: names up to any point of their order; of the unsynced bytes of a file none, all, a part
//! from the front, torn at a page or at a sector, all but one page, or zeros: in its last block, or in all that no fsync
//! has covered.
//!
//! ext4 leaves such zeros. A write into a block that is allocated but not yet written moves the end of the file at once,
//! and the journal takes the new end along without the bytes (`ext4_da_should_update_i_disksize` in fs/ext4/inode.c of
//! Linux 6.18); see docs/power-loss.md.

use std::collections::BTreeSet;

use crate::disk::content::{Content, PAGE};
use crate::disk::file::{Change, FileState};
use crate::disk::op::Ino;
use crate::disk::replay::{Names, Replay};
use crate::disk::tree::Tree;

/// Where there are at most so many combinations of names and parts of files, all are variants.
const FULL: u64 = 64;
/// Else at most so many points of the journal are tried, the newest and the oldest,
const POINTS: usize = 12;
/// so many lengths of the part from the front, the newest of each file,
const FRONTS: usize = 8;
/// and so many pages that are missing, the newest of each file.
const HOLES: usize = 8;
/// What a disk writes as one.
const SECTOR: u64 = 512;

/// What is there of the unsynced bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    None,
    All,
    /// All but what could not be written back.
    Healthy,
    /// So many changes.
    Front(usize, End),
    /// All, and the bytes of one page as they were.
    Without(u64),
}

/// How the last write of a part from the front ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// Cut at the last page boundary within it.
    Page,
    /// Cut at the last sector boundary within it.
    Sector,
    /// Its last block is there in length, and holds zeros.
    Zeros,
    /// All is there in length, and holds the synced bytes and zeros.
    Hollow,
}

/// One variant: names up to a point, a part of one file, and the same of all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    names: usize,
    only: Option<(Ino, Part)>,
    others: Part,
}

/// The variants of a moment.
pub(super) enum Choices {
    /// Every point of the journal with every part of every file.
    Every {
        names: usize,
        parts: Vec<(Ino, Vec<Part>)>,
    },
    Some(Vec<Choice>),
}

pub(super) fn exist(replay: &Replay) -> u64 {
    let files = replay.unsynced_files(Names::Journal).map(|(_, file)| {
        let fronts = file.possible().iter().map(|(_, change)| ends_of(change).count() as u64).sum::<u64>();
        let pages = dirty_pages(file, usize::MAX).len() as u64;
        1 + fronts + u64::from(!file.failed.is_empty()) + if pages > 1 { pages } else { 0 }
    });
    files.fold(replay.uncommitted.len() as u64 + 1, u64::saturating_mul)
}

impl Choices {
    pub(super) fn of(replay: &Replay) -> Self {
        let names = replay.uncommitted.len();
        let few =
            replay.unsynced_files(Names::Journal).all(|(_, file)| file.possible().len() < FULL as usize);
        if few && exist(replay) <= FULL {
            let parts = replay.unsynced_files(Names::Journal);
            let parts = parts.map(|(ino, file)| (ino, parts_of(file, usize::MAX, usize::MAX))).collect();
            return Self::Every { names, parts };
        }
        let mut choices = Vec::new();
        let files: Vec<_> = replay.unsynced_files(Names::Journal).collect();
        let unsynced = !files.is_empty();
        // Of one file and no names there is nothing else to be there or not.
        let alone = names == 0 && files.len() == 1;
        for names in some_of(names, POINTS) {
            choices.push(Choice { names, only: None, others: Part::None });
            if unsynced {
                choices.push(Choice { names, only: None, others: Part::All });
            }
        }
        for (ino, file) in files {
            for part in parts_of(file, FRONTS, HOLES) {
                let only = Some((ino, part));
                choices.push(Choice { names, only, others: Part::All });
                if !alone {
                    choices.push(Choice { names: 0, only, others: Part::None });
                }
            }
        }
        Self::Some(choices)
    }

    pub(super) fn len(&self) -> u32 {
        match self {
            Self::Every { names, parts } => {
                parts.iter().fold(*names as u32 + 1, |count, (_, parts)| count * parts.len() as u32)
            }
            Self::Some(choices) => choices.len() as u32,
        }
    }

    /// `variant` is less than their number.
    pub(super) fn tree(&self, replay: &Replay, variant: u32) -> Tree {
        let mut number = variant as usize;
        let mut digit = |base: usize| {
            let digit = number % base;
            number /= base;
            digit
        };
        match self {
            Self::Every { names, parts } => {
                let names = digit(names + 1);
                let parts: Vec<_> =
                    parts.iter().map(|(ino, parts)| (*ino, parts[digit(parts.len())])).collect();
                tree(replay, names, |ino| {
                    parts.iter().find(|(other, _)| *other == ino).map_or(Part::None, |(_, part)| *part)
                })
            }
            Self::Some(choices) => {
                let Choice { names, only, others } = choices[number];
                tree(replay, names, |ino| match only {
                    Some((only, part)) if only == ino => part,
                    _ => others,
                })
            }
        }
    }
}

fn tree(replay: &Replay, names: usize, part: impl Fn(Ino) -> Part) -> Tree {
    let mut folders = replay.committed.clone();
    for change in &replay.uncommitted[..names] {
        change.apply(&mut folders);
    }
    replay.tree(folders, |ino| {
        let Some(file) = replay.files.get(&ino) else { return Content::default() };
        match part(ino) {
            Part::None => replay.durable_content(ino),
            Part::All => all(file),
            Part::Healthy => {
                let mut content = file.synced.clone();
                file.pending.iter().for_each(|(_, change)| change.apply(&mut content));
                content
            }
            Part::Front(count, end) => {
                let mut content = front(file, count, end);
                // A truncation that is committed stands whatever came before it.
                for (index, change) in &file.possible()[count..] {
                    if *index < replay.committed_to && matches!(change, Change::Truncate(_)) {
                        change.apply(&mut content);
                    }
                }
                content
            }
            Part::Without(page) => without(file, page, replay.committed_to),
        }
    })
}

/// What may be there of a file: at most so many lengths of a part from the front, and so many pages that are missing.
fn parts_of(file: &FileState, fronts: usize, holes: usize) -> Vec<Part> {
    let possible = file.possible();
    let mut parts = vec![Part::None];
    for count in some_of(possible.len(), fronts).into_iter().filter(|count| *count > 0) {
        parts.extend(ends_of(&possible[count - 1].1).map(|end| Part::Front(count, end)));
    }
    if !file.failed.is_empty() {
        parts.push(Part::Healthy);
    }
    let pages = dirty_pages(file, holes);
    if pages.len() > 1 {
        parts.extend(pages.into_iter().map(Part::Without));
    }
    parts
}

/// At most `limit` pages that were written to since the last fsync, the newest.
fn dirty_pages(file: &FileState, limit: usize) -> BTreeSet<u64> {
    let mut pages = BTreeSet::new();
    for (_, change) in file.possible().iter().rev() {
        for page in change.pages().rev() {
            if pages.len() >= limit {
                return pages;
            }
            pages.insert(page);
        }
    }
    pages
}

fn ends_of(change: &Change) -> impl Iterator<Item = End> + use<> {
    let within = |unit: u64| match change {
        Change::Write(offset, data) => {
            let boundary = (offset + data.len() as u64).saturating_sub(1) / unit * unit;
            (boundary > *offset).then_some(boundary)
        }
        Change::Truncate(_) => None,
    };
    let (page, sector) = (within(PAGE as u64), within(SECTOR));
    let is_write = matches!(change, Change::Write(..));
    let ends = [
        (true, End::Whole),
        (page.is_some(), End::Page),
        (sector.is_some() && sector != page, End::Sector),
        (is_write, End::Zeros),
        (is_write, End::Hollow),
    ];
    ends.into_iter().filter_map(|(is_possible, end)| is_possible.then_some(end))
}

/// At most `limit` numbers out of `0..=all`: the first and the newest.
fn some_of(all: usize, limit: usize) -> Vec<usize> {
    if all < limit {
        return (0..=all).collect();
    }
    let newest = all + 2 - limit..=all;
    std::iter::once(0).chain(newest).collect()
}

fn all(file: &FileState) -> Content {
    let mut content = file.synced.clone();
    file.possible().iter().for_each(|(_, change)| change.apply(&mut content));
    content
}

fn without(file: &FileState, page: u64, committed_to: usize) -> Content {
    let mut content = all(file);
    let mut before = file.synced.clone();
    // A truncation that is committed stands: nothing behind its end comes back, also where the page was not written.
    for (_, change) in file.pending.iter().filter(|(index, _)| *index < committed_to) {
        if let Change::Truncate(len) = change {
            before.truncate(*len);
        }
    }
    let offset = page * PAGE as u64;
    let size = content.read(offset, PAGE).len();
    let mut old = before.read(offset, size);
    old.resize(size, 0);
    content.write(offset, &old);
    content
}

fn front(file: &FileState, count: usize, end: End) -> Content {
    let mut content = file.synced.clone();
    let possible = file.possible();
    let Some(((_, last), whole)) = possible[..count].split_last() else { return content };
    for (_, change) in whole {
        change.apply(&mut content);
    }
    let Change::Write(offset, data) = last else {
        last.apply(&mut content);
        return content;
    };
    let stop = offset + data.len() as u64;
    match end {
        End::Whole => last.apply(&mut content),
        End::Page | End::Sector => {
            let unit = if end == End::Page { PAGE as u64 } else { SECTOR };
            let torn = (stop.saturating_sub(1) / unit * unit).max(*offset);
            content.write(*offset, &data[..(torn - offset) as usize]);
        }
        End::Hollow => {
            content = file.synced.clone();
            for (_, change) in &possible[..count] {
                match change {
                    Change::Write(offset, data) => {
                        content.truncate(content.len().max(offset + data.len() as u64));
                    }
                    Change::Truncate(len) => content.truncate(*len),
                }
            }
        }
        End::Zeros => {
            let block = (stop.saturating_sub(1) / PAGE as u64 * PAGE as u64).max(*offset);
            content.write(*offset, &data[..(block - offset) as usize]);
            content.truncate(content.len().max(stop));
        }
    }
    content
}

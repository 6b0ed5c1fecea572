//! `journal`: what a file system with a journal may leave when it was committed, and pages were written back, at any
//! time of its own choice: names up to any point of their order; of the unsynced bytes of a file none, all, or a part
//! from the front, torn at a page or at a sector, or with zeros: in its last block, or in all that no fsync has covered.
//!
//! ext4 leaves such zeros. A write into a block that is allocated but not yet written moves the end of the file at once,
//! and the journal takes the new end along without the bytes (`ext4_da_should_update_i_disksize` in fs/ext4/inode.c of
//! Linux 6.18); see docs/power-loss.md.

use crate::disk::content::{Content, PAGE};
use crate::disk::file::{Change, FileState};
use crate::disk::op::Ino;
use crate::disk::replay::Replay;
use crate::disk::tree::Tree;

/// At most so many points of the journal are tried, the newest and the oldest.
const POINTS: usize = 8;
/// At most so many lengths of the part from the front, for each file.
const PARTS: usize = 6;
/// What a disk writes as one.
const SECTOR: u64 = 512;

/// What is there of the unsynced bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bytes {
    None,
    All,
    /// So many changes of one file, and all of the others.
    Front(Ino, usize, End),
}

/// How the last write of a part from the front ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// Cut at the last page boundary within it.
    Page,
    /// Cut at the last sector boundary within it.
    Sector,
    /// Its last block is there in length, and holds zeros from where the synced bytes end.
    Zeros,
    /// All is there in length, and holds zeros from where the synced bytes end.
    Hollow,
}

/// One variant: names up to a point, and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Choice {
    names: usize,
    bytes: Bytes,
}

pub(super) fn variants(replay: &Replay) -> u32 {
    choices(replay).len() as u32
}

/// Every point of the journal with every part of every file.
pub(super) fn exist(replay: &Replay) -> u64 {
    let files = replay.unsynced_files().map(|(_, file)| {
        file.pending.iter().map(|(_, change)| ends_of(change).len() as u64).sum::<u64>() + 1
    });
    files.fold(replay.uncommitted.len() as u64 + 1, u64::saturating_mul)
}

pub(super) fn tree(replay: &Replay, variant: u32) -> Tree {
    let choices = choices(replay);
    let choice = choices.get(variant as usize).copied().unwrap_or(choices[0]);
    let mut folders = replay.committed.clone();
    for change in &replay.uncommitted[..choice.names] {
        change.apply(&mut folders);
    }
    replay.tree(folders, |ino| {
        let Some(file) = replay.files.get(&ino) else { return Content::default() };
        match choice.bytes {
            Bytes::None => replay.durable_content(ino),
            Bytes::Front(only, count, end) if only == ino => front(file, count, end),
            Bytes::All | Bytes::Front(..) => front(file, file.pending.len(), End::Whole),
        }
    })
}

fn choices(replay: &Replay) -> Vec<Choice> {
    let all = replay.uncommitted.len();
    let mut choices = Vec::new();
    for names in some_of(all, POINTS) {
        choices.push(Choice { names, bytes: Bytes::None });
        if replay.unsynced_files().next().is_some() {
            choices.push(Choice { names, bytes: Bytes::All });
        }
    }
    for (ino, file) in replay.unsynced_files() {
        for count in some_of(file.pending.len(), PARTS).into_iter().filter(|count| *count > 0) {
            choices.extend(
                ends_of(&file.pending[count - 1].1)
                    .iter()
                    .map(|end| Choice { names: all, bytes: Bytes::Front(ino, count, *end) }),
            );
        }
    }
    choices
}

fn ends_of(change: &Change) -> &'static [End] {
    match change {
        Change::Write(..) => &[End::Whole, End::Page, End::Sector, End::Zeros, End::Hollow],
        Change::Truncate(_) => &[End::Whole],
    }
}

/// At most `limit` numbers out of `0..=all`: the first and the newest.
fn some_of(all: usize, limit: usize) -> Vec<usize> {
    if all < limit {
        return (0..=all).collect();
    }
    let newest = all + 2 - limit..=all;
    std::iter::once(0).chain(newest).collect()
}

fn front(file: &FileState, count: usize, end: End) -> Content {
    let mut content = file.synced.clone();
    let Some(((_, last), whole)) = file.pending[..count].split_last() else { return content };
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
            let torn = ((stop - 1) / unit * unit).max(*offset);
            content.write(*offset, &data[..(torn - offset) as usize]);
        }
        End::Hollow => {
            last.apply(&mut content);
            let len = content.len();
            content.truncate(file.synced.len().min(len));
            content.truncate(len);
        }
        End::Zeros => {
            let block = ((stop - 1) / PAGE as u64 * PAGE as u64).max(*offset);
            content.write(*offset, &data[..(block - offset) as usize]);
            content.truncate(content.len().max(stop));
        }
    }
    content
}

//! `strict-posix`: a name is durable with the fsync of its folder and not before. Variant 0 has none of the others, and
//! each further one has one change of names more that happened to get through.

use crate::disk::replay::Replay;
use crate::disk::tree::Tree;

/// At most so many changes of names are tried one by one, the newest.
const SINGLES: usize = 8;

pub(super) fn variants(replay: &Replay) -> u32 {
    1 + replay.unsynced_names.len().min(SINGLES) as u32
}

/// Every subset of the changes of names whose folder was not synced.
pub(super) fn exist(replay: &Replay) -> u64 {
    super::subsets(replay.unsynced_names.len())
}

pub(super) fn tree(replay: &Replay, variant: u32) -> Tree {
    let mut folders = replay.by_folder.clone();
    let names = &replay.unsynced_names;
    let newest = &names[names.len().saturating_sub(SINGLES)..];
    if let Some(lucky) = (variant as usize).checked_sub(1).and_then(|number| newest.get(number)) {
        lucky.apply(&mut folders);
    }
    replay.tree(folders, |ino| replay.files.get(&ino).map(|file| file.synced.clone()).unwrap_or_default())
}

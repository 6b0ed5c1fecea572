//! What the `journal` model calls possible, as a predicate: told from any tree, and not from the variants that the model
//! tries. Pure.

use crate::disk::content::Content;
use crate::disk::file::{Change, FileState};
use crate::disk::op::{Ino, ROOT};
use crate::disk::replay::Replay;
use crate::disk::tree::{Folders, Tree};

/// What a disk writes as one.
const SECTOR: u64 = 512;

/// Whether a power cut at this moment may leave this tree; if not, why.
///
/// Names have to be those of one point of the journal, not before its last commit. A file has a length that it had
/// since its last fsync, or a whole number of pages on the way to one. Each sector holds what it held at one of the
/// moments since then, or zeros where no fsync has covered it. ext4 leaves zeros from the last synced byte to the end of
/// the file: a write into a block that has been allocated, but not written, moves the end at once, and the journal takes
/// the new end along without the bytes (`ext4_da_should_update_i_disksize`).
pub fn allows(replay: &Replay, tree: &Tree) -> Result<(), String> {
    let found = places(&tree.folders);
    let mut folders = replay.committed.clone();
    let mut why = None;
    let mut changes = replay.uncommitted.iter();
    loop {
        let expected = places(&folders);
        let same = |(a, b): (&Place, &Place)| a.0 == b.0 && a.2 == b.2;
        if expected.len() == found.len() && expected.iter().zip(&found).all(same) {
            let mut files = expected.iter().zip(&found).filter(|(place, _)| !place.2);
            let wrong = files.find_map(|((path, ino, _), (_, other, _))| {
                let content = tree.files.get(other).cloned().unwrap_or_default();
                let file = replay.files.get(ino).cloned().unwrap_or_default();
                let wrong = wrong_in(&file, replay.committed_to, &content)?;
                Some(format!("{path}: {wrong}"))
            });
            match wrong {
                None => return Ok(()),
                wrong => why = why.or(wrong),
            }
        }
        let Some(change) = changes.next() else { break };
        change.apply(&mut folders);
    }
    Err(why.unwrap_or_else(|| {
        let names =
            |places: &[Place]| places.iter().map(|place| place.0.clone()).collect::<Vec<_>>().join(", ");
        let committed = names(&places(&replay.committed));
        format!("the names [{}] are at no point of the journal since [{committed}]", names(&found))
    }))
}

/// A path, its number, and whether it is a folder.
type Place = (String, Ino, bool);

fn places(folders: &Folders) -> Vec<Place> {
    let mut places = Vec::new();
    let mut open = vec![(String::new(), ROOT)];
    while let Some((prefix, folder)) = open.pop() {
        for (name, &ino) in folders.get(&folder).into_iter().flatten() {
            let path = format!("{prefix}{name}");
            let is_folder = folders.contains_key(&ino);
            if is_folder {
                open.push((format!("{path}/"), ino));
            }
            places.push((path, ino, is_folder));
        }
    }
    places.sort();
    places
}

/// What a file was at the moments since its last fsync.
#[derive(Default)]
struct Past {
    versions: Vec<Content>,
    lengths: Vec<u64>,
    growth: Vec<std::ops::Range<u64>>,
}

impl Past {
    /// Makes changes to what was durable, one after the other.
    fn note(&mut self, synced: &Content, changes: &[(usize, Change)], committed_to: usize) {
        let mut versions = vec![synced.clone()];
        let mut lengths = vec![synced.len()];
        let mut growth = Vec::new();
        let mut bare = synced.clone();
        for (index, change) in changes {
            let mut next = versions.last().cloned().unwrap_or_default();
            let before = next.len();
            change.apply(&mut next);
            match change {
                // A truncation is in the journal: once that is committed, nothing behind the end comes back.
                Change::Truncate(len) if *index < committed_to => {
                    for version in versions.iter_mut().filter(|version| version.len() > *len) {
                        version.truncate(*len);
                    }
                    lengths.clear();
                    growth.clear();
                }
                Change::Truncate(_) => {}
                Change::Write(..) => growth.push(before..next.len()),
            }
            if let Change::Truncate(len) = change {
                // It stands even when no byte that was written before it does.
                bare.truncate(*len);
                versions.push(bare.clone());
            }
            lengths.push(next.len());
            versions.push(next);
        }
        self.versions.append(&mut versions);
        self.lengths.append(&mut lengths);
        self.growth.append(&mut growth);
    }
}

/// What of a file no moment explains.
fn wrong_in(file: &FileState, committed_to: usize, found: &Content) -> Option<String> {
    let mut past = Past::default();
    past.note(&file.synced, &file.pending, committed_to);
    if !file.failed.is_empty() {
        // What could not be written back may have got through all the same.
        past.note(&file.synced, &file.possible(), committed_to);
    }
    let Past { versions, lengths, growth } = past;
    let len = found.len();
    let between = len.is_multiple_of(SECTOR) && growth.iter().any(|range| range.contains(&len));
    if !lengths.contains(&len) && !between {
        return Some(format!("its length is {len}, and was {lengths:?}"));
    }
    // What has always been inside of the file is never a hole.
    let least = versions.iter().map(Content::len).min().unwrap_or(0);
    let unexplained = (0..len).step_by(SECTOR as usize).find(|&start| {
        let bytes = found.read(start, SECTOR as usize);
        let held = versions.iter().filter(|version| version.len() > start).any(|version| {
            let mut held = version.read(start, bytes.len());
            held.resize(bytes.len(), 0);
            held == bytes
        });
        // The sector in which the synced bytes end has zeros behind them in the version that was synced.
        let padding = start >= least && bytes.iter().all(|byte| *byte == 0);
        !held && !padding
    })?;
    let version = versions.iter().rev().map(|version| {
        let bytes = version.read(unexplained, 8);
        format!("{}:{bytes:?}", version.len())
    });
    let bytes = found.read(unexplained, 8);
    Some(format!("at {unexplained} of {len} it holds {bytes:?}, and held {:?}", version.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::model::Model;
    use crate::disk::op::Op;

    fn create(replay: &mut Replay, name: &str, ino: Ino) {
        replay.play(&Op::Create { at: (ROOT, name.into()), ino });
    }

    fn write(replay: &mut Replay, ino: Ino, offset: u64, bytes: &[u8]) {
        replay.play(&Op::Write { ino, offset, data: bytes.into() });
    }

    #[test]
    fn every_variant_of_the_journal_is_allowed_and_what_an_fsync_covers_is_not_to_be_missed() {
        let mut replay = Replay::from_durable(Tree::default());
        create(&mut replay, "a", 2);
        write(&mut replay, 2, 0, &[1; 9_000]);
        let covers = replay.played;
        replay.play(&Op::Fsync { ino: 2, covers, datasync: false });
        write(&mut replay, 2, 9_000, &[2; 6_000]);
        create(&mut replay, "b", 3);
        write(&mut replay, 3, 0, &[3; 700]);
        replay.play(&Op::Rename { from: (ROOT, "b".into()), to: (ROOT, "c".into()) });
        for model in [Model::Journal, Model::FsyncOnly, Model::ProcessKill] {
            for variant in 0..model.variants(&replay) {
                allows(&replay, &model.tree(&replay, variant).unwrap()).unwrap();
            }
        }
        let whole = Model::ProcessKill.tree(&replay, 0).unwrap();
        let changed = |change: &dyn Fn(&mut Tree)| {
            let mut tree = whole.clone();
            change(&mut tree);
            allows(&replay, &tree).unwrap_err()
        };
        let shorter = changed(&|tree| tree.files.get_mut(&2).unwrap().truncate(8_192));
        assert!(shorter.contains("length is 8192"), "{shorter}");
        let torn = changed(&|tree| tree.files.get_mut(&2).unwrap().write(4_096, &[0; 512]));
        assert!(torn.contains("at 4096"), "{torn}");
        let gone = changed(&|tree| {
            tree.folders.get_mut(&ROOT).unwrap().remove("a");
        });
        assert!(gone.contains("no point of the journal"), "{gone}");
        // Nor is the sector in which the synced bytes end: 9,000 lies in that from 8,704 on.
        let hollow = changed(&|tree| tree.files.get_mut(&2).unwrap().write(8_704, &[0; 512]));
        assert!(hollow.contains("at 8704"), "{hollow}");
        // A rename without the file that it moved: the order of names is not kept.
        let both = changed(&|tree| {
            tree.folders.get_mut(&ROOT).unwrap().insert("b".into(), 3);
        });
        assert!(both.contains("no point of the journal"), "{both}");
    }

    #[test]
    fn no_byte_behind_a_committed_end_comes_back_with_a_page_that_is_missing() {
        let mut replay = Replay::from_durable(Tree::default());
        create(&mut replay, "a", 2);
        write(&mut replay, 2, 0, &[1; 4_091]);
        replay.play(&Op::SyncAll);
        replay.play(&Op::Truncate { ino: 2, len: 4_090 });
        write(&mut replay, 2, 15, &[1; 4_082]);
        replay.play(&Op::Commit);
        for variant in 0..Model::Journal.variants(&replay) {
            allows(&replay, &Model::Journal.tree(&replay, variant).unwrap()).unwrap();
        }
    }

    #[test]
    fn a_short_file_that_was_synced_is_never_zeros_and_one_that_grew_may_end_in_them() {
        let mut replay = Replay::from_durable(Tree::default());
        create(&mut replay, "a", 2);
        write(&mut replay, 2, 0, &[1; 300]);
        let covers = replay.played;
        replay.play(&Op::Fsync { ino: 2, covers, datasync: false });
        let with = |replay: &Replay, bytes: &[u8]| {
            let mut tree = Model::ProcessKill.tree(replay, 0).unwrap();
            tree.files.insert(2, bytes.into());
            allows(replay, &tree)
        };
        with(&replay, &[1; 300]).unwrap();
        with(&replay, &[0; 300]).unwrap_err();
        write(&mut replay, 2, 300, &[2; 700]);
        with(&replay, &[&[1; 300][..], &[0; 700]].concat()).unwrap();
        with(&replay, &[0; 1_000]).unwrap_err();
        with(&replay, &[&[1; 299][..], &[0; 701]].concat()).unwrap_err();
        // Cut to nothing and written anew: no byte of it has to be there.
        replay.play(&Op::Truncate { ino: 2, len: 0 });
        write(&mut replay, 2, 0, &[3; 1_000]);
        with(&replay, &[0; 1_000]).unwrap();
    }
}

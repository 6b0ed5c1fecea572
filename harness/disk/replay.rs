//! A log played up to one moment: what the server saw, what was durable, and what was neither here nor there. Pure.
//!
//! Durability is kept in the two ways in which file systems keep it. *By journal*: changes of names, and lengths set by
//! truncation, become durable in order, all up to a commit, and any fsync that has something to make durable commits.
//! *By folder*: an entry becomes durable with the fsync of its own folder and of nothing else, which is all that POSIX
//! says. Bytes become durable with the fsync of their file in both.

use std::collections::{BTreeMap, BTreeSet};

use super::content::Content;
pub use super::file::{Change, FileState};
use super::op::{Ino, Op, Place, Rec};
use super::tree::{self, Folders, Tree};

/// A change of entries that is not durable yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameChange {
    /// Number of its operation.
    pub index: usize,
    /// What stands at each place afterwards.
    pub entries: Vec<(Place, Option<Ino>)>,
    /// A folder that it made.
    pub folder: Option<Ino>,
    /// What lost a name by it.
    pub gone: Option<Ino>,
}

impl NameChange {
    /// Whether it gives a name to a file or folder.
    fn names(&self, ino: Ino) -> bool {
        self.entries.iter().any(|(_, entry)| *entry == Some(ino))
    }

    /// Whether it is about a file or folder: a name of it, or the entries in it.
    fn concerns(&self, ino: Ino) -> bool {
        self.gone == Some(ino) || self.names(ino) || self.entries.iter().any(|(at, _)| at.0 == ino)
    }

    /// Makes it.
    pub fn apply(&self, folders: &mut Folders) {
        for (at, ino) in &self.entries {
            tree::set(folders, at, *ino);
        }
        if let Some(ino) = self.folder {
            folders.entry(ino).or_default();
        }
    }
}

/// A rule by which names become durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// In order, all up to a commit.
    Journal,
    /// Each with its folder.
    Folder,
}

/// A log, played up to one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// What the server sees.
    pub now: Tree,
    /// Every file that may still be found, by its number.
    pub files: BTreeMap<Ino, FileState>,
    /// Entries, by journal: as of the last commit.
    pub committed: Folders,
    /// Operations before this number are committed.
    pub committed_to: usize,
    /// Changes of entries since then.
    pub uncommitted: Vec<NameChange>,
    /// Entries, by folder.
    pub by_folder: Folders,
    /// Changes of entries whose folder has not been made durable since.
    pub unsynced_names: Vec<NameChange>,
    /// How many operations were played.
    pub played: usize,
}

impl Replay {
    /// Begins with a tree all of which is durable.
    pub fn from_durable(tree: Tree) -> Self {
        let files = tree.files.iter().map(|(&ino, content)| (ino, FileState::durable(content.clone())));
        Self {
            files: files.collect(),
            committed: tree.folders.clone(),
            by_folder: tree.folders.clone(),
            now: tree,
            ..Self::default()
        }
    }

    /// Plays the next operation.
    pub fn play(&mut self, op: &Op) {
        let index = self.played;
        self.played += 1;
        if op.changes_names() {
            self.change_names(index, op);
        }
        let before = op.changes_content().and_then(|ino| self.now.files.get(&ino)).map_or(0, Content::len);
        self.now.apply(op);
        match op {
            Op::Write { ino, offset, data } => {
                self.change_content(index, *ino, Change::Write(*offset, data.clone()), before);
            }
            Op::Truncate { ino, len } => self.change_content(index, *ino, Change::Truncate(*len), before),
            Op::Fsync { ino, covers, datasync } => self.fsync(*ino, *covers, *datasync),
            Op::FsyncFailed { ino, covers, clean } => {
                if *clean && let Some(file) = self.files.get_mut(ino) {
                    file.fail(*covers);
                }
            }
            Op::FsyncDir { ino, covers } => self.fsync_folder(*ino, *covers),
            Op::Commit => self.commit(index),
            Op::SyncAll => self.sync_all(),
            _ => {}
        }
    }

    /// Puts another content in a file's place, all of it durable.
    pub fn replace(&mut self, ino: Ino, content: Content) {
        self.now.files.insert(ino, content.clone());
        self.files.insert(ino, FileState::durable(content));
    }

    /// Plays operations of a log.
    pub fn play_all<'a>(&mut self, log: impl IntoIterator<Item = &'a Rec>) {
        for rec in log {
            self.play(&rec.op);
        }
    }

    /// The bytes of a file that are durable for certain: those of its last fsync, in the length that a committed
    /// truncation gave it.
    pub fn durable_content(&self, ino: Ino) -> Content {
        let Some(file) = self.files.get(&ino) else { return Content::default() };
        let mut content = file.synced.clone();
        for (index, change) in &file.pending {
            if matches!(change, Change::Truncate(_)) && *index < self.committed_to {
                change.apply(&mut content);
            }
        }
        content
    }

    /// A tree of these entries whose files hold what `content` says.
    pub fn tree(&self, folders: Folders, mut content: impl FnMut(Ino) -> Content) -> Tree {
        let mut found = BTreeSet::new();
        for entries in folders.values() {
            found.extend(entries.values().filter(|ino| !folders.contains_key(ino)));
        }
        let files = found.into_iter().map(|ino| (ino, content(ino))).collect();
        Tree { folders, files }
    }

    /// Files with changes that are not durable, and a name under which a cut may leave them. One that has none any more
    /// may be open or not: no cut brings it back.
    pub fn unsynced_files(&self, names: Names) -> impl Iterator<Item = (Ino, &FileState)> {
        let found = self.named(names);
        let unsynced = self.files.iter().filter(|(_, file)| file.is_unsynced());
        unsynced.filter(move |(ino, _)| found.contains(ino)).map(|(&ino, file)| (ino, file))
    }

    /// Numbers that stand at some place after some cut.
    fn named(&self, names: Names) -> BTreeSet<Ino> {
        let (folders, changes) = match names {
            Names::Journal => (&self.committed, &self.uncommitted),
            Names::Folder => (&self.by_folder, &self.unsynced_names),
        };
        let mut found: BTreeSet<_> = folders.values().flat_map(BTreeMap::values).copied().collect();
        found.extend(changes.iter().flat_map(|change| &change.entries).filter_map(|(_, entry)| *entry));
        found
    }

    fn change_names(&mut self, index: usize, op: &Op) {
        let entries = tree::entries(&self.now.folders, op);
        let folder = if let Op::Mkdir { ino, .. } = op { Some(*ino) } else { None };
        let gone = match op {
            Op::Unlink { at } | Op::Rmdir { at } | Op::Rename { to: at, .. } => self.now.entry(at.0, &at.1),
            _ => None,
        };
        if let Op::Create { ino, .. } = op {
            self.files.entry(*ino).or_default();
        }
        let change = NameChange { index, entries, folder, gone };
        self.uncommitted.push(change.clone());
        self.unsynced_names.push(change);
    }

    fn change_content(&mut self, index: usize, ino: Ino, change: Change, before: u64) {
        let Some(after) = self.now.files.get(&ino) else { return };
        self.files.entry(ino).or_default().change(index, change, before, after);
    }

    fn fsync(&mut self, ino: Ino, covers: usize, datasync: bool) {
        let Some(file) = self.files.get_mut(&ino) else { return };
        let journaled = file.sync(covers);
        // A file that is new or has another length is in the journal; bytes that were written over are not. One that
        // has another name only is there for fsync, and on ext4 not for fdatasync (`i_sync_tid` and `i_datasync_tid`).
        let was_born = self.committed.values().any(|entries| entries.values().any(|entry| *entry == ino));
        // Blocks enter the journal when their pages are written back, which may have been long before this fsync, and
        // committed for another's sake: of what came after the write nothing is certain.
        if let Some(index) = journaled {
            self.commit(index + 1);
        }
        if !datasync {
            self.commit_last_of(ino, covers);
        } else if !was_born {
            let made = self.uncommitted.iter().find(|change| change.names(ino));
            if let Some(index) = made.map(|change| change.index).filter(|index| *index < covers) {
                self.commit(index + 1);
            }
        }
    }

    /// Forces the journal up to the last change of names that is about a file or folder; what came later may be in a
    /// transaction of its own.
    fn commit_last_of(&mut self, ino: Ino, covers: usize) {
        let early = self.uncommitted.iter().rev().skip_while(|change| change.index >= covers);
        if let Some(last) = early.map(|change| (change.index, change.concerns(ino))).find(|(_, own)| *own) {
            self.commit(last.0 + 1);
        }
    }

    fn fsync_folder(&mut self, ino: Ino, covers: usize) {
        self.unsynced_names.retain_mut(|change| {
            if change.index >= covers {
                return true;
            }
            change.entries.retain(|(at, entry)| {
                let concerned = at.0 == ino;
                if concerned {
                    tree::set(&mut self.by_folder, at, *entry);
                }
                !concerned
            });
            if let Some(folder) = change.folder {
                self.by_folder.entry(folder).or_default();
            }
            !change.entries.is_empty()
        });
        self.commit_last_of(ino, covers);
    }

    fn commit(&mut self, covers: usize) {
        self.committed_to = self.committed_to.max(covers);
        let committed_to = self.committed_to;
        self.uncommitted.retain(|change| {
            let late = change.index >= committed_to;
            if !late {
                change.apply(&mut self.committed);
            }
            late
        });
        self.forget();
    }

    fn sync_all(&mut self) {
        for file in self.files.values_mut() {
            file.sync(usize::MAX);
        }
        for change in self.unsynced_names.drain(..) {
            change.apply(&mut self.by_folder);
        }
        let all = self.played;
        self.commit(all);
    }

    /// Lets go of files that no crash can bring back.
    fn forget(&mut self) {
        let mut found: BTreeSet<Ino> = self.now.files.keys().copied().collect();
        found.extend(self.named(Names::Journal));
        found.extend(self.named(Names::Folder));
        self.files.retain(|ino, _| found.contains(ino));
    }
}

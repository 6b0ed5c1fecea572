//! A plain reference for what is durable: every state of every file is kept whole, names are played from the beginning,
//! and for each page there is a number up to which it is on the disk.

use std::collections::{BTreeMap, BTreeSet};

use outlast::disk::Tree;
use outlast::disk::op::{Ino, Op, Place, ROOT};

const PAGE: usize = 4096;

type Found = (BTreeMap<String, Vec<u8>>, BTreeSet<String>);

/// A change of one page, by one operation.
#[derive(Debug, Clone)]
struct Touch {
    index: usize,
    page: usize,
    /// Where the bytes of the page end by it; `None` for a truncation, which has no bytes.
    end: Option<usize>,
}

#[derive(Debug, Clone, Default)]
struct File {
    /// What a reader sees, after each operation that changed it.
    seen: Vec<(usize, Vec<u8>)>,
    /// What is on the disk.
    disk: Vec<u8>,
    /// Pages of it that have a block.
    blocks: BTreeSet<usize>,
    /// Changes that are neither on the disk nor failed.
    dirty: Vec<Touch>,
    /// Lengths that were set, likewise.
    cuts: Vec<(usize, usize)>,
    /// Pages with bytes that could not be written, and by which operation they came last.
    failed: BTreeMap<usize, usize>,
}

impl File {
    fn seen_before(&self, index: usize) -> Vec<u8> {
        let earlier = self.seen.iter().rev().find(|(at, _)| *at < index);
        earlier.map(|(_, bytes)| bytes.clone()).unwrap_or_default()
    }

    fn change(&mut self, index: usize, bytes: Vec<u8>, pages: std::ops::Range<usize>, end: Option<usize>) {
        // An end within a page that moves on makes the rest of that page zero.
        let before = self.seen.last().map_or(0, |(_, bytes)| bytes.len());
        let tail = before / PAGE;
        let moves_on = bytes.len() > before && !before.is_multiple_of(PAGE);
        let tail = (moves_on && !pages.contains(&tail) && self.failed.contains_key(&tail)).then_some(tail);
        for page in pages.chain(tail) {
            let page_end = (page + 1) * PAGE;
            // All of a page that could not be written is dirty again.
            let end = if self.failed.contains_key(&page) {
                Some(bytes.len().min(page_end))
            } else {
                end.map(|end| end.min(page_end))
            };
            self.dirty.push(Touch { index, page, end });
        }
        self.seen.push((index, bytes));
    }

    /// The newest change that added blocks or moved the end.
    fn sync(&mut self, covers: usize) -> Option<usize> {
        let memory = self.seen_before(covers);
        let mut journaled = None;
        let due: Vec<_> = self.dirty.iter().filter(|touch| touch.index < covers).cloned().collect();
        self.dirty.retain(|touch| touch.index >= covers);
        let cuts: Vec<_> = self.cuts.iter().filter(|(index, _)| *index < covers).copied().collect();
        self.cuts.retain(|(index, _)| *index >= covers);
        let mut indices: Vec<_> =
            due.iter().map(|touch| touch.index).chain(cuts.iter().map(|(index, _)| *index)).collect();
        indices.sort_unstable();
        indices.dedup();
        for index in indices {
            if let Some((_, len)) = cuts.iter().find(|(at, _)| *at == index) {
                journaled = Some(index);
                self.disk.resize(*len, 0);
                self.blocks.retain(|page| *page < len.div_ceil(PAGE));
                self.failed.retain(|page, newest| *newest > index || *page < len.div_ceil(PAGE));
            }
            for touch in due.iter().filter(|touch| touch.index == index) {
                if let Some(end) = touch.end {
                    if self.blocks.insert(touch.page) || end > self.disk.len() {
                        journaled = Some(index);
                    }
                    self.disk.resize(self.disk.len().max(end), 0);
                }
                self.failed.remove(&touch.page);
            }
        }
        for page in due.iter().map(|touch| touch.page) {
            let from = page * PAGE;
            let to = (from + PAGE).min(self.disk.len());
            for at in from..to {
                self.disk[at] = memory.get(at).copied().unwrap_or(0);
            }
        }
        journaled
    }

    fn fail(&mut self, covers: usize) {
        let late: BTreeSet<_> =
            self.dirty.iter().filter(|touch| touch.index >= covers).map(|touch| touch.page).collect();
        let failed = &mut self.failed;
        self.dirty.retain(|touch| {
            let stays = touch.index >= covers || late.contains(&touch.page);
            if !stays && touch.end.is_some() {
                failed.insert(touch.page, touch.index);
            }
            stays
        });
    }
}

/// Everything that was done, and what is durable of it.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// What a process sees.
    pub now: Tree,
    /// Changes of names before this number are committed.
    pub committed_to: usize,
    ops: Vec<Op>,
    files: BTreeMap<Ino, File>,
    /// Up to which operation the entries of a folder are durable by its own fsyncs.
    folders: BTreeMap<Ino, usize>,
}

impl Reference {
    pub fn play(&mut self, op: &Op) {
        let index = self.ops.len();
        let before = self.now.clone();
        self.now.apply(op);
        self.ops.push(op.clone());
        let seen =
            |ino: &Ino, now: &Tree| now.files.get(ino).map(|content| content.to_vec()).unwrap_or_default();
        match op {
            Op::Write { ino, offset, data } => {
                let end = *offset as usize + data.len();
                let bytes = seen(ino, &self.now);
                let pages = *offset as usize / PAGE..end.div_ceil(PAGE);
                self.files.entry(*ino).or_default().change(index, bytes, pages, Some(end));
            }
            Op::Truncate { ino, len } => {
                let len = *len as usize;
                let bytes = seen(ino, &self.now);
                let pages = len / PAGE..len.div_ceil(PAGE);
                let file = self.files.entry(*ino).or_default();
                file.cuts.push((index, len));
                file.change(index, bytes, pages, None);
            }
            Op::Fsync { ino, covers, datasync } => self.fsync(*ino, *covers, *datasync),
            Op::FsyncFailed { ino, covers, clean: true } => {
                self.files.entry(*ino).or_default().fail(*covers);
            }
            Op::FsyncDir { ino, covers } => {
                let synced = self.folders.entry(*ino).or_default();
                *synced = (*synced).max(*covers);
                let last = self.last_about(*ino, *covers);
                self.commit(last);
            }
            Op::Commit => self.commit(index),
            Op::SyncAll => {
                for file in self.files.values_mut() {
                    file.sync(usize::MAX);
                }
                let all: Vec<_> = self.now.folders.keys().chain(before.folders.keys()).copied().collect();
                self.folders.extend(all.into_iter().map(|ino| (ino, index)));
                self.commit(index + 1);
            }
            _ => {}
        }
    }

    fn commit(&mut self, upto: usize) {
        self.committed_to = self.committed_to.max(upto);
    }

    fn fsync(&mut self, ino: Ino, covers: usize, datasync: bool) {
        let born = self
            .names(self.committed_to)
            .folders
            .values()
            .any(|entries| entries.values().any(|entry| *entry == ino));
        let journaled = self.files.entry(ino).or_default().sync(covers);
        self.commit(journaled.map_or(0, |index| index + 1));
        if !datasync {
            self.commit(self.last_about(ino, covers));
        } else if !born {
            let made = (self.committed_to..self.ops.len()).find(|index| self.after(*index, ino).1);
            self.commit(made.filter(|index| *index < covers).map_or(0, |index| index + 1));
        }
    }

    /// Whether an operation is about the names of a file or the entries of a folder, and whether it gives it a name.
    fn after(&self, index: usize, ino: Ino) -> (bool, bool) {
        let before = self.names(index);
        let entry = |at: &Place| before.entry(at.0, &at.1);
        match &self.ops[index] {
            Op::Create { at, ino: made } | Op::Mkdir { at, ino: made } | Op::Link { at, ino: made } => {
                (at.0 == ino || *made == ino, *made == ino)
            }
            Op::Unlink { at } | Op::Rmdir { at } => (at.0 == ino || entry(at) == Some(ino), false),
            Op::Rename { from, to } => {
                let moved = entry(from) == Some(ino);
                (from.0 == ino || to.0 == ino || moved || entry(to) == Some(ino), moved)
            }
            _ => (false, false),
        }
    }

    /// Behind the newest change that is about a file or folder, before a call came.
    fn last_about(&self, ino: Ino, covers: usize) -> usize {
        let open = self.committed_to..covers.min(self.ops.len());
        open.rev().find(|index| self.after(*index, ino).0).map_or(0, |index| index + 1)
    }

    /// Names as of the first operations.
    fn names(&self, upto: usize) -> Tree {
        let mut tree = Tree::default();
        for op in self.ops[..upto].iter().filter(|op| op.changes_names()) {
            tree.apply(op);
        }
        tree
    }

    fn filled(&self, mut tree: Tree, cuts_to: usize) -> Found {
        for (ino, content) in &mut tree.files {
            *content = self.durable(*ino, cuts_to).as_slice().into();
        }
        found(&tree)
    }

    /// The bytes of a file that are on the disk, in the length that truncations before an operation gave it.
    fn durable(&self, ino: Ino, cuts_to: usize) -> Vec<u8> {
        let Some(file) = self.files.get(&ino) else { return Vec::new() };
        let mut bytes = file.disk.clone();
        for (_, len) in file.cuts.iter().filter(|(index, _)| *index < cuts_to) {
            bytes.resize(*len, 0);
        }
        bytes
    }

    /// Names up to a point of the journal, and of the bytes nothing that no fsync covers.
    pub fn by_journal(&self, upto: usize) -> Found {
        self.filled(self.names(upto), self.committed_to)
    }

    fn points(&self) -> Vec<usize> {
        let changes = (self.committed_to..self.ops.len()).filter(|index| self.ops[*index].changes_names());
        std::iter::once(self.committed_to).chain(changes.map(|index| index + 1)).collect()
    }

    /// The same for each point since the last commit.
    pub fn journal_points(&self) -> Vec<Found> {
        self.points().into_iter().map(|upto| self.by_journal(upto)).collect()
    }

    pub fn by_journal_point(&self, number: usize) -> Found {
        self.by_journal(self.points()[number])
    }

    /// What an operation makes of entries: which file each of them is then.
    fn entries(&self, index: usize, op: &Op) -> Vec<(Place, Option<Ino>)> {
        match op {
            Op::Create { at, ino } | Op::Mkdir { at, ino } | Op::Link { at, ino } => {
                vec![(at.clone(), Some(*ino))]
            }
            Op::Rename { from, to } => {
                vec![(to.clone(), self.names(index).entry(from.0, &from.1)), (from.clone(), None)]
            }
            Op::Unlink { at } | Op::Rmdir { at } => vec![(at.clone(), None)],
            _ => Vec::new(),
        }
    }

    /// Changes of entries that their folder's fsync does not cover, operation by operation.
    fn open_entries(&self) -> Vec<Vec<(Place, Option<Ino>)>> {
        let mut all = Vec::new();
        for (index, op) in self.ops.iter().enumerate().filter(|(_, op)| op.changes_names()) {
            let mut entries = self.entries(index, op);
            entries.retain(|(at, _)| self.folders.get(&at.0).is_none_or(|synced| *synced <= index));
            if !entries.is_empty() {
                all.push(entries);
            }
        }
        all
    }

    fn synced_names(&self) -> Tree {
        let mut tree = Tree::default();
        for (index, op) in self.ops.iter().enumerate().filter(|(_, op)| op.changes_names()) {
            let mut entries = self.entries(index, op);
            entries.retain(|(at, _)| self.folders.get(&at.0).is_some_and(|synced| *synced > index));
            put(&mut tree, &entries);
            // A folder is one whether its name is durable or not.
            if let Op::Mkdir { ino, .. } = op {
                tree.folders.entry(*ino).or_default();
            }
        }
        tree
    }

    fn with_bytes(&self, mut tree: Tree) -> Found {
        let named: BTreeSet<_> = tree.folders.values().flat_map(BTreeMap::values).copied().collect();
        for ino in named.into_iter().filter(|ino| !tree.folders.contains_key(ino)) {
            let bytes = self.files.get(&ino).map(|file| file.disk.clone()).unwrap_or_default();
            tree.files.insert(ino, bytes.as_slice().into());
        }
        found(&tree)
    }

    /// Only names whose folder was synced.
    pub fn by_folder(&self) -> Found {
        self.with_bytes(self.synced_names())
    }

    /// The same with every subset of the other names, where they are few.
    pub fn subsets_of_names(&self) -> Option<BTreeSet<Found>> {
        let open = self.open_entries();
        if open.len() > 6 {
            return None;
        }
        let subset = |bits: u32| {
            let mut tree = self.synced_names();
            for (_, entries) in open.iter().enumerate().filter(|(number, _)| bits >> number & 1 == 1) {
                put(&mut tree, entries);
            }
            self.with_bytes(tree)
        };
        Some((0..1_u32 << open.len()).map(subset).collect())
    }

    /// What of a tree POSIX promises otherwise, if anything.
    pub fn check_posix(&self, left: &Tree) -> Result<(), String> {
        let synced = self.synced_names();
        let mut may: BTreeMap<Place, BTreeSet<Option<Ino>>> = BTreeMap::new();
        for (at, entry) in self.open_entries().concat() {
            may.entry(at.clone()).or_insert_with(|| [synced.entry(at.0, &at.1)].into()).insert(entry);
        }
        for folder in [ROOT, ROOT + 1] {
            let names: BTreeSet<_> = [&synced, left, &self.now]
                .into_iter()
                .flat_map(|tree| tree.folders.get(&folder).into_iter().flat_map(BTreeMap::keys).cloned())
                .collect();
            for name in names {
                let at = (folder, name);
                let entry = left.entry(at.0, &at.1);
                let allowed = may.get(&at).cloned().unwrap_or_else(|| [synced.entry(at.0, &at.1)].into());
                if !allowed.contains(&entry) {
                    return Err(format!("{at:?} is {entry:?}, and may be {allowed:?}"));
                }
            }
        }
        for (ino, content) in &left.files {
            let Some(file) = self.files.get(ino) else { continue };
            let bytes = content.to_vec();
            let dirty: BTreeSet<_> =
                file.dirty.iter().map(|touch| touch.page).chain(file.failed.keys().copied()).collect();
            // A length that is open may take any page away.
            let is_open = !file.cuts.is_empty();
            for page in 0..bytes.len().max(file.disk.len()).div_ceil(PAGE) {
                let part =
                    |bytes: &[u8]| bytes.iter().skip(page * PAGE).take(PAGE).copied().collect::<Vec<_>>();
                let (is, was) = (part(&bytes), part(&file.disk));
                // A page that is durable may only have zeros behind it.
                let grown = is.iter().skip(was.len()).all(|byte| *byte == 0);
                if !(is_open || dirty.contains(&page) || is.starts_with(&was) && grown) {
                    return Err(format!("page {page} of {ino} was durable and has changed"));
                }
                // Each sector holds what it held at some moment, or nothing.
                for (number, sector) in is.chunks(512).enumerate() {
                    let at = page * PAGE + number * 512;
                    let held = |bytes: &[u8]| {
                        let mut held: Vec<_> = bytes.iter().skip(at).take(sector.len()).copied().collect();
                        held.resize(sector.len(), 0);
                        held == sector
                    };
                    let explained = sector.iter().all(|byte| *byte == 0)
                        || held(&file.disk)
                        || file.seen.iter().any(|(_, bytes)| held(bytes));
                    if !explained {
                        return Err(format!("{ino} holds at {at} what it never held"));
                    }
                }
            }
        }
        Ok(())
    }
}

fn put(tree: &mut Tree, entries: &[(Place, Option<Ino>)]) {
    for (at, entry) in entries {
        let folder = tree.folders.entry(at.0).or_default();
        match entry {
            Some(ino) => drop(folder.insert(at.1.clone(), *ino)),
            None => drop(folder.remove(&at.1)),
        }
    }
}

fn found(tree: &Tree) -> Found {
    let files = tree.paths().into_iter().map(|(path, content)| (path, content.to_vec()));
    (files.collect(), tree.folder_paths())
}

//! Folders and files at one moment. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::content::Content;
use super::op::{Ino, Op, Place, ROOT};

/// Entries of every folder.
pub type Folders = BTreeMap<Ino, BTreeMap<String, Ino>>;

/// Folders and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Entries of every folder; the root is always there.
    pub folders: Folders,
    /// Bytes of every file, also of those that have no name any more.
    pub files: BTreeMap<Ino, Content>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { folders: BTreeMap::from([(ROOT, BTreeMap::new())]), files: BTreeMap::new() }
    }
}

impl Tree {
    /// Does what an operation does; one that only makes durable changes nothing.
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { ino, .. } => drop(self.files.insert(*ino, Content::default())),
            Op::Write { ino, offset, data } => self.files.entry(*ino).or_default().write(*offset, data),
            Op::Truncate { ino, len } => self.files.entry(*ino).or_default().truncate(*len),
            _ => {}
        }
        rename(&mut self.folders, op);
    }

    /// What stands at a place.
    pub fn entry(&self, folder: Ino, name: &str) -> Option<Ino> {
        self.folders.get(&folder)?.get(name).copied()
    }

    /// Every file by its path from the root, with `/`.
    pub fn paths(&self) -> BTreeMap<String, &Content> {
        const EMPTY: &Content = &Content::new();
        let mut paths = BTreeMap::new();
        self.walk(&mut |path, ino, is_folder| {
            if !is_folder {
                paths.insert(path.to_owned(), self.files.get(&ino).unwrap_or(EMPTY));
            }
        });
        paths
    }

    /// Every folder below the root.
    pub fn folder_paths(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        self.walk(&mut |path, _, is_folder| {
            if is_folder {
                paths.insert(path.to_owned());
            }
        });
        paths
    }

    /// A number for what a server would find: names and bytes, and nothing else.
    pub fn digest(&self) -> u128 {
        let mut hasher = blake3::Hasher::new();
        for folder in self.folder_paths() {
            hasher.update(folder.as_bytes()).update(b"\0d");
        }
        for (path, content) in self.paths() {
            content.mix_into(hasher.update(path.as_bytes()).update(b"\0f"));
        }
        let hash = hasher.finalize();
        u128::from_le_bytes(hash.as_bytes()[..16].try_into().expect("a hash has 32 bytes"))
    }

    /// Writes everything below a folder of this machine, which is made if need be and should be empty.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for path in self.folder_paths() {
            fs::create_dir_all(folder.join(path))?;
        }
        for (path, content) in self.paths() {
            let mut file = fs::File::create(folder.join(path))?;
            let mut outcome = Ok(());
            content.each_page(|bytes| {
                if outcome.is_ok() {
                    outcome = file.write_all(bytes);
                }
            });
            outcome?;
        }
        Ok(())
    }

    /// Reads everything below a folder of this machine.
    pub fn read_from(folder: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(folder, ROOT)?;
        Ok(tree)
    }

    /// The first number that no file or folder has had.
    pub fn next_ino(&self) -> Ino {
        let folders = self.folders.keys().next_back().copied().unwrap_or(ROOT);
        let files = self.files.keys().next_back().copied().unwrap_or(ROOT);
        folders.max(files) + 1
    }

    fn read_folder(&mut self, folder: &Path, ino: Ino) -> io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let child = self.next_ino();
            let at = (ino, name);
            if entry.file_type()?.is_dir() {
                self.apply(&Op::Mkdir { at, ino: child });
                self.read_folder(&entry.path(), child)?;
            } else {
                self.apply(&Op::Create { at, ino: child });
                self.files.insert(child, Content::from(fs::read(entry.path())?.as_slice()));
            }
        }
        Ok(())
    }

    fn walk(&self, see: &mut dyn FnMut(&str, Ino, bool)) {
        let mut open = vec![(String::new(), ROOT)];
        // A name may be durable whose folder, or the loop that a move makes, is not: each folder is seen once.
        let mut seen = BTreeSet::from([ROOT]);
        while let Some((prefix, folder)) = open.pop() {
            for (name, &ino) in self.folders.get(&folder).into_iter().flatten() {
                let path = format!("{prefix}{name}");
                let is_folder = self.folders.contains_key(&ino);
                if is_folder && !seen.insert(ino) {
                    continue;
                }
                see(&path, ino, is_folder);
                if is_folder {
                    open.push((format!("{path}/"), ino));
                }
            }
        }
    }
}

/// Changes entries of folders as an operation does.
pub fn rename(folders: &mut Folders, op: &Op) {
    for (at, ino) in entries(folders, op) {
        set(folders, &at, ino);
    }
    if let Op::Mkdir { ino, .. } = op {
        folders.entry(*ino).or_default();
    }
}

/// What an operation changes, entry by entry: what stands at each place afterwards.
pub fn entries(folders: &Folders, op: &Op) -> Vec<(Place, Option<Ino>)> {
    match op {
        Op::Create { at, ino } | Op::Mkdir { at, ino } | Op::Link { at, ino } => {
            vec![(at.clone(), Some(*ino))]
        }
        Op::Unlink { at } | Op::Rmdir { at } => vec![(at.clone(), None)],
        Op::Rename { from, to } => {
            let moved = folders.get(&from.0).and_then(|entries| entries.get(&from.1)).copied();
            match moved {
                Some(ino) if from != to => vec![(to.clone(), Some(ino)), (from.clone(), None)],
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// Puts an entry at a place, or takes it away.
pub fn set(folders: &mut Folders, at: &Place, ino: Option<Ino>) {
    let entries = folders.entry(at.0).or_default();
    match ino {
        Some(ino) => drop(entries.insert(at.1.clone(), ino)),
        None => drop(entries.remove(&at.1)),
    }
}

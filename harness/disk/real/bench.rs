//! Many images, each recovered by the kernel for a moment: what a file system leaves of each is read as a tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::super::content::Content;
use super::super::file::FileState;
use super::super::mount::{Disk, DiskError};
use super::super::op::{Ino, ROOT};
use super::super::tree::Tree;
use super::device::Device;
use super::{DATA, Volume, failed};
use crate::matrix::Filesystem;

/// Places in which images are mounted, each by one thread at a time. One disk serves them all; their loop devices stay
/// attached while one image follows the next.
pub struct Bench {
    filesystem: Filesystem,
    free: Mutex<Vec<Slot>>,
    freed: Condvar,
    disk: Disk,
}

/// One place.
struct Slot {
    ino: Ino,
    device: Device,
    point: PathBuf,
}

/// A file system that is mounted in a place, while it is used.
pub struct Mounted<'a> {
    bench: &'a Bench,
    /// Gone before the place is free again.
    volume: Option<Volume>,
    slot: Option<Slot>,
}

impl Bench {
    /// Makes places for images of one size below a folder, which should be empty.
    pub fn open(folder: &Path, filesystem: Filesystem, size: u64, places: usize) -> Result<Self, DiskError> {
        let store = folder.join("device");
        fs::create_dir_all(&store).map_err(failed(format!("create {}", store.display())))?;
        let mut blank = Content::new();
        blank.truncate(size);
        let mut tree = Tree::default();
        for number in 0..places {
            let ino = ROOT + 1 + number as Ino;
            tree.folders.entry(ROOT).or_default().insert(number.to_string(), ino);
            tree.files.insert(ino, blank.clone());
        }
        let disk = Disk::mount(&store, tree, false, Instant::now())?;
        let slots = (0..places).map(|number| {
            let device = Device::attach(&store.join(number.to_string()))?;
            Ok(Slot { ino: ROOT + 1 + number as Ino, device, point: folder.join(format!("volume-{number}")) })
        });
        let free = Mutex::new(slots.collect::<Result<_, DiskError>>()?);
        Ok(Self { filesystem, free, freed: Condvar::new(), disk })
    }

    /// Mounts an image in the next place that is free; the kernel recovers it first, if need be.
    pub fn mount(&self, image: Content) -> Result<Mounted<'_>, DiskError> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = loop {
            match free.pop() {
                Some(slot) => break slot,
                None => free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(free);
        let mut mounted = Mounted { bench: self, volume: None, slot: None };
        // What is left of the last file system is still written to the place.
        let volume = slot.device.wait_until_unused().and_then(|()| {
            self.disk.replace(slot.ino, image);
            Volume::mount_device(self.filesystem, &slot.device, &slot.point)
        });
        mounted.slot = Some(slot);
        mounted.volume = Some(volume?);
        Ok(mounted)
    }

    /// What a server finds in its data directory once the kernel has recovered an image.
    pub fn recover(&self, image: Content) -> Result<Tree, DiskError> {
        let mounted = self.mount(image)?;
        let folder = mounted.data();
        let tree = Tree::read_from(&folder).map_err(failed(format!("read {}", folder.display())))?;
        mounted.unmount()?;
        Ok(tree)
    }
}

impl Mounted<'_> {
    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.volume.as_ref().map(|volume| volume.point().join(DATA)).unwrap_or_default()
    }

    /// What its device holds, and what of that was not flushed.
    pub fn device(&self) -> FileState {
        self.slot.as_ref().and_then(|slot| self.bench.disk.file(slot.ino)).unwrap_or_default()
    }

    /// Takes it away.
    pub fn unmount(mut self) -> Result<(), DiskError> {
        self.volume.take().map_or(Ok(()), Volume::unmount)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        drop(self.volume.take());
        if let Some(slot) = self.slot.take() {
            self.bench.free.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
            self.bench.freed.notify_one();
        }
    }
}

//! A file that takes all the room that a file system has left.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

/// What is asked for at first; every refusal halves it.
const FIRST: u64 = 1 << 30;
/// A block of the file systems that are used here: less than that is no room.
const BLOCK: u64 = 4096;

/// A filler. It stays on the file system until it is removed.
#[derive(Debug)]
pub struct Filler(PathBuf);

impl Filler {
    /// Blocks are reserved and not written: it costs the device next to nothing.
    pub fn taking_all(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let (mut end, mut piece) = (file.metadata()?.len(), FIRST);
        while piece >= BLOCK {
            match fallocate(&file, FallocateFlags::empty(), end, piece) {
                Ok(()) => end += piece,
                Err(Errno::NOSPC) => piece /= 2,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self(path))
    }

    /// Removes what a cut has left of one, if anything.
    pub fn forget(path: &Path) {
        let _ = fs::remove_file(path);
    }

    /// Gives the room back. The file system does so when it has committed that.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(self.0)
    }
}

//! What holds the data directory: whatever file system is there, or a disk of Outlast's own that can lose what was not
//! made durable.
//!
//! The disk is a FUSE file system that holds its files in memory ([`mount`]). Each operation becomes a line of a log
//! ([`op`]); a [`replay`] of the log knows at every moment what is durable, and a [`model`] says what a power cut at
//! that moment may leave. Everything but the mount itself is pure, and [`real`]:
//! the file systems of this machine on an image that the disk holds.

use std::path::Path;

mod calls;
pub mod content;
pub mod drive;
pub mod errors;
pub mod file;
mod filler;
mod fuse;
pub mod ills;
mod memory;
pub mod model;
pub mod mount;
mod nearby;
pub mod neighbour;
pub mod op;
pub mod real;
pub mod replay;
pub mod scratch;
mod state;
pub mod syncs;
pub mod tree;

pub use drive::Drive;
pub use model::Model;
pub use mount::{Disk, DiskError};
pub use state::{Cut, Seen, Trap};
pub use tree::Tree;

/// The type of the file system that holds a path (`ext4`, `tmpfs`, ...), from the longest mount point above it.
pub fn kind(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .map_or_else(|| "unknown".into(), |(_, kind)| kind.to_owned())
}

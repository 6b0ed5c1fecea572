//! Disks where this machine allows them.

use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::Instant;

use outlast::disk::{Disk, DiskError, Tree};

use super::checkout::Checkout;

/// What a disk makes possible, or `None` where this machine does not allow it; then the reason is printed.
pub fn given<T>(outcome: Result<T, DiskError>) -> Option<T> {
    match outcome {
        Ok(given) => Some(given),
        Err(DiskError::Unsupported { reason, remedy }) => {
            assert!(std::env::var_os("CI").is_none(), "no disk in CI: {reason}; {remedy}");
            println!("not run: {reason}; {remedy}");
            None
        }
        Err(failed) => panic!("{failed}"),
    }
}

/// A checkout whose trials need a disk, or `None` where this machine allows none; then the reason is printed.
pub fn checkout(more: &str) -> Option<Checkout> {
    let folder = tempfile::tempdir().unwrap();
    disk(folder.path()).map(|_| Checkout::new(more))
}

/// An empty disk, mounted.
pub fn disk(folder: &Path) -> Option<Disk> {
    given(Disk::mount(folder, Tree::default(), true, Instant::now()))
}

/// Loop devices whose image lies below a folder.
pub fn loops_below(folder: &Path) -> usize {
    loops().iter().filter(|(_, image)| image.starts_with(folder)).count()
}

/// Every loop device that is attached, and its image.
pub fn loops() -> Vec<(OsString, PathBuf)> {
    let entries = fs::read_dir("/sys/block").unwrap().flatten();
    let image = |entry: &DirEntry| fs::read_to_string(entry.path().join("loop/backing_file")).ok();
    entries.filter_map(|entry| Some((entry.file_name(), image(&entry)?.trim_end().into()))).collect()
}

/// How many mounts name a folder.
pub fn mounts_below(folder: &Path) -> usize {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    mounts.lines().filter(|line| line.contains(folder.to_str().unwrap())).count()
}

/// Bytes as runs of the same one.
pub fn runs(bytes: &[u8]) -> String {
    let mut runs: Vec<(u8, usize)> = Vec::new();
    for &byte in bytes {
        match runs.last_mut() {
            Some((last, count)) if *last == byte => *count += 1,
            _ => runs.push((byte, 1)),
        }
    }
    runs.iter().map(|(byte, count)| format!("{byte}*{count}")).collect::<Vec<_>>().join(" ")
}

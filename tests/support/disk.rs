//! Disks where this machine allows them.

use std::path::Path;
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

//! A lock that is waited for, but not for ever.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest wait for another run that fetches the same package.
const LIMIT: Duration = Duration::from_secs(300);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Locks a file, which is made if need be; it is unlocked when it is dropped.
pub(super) fn lock(path: &Path) -> io::Result<File> {
    lock_within(path, LIMIT)
}

fn lock_within(path: &Path, limit: Duration) -> io::Result<File> {
    let file = File::create(path)?;
    let end = Instant::now() + limit;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let path = path.display();
                return Err(io::Error::other(format!("another run has held {path} for {limit:?}")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_somebody_holds_is_not_waited_for_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let held = lock(&path).expect("a lock");
        let error = lock_within(&path, Duration::from_millis(120)).expect_err("it is held");
        assert!(error.to_string().contains("another run has held"), "{error}");
        drop(held);
        assert!(lock_within(&path, Duration::ZERO).is_ok());
    }
}

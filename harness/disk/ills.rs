//! What can be wrong with a disk while it works. Pure.

use std::time::Duration;

use fuser::Errno;

/// A call that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `write`.
    Write,
    /// `fsync` and `fdatasync` of a file.
    Fsync,
    /// `fsync` of a folder.
    FsyncDir,
    /// `open` that makes a file.
    Create,
    /// `open` of a file that is there.
    Open,
    /// `mkdir`.
    Mkdir,
    /// `rename`.
    Rename,
    /// `unlink`.
    Unlink,
    /// `ftruncate`, and `open` with O_TRUNC.
    Truncate,
}

impl Call {
    /// Calls by their words in scripts.
    pub const ALL: [(&'static str, Self); 9] = [
        ("write", Self::Write),
        ("fsync", Self::Fsync),
        ("fsync-dir", Self::FsyncDir),
        ("create", Self::Create),
        ("open", Self::Open),
        ("mkdir", Self::Mkdir),
        ("rename", Self::Rename),
        ("unlink", Self::Unlink),
        ("truncate", Self::Truncate),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, call)| *call == self).map_or("call", |(word, _)| word)
    }
}

/// An error that a disk gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The device failed.
    Io,
    /// No room.
    NoSpace,
}

impl Error {
    /// Errors by their words in scripts.
    pub const ALL: [(&'static str, Self); 2] = [("EIO", Self::Io), ("ENOSPC", Self::NoSpace)];

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, error)| *error == self).map_or("error", |(word, _)| word)
    }

    pub(super) fn errno(self) -> Errno {
        match self {
            Self::Io => Errno::EIO,
            Self::NoSpace => Errno::ENOSPC,
        }
    }
}

/// Calls that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub call: Call,
    /// The first that fails, counted from 1 since the failure was set up.
    pub from: u64,
    /// Only that one, or every one from it on.
    pub once: bool,
    /// With which error.
    pub error: Error,
    /// After a failed fsync the pages are clean, as on Linux, so that no later fsync writes them.
    pub clean: bool,
    /// Calls seen since.
    pub seen: u64,
    /// Calls that failed.
    pub hit: u64,
}

impl Failure {
    /// A failure of one call, or of every one from it on.
    pub fn new(call: Call, error: Error) -> Self {
        Self { call, from: 1, once: false, error, clean: true, seen: 0, hit: 0 }
    }
}

/// Everything that is wrong with a disk.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ills {
    /// How much longer an fsync takes.
    pub fsync_delay: Option<Duration>,
    /// How fast an fsync writes what is dirty, in bytes per second, on top of the delay.
    pub bandwidth: Option<u64>,
    /// How much longer a write takes.
    pub write_delay: Option<Duration>,
    /// Calls that fail.
    pub failures: Vec<Failure>,
    /// Bytes that there is room for.
    pub capacity: Option<u64>,
    /// An fsync returns at once and keeps nothing.
    pub lying: bool,
}

impl Ills {
    /// Whether they are those of a file system, which a device does not know.
    pub fn is_about_files(&self) -> bool {
        let known = [Call::Write, Call::Fsync];
        self.capacity.is_some() || self.failures.iter().any(|failure| !known.contains(&failure.call))
    }

    /// Counts a call; the failure that it meets, if any.
    pub fn meet(&mut self, call: Call) -> Option<Failure> {
        let mut met = None;
        for failure in self.failures.iter_mut().filter(|failure| failure.call == call) {
            failure.seen += 1;
            let due = failure.seen == failure.from || (!failure.once && failure.seen > failure.from);
            if due {
                failure.hit += 1;
                met = met.or(Some(*failure));
            }
        }
        met
    }

    /// How long an fsync of so many dirty bytes takes longer.
    pub fn fsync_time(&self, dirty: u64) -> Duration {
        let transfer = self.bandwidth.map_or(Duration::ZERO, |rate| {
            Duration::from_micros(dirty.saturating_mul(1_000_000) / rate.max(1))
        });
        self.fsync_delay.unwrap_or_default() + transfer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_meets_the_call_that_it_is_for_once_or_from_then_on() {
        let third = Failure { from: 3, ..Failure::new(Call::Write, Error::Io) };
        let met = |once| {
            let mut ills = Ills { failures: vec![Failure { once, ..third }], ..Ills::default() };
            assert!(ills.meet(Call::Fsync).is_none());
            (0..5).map(|_| ills.meet(Call::Write).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(met(true), [false, false, true, false, false]);
        assert_eq!(met(false), [false, false, true, true, true]);
    }

    #[test]
    fn an_fsync_takes_its_delay_and_the_time_that_the_dirty_bytes_need() {
        let ills = Ills {
            fsync_delay: Some(Duration::from_millis(5)),
            bandwidth: Some(1_000_000),
            ..Ills::default()
        };
        assert_eq!(ills.fsync_time(2_000), Duration::from_millis(7));
        assert_eq!(Ills::default().fsync_time(u64::MAX), Duration::ZERO);
    }
}

//! What has failed on a disk, and what of it nobody has made good since. Pure.

use std::collections::{HashMap, VecDeque};

use super::content::PAGE;
use super::op::Ino;
use super::syncs::{FLUSHES, PERIOD_US, Syncs};

/// A write of so many bytes may not be all of a `write()`: the kernel sends up to 256 pages in a message
/// (`FUSE_MAX_MAX_PAGES` in fs/fuse/fuse_i.h), and the first of them need not be whole.
const FULL: usize = 255 * PAGE;

/// What a disk owes a server after calls that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owed {
    /// Calls that failed.
    pub failures: u64,
    /// The last of them, in words.
    pub last: Option<String>,
    /// An AOF whose last write failed.
    pub unwritten: Option<Unwritten>,
    /// What was answered before this is on the disk for good: a later fsync of the AOF failed, and the kernel has dropped
    /// what it was to write. 0 where no fsync had succeeded.
    pub dropped_since_us: Option<u64>,
}

impl Owed {
    /// The same of a server whose writes wait for an fsync in flight: older answers have waited with the one that failed.
    pub fn waited_for(mut self, syncs: &Syncs) -> Self {
        if let Some(unwritten) = &mut self.unwritten {
            unwritten.since_us = unwritten.since_us.min(syncs.settled_us(unwritten.failed_us));
        }
        self
    }
}

/// A file that a write failed on, and none has succeeded since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unwritten {
    /// When the last write was asked for that succeeded; 0 where there was none.
    pub since_us: u64,
    /// When the first one after it failed.
    pub failed_us: u64,
}

/// Failures by file. Times are microseconds since the trial began.
#[derive(Debug, Clone, Default)]
pub struct Errors {
    failures: u64,
    last: Option<String>,
    written: HashMap<Ino, u64>,
    /// Writes that may go on.
    parts: HashMap<Ino, u64>,
    unwritten: HashMap<Ino, Unwritten>,
    synced: HashMap<Ino, u64>,
    /// The newest of these, whichever file it was.
    synced_us: u64,
    dropped: HashMap<Ino, u64>,
    full: Option<Full>,
    /// When the newest flushes of a device were asked for, as many as one fsync may wait for.
    flushes: VecDeque<u64>,
    /// What a device lacks since a write or a flush of it failed came after this.
    missing_since_us: Option<u64>,
}

/// A file system that is full, on a device: nobody but itself knows which writes it refuses.
#[derive(Debug, Clone, Copy)]
struct Full {
    since_us: u64,
    room_us: Option<u64>,
}

impl Errors {
    /// Notes that the file system on the device has no room left.
    pub fn note_full(&mut self, at_us: u64) {
        self.failed("write", "ENOSPC", "on a full file system");
        self.full = Some(Full { since_us: at_us, room_us: None });
    }

    /// Notes that it has room again.
    pub fn note_room(&mut self, at_us: u64) {
        if let Some(full) = &mut self.full {
            full.room_us.get_or_insert(at_us);
        }
    }

    /// Notes a call that failed, and the file that it was about.
    pub fn failed(&mut self, call: &str, error: &str, name: &str) {
        self.failures += 1;
        self.last = Some(format!("{call} {name}: {error}"));
    }

    /// Notes a write that took all the bytes. One that fills a message may be the first part of a `write()` for which the kernel
    /// needs several: it counts when a smaller one has been written, or an fsync comes after it.
    pub fn wrote(&mut self, ino: Ino, asked_us: u64, bytes: usize) {
        let began_us = self.parts.remove(&ino).unwrap_or(asked_us);
        if bytes >= FULL {
            self.parts.insert(ino, began_us);
        } else {
            self.settle(ino, began_us);
        }
    }

    /// Notes a write that failed, or took only a part of the bytes.
    pub fn did_not_write(&mut self, ino: Ino, asked_us: u64) {
        let failed_us = self.parts.remove(&ino).unwrap_or(asked_us);
        let since_us = self.written.get(&ino).copied().unwrap_or(0);
        self.unwritten.entry(ino).or_insert(Unwritten { since_us, failed_us });
    }

    fn settle(&mut self, ino: Ino, asked_us: u64) {
        self.written.insert(ino, asked_us);
        self.unwritten.remove(&ino);
    }

    /// Notes an fsync that succeeded. What was answered before the last write that it covers was asked for is in the file:
    /// later answers may have waited in the server for this very fsync.
    /// A file that has not got its name yet does not count: what was answered is in another one.
    pub fn synced(&mut self, ino: Ino, name: &str, asked_us: u64) {
        if let Some(part_us) = self.parts.remove(&ino) {
            self.settle(ino, part_us);
        }
        if is_appended(name) {
            let written_us = self.written.get(&ino).copied().unwrap_or(asked_us).min(asked_us);
            self.synced.insert(ino, written_us);
            self.synced_us = self.synced_us.max(written_us);
        }
    }

    /// Notes a flush of a device that succeeded. A server that waits to write tries once a second: it has done so, if there was
    /// room for two.
    pub fn flushed(&mut self, asked_us: u64) {
        self.full =
            self.full.filter(|full| full.room_us.is_none_or(|at_us| asked_us < at_us + 2 * PERIOD_US));
        self.flushes.push_back(asked_us);
        if self.flushes.len() > FLUSHES as usize {
            self.flushes.pop_front();
        }
    }

    /// Notes a write or a flush of a device that failed. The file system may take that for its end and keep nothing more, and
    /// nobody knows which of the flushes before it were for an fsync of the AOF that had come to its end: one of those began
    /// within the window before.
    pub fn device_failed(&mut self, window_from_us: u64) {
        let all = self.flushes.len() == FLUSHES as usize;
        let since_us = self.flushes.front().copied().filter(|_| all).unwrap_or(0);
        self.missing_since_us.get_or_insert(since_us.min(window_from_us));
    }

    /// Notes an fsync after whose failure the pages count as clean: no later one writes them.
    pub fn dropped(&mut self, ino: Ino) {
        let since_us = self.synced.get(&ino).copied().unwrap_or(self.synced_us);
        self.dropped.entry(ino).or_insert(since_us);
    }

    /// What is owed to the files that a server appends to, as far as they are there still. What a child writes before it
    /// gets its name is not among them: a server that relies on such a file after an error has no excuse.
    pub fn owed(&self, name_of: impl Fn(Ino) -> Option<String>) -> Owed {
        let is_there = |ino: &Ino| name_of(*ino).is_some_and(|name| is_appended(&name));
        Owed {
            failures: self.failures,
            last: self.last.clone(),
            unwritten: self
                .unwritten
                .iter()
                .filter(|(ino, _)| is_there(ino))
                .map(|(_, unwritten)| *unwritten)
                .chain(self.full.map(|full| Unwritten { since_us: full.since_us, failed_us: full.since_us }))
                .min_by_key(|unwritten| unwritten.since_us),
            dropped_since_us: self
                .dropped
                .iter()
                .filter(|(ino, _)| is_there(ino))
                .map(|(_, since_us)| *since_us)
                .chain(self.missing_since_us)
                .min(),
        }
    }
}

fn is_appended(name: &str) -> bool {
    name.ends_with(".aof") && !name.starts_with("temp-") && !name.contains(".base.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::syncs::Synced;

    fn owed(errors: &Errors, name: &str) -> Owed {
        errors.owed(|ino| (ino == 7).then(|| name.into()))
    }

    #[test]
    fn a_write_that_waited_for_an_fsync_fails_with_all_that_waited() {
        let mut errors = Errors::default();
        errors.wrote(7, 2_900_000, 5);
        errors.did_not_write(7, 3_000_000);
        let since_us = |syncs: &Syncs| {
            let owed = owed(&errors, "a.1.incr.aof").waited_for(syncs);
            owed.unwritten.map(|unwritten| unwritten.since_us)
        };
        let mut syncs = Syncs::default();
        assert_eq!(since_us(&syncs), Some(2_900_000), "none was in flight");
        let number = syncs.begin(Synced::Aof, 1_000_000);
        syncs.end(number, 1_200_000);
        assert_eq!(since_us(&syncs), Some(2_900_000), "long over");
        syncs.begin(Synced::Aof, 2_000_000);
        assert!(since_us(&syncs).is_some_and(|since_us| since_us <= 2_000_000), "it is still in flight");
    }

    #[test]
    fn a_write_that_failed_is_owed_until_one_succeeds() {
        let mut errors = Errors::default();
        errors.wrote(7, 10, 5);
        errors.did_not_write(7, 20);
        errors.did_not_write(7, 30);
        let unwritten = Some(Unwritten { since_us: 10, failed_us: 20 });
        assert_eq!(owed(&errors, "a.1.incr.aof").unwritten, unwritten);
        assert_eq!(owed(&errors, "temp-rewriteaof-bg-1.aof").unwritten, None, "a child's file");
        assert_eq!(owed(&errors, "a.1.base.aof").unwritten, None);
        errors.wrote(7, 40, 5);
        assert_eq!(owed(&errors, "a.1.incr.aof").unwritten, None);
    }

    #[test]
    fn the_first_part_of_a_write_that_takes_several_messages_makes_nothing_good() {
        let mut errors = Errors::default();
        errors.wrote(7, 10, 5);
        let unwritten = Some(Unwritten { since_us: 10, failed_us: 20 });
        // The server takes the first part back and tries again and again.
        for at_us in [20, 30, 40] {
            errors.wrote(7, at_us, FULL);
            errors.did_not_write(7, at_us + 1);
            assert_eq!(owed(&errors, "appendonly.aof").unwritten, unwritten);
        }
        errors.wrote(7, 50, FULL + 100);
        errors.wrote(7, 51, FULL);
        assert_eq!(owed(&errors, "appendonly.aof").unwritten, unwritten, "the rest is to come");
        errors.wrote(7, 52, 200);
        assert_eq!(owed(&errors, "appendonly.aof").unwritten, None);
        errors.did_not_write(7, 60);
        let since_us = owed(&errors, "appendonly.aof").unwritten.map(|unwritten| unwritten.since_us);
        assert_eq!(since_us, Some(50), "it began with its first part");
        // One that just fills a message has been written when it is synced.
        errors.wrote(7, 70, FULL);
        errors.synced(7, "appendonly.aof", 80);
        assert_eq!(owed(&errors, "appendonly.aof").unwritten, None);
    }

    #[test]
    fn what_a_full_file_system_refused_is_owed_until_there_was_room_for_a_while() {
        let mut errors = Errors::default();
        errors.note_full(10);
        let unwritten = Some(Unwritten { since_us: 10, failed_us: 10 });
        errors.flushed(20);
        assert_eq!(owed(&errors, "image").unwritten, unwritten);
        errors.note_room(30);
        errors.flushed(40);
        assert_eq!(owed(&errors, "image").unwritten, unwritten, "a neighbour may sync as well");
        errors.flushed(30 + 2 * PERIOD_US);
        assert_eq!((owed(&errors, "image").unwritten, owed(&errors, "image").failures), (None, 1));
    }

    #[test]
    fn a_device_that_failed_owes_what_came_since_the_fsync_before() {
        let mut errors = Errors::default();
        errors.device_failed(5);
        assert_eq!(owed(&errors, "image").dropped_since_us, Some(0), "there was none before");
        let mut errors = Errors::default();
        for at_us in 1..=6 {
            errors.flushed(at_us * 10);
        }
        assert_eq!(owed(&errors, "image").dropped_since_us, None);
        let mut busy = errors.clone();
        errors.device_failed(60);
        errors.flushed(70);
        errors.device_failed(60);
        assert_eq!(owed(&errors, "image").dropped_since_us, Some(30), "the first one tells");
        busy.device_failed(12);
        assert_eq!(owed(&busy, "image").dropped_since_us, Some(12), "the newest flushes were a neighbour's");
    }

    #[test]
    fn pages_that_a_failed_fsync_dropped_stay_owed() {
        let mut errors = Errors::default();
        errors.wrote(7, 5, 5);
        errors.synced(7, "appendonly.aof", 8);
        errors.dropped(7);
        errors.synced(7, "appendonly.aof", 50);
        assert_eq!(owed(&errors, "appendonly.aof").dropped_since_us, Some(5));
        assert_eq!(errors.owed(|_| None).dropped_since_us, None, "the file is gone");

        // A new file that was synced by the child that wrote it, and never since: the file before it counts.
        let mut errors = Errors::default();
        errors.wrote(6, 4, 5);
        errors.synced(6, "appendonly.aof", 5);
        errors.synced(7, "temp-rewriteaof-1.aof", 9);
        errors.dropped(7);
        assert_eq!(owed(&errors, "appendonly.aof").dropped_since_us, Some(4));
    }
}

//! The fsyncs of a life that a server waits for, also those that have not ended. Pure.
//!
//! Only they say what `everysec` may lose: the AOF's own are done by a thread, of which one works at a time, and those
//! of the manifest and its folder by the thread that answers. What a child makes durable, such as a snapshot of
//! minutes, keeps neither of them waiting.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::op::{Ino, ROOT};

/// The server begins a sync this long after the one before it began, and looks whether it may ten times a second.
pub const PERIOD_US: u64 = 1_100_000;
/// Between a server's own view of its sync and the disk's may lie as much, beside how late its threads are woken: what
/// waited for one that has ended is written with its next look at the clock.
const SLACK_US: u64 = 100_000;
/// Flushes of a device that one fsync of a file system may wait for: two of a commit that is under way (before the
/// commit record and after it), and two of its own. `tests/flushes.rs` counts them on ext4, XFS and btrfs.
pub const FLUSHES: u64 = 4;

/// What is synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Synced {
    /// An AOF, by a thread of its own.
    Aof,
    /// A manifest or its folder, by the thread that answers.
    Manifest,
    /// A device below a file system: nobody knows for whom.
    Device,
}

impl Synced {
    /// What the sync of a file or folder means to the server; `None` where it waits for none.
    pub fn of(name: &str, ino: Ino, is_folder: bool, is_device: bool) -> Option<Self> {
        if is_device {
            return Some(Self::Device);
        }
        if is_folder {
            return (ino != ROOT).then_some(Self::Manifest);
        }
        // A rewrite's own file is the child's, until it has its name; a manifest's is not.
        match name {
            name if name.ends_with(".manifest") => Some(Self::Manifest),
            name if name.ends_with(".aof") && !name.starts_with("temp-") => Some(Self::Aof),
            _ => None,
        }
    }
}

/// One sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// Of what.
    pub what: Synced,
    /// When it was asked for, in microseconds since the trial began.
    pub asked_us: u64,
    /// When it ended; absent while it is under way.
    pub done_us: Option<u64>,
}

impl Synced {
    /// Of what, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Aof => "of the AOF",
            Self::Manifest => "of the manifest or its folder",
            Self::Device => "of the device",
        }
    }
}

impl Sync {
    fn end(&self, at_us: u64) -> u64 {
        self.done_us.unwrap_or(u64::MAX).min(at_us)
    }

    /// How long it had taken by a moment, as far as a server notices.
    fn length(&self, at_us: u64) -> u64 {
        let length = self.end(at_us).saturating_sub(self.asked_us);
        if self.what == Synced::Device { length * FLUSHES } else { length }
    }
}

/// Every sync of a life, in the order in which they were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syncs {
    all: Vec<Sync>,
    /// The longest that this machine woke a sleeping thread too late meanwhile, in microseconds.
    #[serde(default)]
    late_us: u64,
}

/// What syncs keep from being durable at a moment, beyond the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delay {
    /// The longest that may still tell.
    pub longest_us: u64,
    /// How long the server answered nobody and began no sync, because it waited itself.
    pub waited_us: u64,
    /// The longest that the machine woke a thread too late: the one that asks for a sync, and the one that does it.
    pub late_us: u64,
}

impl Delay {
    /// How long before a moment that may be acknowledged which is not durable then: the sync of what was written after
    /// one has begun begins a period later, or when that one has ended.
    pub fn window_us(self) -> u64 {
        PERIOD_US + 2 * self.longest_us + self.waited_us + 2 * self.late_us
    }
}

impl Syncs {
    /// The same on a machine that woke its threads so late.
    pub fn on_a_machine_late_by(self, late: Duration) -> Self {
        Self { late_us: u64::try_from(late.as_micros()).unwrap_or(u64::MAX), ..self }
    }

    /// Notes that a sync is asked for; its number.
    pub fn begin(&mut self, what: Synced, asked_us: u64) -> usize {
        // Two that are asked for at once may come in either order.
        let asked_us = self.all.last().map_or(asked_us, |last| asked_us.max(last.asked_us));
        self.all.push(Sync { what, asked_us, done_us: None });
        self.all.len() - 1
    }

    /// Notes that one has ended.
    pub fn end(&mut self, number: usize, done_us: u64) {
        if let Some(sync) = self.all.get_mut(number) {
            sync.done_us = Some(done_us);
        }
    }

    /// The longest of them, at most so many, in the order in which they were asked for: from when to when, in
    /// microseconds since the trial began. One that has not ended lasts until `at_us`.
    pub fn longest(&self, most: usize, at_us: u64) -> Vec<(Synced, u64, u64)> {
        let mut all: Vec<_> = self
            .all
            .iter()
            .map(|sync| (sync.what, sync.asked_us, sync.end(at_us).max(sync.asked_us)))
            .collect();
        all.sort_by_key(|(_, from, to)| std::cmp::Reverse(to - from));
        all.truncate(most);
        all.sort_by_key(|(_, from, _)| *from);
        all
    }

    /// Moments at which what they say begins to change in another way.
    pub fn turns_us(&self) -> impl Iterator<Item = u64> + '_ {
        self.all.iter().flat_map(|sync| {
            let after =
                |done_us: u64| [done_us, done_us + SLACK_US, done_us + PERIOD_US + 2 * sync.length(done_us)];
            let begun = [sync.asked_us.saturating_sub(SLACK_US), sync.asked_us];
            begun.into_iter().chain(sync.done_us.map(after).into_iter().flatten())
        })
    }

    /// The syncs that still tell at a moment: of what lies in the window that they themselves open.
    pub fn delay(&self, at_us: u64) -> Delay {
        let mut delay = Delay { late_us: self.late_us, ..Delay::default() };
        let begun = self.all.partition_point(|sync| sync.asked_us <= at_us);
        // What tells makes the window longer, and so may let an earlier one tell.
        loop {
            let before = delay;
            delay.waited_us = 0;
            for sync in &self.all[..begun] {
                let length = sync.length(at_us);
                let own = match sync.what {
                    Synced::Manifest => Delay { waited_us: length.max(before.waited_us), ..before },
                    Synced::Aof | Synced::Device => {
                        Delay { longest_us: length.max(before.longest_us), ..before }
                    }
                };
                if sync.end(at_us).saturating_add(own.window_us()) < at_us {
                    continue;
                }
                match sync.what {
                    Synced::Manifest => delay.waited_us += length,
                    Synced::Aof | Synced::Device => delay.longest_us = delay.longest_us.max(length),
                }
            }
            if delay == before {
                return delay;
            }
        }
    }

    /// What was acknowledged before this is written at a moment, since no sync was in flight then: a write waits for
    /// nothing else.
    pub fn settled_us(&self, at_us: u64) -> u64 {
        let slack_us = SLACK_US + 2 * self.late_us;
        let begun = self.all.partition_point(|sync| sync.asked_us <= at_us.saturating_add(slack_us));
        let aof = self.all[..begun].iter().rev().filter(|sync| sync.what != Synced::Manifest);
        let mut settled_us = at_us;
        for sync in aof {
            if sync.end(u64::MAX).saturating_add(slack_us) < settled_us {
                break;
            }
            settled_us = settled_us.min(sync.asked_us.saturating_sub(slack_us));
        }
        settled_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn syncs(of: &[(Synced, u64, Option<u64>)]) -> Syncs {
        let all = of.iter().map(|&(what, asked_us, done_us)| Sync { what, asked_us, done_us }).collect();
        Syncs { all, late_us: 0 }
    }

    #[test]
    fn the_syncs_that_count_are_those_that_a_server_waits_for() {
        let of = |name, folder| Synced::of(name, 7, folder, false);
        assert_eq!(of("appendonly.aof.1.incr.aof", false), Some(Synced::Aof));
        assert_eq!(of("appendonly.aof", false), Some(Synced::Aof));
        assert_eq!(of("temp-appendonly.aof.manifest", false), Some(Synced::Manifest));
        assert_eq!(of("appendonlydir", true), Some(Synced::Manifest));
        assert_eq!(of("temp-12.rdb", false), None, "the child's");
        assert_eq!(of("temp-rewriteaof-bg-12.aof", false), None, "the child's");
        assert_eq!(Synced::of(".", ROOT, true, false), None);
        assert_eq!(Synced::of("image", 7, false, true), Some(Synced::Device));
    }

    #[test]
    fn the_longest_are_told_in_their_order() {
        let all =
            syncs(&[(Synced::Aof, 1, Some(9)), (Synced::Aof, 10, Some(11)), (Synced::Manifest, 12, None)]);
        assert_eq!(all.longest(2, 30), [(Synced::Aof, 1, 9), (Synced::Manifest, 12, 30)]);
        assert_eq!(all.longest(9, 30).len(), 3);
    }

    #[test]
    fn a_sync_tells_while_it_is_in_flight_and_as_long_as_its_own_window_lasts() {
        let one = syncs(&[(Synced::Aof, S, Some(3 * S))]);
        assert_eq!(one.delay(S - 1).longest_us, 0, "not asked for yet");
        assert_eq!(one.delay(2 * S).longest_us, S, "as far as it had gone");
        assert_eq!(one.delay(3 * S + PERIOD_US + 4 * S).longest_us, 2 * S);
        assert_eq!(one.delay(3 * S + PERIOD_US + 4 * S + 1).longest_us, 0, "it does not tell for ever");
        let endless = syncs(&[(Synced::Aof, S, None)]);
        assert_eq!(endless.delay(9 * S).longest_us, 8 * S, "also one that never ended");
    }

    #[test]
    fn a_machine_that_wakes_its_threads_late_moves_the_window_and_nothing_else() {
        let one = syncs(&[(Synced::Aof, S, Some(3 * S))]).on_a_machine_late_by(Duration::from_millis(40));
        let delay = one.delay(3 * S + PERIOD_US + 4 * S + 80_000);
        assert_eq!((delay.longest_us, delay.window_us()), (2 * S, PERIOD_US + 4 * S + 80_000));
        assert_eq!(one.delay(3 * S + PERIOD_US + 4 * S + 80_001).longest_us, 0);
    }

    #[test]
    fn a_server_that_waits_itself_begins_no_sync_meanwhile() {
        let waited = syncs(&[
            (Synced::Manifest, 10 * S, Some(10 * S + 200_000)),
            (Synced::Manifest, 10 * S + 200_000, Some(10 * S + 500_000)),
        ]);
        assert_eq!(waited.delay(11 * S), Delay { waited_us: 500_000, ..Delay::default() });
        assert_eq!(waited.delay(20 * S), Delay::default());
    }

    #[test]
    fn a_write_waits_for_a_sync_in_flight_alone() {
        let one = syncs(&[(Synced::Aof, 5 * S, Some(6 * S))]);
        assert_eq!(one.settled_us(3 * S), 3 * S, "none in flight: all is written");
        assert_eq!(one.settled_us(5 * S + 500_000), 5 * S - SLACK_US);
        assert_eq!(one.settled_us(6 * S + SLACK_US + 1), 6 * S + SLACK_US + 1);
        let manifest = syncs(&[(Synced::Manifest, 5 * S, None)]);
        assert_eq!(manifest.settled_us(6 * S), 6 * S);
    }

    #[test]
    fn a_device_is_flushed_several_times_for_one_sync() {
        let one = syncs(&[(Synced::Device, S, Some(S + 100_000))]);
        assert_eq!(one.delay(2 * S).longest_us, 400_000);
    }
}

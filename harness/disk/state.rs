//! What a mounted disk knows: the tree, what of it is durable, the log, and what is wrong with it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use fuser::Errno;

use super::content::Content;
use super::errors::{Errors, Owed};
use super::file::Change;
use super::ills::{Call, Error, Failure, Ills};
use super::op::{Children, Ino, Op, Rec};
use super::replay::Replay;
use super::syncs::{Synced, Syncs};
use super::tree::Tree;
use crate::glob;

/// The moment of a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Operations before it.
    pub index: usize,
    /// When, in microseconds since the trial began.
    pub at_us: u64,
}

/// What a disk has seen since it was mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Writes.
    pub writes: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Fsyncs of files that ended well.
    pub fsyncs: u64,
    /// Calls that failed because of its ills.
    pub failures: u64,
}

/// Cuts the power at an operation.
pub struct Trap {
    /// The operation's word.
    pub word: String,
    /// The name of the file that it is about: a pattern.
    pub pattern: String,
    /// Which one, from 1.
    pub left: u32,
    /// What else is to be done at once.
    pub spring: Box<dyn FnOnce() + Send>,
}

/// Modes and times: what stat answers beside the length.
#[derive(Debug, Clone, Copy)]
pub struct Meta {
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub mtime: SystemTime,
}

pub struct State {
    pub replay: Replay,
    /// Every operation since the mount, where they are recorded.
    pub log: Option<Vec<Rec>>,
    pub ills: Ills,
    pub seen: Seen,
    pub errors: Errors,
    pub children: Children,
    pub syncs: Syncs,
    /// It is an image of a file system: what is synced is a device.
    pub is_device: bool,
    pub cut: Option<Cut>,
    pub trap: Option<Trap>,
    pub meta: HashMap<Ino, Meta>,
    pub opens: HashMap<Ino, u32>,
    /// The newest name of each file.
    pub names: HashMap<Ino, String>,
    pub next: Ino,
    /// The tree that was mounted: what the log begins with.
    pub base: Tree,
}

/// A state that FUSE's threads and the trial share.
pub struct Shared {
    state: Mutex<State>,
    /// Rings when the power is cut: whoever waits for a slow disk waits no longer.
    cut: Condvar,
    began: Instant,
}

impl Shared {
    /// When the trial began.
    pub fn began(&self) -> Instant {
        self.began
    }

    pub fn new(tree: Tree, record: bool, began: Instant) -> Arc<Self> {
        let next = tree.next_ino();
        let names = tree
            .folders
            .values()
            .flat_map(|entries| entries.iter().map(|(name, &ino)| (ino, name.clone())))
            .collect();
        let state = State {
            base: tree.clone(),
            replay: Replay::from_durable(tree),
            log: record.then(Vec::new),
            ills: Ills::default(),
            seen: Seen::default(),
            errors: Errors::default(),
            children: Children::default(),
            syncs: Syncs::default(),
            is_device: false,
            cut: None,
            trap: None,
            meta: HashMap::new(),
            opens: HashMap::new(),
            names,
            next,
        };
        Arc::new(Self { state: Mutex::new(state), cut: Condvar::new(), began })
    }

    /// A state whose holder panicked is still what the disk knows.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Lets an operation take effect, unless the power is gone.
    pub fn perform(&self, state: &mut State, asked_us: u64, op: Op) {
        let done_us = self.now_us();
        state.replay.play(&op);
        let name = name_of(state, &op);
        state.children.note(&op, done_us);
        let is_trapped = state.trap.as_mut().is_some_and(|trap| {
            let hit = trap.word == op.word() && name.is_some_and(|name| glob::matches(&trap.pattern, &name));
            trap.left -= u32::from(hit);
            hit && trap.left == 0
        });
        if let Some(log) = &mut state.log {
            log.push(Rec { asked_us, done_us, op });
        }
        if is_trapped {
            self.cut_now(state);
        }
    }

    /// Cuts the power: nothing takes effect from now on.
    pub fn cut_now(&self, state: &mut State) -> Cut {
        let cut = *state.cut.get_or_insert_with(|| Cut { index: state.replay.played, at_us: self.now_us() });
        if let Some(trap) = state.trap.take()
            && trap.left == 0
        {
            (trap.spring)();
        }
        self.cut.notify_all();
        cut
    }

    /// Waits for a slow disk; false when the power went meanwhile.
    pub fn wait(&self, time: Duration) -> bool {
        let limit = Instant::now() + time;
        let mut state = self.lock();
        while state.cut.is_none() {
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.cut.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

impl State {
    /// Bytes of all files that have a name or are open.
    pub fn used(&self) -> u64 {
        self.replay.now.files.values().map(Content::len).sum()
    }

    /// Refuses a new file or folder on a disk that is full to the last byte, as XFS does. A rename gets through on each
    /// file system.
    pub fn room_for_entry(&mut self) -> Result<(), Errno> {
        if self.ills.capacity.is_some_and(|capacity| self.used() >= capacity) {
            self.note_failure(&Failure::new(Call::Create, Error::NoSpace), "of a new name");
            return Err(Errno::ENOSPC);
        }
        Ok(())
    }

    /// Lets go of a file that has no name and is open nowhere.
    pub fn drop_if_gone(&mut self, ino: Ino) {
        let is_open = self.opens.get(&ino).is_some_and(|count| *count > 0);
        let is_named = self.replay.now.folders.values().any(|entries| entries.values().any(|at| *at == ino));
        if !is_open && !is_named {
            self.replay.now.files.remove(&ino);
            self.meta.remove(&ino);
            self.names.remove(&ino);
        }
    }

    /// Notes a call that fails as it was told to; `name` is that of the file.
    pub fn note_failure(&mut self, failure: &Failure, name: &str) {
        self.seen.failures += 1;
        self.errors.failed(failure.call.word(), failure.error.word(), name);
    }

    /// The newest name of a file, or nothing.
    pub fn name(&self, ino: Ino) -> String {
        self.names.get(&ino).cloned().unwrap_or_default()
    }

    /// What calls that failed have left to be made good.
    pub fn owed(&self) -> Owed {
        let named =
            |ino| self.replay.now.folders.values().any(|entries| entries.values().any(|at| *at == ino));
        self.errors.owed(|ino| self.names.get(&ino).filter(|_| named(ino)).cloned())
    }

    /// Notes that a sync is asked for; its number, where the server waits for it.
    pub fn begin_sync(&mut self, ino: Ino, is_folder: bool, asked_us: u64) -> Option<usize> {
        let name = self.names.get(&ino).map_or("", String::as_str);
        let what = Synced::of(name, ino, is_folder, self.is_device)?;
        Some(self.syncs.begin(what, asked_us))
    }

    /// Notes what a write that failed leaves owed.
    pub fn write_failed(&mut self, ino: Ino, asked_us: u64) {
        match self.is_device {
            true => self.device_failed(asked_us),
            false => self.errors.did_not_write(ino, asked_us),
        }
    }

    /// Notes what an fsync that failed leaves owed. Of a device nobody knows what a file system still does.
    pub fn fsync_failed(&mut self, ino: Ino, asked_us: u64, clean: bool) {
        match (self.is_device, clean) {
            (true, _) => self.device_failed(asked_us),
            (false, true) => self.errors.dropped(ino),
            (false, false) => {}
        }
    }

    /// Notes an fsync that succeeded.
    pub fn fsynced(&mut self, ino: Ino, asked_us: u64) {
        self.seen.fsyncs += 1;
        match self.is_device {
            true => self.errors.flushed(asked_us),
            false => {
                let name = self.name(ino);
                self.errors.synced(ino, &name, asked_us);
            }
        }
    }

    fn device_failed(&mut self, asked_us: u64) {
        let window_us = self.syncs.delay(asked_us).window_us();
        self.errors.device_failed(asked_us.saturating_sub(window_us));
    }

    /// Notes that it has ended, well or not.
    pub fn end_sync(&mut self, number: Option<usize>, done_us: u64) {
        if let Some(number) = number {
            self.syncs.end(number, done_us);
        }
    }

    /// Bytes of a file that no fsync covers.
    pub fn dirty(&self, ino: Ino) -> u64 {
        let Some(file) = self.replay.files.get(&ino) else { return 0 };
        let bytes = |change: &Change| match change {
            Change::Write(_, data) => data.len() as u64,
            Change::Truncate(_) => 0,
        };
        file.pending.iter().map(|(_, change)| bytes(change)).sum()
    }
}

/// The name of the file that an operation is about.
fn name_of(state: &mut State, op: &Op) -> Option<String> {
    match op {
        Op::Create { at, ino } | Op::Mkdir { at, ino } | Op::Link { at, ino } => {
            state.names.insert(*ino, at.1.clone());
            Some(at.1.clone())
        }
        Op::Rename { to, .. } => {
            if let Some(ino) = state.replay.now.entry(to.0, &to.1) {
                state.names.insert(ino, to.1.clone());
            }
            Some(to.1.clone())
        }
        Op::Unlink { at } | Op::Rmdir { at } => Some(at.1.clone()),
        Op::Write { ino, .. }
        | Op::Truncate { ino, .. }
        | Op::Fsync { ino, .. }
        | Op::FsyncDir { ino, .. }
        | Op::FsyncFailed { ino, .. } => Some(state.names.get(ino).cloned().unwrap_or_default()),
        Op::Commit | Op::SyncAll => None,
    }
}

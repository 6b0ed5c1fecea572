//! What calls do to the disk, and how they fail: by its ills, or because the power is gone.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::SystemTime;

use fuser::{Errno, FileAttr, FileType, INodeNo, ReplyEmpty, Request};

use super::content::PAGE;
use super::ills::{Call, Error, Failure};
use super::op::{Ino, Op, Place};
use super::state::{Meta, Shared, State};

/// Bytes of a name, as on other file systems of Linux.
pub(super) const NAME_MAX: usize = 255;

/// The file system.
pub struct Fs(pub Arc<Shared>);

/// What a call is about, for the note of its failure.
#[derive(Clone, Copy)]
pub(super) enum About<'a> {
    File(Ino),
    Name(&'a str),
}

/// Why a call fails.
pub(super) type Refusal = Errno;

impl Fs {
    /// Does something that changes the tree, unless the power is gone or the disk fails in it.
    pub(super) fn change<T>(
        &self,
        call: Call,
        about: About<'_>,
        act: impl FnOnce(&mut State, &Shared, u64) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.change_asked(self.0.now_us(), call, about, act)
    }

    /// The same for a call that has waited since it was asked for.
    fn change_asked<T>(
        &self,
        asked_us: u64,
        call: Call,
        about: About<'_>,
        act: impl FnOnce(&mut State, &Shared, u64) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut state = self.0.lock();
        if state.cut.is_some() {
            return Err(Errno::EIO);
        }
        if let Some(failure) = state.ills.meet(call) {
            let name = match about {
                About::File(ino) => state.name(ino),
                About::Name(name) => name.to_owned(),
            };
            state.note_failure(&failure, &name);
            if let (Call::Write, About::File(ino)) = (call, about) {
                state.write_failed(ino, asked_us);
            }
            return Err(failure.error.errno());
        }
        act(&mut state, &self.0, asked_us)
    }

    /// Makes a folder, or a file, which is open from the first.
    pub(super) fn make(
        &self,
        call: Call,
        parent: INodeNo,
        name: &OsStr,
        meta: Meta,
        op: impl FnOnce(Place, Ino) -> Op,
    ) -> Result<FileAttr, Refusal> {
        let at = place(parent, name)?;
        let name = at.1.clone();
        self.change(call, About::Name(&name), |state, shared, asked_us| {
            state.room_for_entry()?;
            let ino = state.next;
            state.next += 1;
            state.meta.insert(ino, meta);
            if call == Call::Create {
                *state.opens.entry(ino).or_default() += 1;
            }
            shared.perform(state, asked_us, op(at, ino));
            Self::attributes(state, ino).ok_or(Errno::EIO)
        })
    }

    pub(super) fn attributes(state: &State, ino: Ino) -> Option<FileAttr> {
        let folder = state.replay.now.folders.contains_key(&ino);
        let size = match state.replay.now.files.get(&ino) {
            Some(content) => content.len(),
            None if folder => PAGE as u64,
            None => return None,
        };
        let meta = state.meta.get(&ino).copied().unwrap_or_else(|| Meta::of(folder));
        Some(FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: size.div_ceil(512),
            atime: meta.mtime,
            mtime: meta.mtime,
            ctime: meta.mtime,
            crtime: meta.mtime,
            kind: if folder { FileType::Directory } else { FileType::RegularFile },
            perm: meta.mode,
            nlink: if folder { 2 } else { names_of(state, ino) },
            uid: meta.uid,
            gid: meta.gid,
            rdev: 0,
            blksize: PAGE as u32,
            flags: 0,
        })
    }

    /// Writes as much as there is room for.
    pub(super) fn store(&self, asked_us: u64, ino: Ino, offset: u64, data: &[u8]) -> Result<u32, Refusal> {
        self.change_asked(asked_us, Call::Write, About::File(ino), |state, shared, asked_us| {
            let content = state.replay.now.files.get(&ino).ok_or(Errno::ENOENT)?;
            let mut take = data.len();
            if let Some(capacity) = state.ills.capacity {
                let room = capacity.saturating_sub(state.used());
                // A gap before the bytes takes room too.
                let limit = (content.len() + room).saturating_sub(offset);
                take = take.min(usize::try_from(limit).unwrap_or(usize::MAX));
                if take == 0 && !data.is_empty() {
                    let name = state.name(ino);
                    state.note_failure(&Failure::new(Call::Write, Error::NoSpace), &name);
                    state.write_failed(ino, asked_us);
                    return Err(Errno::ENOSPC);
                }
            }
            if take == data.len() {
                state.errors.wrote(ino, asked_us, take);
            } else {
                state.errors.did_not_write(ino, asked_us);
            }
            state.seen.writes += 1;
            state.seen.bytes += take as u64;
            shared.perform(state, asked_us, Op::Write { ino, offset, data: data[..take].into() });
            if let Some(meta) = state.meta.get_mut(&ino) {
                meta.mtime = SystemTime::now();
            }
            Ok(take as u32)
        })
    }

    pub(super) fn fsync_file(&self, ino: Ino, is_folder: bool, datasync: bool, reply: ReplyEmpty) {
        let asked_us = self.0.now_us();
        let (covers, time, failure, sync) = {
            let mut state = self.0.lock();
            if state.cut.is_some() {
                return reply.error(Errno::EIO);
            }
            let failure = state.ills.meet(if is_folder { Call::FsyncDir } else { Call::Fsync });
            let dirty = if is_folder { 0 } else { state.dirty(ino) };
            let sync = state.begin_sync(ino, is_folder, asked_us);
            (state.replay.played, state.ills.fsync_time(dirty), failure, sync)
        };
        let shared = self.0.clone();
        let finish = move || {
            if !time.is_zero() && !shared.wait(time) {
                return reply.error(Errno::EIO);
            }
            let mut state = shared.lock();
            if state.cut.is_some() {
                return reply.error(Errno::EIO);
            }
            state.end_sync(sync, shared.now_us());
            if let Some(failure) = failure {
                let name = state.name(ino);
                state.note_failure(&failure, &name);
                if !is_folder {
                    state.fsync_failed(ino, asked_us, failure.clean);
                    shared.perform(
                        &mut state,
                        asked_us,
                        Op::FsyncFailed { ino, covers, clean: failure.clean },
                    );
                }
                return reply.error(failure.error.errno());
            }
            // A lie is an fsync that covers nothing.
            let covers = if state.ills.lying { 0 } else { covers };
            let op =
                if is_folder { Op::FsyncDir { ino, covers } } else { Op::Fsync { ino, covers, datasync } };
            shared.perform(&mut state, asked_us, op);
            if !is_folder {
                state.fsynced(ino, asked_us);
            }
            // The answer leaves before the power can go: what a server was told has happened.
            reply.ok();
        };
        // A slow fsync must not keep one of the few threads that answer everything else.
        if time.is_zero() { finish() } else { drop(std::thread::spawn(finish)) }
    }
}

impl Meta {
    fn of(folder: bool) -> Self {
        Self {
            mode: if folder { 0o755 } else { 0o644 },
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
            mtime: SystemTime::now(),
        }
    }

    pub(super) fn new(request: &Request, mode: u32) -> Self {
        Self {
            mode: (mode & 0o7777) as u16,
            uid: request.uid(),
            gid: request.gid(),
            mtime: SystemTime::now(),
        }
    }
}

fn names_of(state: &State, ino: Ino) -> u32 {
    let folders = &state.replay.now.folders;
    folders.values().flat_map(|entries| entries.values()).filter(|at| **at == ino).count() as u32
}

/// A name that the log can hold.
pub(super) fn text(name: &OsStr) -> Result<&str, Refusal> {
    if name.len() > NAME_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    name.to_str().ok_or(Errno::EILSEQ)
}

pub(super) fn place(parent: INodeNo, name: &OsStr) -> Result<Place, Refusal> {
    Ok((parent.0, text(name)?.to_owned()))
}

//! The disk as the kernel sees it: a FUSE file system over a [`State`](super::state::State).
//!
//! Pages are cached by the kernel for reading; every write comes here before `write()` returns, in one piece up to 1 MiB,
//! because what is recorded has to be what the server did, not what the kernel made of it.

use std::ffi::OsStr;
use std::time::{Duration, SystemTime};

use fuser::{
    AccessFlags, Errno, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenAccMode, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};

use super::calls::{About, Fs, NAME_MAX, Refusal, place, text};
use super::content::PAGE;
use super::ills::Call;
use super::nearby;
use super::op::{Op, ROOT};
use super::state::Meta;

/// Only the kernel changes the tree, so that what it knows stays true.
const TTL: Duration = Duration::from_secs(3600);
/// Blocks that the disk says it has, where no capacity is set.
const BLOCKS: u64 = 1 << 28;

impl Filesystem for Fs {
    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let state = self.0.lock();
        let name = match text(name) {
            Ok(name) => name,
            Err(refusal) => return reply.error(refusal),
        };
        let found = state.replay.now.entry(parent.0, name);
        match found.and_then(|ino| Self::attributes(&state, ino)) {
            Some(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _request: &Request, ino: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        match Self::attributes(&self.0.lock(), ino.0) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn setattr(
        &self,
        _request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let ino = ino.0;
        if let Some(len) = size {
            let cut = self.change(Call::Truncate, About::File(ino), |state, shared, asked_us| {
                let content = state.replay.now.files.get(&ino).ok_or(Errno::ENOENT)?;
                let more = len.saturating_sub(content.len());
                if state.ills.capacity.is_some_and(|capacity| state.used() + more > capacity) {
                    return Err(Errno::ENOSPC);
                }
                shared.perform(state, asked_us, Op::Truncate { ino, len });
                Ok(())
            });
            if let Err(refusal) = cut {
                return reply.error(refusal);
            }
        }
        let mut state = self.0.lock();
        let Some(attributes) = Self::attributes(&state, ino) else { return reply.error(Errno::ENOENT) };
        let meta = Meta {
            mode: mode.map_or(attributes.perm, |mode| (mode & 0o7777) as u16),
            uid: uid.unwrap_or(attributes.uid),
            gid: gid.unwrap_or(attributes.gid),
            mtime: match mtime {
                Some(TimeOrNow::SpecificTime(time)) => time,
                Some(TimeOrNow::Now) => SystemTime::now(),
                None if size.is_some() => SystemTime::now(),
                None => attributes.mtime,
            },
        };
        state.meta.insert(ino, meta);
        match Self::attributes(&state, ino) {
            Some(attributes) => reply.attr(&TTL, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        reply: ReplyEntry,
    ) {
        let meta = Meta::new(request, mode & !umask);
        match self.make(Call::Mkdir, parent, name, meta, |at, ino| Op::Mkdir { at, ino }) {
            Ok(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
            Err(refusal) => reply.error(refusal),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let meta = Meta::new(request, mode & !umask);
        match self.make(Call::Create, parent, name, meta, |at, ino| Op::Create { at, ino }) {
            Ok(attributes) => {
                reply.created(&TTL, &attributes, Generation(0), FileHandle(0), how_open(OpenFlags(flags)))
            }
            Err(refusal) => reply.error(refusal),
        }
    }

    fn open(&self, _request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let mut state = self.0.lock();
        if let Some(failure) = state.ills.meet(Call::Open) {
            let name = state.name(ino.0);
            state.note_failure(&failure, &name);
            return reply.error(failure.error.errno());
        }
        *state.opens.entry(ino.0).or_default() += 1;
        reply.opened(FileHandle(0), how_open(flags));
    }

    fn release(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        let mut state = self.0.lock();
        if let Some(count) = state.opens.get_mut(&ino.0) {
            *count = count.saturating_sub(1);
        }
        state.drop_if_gone(ino.0);
        reply.ok();
    }

    fn read(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let state = self.0.lock();
        match state.replay.now.files.get(&ino.0) {
            Some(content) => reply.data(&content.read(offset, size as usize)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        nearby::follow(request.pid());
        let asked_us = self.0.now_us();
        let Some(delay) = self.0.lock().ills.write_delay else {
            return answer_write(self.store(asked_us, ino.0, offset, data), reply);
        };
        // A slow write must not keep one of the few threads that answer everything else.
        let (shared, data) = (self.0.clone(), data.to_vec());
        std::thread::spawn(move || {
            if !shared.wait(delay) {
                return reply.error(Errno::EIO);
            }
            answer_write(Fs(shared).store(asked_us, ino.0, offset, &data), reply);
        });
    }

    fn unlink(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done = place(parent, name).and_then(|at| {
            self.change(Call::Unlink, About::Name(text(name)?), |state, shared, asked_us| {
                let ino = state.replay.now.entry(at.0, &at.1).ok_or(Errno::ENOENT)?;
                shared.perform(state, asked_us, Op::Unlink { at });
                state.drop_if_gone(ino);
                Ok(())
            })
        });
        answer(done, reply);
    }

    fn rmdir(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done = place(parent, name).and_then(|at| {
            self.change(Call::Unlink, About::Name(text(name)?), |state, shared, asked_us| {
                let ino = state.replay.now.entry(at.0, &at.1).ok_or(Errno::ENOENT)?;
                let entries = state.replay.now.folders.get(&ino).ok_or(Errno::ENOTDIR)?;
                if !entries.is_empty() {
                    return Err(Errno::ENOTEMPTY);
                }
                shared.perform(state, asked_us, Op::Rmdir { at });
                Ok(())
            })
        });
        answer(done, reply);
    }

    fn rename(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let done = place(parent, name).and_then(|from| Ok((from, place(new_parent, new_name)?)));
        let done = done.and_then(|(from, to)| {
            // The kernel has looked whether there is something to replace.
            if !flags.difference(RenameFlags::RENAME_NOREPLACE).is_empty() {
                return Err(Errno::EINVAL);
            }
            let name = from.1.clone();
            self.change(Call::Rename, About::Name(&name), |state, shared, asked_us| {
                state.replay.now.entry(from.0, &from.1).ok_or(Errno::ENOENT)?;
                let replaced = state.replay.now.entry(to.0, &to.1);
                let in_the_way = replaced.and_then(|ino| state.replay.now.folders.get(&ino));
                if in_the_way.is_some_and(|entries| !entries.is_empty()) {
                    return Err(Errno::ENOTEMPTY);
                }
                shared.perform(state, asked_us, Op::Rename { from, to });
                if let Some(ino) = replaced {
                    state.drop_if_gone(ino);
                }
                Ok(())
            })
        });
        answer(done, reply);
    }

    fn link(&self, _request: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let made = place(parent, name).and_then(|at| {
            self.change(Call::Create, About::Name(text(name)?), |state, shared, asked_us| {
                state.room_for_entry()?;
                shared.perform(state, asked_us, Op::Link { at, ino: ino.0 });
                Self::attributes(state, ino.0).ok_or(Errno::EIO)
            })
        });
        match made {
            Ok(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
            Err(refusal) => reply.error(refusal),
        }
    }

    fn fsync(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.fsync_file(ino.0, false, datasync, reply);
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        datasync: bool,
        reply: ReplyEmpty,
    ) {
        self.fsync_file(ino.0, true, datasync, reply);
    }

    fn readdir(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let state = self.0.lock();
        let Some(entries) = state.replay.now.folders.get(&ino.0) else { return reply.error(Errno::ENOTDIR) };
        let own = [(".", ino.0), ("..", ROOT)];
        let all = own.into_iter().chain(entries.iter().map(|(name, &ino)| (name.as_str(), ino)));
        for (number, (name, ino)) in (1..).zip(all).skip(offset as usize) {
            let folder = state.replay.now.folders.contains_key(&ino);
            let kind = if folder { FileType::Directory } else { FileType::RegularFile };
            if reply.add(INodeNo(ino), number, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _request: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        let state = self.0.lock();
        let unit = PAGE as u64;
        let (blocks, free) = match state.ills.capacity {
            Some(capacity) => (capacity / unit, capacity.saturating_sub(state.used()) / unit),
            None => (BLOCKS, BLOCKS.saturating_sub(state.used() / unit)),
        };
        let files = state.replay.now.files.len() as u64;
        reply.statfs(
            blocks,
            free,
            free,
            files + (1 << 20),
            1 << 20,
            PAGE as u32,
            NAME_MAX as u32,
            PAGE as u32,
        );
    }

    /// Not offered: the kernel does not ask again.
    fn access(&self, _request: &Request, _ino: INodeNo, _mask: AccessFlags, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn flush(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _handle: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn getxattr(&self, _request: &Request, _ino: INodeNo, _name: &OsStr, _size: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }
}

/// Through the cache, the kernel splits a write that begins in a page which nobody has read into two messages. So what is
/// opened for writing alone, as servers open all that they write, goes past it: a message takes up to 1 MiB there. Whoever
/// opens a file to read it begins with an empty cache; what is written while it stays open may pass it by, before Linux 6.6
/// always and later when both happen at once. No server reads a file that it appends to.
fn how_open(flags: OpenFlags) -> FopenFlags {
    let past_the_cache = flags.acc_mode() == OpenAccMode::O_WRONLY;
    FopenFlags::FOPEN_NOFLUSH | if past_the_cache { FopenFlags::FOPEN_DIRECT_IO } else { FopenFlags::empty() }
}

fn answer(done: Result<(), Refusal>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(refusal) => reply.error(refusal),
    }
}

fn answer_write(done: Result<u32, Refusal>, reply: ReplyWrite) {
    match done {
        Ok(size) => reply.written(size),
        Err(refusal) => reply.error(refusal),
    }
}

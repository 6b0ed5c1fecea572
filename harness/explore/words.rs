//! Operations in words. Pure.

use std::collections::BTreeMap;

use crate::disk::op::{Ino, Op};

/// An operation, with the names that its files have or had.
pub fn of(op: &Op, names: &BTreeMap<Ino, String>) -> String {
    let name = |ino: &Ino| names.get(ino).map_or("a file without a name", String::as_str);
    let word = op.word();
    match op {
        Op::Create { at, .. } | Op::Mkdir { at, .. } | Op::Unlink { at } | Op::Rmdir { at } => {
            format!("{word} {}", at.1)
        }
        Op::Link { at, ino } => format!("{word} {} as {}", name(ino), at.1),
        Op::Rename { from, to } => format!("{word} {} to {}", from.1, to.1),
        Op::Write { ino, offset, data } => {
            format!("{word} {} bytes at {offset} of {}", data.len(), name(ino))
        }
        Op::Truncate { ino, len } => format!("{word} {} to {len} bytes", name(ino)),
        // What a disk that lies makes of it.
        Op::Fsync { ino, covers: 0, .. } => format!("{word} {}, which covers nothing", name(ino)),
        Op::Fsync { ino, .. } | Op::FsyncFailed { ino, .. } => format!("{word} {}", name(ino)),
        Op::FsyncDir { ino, .. } => format!("{word} {}", names.get(ino).map_or(".", String::as_str)),
        Op::Commit | Op::SyncAll => word.into(),
    }
}

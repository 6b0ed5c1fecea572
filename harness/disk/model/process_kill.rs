//! `process-kill`: the kernel lives on, so that everything written is there. The control: what is lost under it was
//! never written.

use crate::disk::replay::Replay;
use crate::disk::tree::Tree;

pub(super) fn tree(replay: &Replay) -> Tree {
    let now = &replay.now;
    replay.tree(now.folders.clone(), |ino| now.files.get(&ino).cloned().unwrap_or_default())
}

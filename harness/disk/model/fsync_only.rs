//! `fsync-only`: bytes that no fsync covers are gone; names are as of the journal's last commit. The worst that a file
//! system with an ordered journal does to a server.

use crate::disk::replay::Replay;
use crate::disk::tree::Tree;

pub(super) fn tree(replay: &Replay) -> Tree {
    replay.tree(replay.committed.clone(), |ino| replay.durable_content(ino))
}

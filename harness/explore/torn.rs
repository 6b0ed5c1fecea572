//! A `write()` that SIGKILL has ended before it was done. Pure.
//!
//! The kernel copies page after page and looks in between whether the process is to die (ext4: `generic_perform_write` in
//! mm/filemap.c: `fatal_signal_pending`), so that what is left of the write ends with a page.

use crate::disk::content::PAGE;
use crate::disk::op::Op;
use crate::disk::replay::Replay;
use crate::disk::{Model, Tree};

/// How a write may be found half done.
#[derive(Debug, Default)]
pub struct Torn<'a> {
    write: Option<&'a Op>,
    /// How many of its bytes there are then, ascending.
    lengths: Vec<usize>,
}

impl<'a> Torn<'a> {
    /// Nothing but a write can be, and no write within a page.
    pub fn of(op: &'a Op) -> Self {
        let Op::Write { offset, data, .. } = op else { return Self::default() };
        let first = PAGE - (*offset as usize % PAGE);
        Self { write: Some(op), lengths: (first..data.len()).step_by(PAGE).collect() }
    }

    /// In how many ways.
    pub fn exist(&self) -> u64 {
        self.lengths.len() as u64
    }

    /// How many of them are tried: the first page alone, and all but the last.
    pub fn tried(&self) -> u32 {
        self.lengths.len().min(2) as u32
    }

    /// One of those.
    pub fn tree(&self, before: &Replay, number: u32) -> Option<Tree> {
        let Some(Op::Write { ino, offset, data }) = self.write else { return None };
        let length = match number {
            0 => *self.lengths.first()?,
            1 if self.lengths.len() > 1 => *self.lengths.last()?,
            _ => return None,
        };
        let mut tree = Model::ProcessKill.tree(before, 0)?;
        tree.apply(&Op::Write { ino: *ino, offset: *offset, data: data[..length].into() });
        Some(tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::op::ROOT;

    #[test]
    fn a_write_ends_with_a_page_and_one_within_a_page_is_whole() {
        for (offset, len, lengths) in [
            (0, 4096, vec![]),
            (100, 3996, vec![]),
            (4000, 96, vec![]),
            (4000, 97, vec![96]),
            (4096, 5000, vec![4096]),
            (4000, 9000, vec![96, 4192, 8288]),
        ] {
            let op = Op::Write { ino: ROOT + 1, offset, data: vec![1; len].into() };
            let torn = Torn::of(&op);
            assert_eq!(torn.lengths, lengths, "{offset}+{len}");
            let mut replay = Replay::from_durable(Tree::default());
            replay.play(&Op::Create { at: (ROOT, "aof".into()), ino: ROOT + 1 });
            let found = |number| Some(torn.tree(&replay, number)?.files[&(ROOT + 1)].len() - offset);
            let first_and_last = [lengths.first(), lengths.last().filter(|_| lengths.len() > 1)];
            assert_eq!(
                [found(0), found(1)],
                first_and_last.map(|length| length.map(|&length| length as u64))
            );
        }
        assert_eq!(Torn::of(&Op::Commit).tried(), 0);
    }
}

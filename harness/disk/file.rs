//! The bytes of one file: durable, not durable yet, and those whose write-back has failed. Pure.
//!
//! Linux writes back whole pages. When that fails, the page stays in memory with its bytes and is taken for clean, so
//! that no fsync writes it again; the next write into the page makes all of it dirty, and all of it is written then.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::content::{Content, PAGE};

const UNIT: u64 = PAGE as u64;

/// A change of bytes or length that is not durable yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Bytes at an offset.
    Write(u64, Arc<[u8]>),
    /// A length.
    Truncate(u64),
}

impl Change {
    /// Makes it.
    pub fn apply(&self, content: &mut Content) {
        match self {
            Self::Write(offset, data) => content.write(*offset, data),
            Self::Truncate(len) => content.truncate(*len),
        }
    }

    /// Pages that it makes dirty. A truncation writes zeros behind the end into the page in which the end lies.
    pub fn pages(&self) -> Range<u64> {
        match self {
            Self::Write(offset, data) if !data.is_empty() => {
                offset / UNIT..(offset + data.len() as u64).div_ceil(UNIT)
            }
            Self::Truncate(len) if !len.is_multiple_of(UNIT) => len / UNIT..len / UNIT + 1,
            Self::Write(..) | Self::Truncate(_) => 0..0,
        }
    }
}

/// Changes with the numbers of their operations.
pub type Changes = Vec<(usize, Change)>;

/// What is durable of a file, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileState {
    /// As of its last fsync.
    pub synced: Content,
    /// Since then, in order.
    pub pending: Changes,
    /// Writes whose write-back failed: some of them may have reached the disk, and no fsync cares for them any more.
    pub failed: Changes,
}

impl FileState {
    /// A file all of which is durable.
    pub fn durable(content: Content) -> Self {
        Self { synced: content, ..Self::default() }
    }

    /// Whether anything may be lost.
    pub fn is_unsynced(&self) -> bool {
        !self.pending.is_empty() || !self.failed.is_empty()
    }

    /// Everything that may have reached the disk, in order.
    pub fn possible(&self) -> Cow<'_, [(usize, Change)]> {
        if self.failed.is_empty() {
            return Cow::Borrowed(&self.pending);
        }
        let mut all = [self.failed.as_slice(), &self.pending].concat();
        all.sort_by_key(|(index, _)| *index);
        Cow::Owned(all)
    }

    /// Takes note of a change; `before` is the length until then, and `after` the file as a reader sees it from then on.
    pub fn change(&mut self, index: usize, change: Change, before: u64, after: &Content) {
        let mut pages: BTreeSet<u64> = BTreeSet::new();
        if !self.failed.is_empty() {
            pages.extend(change.pages());
            // What lies behind an end within a page is made zero when the end moves on.
            if after.len() > before && !before.is_multiple_of(UNIT) {
                pages.insert(before / UNIT);
            }
            let failed: BTreeSet<u64> = self.failed.iter().flat_map(|(_, change)| change.pages()).collect();
            pages.retain(|page| failed.contains(page));
        }
        self.pending.push((index, change));
        for page in pages {
            let offset = page * UNIT;
            self.pending.push((index, Change::Write(offset, after.read(offset, PAGE).into())));
        }
    }

    /// Write-back has failed of what was written before an operation.
    pub fn fail(&mut self, covers: usize) {
        let (early, late): (Changes, Changes) =
            self.pending.drain(..).partition(|(index, _)| *index < covers);
        // A page that was written to meanwhile is dirty, with all that is in it.
        let dirty: BTreeSet<u64> = late.iter().flat_map(|(_, change)| change.pages()).collect();
        for (index, change) in early {
            let Change::Write(offset, data) = &change else {
                // A length is in the journal, and not in a page.
                self.pending.push((index, change));
                continue;
            };
            for (part, page) in parts(*offset, data) {
                let change = Change::Write(offset + part.start as u64, data[part].into());
                let list = if dirty.contains(&page) { &mut self.pending } else { &mut self.failed };
                list.push((index, change));
            }
        }
        self.pending.extend(late);
    }

    /// Makes durable what was changed before an operation, and says which of that was the newest change that is in the
    /// journal: a truncation, or bytes that the file had no block for or that moved its end.
    pub fn sync(&mut self, covers: usize) -> Option<usize> {
        let late = self.pending.iter().position(|(index, _)| *index >= covers).unwrap_or(self.pending.len());
        let mut journaled = None;
        for (index, change) in self.pending.drain(..late) {
            let before = self.synced.len();
            let fills_hole = change.pages().any(|page| self.synced.is_hole(page));
            change.apply(&mut self.synced);
            if fills_hole || self.synced.len() != before || matches!(change, Change::Truncate(_)) {
                journaled = Some(index);
            }
            // What was written after it in the same page is on the disk instead. A truncation alone writes no page: where it
            // made one dirty again, a write of that page follows it.
            let (pages, cut) = match change {
                Change::Truncate(len) => (0..0, len.div_ceil(UNIT)),
                Change::Write(..) => (change.pages(), u64::MAX),
            };
            self.failed.retain(|(failed_index, failed)| {
                let page = failed.pages().start;
                *failed_index > index || (!pages.contains(&page) && page < cut)
            });
            if let Change::Truncate(len) = change {
                shorten(&mut self.failed, index, len);
            }
        }
        journaled
    }
}

/// Of writes before a truncation that is durable nothing behind its end comes back, also of those that failed.
fn shorten(failed: &mut Changes, truncation: usize, len: u64) {
    failed.retain_mut(|(index, failed)| match failed {
        Change::Write(offset, data) if *index <= truncation => {
            let left = len.saturating_sub(*offset).min(data.len() as u64) as usize;
            *data = data[..left].into();
            left > 0
        }
        _ => true,
    });
}

/// The parts of a write, page by page.
fn parts(offset: u64, data: &[u8]) -> impl Iterator<Item = (Range<usize>, u64)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = offset + from as u64;
        let part = from..data.len().min(from + (UNIT - at % UNIT) as usize);
        from = part.end;
        (!part.is_empty()).then_some((part, at / UNIT))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file, and what a reader sees.
    #[derive(Default)]
    struct File {
        state: FileState,
        now: Content,
        index: usize,
    }

    impl File {
        fn write(&mut self, offset: u64, data: &[u8]) {
            self.change(Change::Write(offset, data.into()));
        }

        fn change(&mut self, change: Change) {
            let before = self.now.len();
            change.apply(&mut self.now);
            self.state.change(self.index, change, before, &self.now);
            self.index += 1;
        }

        fn sync(&mut self) -> Vec<u8> {
            self.state.sync(self.index);
            self.state.synced.to_vec()
        }
    }

    #[test]
    fn a_page_whose_write_back_failed_is_written_as_a_whole_once_it_is_written_to_again() {
        let mut file = File::default();
        file.write(0, b"one ");
        file.sync();
        file.write(4, b"two ");
        file.state.fail(file.index);
        assert_eq!(file.sync(), b"one ", "a clean page is not written");
        file.write(8, b"three");
        assert_eq!(file.sync(), b"one two three");
        assert!(!file.state.is_unsynced());
    }

    #[test]
    fn bytes_of_another_page_stay_lost() {
        let mut file = File::default();
        file.write(0, &[1; 8_192]);
        file.state.fail(file.index);
        file.write(8_192, &[2; 10]);
        assert_eq!(file.sync(), [&[0; 8_192][..], &[2; 10]].concat());
        assert_eq!(file.state.possible().len(), 2, "they may have got through");
        file.change(Change::Truncate(4_200));
        let synced = file.sync();
        assert_eq!(synced, [&[0; 4_096][..], &[1; 104]].concat(), "the page in which the end lies is dirty");
        file.change(Change::Truncate(0));
        file.sync();
        assert!(!file.state.is_unsynced());
    }

    #[test]
    fn a_truncation_that_is_made_durable_does_not_touch_what_was_written_after_it() {
        let mut file = File::default();
        file.change(Change::Truncate(0));
        file.write(0, b"a");
        file.state.fail(file.index);
        assert_eq!(file.sync(), b"", "the write is lost, the truncation is not");
        file.write(1, b"b");
        assert_eq!(file.sync(), b"ab");
    }

    #[test]
    fn a_truncation_that_is_made_durable_cuts_what_failed_before_it() {
        let mut file = File::default();
        file.write(0, &[1; 4_099]);
        file.change(Change::Truncate(4_090));
        file.state.fail(file.index);
        file.sync();
        let mut possible = file.state.synced.clone();
        file.state.possible().iter().for_each(|(_, change)| change.apply(&mut possible));
        assert_eq!(possible.to_vec(), [1; 4_090], "it got through, up to the new end");
    }

    #[test]
    fn the_page_of_an_end_that_moves_on_is_dirty() {
        for change in [Change::Write(9_000, [2].into()), Change::Truncate(9_001)] {
            let mut file = File::default();
            file.write(0, &[1; 5_000]);
            file.state.fail(file.index);
            file.change(change);
            assert_eq!(file.sync()[..5_000], [[0; 4_096].as_slice(), &[1; 904]].concat());
        }
    }

    #[test]
    fn a_page_that_was_written_to_while_its_write_back_failed_is_dirty() {
        let mut file = File::default();
        file.write(0, b"early");
        let covers = file.index;
        file.write(5, b" late");
        file.write(4_096, b"other");
        file.state.fail(covers);
        assert_eq!(file.sync()[..10], *b"early late");
    }

    #[test]
    fn a_write_into_a_hole_is_more_than_bytes_and_one_into_a_block_is_not() {
        let mut file = File::default();
        file.write(0, &[1; 4_096]);
        assert_eq!(file.state.sync(file.index), Some(0));
        file.write(100, &[2; 100]);
        assert_eq!(file.state.sync(file.index), None);
        file.change(Change::Truncate(20_000));
        assert_eq!(file.state.sync(file.index), Some(2));
        file.write(8_192, &[3; 100]);
        assert_eq!(file.state.sync(file.index), Some(3));
    }
}

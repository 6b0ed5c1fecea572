//! Bytes of a file in pages that copies share until one of them is written to.

use std::sync::{Arc, OnceLock};

/// Bytes of a page: what a kernel writes back as one.
pub const PAGE: usize = 4096;

/// A page, and its hash once somebody has asked for it: states of a trace share most of their pages, and images most of
/// their blocks.
#[derive(Debug)]
struct Page {
    bytes: [u8; PAGE],
    hash: OnceLock<blake3::Hash>,
}

impl Page {
    const fn zeros() -> Self {
        Self { bytes: [0; PAGE], hash: OnceLock::new() }
    }

    fn hash(&self) -> &blake3::Hash {
        self.hash.get_or_init(|| blake3::hash(&self.bytes))
    }
}

impl Clone for Page {
    /// A copy is made to be written to, so it begins without a hash.
    fn clone(&self) -> Self {
        Self { bytes: self.bytes, hash: OnceLock::new() }
    }
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Page {}

/// Pages of a block.
const BLOCK: usize = 64;

/// Pages that lie side by side. `None` is a hole: a page of zeros.
#[derive(Debug)]
struct Block {
    pages: [Option<Arc<Page>>; BLOCK],
    hash: OnceLock<blake3::Hash>,
}

impl Block {
    const fn holes() -> Self {
        Self { pages: [const { None }; BLOCK], hash: OnceLock::new() }
    }

    fn hash(&self) -> &blake3::Hash {
        static ZEROS: Page = Page::zeros();
        self.hash.get_or_init(|| {
            let mut hasher = blake3::Hasher::new();
            for page in &self.pages {
                hasher.update(page.as_deref().unwrap_or(&ZEROS).hash().as_bytes());
            }
            hasher.finalize()
        })
    }
}

impl Clone for Block {
    /// A copy is made to be written to, so it begins without a hash.
    fn clone(&self) -> Self {
        Self { pages: self.pages.clone(), hash: OnceLock::new() }
    }
}

/// The pages of a block that nobody else holds.
fn own(block: &mut Arc<Block>) -> &mut [Option<Arc<Page>>; BLOCK] {
    let block = Arc::make_mut(block);
    block.hash.take();
    &mut block.pages
}

/// The bytes of a page that nobody else holds.
fn bytes_of(page: &mut Arc<Page>) -> &mut [u8; PAGE] {
    let page = Arc::make_mut(page);
    page.hash.take();
    &mut page.bytes
}

/// Bytes of a file. A copy costs a pointer per block; what lies behind the end in the last page is zero.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// `None` is nothing but holes.
    blocks: Vec<Option<Arc<Block>>>,
    len: u64,
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        let same = |one: &Option<Arc<Block>>, other: &Option<Arc<Block>>| match (one, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one.pages == other.pages,
            (Some(block), None) | (None, Some(block)) => block.pages.iter().all(Option::is_none),
            (None, None) => true,
        };
        self.len == other.len && self.blocks.iter().zip(&other.blocks).all(|(one, other)| same(one, other))
    }
}

impl Eq for Content {}

impl Content {
    /// No bytes.
    pub const fn new() -> Self {
        Self { blocks: Vec::new(), len: 0 }
    }

    /// How many bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts bytes at an offset; a gap before them reads as zeros.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.extend_to(offset + bytes.len() as u64);
        let mut at = offset as usize;
        let mut left = bytes;
        while !left.is_empty() {
            let (number, within) = (at / PAGE, at % PAGE);
            let (now, rest) = left.split_at(left.len().min(PAGE - within));
            let block = self.blocks[number / BLOCK].get_or_insert_with(|| Arc::new(Block::holes()));
            let page = own(block)[number % BLOCK].get_or_insert_with(|| Arc::new(Page::zeros()));
            bytes_of(page)[within..within + now.len()].copy_from_slice(now);
            at += now.len();
            left = rest;
        }
    }

    /// Whether a page has never been written to.
    pub fn is_hole(&self, page: u64) -> bool {
        usize::try_from(page).ok().and_then(|page| self.page(page)).is_none()
    }

    /// Cuts the end off, or adds zeros.
    pub fn truncate(&mut self, len: u64) {
        if len >= self.len {
            self.extend_to(len);
            return;
        }
        let pages = (len as usize).div_ceil(PAGE);
        self.blocks.truncate(pages.div_ceil(BLOCK));
        self.len = len;
        let Some(Some(last)) = self.blocks.last_mut() else { return };
        if !pages.is_multiple_of(BLOCK) {
            own(last)[pages % BLOCK..].fill(None);
        }
        let within = len as usize % PAGE;
        if within > 0
            && let Some(page) = &mut own(last)[(pages - 1) % BLOCK]
        {
            bytes_of(page)[within..].fill(0);
        }
    }

    /// At most `size` bytes from an offset.
    pub fn read(&self, offset: u64, size: usize) -> Vec<u8> {
        let size = (self.len.saturating_sub(offset) as usize).min(size);
        let mut bytes = Vec::with_capacity(size);
        let mut at = offset as usize;
        while bytes.len() < size {
            let within = at % PAGE;
            let take = (size - bytes.len()).min(PAGE - within);
            match self.page(at / PAGE) {
                Some(page) => bytes.extend_from_slice(&page.bytes[within..within + take]),
                None => bytes.resize(bytes.len() + take, 0),
            }
            at += take;
        }
        bytes
    }

    /// All bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.read(0, self.len as usize)
    }

    /// Hands the bytes over page by page, holes as zeros.
    pub fn each_page(&self, mut take: impl FnMut(&[u8])) {
        const ZEROS: [u8; PAGE] = [0; PAGE];
        let mut left = self.len as usize;
        for number in 0..self.pages() {
            let bytes = self.page(number).map_or(&ZEROS, |page| &page.bytes);
            take(&bytes[..left.min(PAGE)]);
            left = left.saturating_sub(PAGE);
        }
    }

    /// Offset and bytes of every stretch between two holes.
    pub fn stretches(&self) -> Vec<(u64, Vec<u8>)> {
        let mut stretches = Vec::new();
        let mut number = 0;
        while number < self.pages() {
            let from = number;
            while self.page(number).is_some() {
                number += 1;
            }
            if number > from {
                let offset = (from * PAGE) as u64;
                stretches.push((offset, self.read(offset, (number - from) * PAGE)));
            }
            number += 1;
        }
        stretches
    }

    /// Mixes length and bytes into a hash; only blocks that are new cost anything.
    pub fn mix_into(&self, hasher: &mut blake3::Hasher) {
        static HOLES: Block = Block::holes();
        hasher.update(&self.len.to_le_bytes());
        for block in &self.blocks {
            hasher.update(block.as_deref().unwrap_or(&HOLES).hash().as_bytes());
        }
    }

    fn page(&self, number: usize) -> Option<&Page> {
        self.blocks.get(number / BLOCK)?.as_ref()?.pages[number % BLOCK].as_deref()
    }

    fn pages(&self) -> usize {
        (self.len as usize).div_ceil(PAGE)
    }

    fn extend_to(&mut self, len: u64) {
        if len > self.len {
            self.len = len;
            self.blocks.resize(self.pages().div_ceil(BLOCK), None);
        }
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.write(0, bytes);
        content
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Change {
        Write(u64, Vec<u8>),
        Truncate(u64),
    }

    /// In the first block, or about where the second one begins.
    fn offset() -> impl Strategy<Value = u64> {
        let second = (BLOCK * PAGE) as u64;
        prop_oneof![0_u64..12_000, second - 10_000..second + 10_000]
    }

    fn change() -> impl Strategy<Value = Change> {
        let bytes = proptest::collection::vec(1_u8.., 0..9_000);
        prop_oneof![
            (offset(), bytes).prop_map(|(offset, bytes)| Change::Write(offset, bytes)),
            (0_u64..20_000).prop_map(Change::Truncate),
            offset().prop_map(Change::Truncate),
        ]
    }

    fn hash(content: &Content) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        content.mix_into(&mut hasher);
        hasher.finalize()
    }

    proptest! {
        #[test]
        fn pages_hold_what_a_plain_list_of_bytes_would(changes in proptest::collection::vec(change(), 0..12)) {
            let mut plain: Vec<u8> = Vec::new();
            let mut content = Content::default();
            for change in changes {
                let before = content.clone();
                let copy = before.to_vec();
                match change {
                    Change::Write(_, bytes) if bytes.is_empty() => {}
                    Change::Write(offset, bytes) => {
                        let end = offset as usize + bytes.len();
                        if plain.len() < end {
                            plain.resize(end, 0);
                        }
                        plain[offset as usize..end].copy_from_slice(&bytes);
                        content.write(offset, &bytes);
                    }
                    Change::Truncate(len) => {
                        plain.resize(len as usize, 0);
                        content.truncate(len);
                    }
                }
                prop_assert_eq!(content.len(), plain.len() as u64);
                prop_assert_eq!(&content.to_vec(), &plain);
                let mut paged = Vec::new();
                content.each_page(|bytes| paged.extend_from_slice(bytes));
                prop_assert_eq!(&paged, &plain);
                prop_assert_eq!(content.read(4_000, 5_000), plain.iter().copied().skip(4_000).take(5_000).collect::<Vec<_>>());
                prop_assert_eq!(before.to_vec(), copy, "a copy changed with its original");
                let mut again = Content::new();
                for (offset, bytes) in content.stretches() {
                    again.write(offset, &bytes);
                }
                again.truncate(content.len());
                prop_assert!(again == content && hash(&again) == hash(&content), "holes and all");
                let flat = Content::from(plain.as_slice());
                prop_assert_eq!(hash(&flat), hash(&content), "a hole is zeros");
                prop_assert_eq!(before == content, before.len() == content.len() && before.stretches() == content.stretches());
            }
        }
    }
}

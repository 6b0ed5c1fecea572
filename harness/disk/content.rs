//! Bytes of a file in pages that copies share until one of them is written to.

use std::sync::{Arc, OnceLock};

/// Bytes of a page: what a kernel writes back as one.
pub const PAGE: usize = 4096;

/// A page, and its hash once somebody has asked for it: states of a trace share most of their pages.
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

/// The bytes of a page that nobody else holds.
fn own(page: &mut Arc<Page>) -> &mut [u8; PAGE] {
    let page = Arc::make_mut(page);
    page.hash.take();
    &mut page.bytes
}

/// Bytes of a file. A copy costs a pointer per page; what lies behind the end in the last page is zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// `None` is a hole: a page of zeros.
    pages: Vec<Option<Arc<Page>>>,
    len: u64,
}

impl Content {
    /// No bytes.
    pub const fn new() -> Self {
        Self { pages: Vec::new(), len: 0 }
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
            let within = at % PAGE;
            let (now, rest) = left.split_at(left.len().min(PAGE - within));
            let page = self.pages[at / PAGE].get_or_insert_with(|| Arc::new(Page::zeros()));
            own(page)[within..within + now.len()].copy_from_slice(now);
            at += now.len();
            left = rest;
        }
    }

    /// Whether a page has never been written to.
    pub fn is_hole(&self, page: u64) -> bool {
        usize::try_from(page).ok().and_then(|page| self.pages.get(page)).is_none_or(Option::is_none)
    }

    /// Cuts the end off, or adds zeros.
    pub fn truncate(&mut self, len: u64) {
        if len < self.len {
            self.pages.truncate((len as usize).div_ceil(PAGE));
            let within = len as usize % PAGE;
            if within > 0
                && let Some(Some(page)) = self.pages.last_mut()
            {
                own(page)[within..].fill(0);
            }
            self.len = len;
        } else {
            self.extend_to(len);
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
            match &self.pages[at / PAGE] {
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
        for page in &self.pages {
            let bytes = page.as_ref().map_or(&ZEROS, |page| &page.bytes);
            take(&bytes[..left.min(PAGE)]);
            left = left.saturating_sub(PAGE);
        }
    }

    /// Mixes length and bytes into a hash; only pages that are new cost anything.
    pub fn mix_into(&self, hasher: &mut blake3::Hasher) {
        static ZEROS: Page = Page::zeros();
        hasher.update(&self.len.to_le_bytes());
        for page in &self.pages {
            hasher.update(page.as_deref().unwrap_or(&ZEROS).hash().as_bytes());
        }
    }

    fn extend_to(&mut self, len: u64) {
        if len > self.len {
            self.pages.resize((len as usize).div_ceil(PAGE), None);
            self.len = len;
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

    fn change() -> impl Strategy<Value = Change> {
        let bytes = proptest::collection::vec(1_u8.., 0..9_000);
        prop_oneof![
            (0_u64..12_000, bytes).prop_map(|(offset, bytes)| Change::Write(offset, bytes)),
            (0_u64..20_000).prop_map(Change::Truncate),
        ]
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
            }
        }
    }
}

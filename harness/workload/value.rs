//! Keys and values: a value names the op that wrote it and can be checked to the last byte.

use super::mix;
use crate::oracle::Cell;

/// `o:<lane>:<key>`.
pub fn key_name(lane: u16, key: u32) -> String {
    format!("o:{lane}:{key}")
}

/// The lane and the number of a key, where it is one of ours.
pub fn parse_key(name: &[u8]) -> Option<(u16, u32)> {
    let text = std::str::from_utf8(name).ok()?;
    let (lane, key) = text.strip_prefix("o:")?.split_once(':')?;
    Some((lane.parse().ok()?, key.parse().ok()?))
}

/// Bytes that name the op: lane, sequence number and length, in hex, and a colon.
const HEADER: usize = 4 + 8 + 8 + 1;
/// Eight bytes of filler tell any two ops apart, so no value is shorter: without them a flipped byte of the header
/// would name another op and nothing would contradict it.
const SHORTEST: u32 = HEADER as u32 + 8;

/// Appends the value of an op, `size` bytes in all (but never less than [`SHORTEST`]): a header that names it, then
/// filler that nothing but this op has.
fn value(seed: u64, lane: u16, seq: u32, size: u32, out: &mut Vec<u8>) {
    let size = size.max(SHORTEST);
    let end = out.len() + size as usize;
    out.extend_from_slice(format!("{lane:04x}{seq:08x}{size:08x}:").as_bytes());
    fill(mix(seed, lane, seq), end, out);
}

/// Appends bytes of every value, derived from `state`, until there are `end` in all.
pub fn fill(mut state: u64, end: usize, out: &mut Vec<u8>) {
    while out.len() < end {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let bytes = (state ^ (state >> 33)).to_le_bytes();
        let left = end - out.len();
        out.extend_from_slice(&bytes[..left.min(8)]);
    }
}

/// The value of an op: a header that names it, then filler that nothing but this op has.
pub fn bytes(seed: u64, lane: u16, seq: u32, size: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(size.max(SHORTEST) as usize);
    value(seed, lane, seq, size, &mut out);
    out
}

/// Reads a value back: which op of the lane wrote it, if every byte is as that op wrote it.
/// Whether that op wrote this key is the oracle's question.
pub fn decode(seed: u64, lane: u16, bytes: &[u8], scratch: &mut Vec<u8>) -> Cell {
    let named = bytes.get(..HEADER).and_then(|header| std::str::from_utf8(header).ok()).and_then(|text| {
        let seq = u32::from_str_radix(text.get(4..12)?, 16).ok()?;
        let size = u32::from_str_radix(text.get(12..20)?, 16).ok()?;
        Some((seq, size))
    });
    let Some((seq, size)) = named else { return Cell::Corrupt };
    if size as usize != bytes.len() {
        return Cell::Corrupt;
    }
    scratch.clear();
    value(seed, lane, seq, size, scratch);
    if scratch == bytes { Cell::Version(seq) } else { Cell::Corrupt }
}

/// Reads a counter back.
pub fn count(bytes: &[u8]) -> Cell {
    let number = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
    number.map_or(Cell::Corrupt, Cell::Count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_op_and_any_flipped_byte_is_seen() {
        let mut scratch = Vec::new();
        for size in [0, 21, 22, 29, 30, 64, 512] {
            let mut bytes = Vec::new();
            value(9, 3, 77, size, &mut bytes);
            assert_eq!(decode(9, 3, &bytes, &mut scratch), Cell::Version(77));
            assert_eq!(decode(9, 4, &bytes, &mut scratch), Cell::Corrupt, "another lane's value");
            for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                assert_eq!(
                    decode(9, 3, &bad, &mut scratch),
                    Cell::Corrupt,
                    "bit {bit} of byte {at} of {size}"
                );
            }
            for cut in 0..bytes.len() {
                assert_eq!(decode(9, 3, &bytes[..cut], &mut scratch), Cell::Corrupt, "cut at {cut}");
            }
            bytes.push(0);
            assert_eq!(decode(9, 3, &bytes, &mut scratch), Cell::Corrupt, "one byte too many");
        }
    }

    #[test]
    fn keys_are_read_back_as_they_were_named() {
        assert_eq!(parse_key(key_name(7, 123).as_bytes()), Some((7, 123)));
        assert_eq!(parse_key(b"o:7"), None);
        assert_eq!(parse_key(b"other"), None);
    }
}

//! Where the commands of an append-only file begin and end. Values are binary, so lengths are followed rather than line
//! ends counted; where the file begins with a snapshot (`REDIS…`), the first command is sought.

use std::ops::Range;

/// Every whole command, in order. A torn tail is left out.
pub fn commands(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = first(bytes);
    while at < bytes.len() {
        match command_end(bytes, at) {
            Some(end) => {
                found.push(at..end);
                at = end;
            }
            // A tail that the server itself left torn; or the snapshot was mistaken for a command.
            None => at = seek(bytes, at + 1),
        }
    }
    found
}

/// What stands between MULTI and EXEC, for every whole block that holds anything.
pub fn blocks(bytes: &[u8], commands: &[Range<usize>]) -> Vec<Vec<Range<usize>>> {
    let is = |command: &Range<usize>, word: &[u8]| {
        let words = words(bytes, command);
        words.len() == 1 && bytes[words[0].clone()].eq_ignore_ascii_case(word)
    };
    let mut found = Vec::new();
    let mut open = None;
    for command in commands {
        if is(command, b"MULTI") {
            open = Some(Vec::new());
        } else if is(command, b"EXEC") {
            found.extend(open.take().filter(|block: &Vec<_>| !block.is_empty()));
        } else if let Some(block) = &mut open {
            block.push(command.clone());
        }
    }
    found
}

/// Commands that end beyond `keep`, a torn one included.
pub fn beyond(bytes: &[u8], keep: usize) -> u64 {
    let commands = commands(bytes);
    let whole = commands.iter().filter(|command| command.end > keep).count() as u64;
    let torn = commands.last().is_none_or(|last| last.end < bytes.len());
    whole + u64::from(torn)
}

fn first(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY") { seek(bytes, 0) } else { 0 }
}

fn seek(bytes: &[u8], from: usize) -> usize {
    (from..bytes.len()).find(|&at| command_end(bytes, at).is_some()).unwrap_or(bytes.len())
}

/// Where the command that begins at `at` ends.
fn command_end(bytes: &[u8], at: usize) -> Option<usize> {
    let (words, mut at) = number(bytes, at, b'*')?;
    for _ in 0..words {
        let (length, start) = number(bytes, at, b'$')?;
        at = start.checked_add(length)?.checked_add(2)?;
        if bytes.get(at - 2..at)? != b"\r\n" {
            return None;
        }
    }
    Some(at)
}

/// The words of a command, by where they stand.
pub fn words(bytes: &[u8], command: &Range<usize>) -> Vec<Range<usize>> {
    let Some((count, mut at)) = number(bytes, command.start, b'*') else { return Vec::new() };
    let mut words = Vec::new();
    for _ in 0..count {
        let Some((length, start)) = number(bytes, at, b'$') else { break };
        words.push(start..start + length);
        at = start + length + 2;
    }
    words
}

fn number(bytes: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    if *bytes.get(at)? != mark {
        return None;
    }
    let digits = bytes.get(at + 1..(at + 24).min(bytes.len()))?;
    let length = digits.windows(2).position(|pair| pair == b"\r\n")?;
    let value = std::str::from_utf8(&digits[..length]).ok()?.parse().ok()?;
    Some((value, at + 1 + length + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_a_cut_are_counted_with_the_torn_one() {
        let one = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n*1\r\n".to_vec();
        let file = one.repeat(5);
        for (cut, count) in [(1, 1), (one.len(), 1), (one.len() + 1, 2), (5 * one.len(), 5)] {
            assert_eq!(beyond(&file, file.len() - cut), count, "cut of {cut}");
        }
        let mut preamble = b"REDIS0011 some snapshot \xff\x00*".to_vec();
        preamble.extend_from_slice(&file);
        assert_eq!(beyond(&preamble, preamble.len() - 1), 1);
        assert_eq!(commands(&preamble).len(), 5);
        let torn = &file[..file.len() - 3];
        assert_eq!(beyond(torn, torn.len() - 1), 1);
        let value = words(&file, &commands(&file)[4])[2].clone();
        assert_eq!(&file[value], b"\r\n*1");
    }

    #[test]
    fn a_block_is_what_stands_between_multi_and_exec() {
        let one = |word: &str| format!("*1\r\n${}\r\n{word}\r\n", word.len());
        let file = ["PING", "MULTI", "a", "b", "EXEC", "c", "multi", "exec", "MULTI", "d"].map(one).concat();
        let bytes = file.as_bytes();
        let blocks = blocks(bytes, &commands(bytes));
        // An empty block and one that was never closed are none.
        assert_eq!(blocks.len(), 1);
        let inside: Vec<_> = blocks[0].iter().map(|at| &file[at.clone()]).collect();
        assert_eq!(inside, [one("a"), one("b")]);
    }
}

//! `truncate aof|rdb SIZE`: the end of a file is missing, as after a torn write or a careless copy.

use async_trait::async_trait;

use super::{Mistake, Scene, Step, Trouble, Verb};
use crate::contract::Damage;

pub(super) const VERB: Verb = Verb {
    word: "truncate",
    usage: "truncate aof|rdb SIZE",
    about: "Cuts SIZE bytes off the end of a dead server's newest AOF or its RDB file.",
    parse: |args| {
        let [file, size] = args else {
            return Err(Mistake::new("", "a file and a size are needed", &["aof", "rdb"]));
        };
        let aof = super::choice(&[file], &["aof", "rdb"], false)? == "aof";
        let bytes = crate::matrix::value::size(size)
            .map_err(|_| Mistake::new(size, format!("`{size}` is no size, such as 64B or 4KiB"), &[]))?;
        Ok(Box::new(Truncate { aof, bytes: bytes as usize }))
    },
};

struct Truncate {
    aof: bool,
    bytes: usize,
}

#[async_trait(?Send)]
impl Step for Truncate {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let files = scene.instance.files().await?;
        let newest = files
            .iter()
            .filter(|file| is_target(self.aof, &file.path))
            .max_by_key(|file| sequence(&file.path));
        let Some(file) = newest.cloned() else {
            return Err(Trouble::NoPressure(format!(
                "there is no {} to truncate",
                if self.aof { "AOF" } else { "RDB file" }
            )));
        };
        let mut bytes = scene.instance.read_file(&file.path).await?;
        if bytes.len() <= self.bytes {
            return Err(Trouble::NoPressure(format!("{} holds only {} bytes", file.path, bytes.len())));
        }
        let keep = bytes.len() - self.bytes;
        let damage = if self.aof {
            Damage::AofTail { commands: commands_beyond(&bytes, keep) }
        } else {
            Damage::RdbTail
        };
        bytes.truncate(keep);
        scene.instance.write_file(&file.path, &bytes).await?;
        scene.note("step", &format!("cut {} bytes off {} ({damage:?})", self.bytes, file.path));
        scene.draft.damage = Some(damage);
        Ok(())
    }
}

fn is_target(aof: bool, path: &str) -> bool {
    if aof { path.ends_with(".incr.aof") || path == "appendonly.aof" } else { path == "dump.rdb" }
}

/// The number in `appendonly.aof.<number>.incr.aof`.
fn sequence(path: &str) -> u64 {
    path.split('.').rev().find_map(|part| part.parse().ok()).unwrap_or(0)
}

/// Commands that end beyond `keep`, the torn one included. Values are binary, so lengths are followed
/// rather than line ends counted; where the file begins with a snapshot (`REDIS…`), headers are sought.
fn commands_beyond(bytes: &[u8], keep: usize) -> u64 {
    let mut at = if bytes.starts_with(b"REDIS") { next_header(bytes, 0) } else { 0 };
    let mut beyond = 0;
    while at < bytes.len() {
        match command_end(bytes, at) {
            Some(end) => {
                beyond += u64::from(end > keep);
                at = end;
            }
            // A tail that the server itself left torn; or the snapshot was mistaken for a header.
            None => {
                let next = next_header(bytes, at + 1);
                if next >= bytes.len() {
                    beyond += 1;
                }
                at = next;
            }
        }
    }
    beyond
}

fn next_header(bytes: &[u8], from: usize) -> usize {
    (from..bytes.len()).find(|&at| command_end(bytes, at).is_some()).unwrap_or(bytes.len())
}

/// Where the RESP command that begins at `at` ends.
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
    fn commands_in_the_cut_are_counted_with_the_torn_one() {
        let one = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n*1\r\n".to_vec();
        let file = one.repeat(5);
        for (cut, commands) in [(1, 1), (one.len(), 1), (one.len() + 1, 2), (5 * one.len(), 5)] {
            assert_eq!(commands_beyond(&file, file.len() - cut), commands, "cut of {cut}");
        }
        let mut preamble = b"REDIS0011 some snapshot \xff\x00*".to_vec();
        preamble.extend_from_slice(&file);
        assert_eq!(commands_beyond(&preamble, preamble.len() - 1), 1);
    }

    #[test]
    fn the_newest_increment_has_the_highest_number() {
        assert!(
            sequence("appendonlydir/appendonly.aof.10.incr.aof")
                > sequence("appendonlydir/appendonly.aof.9.incr.aof")
        );
    }
}

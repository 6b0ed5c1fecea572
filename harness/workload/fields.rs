//! `fields`: numbers in the fields of a few hashes, each with a time to live that is left alone, or taken back.
//!
//! What a command does to a number is written down in other words (a HINCRBYFLOAT as the number that came out), and those
//! have to leave the time to live alone as well. A time that is taken back is written down after it was given, and is over
//! when the file is read again.

use std::sync::Arc;
use std::time::Duration;

use super::members::{Members, Plan, name, parse};
use super::{Command, Need, Workload, mix, ttl_us, words};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// Hashes per connection, and fields of each when matrix.toml does not say.
const HASHES: u32 = 4;
const FIELDS: u32 = 100;
/// Time to live when matrix.toml does not say: longer than any trial.
const TTL: Duration = Duration::from_secs(1800);
/// Scripts of two commands, so that nobody sees a field in between: it gets its time to live with one and its number with
/// another, or a short time (in milliseconds) that the other one takes back. For a script time stands still.
const SCRIPTS: [&str; 4] = [
    "redis.call('HSETEX', KEYS[1], 'PX', ARGV[1], 'FIELDS', '1', ARGV[2], '0') \
     return redis.call('HINCRBYFLOAT', KEYS[1], ARGV[2], ARGV[3])",
    "redis.call('HSETEX', KEYS[1], 'PX', ARGV[1], 'FIELDS', '1', ARGV[2], '0') \
     return redis.call('HINCRBY', KEYS[1], ARGV[2], ARGV[3])",
    "redis.call('HSETEX', KEYS[1], 'PX', ARGV[1], 'FIELDS', '1', ARGV[2], '0') \
     return redis.call('HSETEX', KEYS[1], 'KEEPTTL', 'FIELDS', '1', ARGV[2], ARGV[3])",
    "redis.call('HSETEX', KEYS[1], 'PX', '20', 'FIELDS', '1', ARGV[2], ARGV[3]) \
     return redis.call('HPERSIST', KEYS[1], 'FIELDS', '1', ARGV[2])",
];
/// The script that takes the time back.
const PERSISTS: u32 = 3;

struct Fields {
    seed: u64,
    fields: u32,
    ttl_us: u64,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    let each = spec.keys.unwrap_or(FIELDS).max(1);
    let usual = u64::try_from(TTL.as_micros()).unwrap_or(u64::MAX);
    let fields = Fields { seed, fields: each.saturating_mul(HASHES), ttl_us: ttl_us(spec).unwrap_or(usual) };
    Arc::new(Members::new(fields, each))
}

impl Plan for Fields {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let key = (mix(self.seed, lane, seq) % u64::from(self.fields)) as u32;
        let persists = seq % SCRIPTS.len() as u32 == PERSISTS;
        Touch { key, effect: Effect::Set { ttl_us: (!persists).then_some(self.ttl_us) } }
    }

    fn members(&self, ops: u32) -> u32 {
        if ops == 0 { 0 } else { self.fields }
    }

    fn write(&self, lane: u16, seq: u32, collection: &str) -> Command {
        let script = SCRIPTS[seq as usize % SCRIPTS.len()];
        let ttl = (self.ttl_us / 1000).max(1).to_string();
        let number = (u64::from(seq) + 1).to_string();
        let mut command = words(&["EVAL", script, "1", collection, &ttl]);
        command.extend([name(self.touch(lane, seq).key), number.into_bytes()]);
        command
    }

    fn read(&self, collection: &str) -> Command {
        words(&["HGETALL", collection])
    }

    fn words_per_member(&self) -> usize {
        2
    }

    fn understand(&self, lane: u16, words: &[&[u8]]) -> Option<(u32, Cell)> {
        let [field, held] = words else { return None };
        let field = parse(field)?;
        // The number is that of the op, so any other op's is wrong here.
        let number = std::str::from_utf8(held).ok().and_then(|text| text.parse::<u32>().ok());
        let seq = number.and_then(|number| number.checked_sub(1));
        let ours = seq.filter(|&seq| self.touch(lane, seq).key == field);
        Some((field, ours.map_or(Cell::Corrupt, Cell::Version)))
    }

    fn needs(&self) -> &'static [Need] {
        &[
            Need { command: "HSETEX", since: "Redis 8.0 and Valkey 9.0" },
            Need { command: "HPTTL", since: "Redis 7.4 and Valkey 9.0" },
        ]
    }

    fn ask_time_left(&self, collection: &str, member: u32) -> Option<Command> {
        Some([words(&["HPTTL", collection, "FIELDS", "1"]), vec![name(member)]].concat())
    }
}

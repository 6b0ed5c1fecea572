//! What is written: ops derived from a seed, so that the ledger need not store them.
//!
//! A workload answers four questions: which key does op `seq` of connection `lane` change, and how; how is it sent; what
//! has to be asked to read the keys back; and what does an answer say of them? It never talks to a server itself. A new
//! workload is one file with these answers and one line in [`KINDS`]; one that writes plain strings needs the first
//! answer only and leaves the others to `strings`.

use std::ops::Range;
use std::sync::Arc;

use crate::matrix;
use crate::oracle::{Aspect, Cell, Touch};

mod binary;
mod blocking;
mod churn;
pub mod connection;
mod counters;
pub mod driver;
mod expiring;
mod fields;
mod functions;
mod hashes;
mod large;
pub mod ledger;
mod lists;
mod members;
mod mixed;
pub mod preload;
mod queues;
pub mod reply;
mod scripts;
mod sessions;
mod sets;
mod single;
mod sorted_sets;
mod streams;
mod strings;
mod transactions;
mod units;
pub mod value;
mod waitaof;

use reply::Reply;

/// A command by its words.
pub type Command = Vec<Vec<u8>>;

/// A command that reads keys back, and the keys that its answer tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What to send.
    pub command: Command,
    /// The lane's numbers of the keys.
    pub keys: Range<u32>,
}

/// A command that not every server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Its name.
    pub command: &'static str,
    /// The first versions that know it, for a person.
    pub since: &'static str,
}

/// Where a write is safe that a promise has answered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safe {
    /// In the server's own AOF, synced (WAITAOF).
    OnDisk,
    /// In the memory of a replica (WAIT).
    OnReplica,
}

/// Derives ops from a seed. A lane is one connection and the only writer of its keys.
pub trait Workload: Send + Sync {
    /// The key that op `seq` of a lane changes, and how.
    fn touch(&self, lane: u16, seq: u32) -> Touch;

    /// Further keys that the op changes together with its own, all or none.
    fn companions(&self, _lane: u16, _seq: u32) -> Vec<Touch> {
        Vec::new()
    }

    /// How many keys the ops `0..ops` of a lane may touch: their numbers are below this.
    fn keys(&self, ops: u32) -> u32;

    /// Appends the op as it is sent.
    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>);

    /// How many replies the op gets; the last one decides.
    fn replies(&self, _lane: u16, _seq: u32) -> u32 {
        1
    }

    /// Whether that reply acknowledges the op; else it had no effect.
    fn acknowledges(&self, _lane: u16, _seq: u32, reply: Reply<'_>) -> bool {
        !matches!(reply, Reply::Error(_))
    }

    /// Commands that the server must know; without them the trial is unsupported.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    /// Where what a lane's promises answer for is safe.
    fn safe(&self, _lane: u16) -> Safe {
        Safe::OnDisk
    }

    /// What a connection sends before its first op of a life; an error in answer to it ends the trial.
    fn greeting(&self, _lane: u16) -> Vec<Command> {
        Vec::new()
    }

    /// A life begins at a multiple of so many ops: work of which an earlier life left a part is not taken up again.
    fn unit(&self) -> u32 {
        1
    }

    /// [`keys`](Self::keys) of one lane, where lanes differ.
    fn keys_of_lane(&self, _lane: u16, ops: u32) -> u32 {
        self.keys(ops)
    }

    /// [`unit`](Self::unit) of one lane, where lanes differ.
    fn unit_of_lane(&self, _lane: u16) -> u32 {
        self.unit()
    }

    /// Whether an op that is refused leaves the rest of its unit to chance: nothing is claimed of that unit then. Its
    /// keys are those from `keys` of its begin to `keys` of its end.
    fn is_fragile(&self, _lane: u16) -> bool {
        false
    }

    /// Whether a lane has a second connection, whose commands wait for what the first one sends.
    fn has_waiter(&self, _lane: u16) -> bool {
        false
    }

    /// Whether the op goes out on the lane's second connection.
    fn waits(&self, _lane: u16, _seq: u32) -> bool {
        false
    }

    /// What has to be asked to read the keys `0..keys` of a lane back, question by question.
    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_>;

    /// What an answer says of the keys that were asked for; `cells` holds all keys of the lane, absent until then.
    fn understand(&self, lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]);

    /// The command that asks for the milliseconds that a key has left to live, where that is part of the test.
    fn ask_time_left(&self, _lane: u16, _key: u32) -> Option<Command> {
        None
    }

    /// Whether a name found in the server can be one of ours; `keys` counts the keys of each lane.
    fn owns(&self, name: &[u8], keys: &[u32]) -> bool;

    /// Name of a key for a person.
    fn key_name(&self, lane: u16, key: u32) -> String;

    /// What kind of state a key stands for.
    fn aspect(&self, _lane: u16, _key: u32) -> Aspect {
        Aspect::Data
    }
}

/// Makes a workload from its settings and a seed.
pub type Make = fn(&matrix::Workload, u64) -> Arc<dyn Workload>;

/// Every kind of workload, by the word for `kind` in matrix.toml.
pub const KINDS: &[(&str, Make)] = &[
    ("sessions", sessions::make),
    ("single", single::make),
    ("large", large::make),
    ("churn", churn::make),
    ("counters", counters::make),
    ("hashes", hashes::make),
    ("sets", sets::make),
    ("sorted-sets", sorted_sets::make),
    ("transactions", transactions::make),
    ("scripts", scripts::make),
    ("functions", functions::make),
    ("waitaof", waitaof::make),
    ("wait", waitaof::make_for_replicas),
    ("binary", binary::make),
    ("queues", queues::make),
    ("streams", streams::make),
    ("expiring", expiring::make),
    ("blocking", blocking::make),
    ("mixed", mixed::make),
    ("fields", fields::make),
];

/// Makes the workload of a case, with the lanes that it has beside its connections; `None` when the kind is unknown.
pub fn make(spec: &matrix::Workload, seed: u64) -> Option<Arc<dyn Workload>> {
    let plain = of_kind(&spec.kind, spec, seed)?;
    Some(if spec.preload > 0 { preload::beside(plain, spec, seed) } else { plain })
}

/// Lanes of a ledger: one per connection, and those that write before the pressure begins.
pub fn lanes(spec: &matrix::Workload) -> u16 {
    spec.connections + if spec.preload > 0 { preload::LANES } else { 0 }
}

fn of_kind(kind: &str, spec: &matrix::Workload, seed: u64) -> Option<Arc<dyn Workload>> {
    KINDS.iter().find(|(word, _)| *word == kind).map(|(_, make)| make(spec, seed))
}

/// Mixes a seed with a position: the same everywhere and for ever, so that a seed names the
/// same ops on every machine (the finaliser of splitmix64).
pub fn mix(seed: u64, lane: u16, seq: u32) -> u64 {
    let mut z = seed
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add((u64::from(lane) << 32) | u64::from(seq))
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The time to live of a workload's writes, in microseconds.
fn ttl_us(spec: &matrix::Workload) -> Option<u64> {
    spec.ttl.map(|ttl| u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX))
}

/// Appends a command in the protocol's form.
pub fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// A command out of words of text.
pub fn words(words: &[&str]) -> Command {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

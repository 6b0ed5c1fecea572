//! `streams`: entries are added with ids of our own, delivered to the consumers of a group, acknowledged, and now and
//! then deleted.
//!
//! An entry is a key. That it is pending is a key too, and so is the id that the group delivered last: what a group
//! knows is written down by its own commands.
//!
//! Where deliveries wait, consumers are on the lane's second connection and ask for entries that are yet to come.

use std::collections::VecDeque;
use std::sync::Arc;

use redis::Value;

use super::reply::Reply;
use super::units::{self, Dice, UNIT, Units};
use super::{Question, Workload, command, value, words};
use crate::matrix;
use crate::oracle::{Aspect, Cell, Effect, Touch};

const STREAM: &str = "stream";
const GROUP: &str = "workers";
const CONSUMERS: [&str; 3] = ["ann", "bob", "cid"];
/// Keys of a unit: entries by the op that adds them (the first op adds none: its place is the group's), then the same
/// entries as pending ones.
const KEYS: u32 = 2 * UNIT;

/// What an op does, by the places in the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Create,
    Add,
    Deliver { entry: u32, consumer: usize },
    Acknowledge { entry: u32 },
    Delete { entry: u32 },
}

struct Streams {
    units: Units<Vec<Act>>,
    seed: u64,
    size: u32,
    /// Whether deliveries wait for their entry.
    waits: bool,
}

/// Milliseconds that a delivery waits: for ever would outlive an entry that was refused.
const PATIENCE: &[u8] = b"2000";

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Streams { units: Units::new(seed, script), seed, size: spec.value, waits: false })
}

/// With deliveries that wait.
pub(super) fn waiting(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Streams { units: Units::new(seed, waiting_script), seed, size: spec.value, waits: true })
}

/// One connection adds and nothing else; what the group is told comes in its own order on the other one.
fn waiting_script(dice: &mut Dice) -> Vec<Act> {
    let mut waiting: VecDeque<u32> = VecDeque::new();
    let mut pending: Vec<u32> = Vec::new();
    (0..UNIT)
        .map(|place| match (place, dice.roll(8)) {
            (0, _) => Act::Create,
            (_, 0..4) if !waiting.is_empty() => {
                let entry = waiting.pop_front().expect("it is not empty");
                pending.push(entry);
                Act::Deliver { entry, consumer: dice.roll(CONSUMERS.len()) }
            }
            (_, 4) if !pending.is_empty() => {
                Act::Acknowledge { entry: pending.swap_remove(dice.roll(pending.len())) }
            }
            _ => {
                waiting.push_back(place);
                Act::Add
            }
        })
        .collect()
}

/// Plays the stream, so that the script knows what is delivered next.
fn script(dice: &mut Dice) -> Vec<Act> {
    let mut entries: Vec<u32> = Vec::new();
    let mut waiting: VecDeque<u32> = VecDeque::new();
    let mut pending: Vec<u32> = Vec::new();
    (0..UNIT)
        .map(|place| match (place, dice.roll(12)) {
            (0, _) => Act::Create,
            (2.., 0) if !entries.is_empty() => {
                let entry = entries.swap_remove(dice.roll(entries.len()));
                waiting.retain(|other| *other != entry);
                Act::Delete { entry }
            }
            (2.., 1..4) if !pending.is_empty() => {
                Act::Acknowledge { entry: pending.swap_remove(dice.roll(pending.len())) }
            }
            (2.., 4..8) if !waiting.is_empty() => {
                let entry = waiting.pop_front().expect("it is not empty");
                pending.push(entry);
                Act::Deliver { entry, consumer: dice.roll(CONSUMERS.len()) }
            }
            _ => {
                entries.push(place);
                waiting.push_back(place);
                Act::Add
            }
        })
        .collect()
}

impl Streams {
    /// The ids of a lane rise with its ops.
    fn id(first: u32, entry: u32) -> String {
        format!("{}-0", u64::from(first) + u64::from(entry) + 1)
    }

    /// The entry of the unit that begins with op `first` and has this id, where there is one.
    fn entry(&self, lane: u16, first: u32, id: &Value) -> Option<u32> {
        let id = redis::from_redis_value_ref::<String>(id).ok()?;
        let seq = u32::try_from(id.strip_suffix("-0")?.parse::<u64>().ok()?.checked_sub(1)?).ok()?;
        let entry = seq.checked_sub(first).filter(|entry| *entry < UNIT)?;
        (self.script(lane, first)[entry as usize] == Act::Add).then_some(entry)
    }

    fn script(&self, lane: u16, first: u32) -> &[Act] {
        self.units.script(lane, first / UNIT)
    }

    /// The op that delivers an entry, and to whom.
    fn delivery(&self, lane: u16, first: u32, wanted: u32) -> Option<(u32, &'static str)> {
        (0..).zip(self.script(lane, first)).find_map(|(place, act)| match act {
            Act::Deliver { entry, consumer } if *entry == wanted => {
                Some((first + place, CONSUMERS[*consumer]))
            }
            _ => None,
        })
    }

    fn entries(&self, lane: u16, first: u32, listed: &[Value], cells: &mut [Cell]) {
        let mut scratch = Vec::new();
        let mut last = None;
        for one in listed {
            let (entry, bytes) = match one {
                Value::Array(parts) => match parts.as_slice() {
                    [id, Value::Array(fields)]
                        if fields.len() == 2 && fields[0] == Value::BulkString(b"v".into()) =>
                    {
                        (self.entry(lane, first, id), Some(&fields[1]))
                    }
                    [id, _] => (self.entry(lane, first, id), None),
                    _ => (None, None),
                },
                _ => (None, None),
            };
            // An entry that nobody added has no key of its own: the first one speaks for it.
            let Some(entry) = entry else {
                cells[1] = Cell::Corrupt;
                continue;
            };
            let read = match bytes {
                Some(Value::BulkString(bytes)) => value::decode(self.seed, lane, bytes, &mut scratch),
                _ => Cell::Corrupt,
            };
            let right = read == Cell::Version(first + entry) && last.is_none_or(|last| entry > last);
            set(&mut cells[entry as usize], if right { read } else { Cell::Corrupt });
            last = Some(entry);
        }
    }

    fn pending(&self, lane: u16, first: u32, listed: &[Value], cells: &mut [Cell]) {
        for one in listed {
            let Value::Array(parts) = one else { continue };
            let [id, consumer, ..] = parts.as_slice() else { continue };
            let entry = self.entry(lane, first, id);
            let delivery = entry.and_then(|entry| Some((entry, self.delivery(lane, first, entry)?)));
            let Some((entry, (seq, name))) = delivery else {
                cells[UNIT as usize] = Cell::Corrupt;
                continue;
            };
            let right = *consumer == Value::BulkString(name.into());
            set(&mut cells[(UNIT + entry) as usize], if right { Cell::Version(seq) } else { Cell::Corrupt });
        }
    }

    /// What the group delivered last.
    fn group(&self, lane: u16, first: u32, listed: &[Value], cells: &mut [Cell]) {
        for one in listed {
            let fields = redis::from_redis_value_ref::<std::collections::HashMap<String, Value>>(one);
            let fields = fields.unwrap_or_default();
            let ours = fields.get("name") == Some(&Value::BulkString(GROUP.into()));
            let id = fields.get("last-delivered-id").filter(|_| ours);
            let cell = match id {
                Some(Value::BulkString(zero)) if zero == b"0-0" => Cell::Version(first),
                Some(id) => self
                    .entry(lane, first, id)
                    .and_then(|entry| self.delivery(lane, first, entry))
                    .map_or(Cell::Corrupt, |(seq, _)| Cell::Version(seq)),
                None => Cell::Corrupt,
            };
            set(&mut cells[0], cell);
        }
    }
}

/// What is there once is what it is, and wrong stays wrong.
fn set(cell: &mut Cell, seen: Cell) {
    *cell = match *cell {
        Cell::Absent => seen,
        Cell::Corrupt => Cell::Corrupt,
        _ => Cell::Twice,
    };
}

impl Workload for Streams {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let (script, place) = self.units.at(lane, seq);
        let begin = seq / UNIT * KEYS;
        let held = Effect::Set { ttl_us: None };
        let (key, effect) = match script[place] {
            Act::Create => (0, held),
            Act::Add => (place as u32, held),
            Act::Deliver { entry, .. } => (UNIT + entry, held),
            Act::Acknowledge { entry } => (UNIT + entry, Effect::Delete),
            Act::Delete { entry } => (entry, Effect::Delete),
        };
        Touch { key: begin + key, effect }
    }

    /// A delivery makes the entry pending and moves the group's last id, in one.
    fn companions(&self, lane: u16, seq: u32) -> Vec<Touch> {
        let (script, place) = self.units.at(lane, seq);
        match script[place] {
            Act::Deliver { .. } => {
                vec![Touch { key: seq / UNIT * KEYS, effect: Effect::Set { ttl_us: None } }]
            }
            _ => Vec::new(),
        }
    }

    fn keys(&self, ops: u32) -> u32 {
        units::begun(ops) * KEYS
    }

    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        let (script, place) = self.units.at(lane, seq);
        let first = seq - place as u32;
        let stream = units::name(lane, seq / UNIT, STREAM);
        let stream = stream.as_bytes();
        let group = GROUP.as_bytes();
        match script[place] {
            Act::Create => command(out, &[b"XGROUP", b"CREATE", stream, group, b"0", b"MKSTREAM"]),
            Act::Add => {
                let bytes = value::bytes(self.seed, lane, seq, self.size);
                command(out, &[b"XADD", stream, Self::id(first, place as u32).as_bytes(), b"v", &bytes]);
            }
            Act::Deliver { consumer, .. } => {
                let consumer = CONSUMERS[consumer].as_bytes();
                let mut words: Vec<&[u8]> = vec![b"XREADGROUP", b"GROUP", group, consumer, b"COUNT", b"1"];
                if self.waits {
                    words.extend([b"BLOCK".as_slice(), PATIENCE]);
                }
                words.extend([b"STREAMS".as_slice(), stream, b">"]);
                command(out, &words);
            }
            Act::Acknowledge { entry } => {
                command(out, &[b"XACK", stream, group, Self::id(first, entry).as_bytes()]);
            }
            Act::Delete { entry } => {
                command(out, &[b"XDEL", stream, Self::id(first, entry).as_bytes()]);
            }
        }
    }

    /// A delivery that waited in vain delivered nothing.
    fn acknowledges(&self, _lane: u16, _seq: u32, reply: Reply<'_>) -> bool {
        match reply {
            Reply::Error(_) => false,
            Reply::Nil => !self.waits,
            _ => true,
        }
    }

    fn unit(&self) -> u32 {
        UNIT
    }

    fn has_waiter(&self, _lane: u16) -> bool {
        self.waits
    }

    fn waits(&self, lane: u16, seq: u32) -> bool {
        let (script, place) = self.units.at(lane, seq);
        self.waits && script[place] != Act::Add
    }

    fn is_fragile(&self, _lane: u16) -> bool {
        true
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        Box::new((0..keys / KEYS).flat_map(move |unit| {
            let stream = units::name(lane, unit, STREAM);
            let most = UNIT.to_string();
            [
                words(&["XRANGE", &stream, "-", "+"]),
                words(&["XPENDING", &stream, GROUP, "-", "+", &most]),
                words(&["XINFO", "GROUPS", &stream]),
            ]
            .map(|command| Question { command, keys: unit * KEYS..(unit + 1) * KEYS })
        }))
    }

    fn understand(&self, lane: u16, question: &Question, answer: &Value, cells: &mut [Cell]) {
        let Value::Array(listed) = answer else { return };
        let first = question.keys.start / KEYS * UNIT;
        let cells = &mut cells[question.keys.start as usize..question.keys.end as usize];
        match question.command[0].as_slice() {
            b"XRANGE" => self.entries(lane, first, listed, cells),
            b"XPENDING" => self.pending(lane, first, listed, cells),
            _ => self.group(lane, first, listed, cells),
        }
    }

    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        units::parse_name(name).is_some_and(|(lane, unit, what)| {
            what == STREAM && keys.get(usize::from(lane)).is_some_and(|keys| unit < keys / KEYS)
        })
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        let stream = units::name(lane, key / KEYS, STREAM);
        let id = |entry| Self::id(key / KEYS * UNIT, entry);
        match key % KEYS {
            0 => format!("{stream} group {GROUP}"),
            entry if entry < UNIT => format!("{stream} entry {}", id(entry)),
            entry => format!("{stream} pending {}", id(entry - UNIT)),
        }
    }

    fn aspect(&self, _lane: u16, key: u32) -> Aspect {
        match key % KEYS {
            0 | UNIT.. => Aspect::Group,
            _ => Aspect::Data,
        }
    }
}

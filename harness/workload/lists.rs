//! Workloads on lists and sorted sets: elements that are pushed, moved and taken out again.
//!
//! A lane is the only writer of its lists, so what a pop takes is known in advance: a script says it. Each element is a
//! key, numbered by the op that pushed it; which op moved it is known from the list that it is found in.

use std::sync::Arc;

use super::reply::Reply;
use super::units::{self, UNIT, Units};
use super::{Command, Question, Workload, command, value, words};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The head.
    Left,
    /// The tail.
    Right,
}

impl End {
    /// The word that LMOVE knows it by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Left => "LEFT",
            Self::Right => "RIGHT",
        }
    }
}

/// What an op does, by the places in the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A new element comes into a list.
    Push {
        /// Position of the list.
        list: usize,
        /// The end that it comes to.
        end: End,
    },
    /// An element goes to another list.
    Move {
        /// The op that pushed it.
        element: u32,
        /// Position of the other list.
        list: usize,
        /// The end that it comes to.
        end: End,
    },
    /// An element is taken out.
    Remove {
        /// The op that pushed it.
        element: u32,
    },
}

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// As it stands.
    Text(&'static str),
    /// Name of a list.
    List(usize),
    /// Value of an element, by the op that pushed it.
    Element(u32),
    /// A number.
    Number(u32),
}

/// One op of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it does.
    pub act: Act,
    /// How it is said.
    pub words: Vec<Word>,
    /// Whether it waits on the lane's second connection for its element.
    pub waits: bool,
}

/// The ops of a unit, and the lists that they work on.
pub struct Script {
    /// In order.
    pub lines: Vec<Line>,
    /// Names of the lists.
    pub lists: &'static [&'static str],
    /// Whether the lists are sorted sets.
    pub sorted: bool,
}

/// Where an element belongs, when it is in a list.
struct Seat {
    /// The op that put it there, by its place in the script.
    by: u32,
    /// Elements are in this order, whichever of them are there.
    rank: i64,
}

impl Script {
    /// The element's seat in a list; `None` when the script never puts it there.
    fn seat(&self, element: u32, list: usize) -> Option<Seat> {
        (0..).zip(&self.lines).find_map(|(by, line)| match line.act {
            Act::Push { list: to, end } if by == element && to == list => Some(Seat::new(by, end)),
            Act::Move { element: moved, list: to, end } if moved == element && to == list => {
                Some(Seat::new(by, end))
            }
            _ => None,
        })
    }
}

impl Seat {
    /// What comes to the left stands before all that came earlier, and what comes to the right behind it.
    fn new(by: u32, end: End) -> Self {
        let rank = if end == End::Left { -i64::from(by) } else { i64::from(by) };
        Self { by, rank }
    }
}

/// A workload on lists.
pub struct Lists {
    units: Units<Script>,
    seed: u64,
    size: u32,
}

impl Lists {
    /// With these scripts, each of a whole unit of ops of which the first pushes.
    pub fn shared(units: Units<Script>, spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
        Arc::new(Self { units, seed, size: spec.value })
    }
}

impl Workload for Lists {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let (script, place) = self.units.at(lane, seq);
        let key = |element| seq - place as u32 + element;
        match script.lines[place].act {
            Act::Push { .. } => Touch { key: seq, effect: Effect::Set { ttl_us: None } },
            Act::Move { element, .. } => Touch { key: key(element), effect: Effect::Set { ttl_us: None } },
            Act::Remove { element } => Touch { key: key(element), effect: Effect::Delete },
        }
    }

    fn keys(&self, ops: u32) -> u32 {
        units::begun(ops) * UNIT
    }

    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        let (script, place) = self.units.at(lane, seq);
        let first = seq - place as u32;
        let spoken: Command = script.lines[place]
            .words
            .iter()
            .map(|word| match word {
                Word::Text(text) => text.as_bytes().to_vec(),
                Word::List(list) => units::name(lane, seq / UNIT, script.lists[*list]).into_bytes(),
                Word::Element(element) => value::bytes(self.seed, lane, first + element, self.size),
                Word::Number(number) => number.to_string().into_bytes(),
            })
            .collect();
        command(out, &spoken.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    /// A command that waited in vain took nothing.
    fn acknowledges(&self, lane: u16, seq: u32, reply: Reply<'_>) -> bool {
        match reply {
            Reply::Error(_) => false,
            Reply::Nil => !self.waits(lane, seq),
            _ => true,
        }
    }

    fn unit(&self) -> u32 {
        UNIT
    }

    fn is_fragile(&self, _lane: u16) -> bool {
        true
    }

    fn has_waiter(&self, lane: u16) -> bool {
        self.units.script(lane, 0).lines.iter().any(|line| line.waits)
    }

    fn waits(&self, lane: u16, seq: u32) -> bool {
        let (script, place) = self.units.at(lane, seq);
        script.lines[place].waits
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        Box::new((0..keys / UNIT).flat_map(move |unit| {
            let script = self.units.script(lane, unit);
            let verb = if script.sorted { "ZRANGE" } else { "LRANGE" };
            script.lists.iter().map(move |list| Question {
                command: words(&[verb, &units::name(lane, unit, list), "0", "-1"]),
                keys: unit * UNIT..(unit + 1) * UNIT,
            })
        }))
    }

    /// An element in its list was put there by a known op. Whatever else a list holds, or in another order, nobody wrote.
    fn understand(&self, lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        let redis::Value::Array(elements) = answer else { return };
        let first = question.keys.start;
        let unit = first / UNIT;
        let script = self.units.script(lane, unit);
        let name = question.command[1].as_slice();
        let Some((_, _, list)) = units::parse_name(name) else { return };
        let Some(list) = script.lists.iter().position(|known| *known == list) else { return };
        let mut scratch = Vec::new();
        let mut last = i64::MIN;
        for element in elements {
            let seq = match element {
                redis::Value::BulkString(bytes) => value::decode(self.seed, lane, bytes, &mut scratch),
                _ => Cell::Corrupt,
            };
            let seat = match seq {
                Cell::Version(seq) if question.keys.contains(&seq) => {
                    script.seat(seq - first, list).map(|seat| (seq, seat))
                }
                _ => None,
            };
            let Some((key, seat)) = seat else {
                // It has no key of its own: the unit's first element speaks for it.
                cells[first as usize] = Cell::Corrupt;
                continue;
            };
            let cell = &mut cells[key as usize];
            *cell = match *cell {
                Cell::Absent if seat.rank > last => Cell::Version(first + seat.by),
                Cell::Absent | Cell::Corrupt => Cell::Corrupt,
                Cell::WrongType => Cell::WrongType,
                _ => Cell::Twice,
            };
            last = last.max(seat.rank);
        }
    }

    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        units::parse_name(name).is_some_and(|(lane, unit, list)| {
            keys.get(usize::from(lane)).is_some_and(|keys| unit < keys / UNIT)
                && self.units.script(lane, unit).lists.contains(&list)
        })
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        format!("{} element {}", value::key_name(lane, key / UNIT), key % UNIT)
    }
}

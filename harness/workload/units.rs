//! Work in units: each has keys of its own and follows one of a few scripts, so that what an op does is known without
//! playing all ops before it.

use super::{mix, value};

/// Ops of a unit.
pub const UNIT: u32 = 64;
/// How many scripts there are.
const SCRIPTS: u32 = 16;

/// The scripts of a workload.
pub struct Units<S> {
    seed: u64,
    scripts: Vec<S>,
}

/// The rolls of dice from which one script is made.
pub struct Dice {
    seed: u64,
    script: u16,
    rolled: u32,
}

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.rolled += 1;
        (mix(self.seed, self.script, self.rolled) % sides as u64) as usize
    }
}

impl<S> Units<S> {
    /// Makes the scripts.
    pub fn new(seed: u64, write: impl Fn(&mut Dice) -> S) -> Self {
        let scripts =
            (0..SCRIPTS).map(|script| write(&mut Dice { seed, script: script as u16, rolled: 0 })).collect();
        Self { seed, scripts }
    }

    /// The script of a unit.
    pub fn script(&self, lane: u16, unit: u32) -> &S {
        &self.scripts[(mix(self.seed, lane, unit) % u64::from(SCRIPTS)) as usize]
    }

    /// The script that an op belongs to, and its place in it.
    pub fn at(&self, lane: u16, seq: u32) -> (&S, usize) {
        (self.script(lane, seq / UNIT), (seq % UNIT) as usize)
    }
}

/// How many units the ops `0..ops` may have begun.
pub fn begun(ops: u32) -> u32 {
    ops.div_ceil(UNIT)
}

/// Name of a key of a unit in the server.
pub fn name(lane: u16, unit: u32, what: &str) -> String {
    format!("{}:{what}", value::key_name(lane, unit))
}

/// The lane, the unit and the last part of a name, where it is one of ours.
pub fn parse_name(name: &[u8]) -> Option<(u16, u32, &str)> {
    let (front, what) = std::str::from_utf8(name).ok()?.rsplit_once(':')?;
    let (lane, unit) = value::parse_key(front.as_bytes())?;
    Some((lane, unit, what))
}

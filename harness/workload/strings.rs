//! Workloads on plain strings: SET with or without a time to live, DEL, and MGET to read back.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Command, Question, Workload, command, value, words};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// Keys per MGET, and the most bytes that one answer should hold.
const BATCH_KEYS: u32 = 1_000;
const BATCH_BYTES: u32 = 4 << 20;

/// Which key an op touches, and how: all that a workload on strings has to say.
pub trait Plan: Send + Sync {
    /// The key that op `seq` of a lane changes.
    fn touch(&self, lane: u16, seq: u32) -> Touch;

    /// How many keys the ops `0..ops` of a lane may touch: their numbers are below this.
    fn keys(&self, ops: u32) -> u32;

    /// How op `seq` is said when it sets its key.
    fn form(&self, _lane: u16, _seq: u32) -> Form {
        Form::Plain
    }
}

/// Ways to set a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// SET, with PX where there is a time to live.
    Plain,
    /// SETEX or PSETEX.
    Setex,
    /// SET with PXAT: the deadline by the clock.
    Deadline,
    /// SET with a time to live and GETEX PERSIST in one transaction: the value stays for good.
    Persisted {
        /// The time to live that is taken back, in milliseconds.
        ttl_ms: u64,
    },
}

/// A workload on strings.
pub struct Strings<P> {
    plan: P,
    seed: u64,
    size: u32,
    expires: bool,
}

impl<P: Plan> Strings<P> {
    /// Values whose time to live is a matter of the plan.
    pub fn expiring(self) -> Self {
        Self { expires: true, ..self }
    }

    /// Writes values of the size that matrix.toml asks for.
    pub fn new(plan: P, spec: &matrix::Workload, seed: u64) -> Self {
        Self { plan, seed, size: spec.value, expires: spec.ttl.is_some() }
    }
}

impl<P: Plan> Workload for Strings<P> {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        self.plan.touch(lane, seq)
    }

    fn keys(&self, ops: u32) -> u32 {
        self.plan.keys(ops)
    }

    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        let Touch { key, effect } = self.plan.touch(lane, seq);
        let name = value::key_name(lane, key);
        let Effect::Set { ttl_us } = effect else { return command(out, &[b"DEL", name.as_bytes()]) };
        let bytes = value::bytes(self.seed, lane, seq, self.size);
        set(out, self.plan.form(lane, seq), name.as_bytes(), &bytes, ttl_us.map(|ttl| (ttl / 1000).max(1)));
    }

    fn replies(&self, lane: u16, seq: u32) -> u32 {
        if matches!(self.plan.form(lane, seq), Form::Persisted { .. }) { 4 } else { 1 }
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        let batch = (BATCH_BYTES / self.size.max(1)).clamp(1, BATCH_KEYS);
        Box::new((0..keys).step_by(batch as usize).map(move |first| {
            let keys: Range<u32> = first..keys.min(first + batch);
            let names = keys.clone().map(|key| value::key_name(lane, key).into_bytes());
            Question { command: std::iter::once(b"MGET".to_vec()).chain(names).collect(), keys }
        }))
    }

    fn understand(&self, lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        let redis::Value::Array(values) = answer else { return };
        let mut scratch = Vec::new();
        for (key, value) in question.keys.clone().zip(values) {
            cells[key as usize] = match value {
                redis::Value::Nil => Cell::Absent,
                redis::Value::BulkString(bytes) => value::decode(self.seed, lane, bytes, &mut scratch),
                _ => Cell::Corrupt,
            };
        }
    }

    fn ask_time_left(&self, lane: u16, key: u32) -> Option<Command> {
        self.expires.then(|| words(&["PTTL", &value::key_name(lane, key)]))
    }

    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        value::parse_key(name)
            .is_some_and(|(lane, key)| keys.get(usize::from(lane)).is_some_and(|keys| key < *keys))
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        value::key_name(lane, key)
    }
}

/// Appends the commands that set a key.
fn set(out: &mut Vec<u8>, form: Form, name: &[u8], bytes: &[u8], ttl_ms: Option<u64>) {
    let text = |number: u64| number.to_string().into_bytes();
    match (form, ttl_ms) {
        (Form::Persisted { ttl_ms }, _) => {
            command(out, &[b"MULTI"]);
            command(out, &[b"SET", name, bytes, b"PX", &text(ttl_ms)]);
            command(out, &[b"GETEX", name, b"PERSIST"]);
            command(out, &[b"EXEC"]);
        }
        (_, None) => command(out, &[b"SET", name, bytes]),
        (Form::Plain, Some(ttl)) => command(out, &[b"SET", name, bytes, b"PX", &text(ttl)]),
        (Form::Setex, Some(ttl)) if ttl % 1000 == 0 => {
            command(out, &[b"SETEX", name, &text(ttl / 1000), bytes]);
        }
        (Form::Setex, Some(ttl)) => command(out, &[b"PSETEX", name, &text(ttl), bytes]),
        (Form::Deadline, Some(ttl)) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            // Rounded up: a deadline before its time would look like a loss.
            let at = u64::try_from(now).unwrap_or(u64::MAX - 1).saturating_add(ttl + 1);
            command(out, &[b"SET", name, bytes, b"PXAT", &text(at)]);
        }
    }
}

//! Workloads on plain strings: SET with or without a time to live, DEL, and MGET to read back. An op on several keys is
//! a transaction, and one that promises is a WAITAOF or a WAIT.

use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use super::reply::Reply;
use super::{Command, Need, Question, Safe, Workload, command, value, words};
use crate::matrix;
use crate::oracle::{Cell, Effect, Touch};

/// Keys per MGET, and the most bytes that one answer should hold.
const BATCH_KEYS: u32 = 1_000;
const BATCH_BYTES: u32 = 4 << 20;

/// Which key an op touches, and how: all that a workload on strings has to say.
pub trait Plan: Send + Sync {
    /// The key that op `seq` of a lane changes.
    fn touch(&self, lane: u16, seq: u32) -> Touch;

    /// Further keys that it changes in the same transaction.
    fn companions(&self, _lane: u16, _seq: u32) -> Vec<Touch> {
        Vec::new()
    }

    /// How many keys the ops `0..ops` of a lane may touch: their numbers are below this.
    fn keys(&self, ops: u32) -> u32;

    /// Commands that the server must know beside the plainest.
    fn needs(&self) -> &'static [Need] {
        &[]
    }

    /// Where what a promise answers for is safe.
    fn safe(&self) -> Safe {
        Safe::OnDisk
    }

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

    fn companions(&self, lane: u16, seq: u32) -> Vec<Touch> {
        self.plan.companions(lane, seq)
    }

    fn keys(&self, ops: u32) -> u32 {
        self.plan.keys(ops)
    }

    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        let companions = self.plan.companions(lane, seq);
        if companions.is_empty() {
            return self.encode_touch(lane, seq, self.plan.touch(lane, seq), out);
        }
        command(out, &[b"MULTI"]);
        for touch in std::iter::once(self.plan.touch(lane, seq)).chain(companions) {
            self.encode_touch(lane, seq, touch, out);
        }
        command(out, &[b"EXEC"]);
    }

    fn replies(&self, lane: u16, seq: u32) -> u32 {
        match self.plan.companions(lane, seq).len() as u32 {
            0 if matches!(self.plan.form(lane, seq), Form::Persisted { .. }) => 4,
            0 => 1,
            // MULTI, the op's own key, its companions and EXEC.
            companions => companions + 3,
        }
    }

    fn acknowledges(&self, lane: u16, seq: u32, reply: Reply<'_>) -> bool {
        if self.plan.touch(lane, seq).effect == Effect::Promise {
            return matches!(reply, Reply::Many { first: Some(1..), .. } | Reply::Integer(1..));
        }
        let executed = matches!(reply, Reply::Many { .. });
        executed || (self.plan.companions(lane, seq).is_empty() && !matches!(reply, Reply::Error(_)))
    }

    fn needs(&self) -> Vec<Need> {
        self.plan.needs().to_vec()
    }

    fn safe(&self, _lane: u16) -> Safe {
        self.plan.safe()
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        Box::new(questions(lane, 0..keys, self.size))
    }

    fn understand(&self, lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        let mut scratch = Vec::new();
        understand(question, answer, cells, |_, bytes| value::decode(self.seed, lane, bytes, &mut scratch));
    }

    fn ask_time_left(&self, lane: u16, key: u32) -> Option<Command> {
        self.expires.then(|| words(&["PTTL", &value::key_name(lane, key)]))
    }

    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        owns(name, |lane| keys.get(usize::from(lane)).copied())
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        value::key_name(lane, key)
    }
}

impl<P: Plan> Strings<P> {
    fn encode_touch(&self, lane: u16, seq: u32, touch: Touch, out: &mut Vec<u8>) {
        let name = value::key_name(lane, touch.key);
        let name = name.as_bytes();
        match touch.effect {
            Effect::Set { ttl_us } => {
                let bytes = value::bytes(self.seed, lane, seq, self.size);
                set(out, self.plan.form(lane, seq), name, &bytes, ttl_us.map(|ttl| (ttl / 1000).max(1)));
            }
            Effect::Delete => command(out, &[b"DEL", name]),
            Effect::Add => command(out, &[b"INCR", name]),
            Effect::Promise => match self.plan.safe() {
                Safe::OnDisk => command(out, &[b"WAITAOF", b"1", b"0", b"0"]),
                // A replica that does not answer is not waited for: the writers are to go on.
                Safe::OnReplica => command(out, &[b"WAIT", b"1", b"100"]),
            },
        }
    }
}

/// How many values of this size to ask for at once.
pub fn batch(size: u32) -> u32 {
    (BATCH_BYTES / size.max(1)).clamp(1, BATCH_KEYS)
}

/// MGETs for a range of keys whose values have this size.
pub fn questions(lane: u16, keys: Range<u32>, size: u32) -> impl Iterator<Item = Question> {
    let batch = batch(size);
    keys.clone().step_by(batch as usize).map(move |first| {
        let keys = first..keys.end.min(first + batch);
        let names = keys.clone().map(|key| value::key_name(lane, key).into_bytes());
        Question { command: std::iter::once(b"MGET".to_vec()).chain(names).collect(), keys }
    })
}

/// What an answer in the order of the keys says of them; `decode` reads the value of one.
pub fn understand(
    question: &Question,
    answer: &redis::Value,
    cells: &mut [Cell],
    mut decode: impl FnMut(u32, &[u8]) -> Cell,
) {
    let redis::Value::Array(values) = answer else { return };
    for (key, value) in question.keys.clone().zip(values) {
        cells[key as usize] = match value {
            redis::Value::Nil => Cell::Absent,
            redis::Value::BulkString(bytes) => decode(key, bytes),
            _ => Cell::Corrupt,
        };
    }
}

/// Whether a name is that of a key whose number is below the lane's limit.
pub fn owns(name: &[u8], limit: impl Fn(u16) -> Option<u32>) -> bool {
    value::parse_key(name).is_some_and(|(lane, key)| limit(lane).is_some_and(|limit| key < limit))
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

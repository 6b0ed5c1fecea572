//! What the client knows: ops, what they do to which keys, and what came back.

use std::ops::Range;

/// What the client knows of the ops of one epoch. Times are microseconds since the trial began.
pub trait History {
    /// Connections that wrote.
    fn lanes(&self) -> u16;
    /// Sequence numbers of the lane's ops in this epoch; earlier epochs hold smaller ones.
    fn span(&self, lane: u16) -> Range<u32>;
    /// Keys that the lane has touched in all epochs so far: `0..keys`.
    fn keys(&self, lane: u16) -> u32;
    /// One op, of this epoch or an earlier one.
    fn op(&self, lane: u16, seq: u32) -> Op;
    /// Further keys that the op changes: all of them together with its own, or none.
    fn companions(&self, _lane: u16, _seq: u32) -> Vec<Touch> {
        Vec::new()
    }
    /// Which connection of its lane the op goes out on: ops of one connection are executed in their order.
    fn connection(&self, _lane: u16, _seq: u32) -> u8 {
        0
    }
    /// What kind of state a key stands for.
    fn aspect(&self, _lane: u16, _key: u32) -> Aspect {
        Aspect::Data
    }
    /// Name of a key, for examples.
    fn key_name(&self, lane: u16, key: u32) -> String;
}

/// A write as the client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// The lane's own number of the key.
    pub key: u32,
    /// What it does to the key.
    pub effect: Effect,
    /// When it was handed to the socket; never later than it truly was.
    pub sent_us: u64,
    /// What came back.
    pub answer: Answer,
}

/// A key and what happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// The lane's own number of the key.
    pub key: u32,
    /// What happens to it.
    pub effect: Effect,
}

/// What kind of state a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aspect {
    /// Data.
    #[default]
    Data,
    /// What a consumer group knows: deliveries and acknowledgements.
    Group,
    /// A function of a library.
    Function,
}

/// What an op does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The key holds this op's value, for `ttl_us` where given.
    Set {
        /// Time to live.
        ttl_us: Option<u64>,
    },
    /// The key is gone.
    Delete,
    /// The key counts one more. A key that counts is never set or deleted.
    Add,
    /// No key changes: the acknowledgement promises that every earlier op of the lane is safe (WAITAOF).
    Promise,
}

/// What came back for an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Acknowledged; `at_us` is never earlier than it truly was.
    Acked {
        /// When the answer was read.
        at_us: u64,
    },
    /// No answer came: the effect may be there or not.
    InDoubt,
    /// The server answered with an error: the effect must not be there.
    Refused,
    /// It was never sent: a lane begins a life at the next unit of its work.
    Skipped,
}

impl Answer {
    /// Whether the op may have had an effect.
    pub fn may_count(self) -> bool {
        matches!(self, Self::Acked { .. } | Self::InDoubt)
    }
}

/// What an op does to one of its keys.
pub fn effect_on(history: &dyn History, lane: u16, seq: u32, key: u32) -> Effect {
    let op = history.op(lane, seq);
    if op.key == key {
        return op.effect;
    }
    let companion = history.companions(lane, seq).into_iter().find(|touch| touch.key == key);
    companion.map_or(op.effect, |touch| touch.effect)
}

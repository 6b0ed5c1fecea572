//! A ledger as it stood at the moment of a cut. Pure.

use std::ops::Range;

use crate::oracle::{Answer, Aspect, History, Op, Touch};

/// What the client knew when the power went: later answers never came, later ops were never sent.
pub struct Until<'a> {
    /// The whole history.
    pub history: &'a dyn History,
    /// The moment, in microseconds since the trial began.
    pub at_us: u64,
}

impl History for Until<'_> {
    fn lanes(&self) -> u16 {
        self.history.lanes()
    }

    fn span(&self, lane: u16) -> Range<u32> {
        let Range { start, end } = self.history.span(lane);
        // Ops of a lane are sent one after the other.
        let (mut low, mut high) = (start, end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.history.op(lane, middle).sent_us <= self.at_us {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        start..low
    }

    fn keys(&self, lane: u16) -> u32 {
        self.history.keys(lane)
    }

    fn op(&self, lane: u16, seq: u32) -> Op {
        let mut op = self.history.op(lane, seq);
        if matches!(op.answer, Answer::Acked { at_us } if at_us > self.at_us) {
            op.answer = Answer::InDoubt;
        }
        op
    }

    fn companions(&self, lane: u16, seq: u32) -> Vec<Touch> {
        self.history.companions(lane, seq)
    }

    fn connection(&self, lane: u16, seq: u32) -> u8 {
        self.history.connection(lane, seq)
    }

    fn aspect(&self, lane: u16, key: u32) -> Aspect {
        self.history.aspect(lane, key)
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        self.history.key_name(lane, key)
    }
}

//! `expiring`: times to live that run out before, during and after the fault, given in every way that the server knows.

use std::sync::Arc;

use super::strings::{Form, Plan, Strings};
use super::{Workload, mix};
use crate::matrix;
use crate::oracle::{Effect, Touch};

/// One write in this many takes an earlier key again, whose old time to live must not strike the new value.
const AGAIN_EVERY: u32 = 4;
/// Times to live in milliseconds, from over at once to there at the end.
const TTL_MS: [u64; 8] = [300, 450, 700, 1_000, 2_000, 5_000, 12_000, 30_000];
/// The time to live that is taken back at once: if that is forgotten, the value dies early.
const TAKEN_BACK_MS: u64 = 300;

struct Expiring {
    seed: u64,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Strings::new(Expiring { seed }, spec, seed).expiring())
}

impl Expiring {
    fn roll(&self, lane: u16, seq: u32) -> u64 {
        mix(self.seed, lane, seq) >> 32
    }
}

impl Plan for Expiring {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let opened = self.keys(seq);
        let again = seq % AGAIN_EVERY == AGAIN_EVERY - 1;
        let key = if again { (mix(self.seed, lane, seq) % u64::from(opened)) as u32 } else { opened };
        let roll = self.roll(lane, seq);
        let ttl_ms = TTL_MS[(roll / 16 % TTL_MS.len() as u64) as usize];
        let effect = match roll % 16 {
            0 => Effect::Delete,
            1 => Effect::Set { ttl_us: None },
            _ if matches!(self.form(lane, seq), Form::Persisted { .. }) => Effect::Set { ttl_us: None },
            _ => Effect::Set { ttl_us: Some(ttl_ms * 1000) },
        };
        Touch { key, effect }
    }

    fn keys(&self, ops: u32) -> u32 {
        ops - ops / AGAIN_EVERY
    }

    fn form(&self, lane: u16, seq: u32) -> Form {
        match self.roll(lane, seq) % 16 {
            2 | 3 => Form::Persisted { ttl_ms: TAKEN_BACK_MS },
            4..8 => Form::Setex,
            8..12 => Form::Deadline,
            _ => Form::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_and_every_fate_comes_up_and_keys_are_taken_again() {
        let plan = Expiring { seed: 3 };
        let ops: Vec<_> = (0..400).map(|seq| (plan.touch(1, seq), plan.form(1, seq))).collect();
        for form in [Form::Plain, Form::Setex, Form::Deadline, Form::Persisted { ttl_ms: TAKEN_BACK_MS }] {
            assert!(ops.iter().any(|(_, other)| *other == form), "{form:?}");
        }
        for effect in [Effect::Delete, Effect::Set { ttl_us: None }, Effect::Set { ttl_us: Some(300_000) }] {
            assert!(ops.iter().any(|(touch, _)| touch.effect == effect), "{effect:?}");
        }
        for (seq, (touch, _)) in (0..).zip(&ops) {
            assert!(touch.key < plan.keys(seq + 1));
        }
        let persisted = ops.iter().filter(|(_, form)| matches!(form, Form::Persisted { .. }));
        assert!(persisted.clone().count() > 20);
        assert!(persisted.clone().all(|(touch, _)| touch.effect == Effect::Set { ttl_us: None }));
    }
}

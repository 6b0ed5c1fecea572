//! `sessions`: logins with a time to live; every fifth write refreshes an earlier session.

use std::sync::Arc;

use super::strings::{Plan, Strings};
use super::{Workload, mix, ttl_us};
use crate::matrix;
use crate::oracle::{Effect, Touch};

/// One write in this many refreshes a session that exists.
const REFRESH_EVERY: u32 = 5;

struct Sessions {
    seed: u64,
    ttl_us: Option<u64>,
}

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Arc::new(Strings::new(Sessions { seed, ttl_us: ttl_us(spec) }, spec, seed))
}

impl Plan for Sessions {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let opened = self.keys(seq);
        let refresh = seq % REFRESH_EVERY == REFRESH_EVERY - 1;
        let key = if refresh { (mix(self.seed, lane, seq) % u64::from(opened)) as u32 } else { opened };
        Touch { key, effect: Effect::Set { ttl_us: self.ttl_us } }
    }

    fn keys(&self, ops: u32) -> u32 {
        ops - ops / REFRESH_EVERY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_touches_an_open_session_and_every_other_write_opens_the_next() {
        let sessions = Sessions { seed: 7, ttl_us: None };
        let mut opened = 0;
        for seq in 0..1_000 {
            let key = sessions.touch(3, seq).key;
            if seq % REFRESH_EVERY == REFRESH_EVERY - 1 {
                assert!(key < opened);
            } else {
                assert_eq!(key, opened);
                opened += 1;
            }
            assert_eq!(sessions.keys(seq + 1), opened);
        }
    }
}

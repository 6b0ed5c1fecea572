//! Lives side by side, one for each number, until there is none whose call comes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::life::{Bench, Outcome};
use crate::crew;
use crate::disk::ills::{Call, Error};
use crate::fault::Trouble;

/// How often a number is tried again whose call did not come although a later one did: a server's clock moves calls.
const RETRIES: usize = 3;

/// What came of a life; nothing, where its call did not come.
type Lived = Result<Option<Outcome>, Trouble>;

/// What the lives showed.
pub(super) struct Swept {
    /// Of those whose call came, in the order of their numbers.
    pub outcomes: Vec<Outcome>,
    /// Lives in all.
    pub lives: u64,
    /// Whether every call was failed, and a life came to its end in which none was left.
    pub exhausted: bool,
}

/// Fails one number after the other, within a limit.
pub(super) fn sweep(bench: &Bench<'_>, call: Call, error: Error, limit: Duration) -> Result<Swept, Trouble> {
    let until = Instant::now() + limit;
    let from = bench.prepared.request.from;
    let last = bench.prepared.request.at_most.map_or(u64::MAX, |most| from.saturating_add(most - 1));
    let mut tally = Tally { from, ..Tally::default() };
    let live = |tally: &mut Tally, numbers| -> Result<(), Trouble> {
        let left = until.saturating_duration_since(Instant::now());
        for (number, lived) in side_by_side(bench, call, error, numbers, left)? {
            tally.note(number, lived?);
        }
        Ok(())
    };
    live(&mut tally, from..=last)?;
    for _ in 0..RETRIES {
        for number in tally.missing() {
            live(&mut tally, number..=number)?;
        }
    }
    while !tally.came_to_the_end() && tally.highest() < last && Instant::now() < until {
        let number = tally.highest() + 1;
        live(&mut tally, number..=number)?;
    }
    if tally.lives == 0 {
        return Err(Trouble::Lab(format!(
            "the trial's time was over before a {} failed; name fewer calls, or raise `trial-timeout`",
            call.word()
        )));
    }
    let exhausted = tally.came_to_the_end() && tally.missing().is_empty();
    Ok(Swept { lives: tally.lives, exhausted, outcomes: tally.outcomes.into_values().collect() })
}

/// Which numbers were tried, and what came of them.
#[derive(Default)]
struct Tally {
    from: u64,
    outcomes: BTreeMap<u64, Outcome>,
    /// Numbers whose call did not come.
    unmet: BTreeSet<u64>,
    lives: u64,
}

impl Tally {
    fn note(&mut self, number: u64, lived: Option<Outcome>) {
        self.lives += 1;
        match lived {
            Some(outcome) => drop(self.outcomes.insert(number, outcome)),
            None => drop(self.unmet.insert(number)),
        }
    }

    /// The highest number whose call came; the one before the first where none did.
    fn highest(&self) -> u64 {
        self.outcomes.keys().next_back().copied().unwrap_or(self.from - 1)
    }

    /// Numbers below it whose call has not come yet.
    fn missing(&self) -> Vec<u64> {
        (self.from..self.highest()).filter(|number| !self.outcomes.contains_key(number)).collect()
    }

    fn came_to_the_end(&self) -> bool {
        self.unmet.iter().any(|number| *number > self.highest())
    }
}

/// Lives numbers as they come, until one of them finds no such call.
fn side_by_side(
    bench: &Bench<'_>,
    call: Call,
    error: Error,
    numbers: RangeInclusive<u64>,
    limit: Duration,
) -> Result<Vec<(u64, Lived)>, Trouble> {
    let (next, end) = (AtomicU64::new(*numbers.start()), AtomicU64::new(*numbers.end()));
    let hand_out = || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        (number <= end.load(Ordering::Relaxed)).then_some(number)
    };
    crew::side_by_side(limit, &hand_out, &|number| {
        let end = &end;
        Box::pin(async move {
            let lived = bench.live(call, error, number).await;
            if !matches!(lived, Ok(Some(_))) {
                end.fetch_min(number, Ordering::Relaxed);
            }
            (number, lived)
        })
    })
}

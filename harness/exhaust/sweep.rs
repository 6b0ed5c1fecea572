//! Lives side by side, one for each number, until there is none whose call comes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use super::life::{Bench, Outcome};
use crate::disk::ills::{Call, Error};
use crate::fault::Trouble;

/// Lives at a time for each processor: most of a life is waiting.
const LIVES_PER_PROCESSOR: usize = 2;

/// What the lives showed.
pub(super) struct Swept {
    /// Of those whose call came, in the order of their numbers.
    pub outcomes: Vec<Outcome>,
    /// Lives in all.
    pub lives: u64,
    /// Whether there was one whose call did not come, with every number before it tried.
    pub exhausted: bool,
}

/// Fails one number after the other, within a limit.
pub(super) fn sweep(bench: &Bench<'_>, call: Call, error: Error, limit: Duration) -> Result<Swept, Trouble> {
    let began = Instant::now();
    let from = bench.prepared.request.from;
    let last = bench.prepared.request.at_most.map_or(u64::MAX, |most| from.saturating_add(most - 1));
    let next = AtomicU64::new(from);
    // The least number whose call did not come.
    let beyond = AtomicU64::new(u64::MAX);
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers() {
            let (tell, next, beyond) = (tell.clone(), &next, &beyond);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let Ok(runtime) = runtime else { return };
                while began.elapsed() < limit {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > last || number >= beyond.load(Ordering::Relaxed) {
                        break;
                    }
                    let lived = LocalSet::new().block_on(&runtime, bench.live(call, error, number));
                    if !matches!(lived, Ok(Some(_))) {
                        beyond.fetch_min(number, Ordering::Relaxed);
                    }
                    if tell.send(lived).is_err() {
                        break;
                    }
                }
            });
        }
        drop(tell);
    });
    let lived: Vec<_> = told.into_iter().collect();
    let lives = lived.len() as u64;
    let mut outcomes = lived.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
    outcomes.sort_by_key(|outcome| outcome.number);
    let exhausted = beyond.load(Ordering::Relaxed) <= last;
    Ok(Swept { outcomes, lives, exhausted })
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from) * LIVES_PER_PROCESSOR
}

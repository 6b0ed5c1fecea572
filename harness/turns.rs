//! Whose turn it is to start many servers at once: explorers would otherwise take from every other trial the processor
//! time by which its server keeps its promises.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Trials that may do so at the same time.
const TURNS: usize = 2;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

/// A turn; it ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    /// How long it was waited for.
    pub waited: Duration,
}

/// Waits for a turn.
pub fn take() -> Turn {
    let began = Instant::now();
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut taken = FREED.wait_while(taken, |taken| *taken >= TURNS).unwrap_or_else(PoisonError::into_inner);
    *taken += 1;
    Turn { waited: began.elapsed() }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}

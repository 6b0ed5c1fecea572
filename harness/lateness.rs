//! How late this machine wakes a thread that sleeps: a server's timers are as late as that.
//!
//! What a policy promises is told by the server's own clock, and a machine with more work than processors moves it. A
//! thread of the lab sleeps for a moment again and again, and notes when it came too late.

use std::collections::VecDeque;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks at the clock.
const NAP: Duration = Duration::from_millis(10);
/// Less than this is how any machine is.
const WORTH_NOTING: Duration = Duration::from_millis(2);
/// No life is looked back on after so long.
const MEMORY: Duration = Duration::from_secs(900);

/// When it woke too late, and by how much.
static LATE: Mutex<VecDeque<(Instant, Duration)>> = Mutex::new(VecDeque::new());
static WATCH: Once = Once::new();

/// Begins to watch, once for the process.
pub fn watch() {
    WATCH.call_once(|| {
        // Without the thread nothing is ever late, which is the stricter view.
        let _ = std::thread::Builder::new().name("lateness".into()).spawn(|| {
            let mut asked = Instant::now();
            loop {
                std::thread::sleep(NAP);
                let woke = Instant::now();
                note(woke, (woke - asked).saturating_sub(NAP));
                asked = woke;
            }
        });
    });
}

fn note(woke: Instant, late: Duration) {
    if late < WORTH_NOTING {
        return;
    }
    let mut all = LATE.lock().unwrap_or_else(PoisonError::into_inner);
    while all.front().is_some_and(|(at, _)| woke - *at > MEMORY) {
        all.pop_front();
    }
    all.push_back((woke, late));
}

/// The longest that a sleeping thread was woken too late since a moment.
pub fn worst_since(from: Instant) -> Duration {
    let all = LATE.lock().unwrap_or_else(PoisonError::into_inner);
    let since = all.iter().rev().take_while(|(at, _)| *at >= from);
    since.map(|(_, late)| *late).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_since_a_moment_is_told() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        note(at(1), Duration::from_millis(300));
        note(at(2), Duration::from_millis(40));
        note(at(3), Duration::from_millis(50));
        note(at(4), Duration::from_millis(1));
        assert_eq!(worst_since(at(1)), Duration::from_millis(300));
        assert_eq!(worst_since(at(2)), Duration::from_millis(50));
        assert_eq!(worst_since(at(4)), Duration::ZERO);
    }
}

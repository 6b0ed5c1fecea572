//! How late this machine wakes a thread that sleeps: a server's timers are as late as that.
//!
//! What a policy promises is told by the server's own clock, and a machine with more work than processors moves it. On
//! each processor a thread of the lab sleeps for a moment again and again, and notes when it came too late: one processor
//! may stand still while the others do not. Connections that wait for their turn to write note it as well.

use std::collections::VecDeque;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Between two looks at the clock.
const NAP: Duration = Duration::from_millis(10);
/// Less than this is how any machine is.
const WORTH_NOTING: Duration = Duration::from_millis(2);
/// No life is looked back on after so long.
const MEMORY: Duration = Duration::from_secs(900);

/// When it woke too late, and by how much: each later than the one before it and less late.
static LATE: Mutex<VecDeque<(Instant, Duration)>> = Mutex::new(VecDeque::new());
static WATCH: Once = Once::new();

/// Begins to watch, once for the process.
pub fn watch() {
    WATCH.call_once(|| {
        let all = sched_getaffinity(None).unwrap_or_default();
        let processors = (0..CpuSet::MAX_CPU).filter(|&processor| all.is_set(processor));
        for processor in processors {
            // Without the thread nothing is ever late, which is the stricter view.
            let _ = std::thread::Builder::new().name("lateness".into()).spawn(move || watch_one(processor));
        }
    });
}

fn watch_one(processor: usize) {
    let mut only = CpuSet::new();
    only.set(processor);
    // Where it may not be bound, the thread is woken wherever there is room, which is the stricter view as well.
    let _ = sched_setaffinity(None, &only);
    loop {
        let due = Instant::now() + NAP;
        std::thread::sleep(NAP);
        woke(due);
    }
}

/// Notes that a thread which had to be woken at a moment is awake now.
pub fn woke(due: Instant) {
    let now = Instant::now();
    note(now, now.saturating_duration_since(due));
}

fn note(woke: Instant, late: Duration) {
    if late < WORTH_NOTING {
        return;
    }
    let mut all = LATE.lock().unwrap_or_else(PoisonError::into_inner);
    while all.front().is_some_and(|(at, _)| woke.saturating_duration_since(*at) > MEMORY) {
        all.pop_front();
    }
    // What was less late before is asked for by nobody any more: the list stays short and falls.
    while all.back().is_some_and(|(_, other)| *other <= late) {
        all.pop_back();
    }
    all.push_back((woke, late));
}

/// The longest that a sleeping thread was woken too late since a moment.
pub fn worst_since(from: Instant) -> Duration {
    let all = LATE.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter().find(|(at, _)| *at >= from).map(|(_, late)| *late).unwrap_or_default()
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

//! Threads of a disk go where its writer runs: a writer waits for every write, and to wake a thread on another processor,
//! which has gone to sleep, takes longer than the write itself.

use std::cell::Cell;
use std::fs;

use rustix::thread::{CpuSet, sched_setaffinity};

/// Writes after which a thread looks again where the writer is.
const LOOK_EVERY: u32 = 64;
/// Which field of `/proc/PID/stat` is the processor, counted from the one after the name.
const PROCESSOR: usize = 36;

thread_local! {
    /// Writes until the next look, and the processor where this thread is.
    static HERE: Cell<(u32, Option<usize>)> = const { Cell::new((0, None)) };
}

/// Takes the calling thread to the processor of a writer's thread, where that is known and allowed: all else stays as it
/// is.
pub fn follow(writer: u32) {
    HERE.with(|here| {
        let (left, at) = here.get();
        if left > 0 {
            return here.set((left - 1, at));
        }
        let processor = processor_of(writer);
        if let Some(processor) = processor.filter(|processor| at != Some(*processor)) {
            let mut set = CpuSet::new();
            set.set(processor);
            let _ = sched_setaffinity(None, &set);
        }
        here.set((LOOK_EVERY, processor.or(at)));
    });
}

/// The processor on which a thread ran last.
fn processor_of(thread: u32) -> Option<usize> {
    let text = fs::read_to_string(format!("/proc/{thread}/stat")).ok()?;
    // The name is in brackets and may hold any character.
    let (_, fields) = text.rsplit_once(") ")?;
    fields.split(' ').nth(PROCESSOR)?.parse().ok().filter(|processor| *processor < CpuSet::MAX_CPU)
}

#[cfg(test)]
mod tests {
    use rustix::thread::{gettid, sched_getaffinity, sched_getcpu};

    use super::*;

    #[test]
    fn the_processor_of_a_thread_is_found() {
        let mut only = CpuSet::new();
        only.set(sched_getcpu());
        let all = sched_getaffinity(None).unwrap();
        sched_setaffinity(None, &only).unwrap();
        let found = processor_of(gettid().as_raw_nonzero().get().unsigned_abs());
        sched_setaffinity(None, &all).unwrap();
        assert_eq!(found.map(|processor| only.is_set(processor)), Some(true));
    }

    #[test]
    fn a_thread_that_is_gone_has_none() {
        assert_eq!(processor_of(u32::MAX), None);
    }
}

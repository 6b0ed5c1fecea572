//! Up to when acknowledged writes are known to be in a completed snapshot.
//!
//! A snapshot holds what was written before its fork. Neither LASTSAVE (whole seconds) nor the time of the
//! order tells that moment, so a watcher asks `INFO persistence` again and again: the last answer before
//! the fork that showed no child under way bounds it from below.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::control::Control;

/// Between two questions.
const PERIOD: Duration = Duration::from_millis(10);

/// A watcher over one life of a server.
pub struct Saves {
    state: Rc<State>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Snapshots that ended: when that was seen, and up to when they hold everything.
    ended: RefCell<Vec<(u64, u64)>>,
    failed: Cell<bool>,
}

impl Saves {
    /// Watches until it is dropped or the server dies. Must run inside a `LocalSet`.
    pub fn watch(control: Control, began: Instant) -> Self {
        let state = Rc::new(State::default());
        let task = tokio::task::spawn_local(watch(control, began, state.clone()));
        Self { state, task }
    }

    /// Everything acknowledged up to this moment is in a completed snapshot of this life.
    pub fn saved_until_us(&self) -> Option<u64> {
        self.state.ended.borrow().last().map(|(_, until_us)| *until_us)
    }

    /// Every snapshot of this life that ended: when that was seen, and up to when it holds everything.
    pub fn ended(&self) -> Vec<(u64, u64)> {
        self.state.ended.borrow().clone()
    }

    /// The last snapshot failed.
    pub fn failed(&self) -> bool {
        self.state.failed.get()
    }
}

impl Drop for Saves {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(mut control: Control, began: Instant, state: Rc<State>) {
    let mut idle_at = None;
    let mut forked_after = None;
    loop {
        let asked_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let Ok(info) = control.info("persistence").await else { return };
        let busy = info.get("rdb_bgsave_in_progress").is_some_and(|value| value != "0");
        let ok = info.get("rdb_last_bgsave_status").is_none_or(|value| value == "ok");
        // A snapshot for a replica goes to its socket and not to disk: then the time of the last save stays.
        let saved_at = info.get("rdb_last_save_time").cloned();
        state.failed.set(!ok);
        if busy {
            // A child that was there at the first look forked before anything is known.
            forked_after = forked_after.or(idle_at.clone());
        } else {
            if let Some((before_us, saved_before)) = forked_after.take()
                && ok
                && saved_before != saved_at
            {
                state.ended.borrow_mut().push((asked_us, before_us));
            }
            idle_at = Some((asked_us, saved_at));
        }
        tokio::time::sleep(PERIOD).await;
    }
}

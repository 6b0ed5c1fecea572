//! Every state that a recorded device may be found in, each recovered by its file system, in parallel.
//!
//! Between two flushes a device has all that was flushed before and any part of what came since; so the moments just
//! before a flush, and the last one, stand for all others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::super::content::Content;
use super::super::model::Model;
use super::super::mount::DiskError;
use super::super::op::Rec;
use super::super::replay::Replay;
use super::super::tree::Tree;
use super::bench::Bench;
use super::image_of;

/// A state of the device.
#[derive(Debug)]
pub struct State {
    /// Operations of the device before the cut.
    pub index: usize,
    /// When the newest of them was done, in microseconds since the trial began.
    pub at_us: u64,
    /// Which variant of the model.
    pub variant: u32,
    /// What the device holds.
    pub image: Content,
}

/// The states of a log of a device, one after the other.
pub struct States<'a> {
    model: Model,
    log: &'a [Rec],
    replay: Replay,
    /// At most so many variants of a moment.
    limit: u32,
    next: u32,
    left: u32,
}

impl<'a> States<'a> {
    /// Begins with the tree that the disk was mounted with.
    pub fn new(model: Model, base: Tree, log: &'a [Rec], limit: u32) -> Self {
        Self { model, log, replay: Replay::from_durable(base), limit, next: 0, left: 0 }
    }

    /// Plays on to the next moment before a flush; false when there is none.
    fn advance(&mut self) -> bool {
        let start = self.replay.played;
        if start >= self.log.len() {
            return false;
        }
        for rec in &self.log[start..] {
            // The flush of the moment where we are is played first.
            if self.replay.played > start && rec.op.is_flush() {
                break;
            }
            self.replay.play(&rec.op);
        }
        true
    }
}

impl Iterator for States<'_> {
    type Item = State;

    fn next(&mut self) -> Option<State> {
        if self.next == self.left {
            if !self.advance() {
                return None;
            }
            (self.next, self.left) = (0, self.model.variants(&self.replay).min(self.limit.max(1)));
        }
        let variant = self.next;
        self.next += 1;
        let index = self.replay.played;
        let at_us = self.log[..index].last().map_or(0, |rec| rec.done_us);
        let image = image_of(self.model.tree(&self.replay, variant)?)?;
        Some(State { index, at_us, variant, image })
    }
}

/// Recovers every state, in as many threads as the bench should have places, and hands over what a server finds, in no
/// order. After one that could not be recovered no other is begun.
pub fn recover_all(
    bench: &Bench,
    states: impl Iterator<Item = State> + Send,
    threads: usize,
    found: impl Fn(State, Result<Tree, DiskError>) + Sync,
) {
    let (states, failed) = (Mutex::new(states), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let state = states.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(state) = state.filter(|_| !failed.load(Ordering::Relaxed)) else { break };
                    let tree = bench.recover(state.image.clone());
                    failed.fetch_or(tree.is_err(), Ordering::Relaxed);
                    found(state, tree);
                }
            });
        }
    });
}

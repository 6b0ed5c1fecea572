//! What a sick disk does to the server: it may end by itself, refuse writes, or not start.

use std::time::Duration;

use super::{DeathFact, Scene};
use crate::contract::{Death, Unwritten};
use crate::disk::errors::Owed;
use crate::engine::Exit;
use crate::fault::Trouble;
use crate::oracle::{Answer, Effect, History};

impl Scene {
    /// What calls of the disk that failed have left to be made good; nothing where the storage is no disk.
    pub(super) fn owed(&self) -> Owed {
        self.drive.as_ref().map(|drive| drive.disk().owed()).unwrap_or_default()
    }

    /// Calls of the disk that have failed.
    pub fn failures(&self) -> u64 {
        self.drive.as_ref().map_or(0, |drive| drive.disk().seen().failures)
    }

    /// Whether writers are at work.
    pub fn has_writers(&self) -> bool {
        self.driver.is_some()
    }

    /// Takes note of a server that has ended by itself because its disk failed.
    pub async fn notice_end(&mut self, patience: Duration) -> Result<(), Trouble> {
        if !self.is_up() || self.supervisor.is_some() || self.failures() == 0 {
            return Ok(());
        }
        match self.instance.exited(patience).await? {
            Some(exit) => self.ended_by_disk(exit).await,
            None => Ok(()),
        }
    }

    /// Puts down that the server has ended by itself because its disk failed.
    pub async fn ended_by_disk(&mut self, exit: Exit) -> Result<(), Trouble> {
        let last = self.instance.log_tail(1).await.pop().unwrap_or_default();
        let acked = self.driver.as_ref().map_or(0, |driver| driver.acked());
        self.note("note", &format!("it ended by itself: {last}"));
        self.mark("disk error", Death::DiskError, self.now_us(), acked);
        self.died(Some(exit)).await
    }

    /// Whether this life was ended by the disk.
    pub fn was_ended_by_disk(&self) -> bool {
        let last: Option<&DeathFact> = self.draft.deaths.last();
        !self.is_up() && last.is_some_and(|fact| fact.death == Death::DiskError)
    }

    /// Refuses a step for the living where the disk has ended the server.
    pub(super) async fn must_live(&mut self) -> Result<(), Trouble> {
        self.notice_end(Duration::ZERO).await?;
        if self.was_ended_by_disk() { Err(Trouble::Ended) } else { Ok(()) }
    }

    /// Puts down what the disk owes a server that is dead now.
    pub(super) fn note_owed(&mut self) {
        let mut owed = self.owed();
        if owed.failures == 0 {
            return;
        }
        if let Some(drive) = self.drive.as_ref().filter(|_| self.syncs_every_second()) {
            owed = owed.waited_for(&drive.disk().syncs());
        }
        self.note(
            "note",
            &format!("{} calls failed, the last: {}", owed.failures, owed.last.clone().unwrap_or_default()),
        );
        // A server that refuses writes has none near its end.
        self.draft.muted = true;
        self.draft.excuse = self.draft.excuse.or(Some("its disk fails"));
        self.draft.owed = owed;
    }

    /// What a write that failed may cost: what was answered since the last one that succeeded, and one event loop more.
    pub(crate) fn unwritten(&self, owed: &Owed) -> Option<Unwritten> {
        let unwritten = owed.unwritten?;
        let between = (0..self.ledger.lanes())
            .flat_map(|lane| self.ledger.span(lane).map(move |seq| self.ledger.op(lane, seq)))
            .filter(|op| op.effect != Effect::Promise)
            .filter(|op| {
                matches!(op.answer, Answer::Acked { at_us } if (unwritten.since_us..unwritten.failed_us).contains(&at_us))
            })
            .count() as u64;
        let workload = &self.plan.workload;
        let at_once = u64::from(workload.connections) * u64::from(workload.pipeline);
        Some(Unwritten { since_us: unwritten.since_us, batch: between + at_once })
    }
}

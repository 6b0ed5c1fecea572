//! One life with one failed call, and what came of it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::routine::{self, Lived, Routine};
use super::{Prepared, step};
use crate::contract::Death;
use crate::disk::ills::{Call, Error, Failure};
use crate::engine::Engine;
use crate::fault::scene::Recovery;
use crate::fault::{Scene, Trouble};
use crate::matrix::{Storage, StorageKind};
use crate::plan::Plan;
use crate::record::{Epoch, TrialRecord, Verdict};
use crate::trial;

/// Longest life.
const LIFE_LIMIT: Duration = Duration::from_secs(90);
/// Writes of a second life.
const SECOND_LIFE: &str = "write 20";

/// What a server does when a call fails, for people and for counting.
pub(super) const REFUSED_TO_START: &str = "refused to start";
const NEVER_ANSWERED: &str = "never answered";
const ENDED: &str = "ended by itself";
const REFUSED: &str = "refused writes to the end";
const REFUSED_FOR_A_WHILE: &str = "refused writes for a while";
const CHILD_FAILED: &str = "gave up a rewrite or a snapshot";
const WENT_ON: &str = "went on";

/// What every life shares.
pub(super) struct Bench<'a> {
    pub plan: Arc<Plan>,
    pub engine: Arc<dyn Engine>,
    pub began: Instant,
    pub prepared: &'a Prepared,
}

/// What one life showed.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// Which call failed.
    pub number: u64,
    /// The call, its file and the error.
    pub about: String,
    /// What the server did.
    pub reaction: &'static str,
    /// What it said.
    pub said: String,
    /// What was lived.
    pub routine: Routine,
    /// The epoch that counts.
    pub worst: Epoch,
}

impl Outcome {
    /// Whether it broke the promise.
    pub fn is_broken(&self) -> bool {
        self.worst.verdict == Verdict::Broken
    }

    /// Acknowledged writes that are gone.
    pub fn lost(&self) -> u64 {
        self.worst.lost + self.worst.lost_baseline
    }
}

impl Bench<'_> {
    /// Lives once; `None` when the call never came.
    pub async fn live(&self, call: Call, error: Error, number: u64) -> Result<Option<Outcome>, Trouble> {
        let folder = self.plan.folder.join(format!("e{number}"));
        let outcome = self.in_folder(&folder, call, error, number).await;
        let removed = std::fs::remove_dir_all(&folder);
        let token = super::token(call, number, error);
        let outcome = outcome.map_err(|trouble| match trouble {
            Trouble::Unsupported { .. } => trouble,
            other => Trouble::Lab(format!("{token}: {other}")),
        })?;
        removed.map_err(|error| Trouble::Lab(format!("failed to remove {}: {error}", folder.display())))?;
        Ok(outcome)
    }

    async fn in_folder(
        &self,
        folder: &Path,
        call: Call,
        error: Error,
        number: u64,
    ) -> Result<Option<Outcome>, Trouble> {
        std::fs::create_dir_all(folder)
            .map_err(|error| Trouble::Lab(format!("failed to create {}: {error}", folder.display())))?;
        let mut plan = Plan::clone(&self.plan);
        plan.storage = Storage { kind: StorageKind::Disk, filesystem: None, ..plan.storage };
        plan.folder = folder.to_owned();
        plan.id = format!("{}-e{number}", plan.id);
        let mut scene = Scene::new(Arc::new(plan), self.engine.clone(), self.began).await?;
        scene.ledger = self.prepared.ledger.clone();
        scene.ledger.begin_epoch();
        scene.config = self.prepared.config.clone();
        let life = timeout(LIFE_LIMIT, self.whole(&mut scene, call, error, number));
        let outcome = life
            .await
            .unwrap_or_else(|_| Err(Trouble::Lab(format!("the life was not over after {LIFE_LIMIT:?}"))));
        let closed = scene.close().await;
        let outcome = outcome?;
        closed.map(|()| outcome)
    }

    async fn whole(
        &self,
        scene: &mut Scene,
        call: Call,
        error: Error,
        number: u64,
    ) -> Result<Option<Outcome>, Trouble> {
        let routine = Routine { long: self.is_long(call), ..Routine::default() };
        scene.load_disk(self.prepared.tree.clone())?;
        let failure = Failure { from: number, once: true, ..Failure::new(call, error) };
        scene.disk()?.sicken(|ills| {
            *ills = self.prepared.ills.clone();
            ills.failures.push(failure);
        });
        let (reaction, said) = first_life(scene, routine).await?;
        if scene.disk()?.ills().failures.last().is_none_or(|failure| failure.hit == 0) {
            return Ok(None);
        }
        let about = scene.disk()?.owed().last.unwrap_or_default();
        let mut record = TrialRecord::default();
        let mut baseline = self.prepared.baseline.clone();
        let script = [step("heal-disk")?, step(self.prepared.request.ending.word())?, step("start")?];
        let up = trial::act(scene, &mut record, &mut baseline, &script).await?;
        if up && scene.plan.second_life {
            let again = [step(SECOND_LIFE)?, step("shutdown")?, step("start")?];
            trial::act(scene, &mut record, &mut baseline, &again).await?;
        }
        let broken = record.epochs.iter().find(|epoch| epoch.verdict == Verdict::Broken);
        let worst = broken.or(record.epochs.first()).cloned();
        let worst = worst.ok_or_else(|| Trouble::Lab("the life was never judged".into()))?;
        Ok(Some(Outcome { number, about, reaction, said, routine, worst }))
    }

    /// Only everysec syncs by the clock.
    fn is_long(&self, call: Call) -> bool {
        let is = |name: &str, value: &str| self.prepared.config.get(name).is_some_and(|got| got == value);
        call == Call::Fsync && is("appendonly", "yes") && is("appendfsync", "everysec")
    }
}

/// Starts the server and lives with it; what it did, and what it said.
async fn first_life(scene: &mut Scene, routine: Routine) -> Result<(&'static str, String), Trouble> {
    scene.instance.start().await?;
    scene.recover().await?;
    match scene.recovery.take() {
        Some(Recovery::Ready { .. }) => {}
        Some(Recovery::Refused { exit }) => {
            scene.ended_by_disk(exit).await?;
            return Ok((REFUSED_TO_START, last_words(scene).await));
        }
        Some(Recovery::Stuck) | None => {
            scene.strike("kill", Death::Kill).await?;
            scene.kill().await?;
            return Ok((NEVER_ANSWERED, last_words(scene).await));
        }
    }
    let lived = routine::play(scene, routine).await?;
    if scene.was_ended_by_disk() {
        return Ok((ENDED, last_words(scene).await));
    }
    let Lived { refused, refusal, refused_to_the_end, broke, child_failed, .. } = lived;
    if broke {
        return Err(Trouble::Lab("the server broke a connection and lives on".into()));
    }
    let reaction = match (refused, refused_to_the_end, child_failed) {
        (1.., true, _) => REFUSED,
        (1.., false, _) => REFUSED_FOR_A_WHILE,
        (0, _, true) => CHILD_FAILED,
        (0, _, false) => WENT_ON,
    };
    Ok((reaction, refusal.unwrap_or_default()))
}

async fn last_words(scene: &mut Scene) -> String {
    scene.instance.log_tail(1).await.pop().unwrap_or_default()
}

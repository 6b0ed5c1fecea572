//! A real server started on one state, read back, and lived with for a while.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::disk::Tree;
use crate::disk::scratch::Scratch;
use crate::engine::Engine;
use crate::epoch::Span;
use crate::fault::scene::{Recovery, describe};
use crate::fault::{Scene, Trouble, parse};
use crate::matrix::{Storage, StorageKind};
use crate::oracle::Survey;
use crate::plan::Plan;
use crate::record::{Anomaly, TrialRecord, Verdict};
use crate::workload::ledger::Ledger;
use crate::{survey, trial};

/// Writes of the second life on a state.
const SECOND_LIFE: &str = "write 20";
/// Lines of a log that says why a server refused.
const LOG_LINES: usize = 4;

/// What a state made of a server.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// It answers.
    Ready(Box<Ready>),
    /// It ended instead.
    Refused {
        /// How.
        exit: String,
        /// Its last words.
        log: String,
    },
    /// Neither within the limit.
    Stuck,
    /// The lab failed.
    Failed(String),
}

/// A server that answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Ready {
    /// What it holds.
    pub survey: Survey,
    /// When it was read.
    pub span: Span,
    /// From the start to the first answer.
    pub ms: f64,
    /// Its configuration.
    pub config: BTreeMap<String, String>,
    /// It cut the end off one of its own files.
    pub truncated: bool,
    /// What the second life broke, as a sentence, with the classes of it.
    pub broken_later: Option<(String, Vec<Anomaly>)>,
}

/// Everything that the boots of one trace share.
pub struct Bench {
    /// Where states live.
    pub scratch: Scratch,
    /// The trial.
    pub plan: Arc<Plan>,
    /// What runs servers.
    pub engine: Arc<dyn Engine>,
    /// What was written before the cut.
    pub ledger: Ledger,
    /// When the trial began.
    pub began: Instant,
    /// Whether each state is lived with, beyond being read back.
    pub second_life: bool,
}

impl Bench {
    /// Boots one state. `number` tells it from others that are booted at the same time.
    pub async fn boot(&self, tree: &Tree, number: usize) -> Observed {
        let folder = self.scratch.folder().join(number.to_string());
        let outcome = self.try_boot(tree, &folder, number).await;
        let removed = std::fs::remove_dir_all(&folder);
        match (outcome, removed) {
            (Ok(observed), Ok(())) => observed,
            (Ok(_), Err(error)) => {
                Observed::Failed(format!("failed to remove {}: {error}", folder.display()))
            }
            (Err(trouble), _) => Observed::Failed(trouble.to_string()),
        }
    }

    async fn try_boot(&self, tree: &Tree, folder: &Path, number: usize) -> Result<Observed, Trouble> {
        tree.write_to(&folder.join("data"))
            .map_err(|error| Trouble::Lab(format!("failed to write a state: {error}")))?;
        let mut plan = Plan::clone(&self.plan);
        plan.storage = Storage { kind: StorageKind::Bind, ..plan.storage };
        plan.folder = folder.to_owned();
        plan.id = format!("{}-x{number}", plan.id);
        let mut scene = Scene::new(Arc::new(plan), self.engine.clone(), self.began).await?;
        scene.ledger = self.ledger.clone();
        scene.ledger.begin_epoch();
        let observed = self.live(&mut scene).await;
        let closed = scene.close().await;
        let observed = observed?;
        closed.map(|()| observed)
    }

    async fn live(&self, scene: &mut Scene) -> Result<Observed, Trouble> {
        let before = scene.instance.files().await?;
        scene.instance.start().await?;
        scene.recover().await?;
        let ms = match scene.recovery.take() {
            Some(Recovery::Ready { ms }) => ms,
            Some(Recovery::Refused { exit }) => {
                let log = scene.instance.log_tail(LOG_LINES).await.join(" | ");
                return Ok(Observed::Refused { exit: describe(exit), log });
            }
            _ => return Ok(Observed::Stuck),
        };
        let from_us = scene.now_us();
        let mut control = scene.control()?;
        let survey = survey::read(&mut control, &scene.ledger, &scene.plan.workload, self.began)
            .await
            .map_err(|error| Trouble::Lab(format!("failed to read everything back: {error}")))?;
        let span = Span { from_us, to_us: scene.now_us() };
        let after = scene.instance.files().await?;
        let truncated = before.iter().any(|old| {
            old.path.ends_with(".aof")
                && after.iter().any(|new| new.path == old.path && new.bytes < old.bytes)
        });
        let config = scene.config.clone();
        let broken_later = if self.second_life { self.live_on(scene, &survey).await? } else { None };
        Ok(Observed::Ready(Box::new(Ready { survey, span, ms, config, truncated, broken_later })))
    }

    /// Some more writes, a clean end, another start: what the first life showed has to be there still.
    async fn live_on(
        &self,
        scene: &mut Scene,
        survey: &Survey,
    ) -> Result<Option<(String, Vec<Anomaly>)>, Trouble> {
        let steps = [SECOND_LIFE, "shutdown", "start"].map(|step| {
            parse(step).map_err(|mistake| Trouble::Lab(format!("step `{step}`: {}", mistake.message)))
        });
        let steps = steps.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut record = TrialRecord::default();
        let mut baseline = survey.clone();
        trial::act(scene, &mut record, &mut baseline, &steps).await?;
        let broken = record.epochs.into_iter().find(|epoch| epoch.verdict == Verdict::Broken);
        Ok(broken.map(|epoch| (epoch.message, epoch.anomalies)))
    }
}

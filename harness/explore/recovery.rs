//! Crashes of the recovery: the boot on a crash state is recorded like a life, and its own crash states are booted.
//!
//! A recovery that is cut off has to leave what it found: the next one shows the same data, or no promise of the first
//! power cut holds.

use std::sync::Arc;

use super::boot::{Bench, Observed};
use super::states::{Token, Trace};
use super::trace::Inner;
use crate::disk::{Model, Tree};
use crate::fault::scene::Recovery;
use crate::fault::{Scene, Trouble};
use crate::matrix::{Storage, StorageKind};
use crate::oracle::{self, Clock, Survey};
use crate::record::{Anomaly, StateFact};
use crate::survey;

/// Models of a cut in the recovery.
const MODELS: [Model; 2] = [Model::ProcessKill, Model::FsyncOnly];
/// States booted of one recovery.
const STATES: usize = 12;

/// What cuts in one recovery showed.
#[derive(Debug, Default)]
pub struct Deeper {
    /// States that they leave.
    pub states: u64,
    /// How many were booted.
    pub booted: u64,
    /// Those that hold less than the recovery did, or do not start.
    pub broken: Vec<StateFact>,
    /// What was recorded.
    pub recorded: Option<Inner>,
}

impl Bench {
    /// Records the boot on one state, and boots what a cut at any moment of it leaves. A state on which the server does
    /// not start has no recovery.
    pub async fn deeper(&self, token: Token, tree: &Tree, number: usize) -> Result<Deeper, Trouble> {
        let folder = self.scratch.folder().join(format!("r{number}"));
        let recorded = self.record(tree, &folder, number).await;
        let _ = std::fs::remove_dir_all(&folder);
        let Some((trace, shown)) = recorded? else { return Ok(Deeper::default()) };
        let all = trace.states(&MODELS);
        let mut deeper = Deeper { states: all.states.len() as u64, ..Deeper::default() };
        let step = all.states.len().div_ceil(STATES).max(1);
        let chosen: Vec<_> = (0..all.states.len()).step_by(step).collect();
        for (at, tree) in trace.trees(&all, &chosen) {
            let state = &all.states[at];
            let observed = self.boot(&tree, number).await;
            deeper.booted += 1;
            if let Some((message, anomalies, lost)) = self.less(&shown, &observed)? {
                let inner = state.token();
                deeper.broken.push(StateFact {
                    token: format!("{token}/{inner}"),
                    at_ms: trace.span_us(inner.cut).1 as f64 / 1000.0,
                    after: trace.describe(inner),
                    message: format!("cut off during its recovery: {message}"),
                    anomalies,
                    lost,
                    digest: format!("{:032x}", state.digest),
                    ..StateFact::default()
                });
            }
        }
        deeper.recorded = Some(Inner { token, trace, shown });
        Ok(deeper)
    }

    /// Boots a state on a disk that records.
    async fn record(
        &self,
        tree: &Tree,
        folder: &std::path::Path,
        number: usize,
    ) -> Result<Option<(Trace, Survey)>, Trouble> {
        std::fs::create_dir_all(folder)
            .map_err(|error| Trouble::Lab(format!("failed to create {}: {error}", folder.display())))?;
        let mut plan = crate::plan::Plan::clone(&self.plan);
        plan.storage = Storage { kind: StorageKind::Disk, filesystem: None, ..plan.storage };
        plan.folder = folder.to_owned();
        plan.id = format!("{}-r{number}", plan.id);
        let mut scene = Scene::new(Arc::new(plan), self.engine.clone(), self.began).await?;
        scene.ledger = self.ledger.clone();
        scene.ledger.begin_epoch();
        let outcome = self.record_on(&mut scene, tree).await;
        let closed = scene.close().await;
        let outcome = outcome?;
        closed.map(|()| outcome)
    }

    async fn record_on(&self, scene: &mut Scene, tree: &Tree) -> Result<Option<(Trace, Survey)>, Trouble> {
        scene.load_disk(tree.clone())?;
        scene.instance.start().await?;
        scene.recover().await?;
        if !matches!(scene.recovery.take(), Some(Recovery::Ready { .. })) {
            return Ok(None);
        }
        let mut control = scene.control()?;
        let shown = survey::read(&mut control, &scene.ledger, &scene.plan.workload, self.began)
            .await
            .map_err(|error| Trouble::Lab(format!("failed to read everything back: {error}")))?;
        let end_us = scene.disk()?.cut().at_us;
        let (base, log) = scene.disk()?.log();
        // One that has written nothing leaves what it found, and that is booted too.
        let syncs = scene.disk()?.syncs();
        Ok(Some((Trace { base, log, from: 0, end_us, syncs }, shown)))
    }

    /// What a recovery after a cut-off recovery lacks of what that one showed.
    pub fn less(
        &self,
        shown: &Survey,
        observed: &Observed,
    ) -> Result<Option<(String, Vec<Anomaly>, u64)>, Trouble> {
        let ready = match observed {
            Observed::Ready(ready) => ready,
            Observed::Refused { exit, log } => {
                let message = format!("the next start is refused ({exit}; {log})");
                return Ok(Some((message, vec![Anomaly::RefusedToStart], 0)));
            }
            Observed::Stuck => {
                return Ok(Some(("the next start never answers".into(), vec![Anomaly::StuckLoading], 0)));
            }
            Observed::Failed(why) => return Err(Trouble::Lab(why.clone())),
        };
        let mut ledger = self.ledger.clone();
        ledger.begin_epoch();
        let clock = Clock {
            fault_us: ready.span.from_us,
            survey_from_us: ready.span.from_us,
            survey_to_us: ready.span.to_us,
        };
        let loss = oracle::judge(&ledger, shown, &ready.survey, &clock);
        if loss.lost_baseline + loss.baseline_back + loss.corrupt + loss.duplicated + loss.wrong_type > 0 {
            let message = format!(
                "{} keys that it showed are gone or older, {} are back, {} hold what nobody wrote",
                loss.lost_baseline, loss.baseline_back, loss.corrupt
            );
            return Ok(Some((message, loss.anomalies, loss.lost_baseline)));
        }
        Ok(None)
    }
}

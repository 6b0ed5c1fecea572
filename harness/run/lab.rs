//! What the threads of the trials share, and how they run one trial.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::{Completion, Failed};

use super::{Recipe, Run, Stop, interrupt};
use crate::engine::Engine;
use crate::fault::scene::READY_LIMIT;
use crate::journal::{Journal, JournalError};
use crate::matrix::{Case, Matrix};
use crate::plan::{Builds, Plan};
use crate::progress::Progress;
use crate::record::{Attempt, RunFacts, TrialRecord, Verdict};
use crate::report::text::line;
use crate::secrets::Secrets;
use crate::server::{Build, Unavailable};
use crate::trial;
use crate::workload::preload;

/// Limit of one trial when matrix.toml does not say.
const TRIAL_LIMIT: Duration = Duration::from_secs(120);

/// What the threads of the trials share.
pub(super) struct Lab {
    matrix: Arc<Matrix>,
    builds: Vec<Result<Arc<Build>, Unavailable>>,
    by_name: Arc<Builds>,
    engine: Arc<dyn Engine>,
    journal: Journal,
    journal_trouble: Mutex<Option<String>>,
    progress: Progress,
    home: PathBuf,
    /// Where the reports of this run go.
    folder: PathBuf,
    began: Instant,
    attempts: u32,
    next: AtomicU64,
    repro: String,
    inconclusive_fails: bool,
    /// What the command line replaces.
    pub(super) recipe: Recipe,
}

impl Lab {
    /// Opens the journal.
    pub(super) fn open(run: &Run, watched: bool) -> Result<Self, Stop> {
        crate::lateness::watch();
        let journal = Journal::create(&run.folder, &run.facts).map_err(|error| {
            Stop::lab(format!("{error}; set OUTLAST_REPORTS to a folder that can be written"))
        })?;
        Ok(Self {
            progress: Progress::new(run.cases.len() as u64, watched),
            matrix: run.matrix.clone(),
            builds: run.builds.clone(),
            by_name: Arc::new(
                run.matrix.servers.iter().map(|server| server.name.clone()).zip(run.builds.clone()).collect(),
            ),
            engine: run.engine.clone(),
            journal,
            journal_trouble: Mutex::new(None),
            home: run.home.folder.clone(),
            folder: run.folder.clone(),
            began: run.began,
            attempts: run.settings.attempts,
            next: AtomicU64::new(0),
            repro: repro_prefix(run.engine.name(), &run.matrix.file),
            inconclusive_fails: !run.settings.gate.inconclusive_warns,
            recipe: run.recipe.clone(),
        })
    }

    /// Ends the journal; what went wrong with it on the way, if anything did.
    pub(super) fn close(&self, facts: &RunFacts) -> Result<Option<String>, JournalError> {
        self.progress.close();
        self.journal.close(facts)?;
        Ok(self.journal_trouble.lock().map_or(None, |mut slot| slot.take()))
    }

    /// One trial, tried again with more pressure while it is inconclusive.
    pub(super) fn run(&self, case: Case) -> Result<Completion, Failed> {
        let Some(record) = self.try_again(case, self.recipe.clone()) else {
            return Ok(Completion::ignored_with("interrupted"));
        };
        match record.verdict {
            Verdict::Kept | Verdict::Known => Ok(Completion::Completed),
            Verdict::Unsupported => Ok(Completion::ignored_with(line(&record.message))),
            Verdict::Inconclusive if !self.inconclusive_fails => {
                Ok(Completion::ignored_with(line(&record.message)))
            }
            verdict => Err(Failed::from(format!(
                "{}: {}\n{}",
                verdict.as_str(),
                line(&record.message),
                record.repro
            ))),
        }
    }

    /// The record of a trial, kept in the journal; `None` when the run was interrupted before it began.
    pub(super) fn try_again(&self, case: Case, recipe: Recipe) -> Option<TrialRecord> {
        let mut attempt = 1;
        let mut earlier = Vec::new();
        let mut record = loop {
            if interrupt::happened() {
                return None;
            }
            let plan = self.plan(case, attempt, &recipe);
            let flags = Secrets::of_plan(&plan).mask(&recipe.flags());
            self.note(self.journal.started(&plan.name, attempt));
            let mut record = match &self.builds[usize::from(case.server)] {
                Ok(_) => trial::run(&Arc::new(plan), &self.engine, self.began),
                Err(missing) => unavailable(&plan, missing, self.engine.name()),
            };
            record.repro = format!("{}'{}'{flags}", self.repro, record.name);
            if record.verdict != Verdict::Inconclusive || attempt >= self.attempts {
                break record;
            }
            attempt += 1;
            earlier.push(Attempt {
                verdict: record.verdict,
                message: record.message,
                offset_ms: record.offset_ms,
                duration_ms: record.duration_ms,
            });
        };
        record.earlier = earlier;
        self.note(self.journal.finished(&record));
        self.progress.finished(&record);
        Some(record)
    }

    /// The record of a trial that is part of a search and not of the report.
    pub(super) fn rehearse(&self, case: Case, recipe: Recipe) -> Option<TrialRecord> {
        self.builds[usize::from(case.server)].is_ok().then(|| {
            let plan = self.plan(case, 1, &recipe);
            trial::run(&Arc::new(plan), &self.engine, self.began)
        })
    }

    /// What a case does by the matrix and the command line.
    pub(super) fn recipe_of(&self, case: Case) -> Recipe {
        let plan = self.plan(case, 1, &self.recipe);
        Recipe {
            writes: plan.workload.duration.is_none().then_some(plan.workload.writes),
            connections: Some(plan.workload.connections),
            pipeline: Some(plan.workload.pipeline),
            steps: Some(plan.fault.steps),
        }
    }

    fn plan(&self, case: Case, attempt: u32, recipe: &Recipe) -> Plan {
        let matrix = &self.matrix;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let suite = &matrix.suites[usize::from(case.suite)];
        let mut workload = matrix.workloads[usize::from(case.workload)].clone();
        let mut fault = matrix.faults[usize::from(case.fault)].clone();
        if let Some(writes) = recipe.writes {
            (workload.writes, workload.duration) = (writes, None);
        }
        workload.connections = recipe.connections.unwrap_or(workload.connections);
        workload.pipeline = recipe.pipeline.unwrap_or(workload.pipeline);
        fault.steps = recipe.steps.clone().unwrap_or(fault.steps);
        // More pressure: twice the writes at each further attempt.
        let patience = preload::patience(&workload);
        let more = 1 << (attempt - 1).min(8);
        workload.writes = workload.writes.saturating_mul(more);
        workload.duration = workload.duration.map(|duration| duration * more);
        Plan {
            name: matrix.name(case),
            suite: suite.name.clone(),
            server: matrix.servers[usize::from(case.server)].clone(),
            build: self.builds[usize::from(case.server)].clone().unwrap_or_default(),
            builds: self.by_name.clone(),
            persistence: matrix.persistences[usize::from(case.persistence)].clone(),
            storage: matrix.storages[usize::from(case.storage)].clone(),
            workload,
            fault,
            seed: u64::from(case.seed),
            second_life: suite.second_life,
            attempt,
            limit: matrix.run.trial_timeout.unwrap_or(TRIAL_LIMIT + 3 * patience),
            ready: matrix.run.ready_timeout.unwrap_or(READY_LIMIT + patience),
            folder: self.home.join(format!("{number:x}")),
            traces: Some(self.folder.join("traces")),
            id: format!("{number:x}"),
            matrix: matrix.clone(),
            base: matrix.base(case),
        }
    }

    /// A journal that cannot be written (disk full) must not lose the run: it is told once, at the end.
    fn note(&self, written: Result<(), JournalError>) {
        if let (Err(error), Ok(mut slot)) = (written, self.journal_trouble.lock()) {
            slot.get_or_insert_with(|| error.to_string());
        }
    }
}

/// The record of a trial whose server could not be had.
fn unavailable(plan: &Plan, missing: &Unavailable, engine: &str) -> TrialRecord {
    TrialRecord {
        name: plan.name.clone(),
        suite: plan.suite.clone(),
        server: plan.server.name.clone(),
        persistence: plan.persistence.name.clone(),
        storage: plan.storage.name.clone(),
        workload: plan.workload.name.clone(),
        fault: plan.fault.name.clone(),
        seed: plan.seed,
        engine: engine.into(),
        verdict: Verdict::Unsupported,
        message: format!("{missing}; {}", missing.remedy),
        attempt: plan.attempt,
        started_at: jiff::Timestamp::now().to_string(),
        ..TrialRecord::default()
    }
}

/// The command line that runs one trial again, up to its name.
fn repro_prefix(engine: &str, matrix: &Path) -> String {
    let matrix = if matrix == Path::new("matrix.toml") {
        String::new()
    } else {
        format!("OUTLAST_MATRIX={} ", matrix.display())
    };
    format!("OUTLAST_ENGINE={engine} {matrix}cargo test --test persistence -- --repro ")
}

//! One state of a kept trace once more: the server of the trial is started on it, read back and judged.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use super::boot::{Bench, Observed};
use super::states::{Moments, State};
use super::trace::{Address, Recorded};
use super::weigh::{Case, Scales};
use crate::disk::Tree;
use crate::disk::scratch::Scratch;
use crate::engine::process::Process;
use crate::fault::scene::READY_LIMIT;
use crate::janitor::Home;
use crate::matrix::Matrix;
use crate::plan::Plan;
use crate::{matrix, server, workload};

/// Longest time for all of it.
const LIMIT: Duration = Duration::from_secs(120);

/// Boots a state as the trial did, and says whether the promise is kept, and why.
pub fn boot(
    recorded: &Recorded,
    address: Address,
    tree: &Tree,
    matrix: &Path,
) -> Result<(bool, String), String> {
    let matrix = matrix::load(matrix, None, &crate::vocabulary()).map_err(|mistakes| mistakes.to_string())?;
    let home = Home::open(&crate::run::scratch(), crate::reap)
        .map_err(|error| format!("failed to make a folder for servers: {error}; set TMPDIR"))?;
    let outcome = plan(recorded, Arc::new(matrix), &home.folder)
        .and_then(|plan| boot_here(recorded, address, tree, Arc::new(plan)));
    home.close();
    outcome
}

fn boot_here(
    recorded: &Recorded,
    address: Address,
    tree: &Tree,
    plan: Arc<Plan>,
) -> Result<(bool, String), String> {
    let kept = &recorded.kept;
    let nonsense = || "the trace's ledger makes no sense: was it written by another version?".to_owned();
    let workload = workload::make(&plan.workload, plan.seed).ok_or("the workload's kind is unknown")?;
    let ledger = kept.ledger(workload, &recorded.ledger).ok_or_else(nonsense)?;
    let baseline = kept.baseline.read().ok_or_else(nonsense)?;
    let scratch = Scratch::make(plan.folder.join("x"))
        .map_err(|error| format!("failed to make a folder for the state: {error}"))?;
    // The clock goes on where the recording ended.
    let passed = Duration::from_micros(recorded.trace.end_us);
    let began =
        Instant::now().checked_sub(passed).ok_or("this machine has not been up for as long as the trace")?;
    let bench = Bench {
        scratch,
        engine: Arc::new(Process),
        ledger: ledger.clone(),
        began,
        second_life: plan.second_life && address.inner.is_none(),
        plan: plan.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("failed to build a runtime: {error}"))?;
    let observed = LocalSet::new().block_on(&runtime, bench.boot(tree, 0));
    if let Observed::Failed(why) = &observed {
        return Err(why.clone());
    }
    if let Some(inner) = address.inner {
        let recovery = recorded.recovery(address.outer).ok_or_else(|| address.unknown())?;
        let shown = recovery.shown.read().ok_or_else(nonsense)?;
        let less = bench.less(&shown, &observed).map_err(|trouble| trouble.to_string())?;
        let sentence = match &less {
            Some((message, _, _)) => format!("cut off during its recovery: {message}"),
            None => format!("{inner}: holds all that the recovery showed"),
        };
        return Ok((less.is_none(), sentence));
    }
    let token = address.outer;
    let mut scales = Scales::new(Case {
        trace: &recorded.trace,
        history: &ledger,
        baseline: &baseline,
        config: &kept.config,
        saves: &kept.saves,
        ended: kept.end(),
        contracts: &plan.matrix.contracts,
        facts: plan.facts("process"),
    });
    let moments = vec![Moments { model: token.model, cuts: vec![(token.cut, token.variant)] }];
    let state = State { digest: tree.digest(), moments };
    let mut weighed = scales.weigh(0, &state, &observed);
    let weighed = weighed.first_mut().ok_or("the state has no moment")?;
    scales.explain(weighed, &observed);
    Ok((weighed.kept, weighed.message.clone()))
}

/// The trial's plan, from the matrix and its name.
fn plan(recorded: &Recorded, matrix: Arc<Matrix>, folder: &Path) -> Result<Plan, String> {
    let about = &recorded.about;
    let case = matrix.cases(None).find(|case| matrix.name(*case) == about.name);
    let case = case.ok_or_else(|| {
        format!(
            "{} has no trial {}: name the matrix of the run with --matrix",
            matrix.file.display(),
            about.name
        )
    })?;
    let server = matrix.servers[usize::from(case.server)].clone();
    let build = server::acquire(&server, &server::cache_folder())
        .map_err(|missing| format!("{missing}; {}", missing.remedy))?;
    let mut workload = matrix.workloads[usize::from(case.workload)].clone();
    workload.connections = about.connections;
    let suite = &matrix.suites[usize::from(case.suite)];
    Ok(Plan {
        name: about.name.clone(),
        suite: suite.name.clone(),
        server,
        build: Arc::new(build),
        builds: Arc::default(),
        persistence: matrix.persistences[usize::from(case.persistence)].clone(),
        storage: matrix.storages[usize::from(case.storage)].clone(),
        workload,
        fault: matrix.faults[usize::from(case.fault)].clone(),
        seed: u64::from(case.seed),
        second_life: suite.second_life,
        attempt: 1,
        limit: LIMIT,
        ready: matrix.run.ready_timeout.unwrap_or(READY_LIMIT),
        folder: folder.join("0"),
        traces: None,
        id: "0".into(),
        base: matrix.base(case),
        matrix: matrix.clone(),
    })
}

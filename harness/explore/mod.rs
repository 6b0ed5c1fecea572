//! Every crash state of one trace: the server is recorded once, and then started on each state that a power cut at any
//! moment may have left.
//!
//! [`states`] enumerates them from the log of the disk, each content once; [`boot`] starts a real server on one, reads it
//! back and lives with it; [`weigh`] holds what it holds against the promise, for each moment and model that leaves it.
//! [`trace`] keeps what is needed to rebuild a state byte for byte.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::contract::Death;
use crate::crew;
use crate::disk::scratch::Scratch;
use crate::disk::{Model, Tree};
use crate::epoch;
use crate::fault::{Scene, Trouble};
use crate::oracle::{History, Survey};
use crate::record::{Exploration, RecoveryFacts, Stopped, TrialRecord};
use crate::secrets;

mod again;
pub mod boot;
mod choose;
pub mod history;
pub mod kept;
pub mod past;
mod recovered;
mod recovery;
mod show;
pub mod spans;
pub mod states;
mod sums;
mod torn;
pub mod trace;
pub mod weigh;
mod words;

pub use show::show;

use boot::{Bench, Observed};
use choose::choose;
use kept::{Cells, Kept};
use recovery::Deeper;
use states::{States, Trace};
use sums::Sums;
use weigh::{Case, Ended, Scales};

/// States booted for one trace, when the step does not say.
pub const DEFAULT_STATES: usize = 1_000;
/// Broken states that a record describes, for each model.
const DESCRIBED: usize = 5;
/// Share of a trial's time that booting may take.
const TIME_SHARE: f64 = 0.8;

/// The folder of a trial in which its states live.
const STATES: &str = "x";
/// ... and the one in which the images of a device are recovered.
const IMAGES: &str = "i";

/// What an `explore` step asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Under which models; none where it is the storage's own file system.
    pub models: Vec<Model>,
    /// At most so many states are booted.
    pub states: usize,
    /// Begin with the first operation on the empty disk, not when the server was up and everything durable.
    pub fresh: bool,
    /// Crash the recoveries too: on so many states.
    pub recoveries: usize,
}

/// Explores what the scene has recorded. The server is dead and the power is off.
pub fn run(
    scene: &Scene,
    request: &Request,
    baseline: &Survey,
    trace: Trace,
    record: &mut TrialRecord,
) -> Result<(), Trouble> {
    let _turn = scene.take_turn();
    let began = Instant::now();
    let Candidates { all, models, trees } = states_of(scene, request, &trace)?;
    let chosen = choose(&all, &models, request.states);
    let trees = trees.unwrap_or_else(|| trace.trees(&all, &chosen));
    let observed = boot_all(scene, &trees, &chosen)?;
    let plan = &scene.plan;
    let mut scales = Scales::new(Case {
        trace: &trace,
        history: &scene.ledger,
        baseline,
        config: &scene.draft.config,
        saves: &scene.draft.saves,
        ended: ended(scene),
        contracts: &plan.matrix.contracts,
        facts: plan.facts(scene.engine.name()),
    });
    let mut weighed = Vec::new();
    for (at, observed) in &observed {
        if let Observed::Failed(why) = observed {
            return Err(Trouble::Lab(format!("state {}: {why}", all.states[*at].token())));
        }
        weighed.extend(scales.weigh(*at, &all.states[*at], observed));
    }
    let stopped = stopped(all.states.len(), chosen.len(), observed.len());
    let seconds = began.elapsed().as_secs_f64();
    let mut exploration = Exploration {
        operations: (trace.log.len() - trace.from.min(trace.log.len())) as u64,
        cuts: all.cuts,
        states: all.states.len() as u64,
        booted: observed.len() as u64,
        stopped,
        states_per_second: (observed.len() as f64 / seconds).round(),
        recorded_ms: trace.recorded_us() as f64 / 1000.0,
        ..Exploration::default()
    };
    let sums = Sums { all: &all, trace: &trace, stopped };
    let seen: BTreeMap<usize, &Observed> = observed.iter().map(|(at, observed)| (*at, observed)).collect();
    for &model in &models {
        let mut of_model: Vec<_> =
            weighed.iter_mut().filter(|weighed| weighed.token.model == model).collect();
        let facts = sums.of_model(model, &of_model);
        // Those that speak most come first; what they say is worth the oracle's time.
        of_model.sort_by_key(|weighed| Reverse(weighed.importance()));
        for weighed in of_model.iter_mut().take(DESCRIBED) {
            if let Some(observed) = seen.get(&weighed.state) {
                scales.explain(weighed, observed);
            }
        }
        let broken = of_model.iter().filter(|weighed| !weighed.kept);
        exploration.found.extend(broken.take(DESCRIBED).map(|weighed| sums.describe(weighed)));
        record.epochs.push(sums.as_epoch(&facts, &of_model, epoch::pressure(&scene.draft, scene)));
        exploration.models.push(facts);
    }
    let mut broken: Vec<_> =
        weighed.iter().filter(|weighed| !weighed.kept).map(|weighed| sums.describe(weighed)).collect();
    let mut recoveries = Vec::new();
    if request.recoveries > 0 {
        let (facts, outcomes) = deeper(scene, &all, &trees, &observed, request.recoveries)?;
        record.epochs.push(sums::of_recoveries(&facts));
        exploration.recovery = Some(facts);
        for outcome in outcomes {
            broken.extend(outcome.broken);
            recoveries.extend(outcome.recorded);
        }
    }
    exploration.trace = trace::keep(plan, &trace, &recoveries, &kept(scene, baseline, &trace), &scene.ledger)
        .map_err(|error| Trouble::Lab(format!("failed to keep the trace: {error}")))?;
    exploration.broken = trace::keep_broken(plan, &broken)
        .map_err(|error| Trouble::Lab(format!("failed to keep the list of broken states: {error}")))?;
    record.exploration = Some(exploration);
    Ok(())
}

/// States of a trace, of which some are booted.
struct Candidates {
    all: States,
    models: Vec<Model>,
    /// Trees by the numbers of their states, where the trace alone does not rebuild them.
    trees: Option<BTreeMap<usize, Tree>>,
}

/// The states of the models that are asked for, or those that the file system on the disk recovers.
fn states_of(scene: &Scene, request: &Request, trace: &Trace) -> Result<Candidates, Trouble> {
    if !request.models.is_empty() {
        let all = trace.states(&request.models);
        return Ok(Candidates { all, models: request.models.clone(), trees: None });
    }
    let filesystem = scene.filesystem()?;
    let scratch = Scratch::make(scene.plan.folder.join(IMAGES))
        .map_err(|error| Trouble::Lab(format!("failed to make a folder for images: {error}")))?;
    let (all, trees) = recovered::states(trace, filesystem, request.states, &scratch)?;
    Ok(Candidates { all, models: vec![Model::default_of(Some(filesystem))], trees: Some(trees) })
}

/// How the server ended before the power went, where it did.
fn ended(scene: &Scene) -> Option<Ended> {
    let death = scene.draft.deaths.first().filter(|death| death.death != Death::PowerCut)?;
    let exit = death.exit?;
    Some(Ended { death: death.death, clean: exit.code == Some(0) && !exit.forced, at_us: death.exit_us? })
}

fn stopped(of: usize, chosen: usize, done: usize) -> Stopped {
    match (done < chosen, chosen < of) {
        (true, _) => Stopped::Time,
        (false, true) => Stopped::Bound,
        (false, false) => Stopped::Done,
    }
}

/// Boots states side by side, until all are done or the time is over.
fn boot_all(
    scene: &Scene,
    trees: &BTreeMap<usize, Tree>,
    chosen: &[usize],
) -> Result<Vec<(usize, Observed)>, Trouble> {
    let bench = bench(scene)?;
    let observed = for_each(scene, chosen, &|at, number| Box::pin(bench.boot(&trees[&at], number)))?;
    if observed.is_empty() {
        return Err(Trouble::NoPressure(format!(
            "none of {} states was booted: the trial's time was over before; raise `trial-timeout`",
            chosen.len()
        )));
    }
    Ok(observed)
}

/// Does some work for states, given the number of each among all and one of its own, within the trial's time; in the order
/// of the states.
fn for_each<'a, T: Send>(
    scene: &Scene,
    chosen: &[usize],
    work: &(dyn Fn(usize, usize) -> Pin<Box<dyn Future<Output = T> + 'a>> + Sync + 'a),
) -> Result<Vec<(usize, T)>, Trouble> {
    let next = AtomicUsize::new(0);
    let hand_out = || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        chosen.get(number).map(|&at| (at, number))
    };
    let work = |(at, number): (usize, usize)| {
        let done = work(at, number);
        Box::pin(async move { (at, done.await) }) as Pin<Box<dyn Future<Output = _> + '_>>
    };
    let mut done = crew::side_by_side(scene.time_left(TIME_SHARE), &hand_out, &work)?;
    done.sort_by_key(|(at, _)| *at);
    Ok(done)
}

/// Crashes the recoveries of some states, evenly spread.
fn deeper(
    scene: &Scene,
    all: &States,
    trees: &BTreeMap<usize, Tree>,
    observed: &[(usize, Observed)],
    bound: usize,
) -> Result<(RecoveryFacts, Vec<Deeper>), Trouble> {
    let started: Vec<_> =
        observed.iter().filter(|(_, seen)| matches!(seen, Observed::Ready(_))).map(|(at, _)| *at).collect();
    let (step, started_on) = (started.len().div_ceil(bound).max(1), started.len());
    let chosen: Vec<_> = started.into_iter().step_by(step).collect();
    let bench = Bench { second_life: false, ..bench(scene)? };
    let mut facts = RecoveryFacts { asked: bound as u64, ..RecoveryFacts::default() };
    let outcomes = for_each(scene, &chosen, &|at, number| {
        Box::pin(bench.deeper(all.states[at].token(), &trees[&at], number))
    })?;
    facts.stopped = stopped(started_on, chosen.len(), outcomes.len());
    let mut done: Vec<Deeper> = Vec::new();
    for (_, outcome) in outcomes {
        let outcome: Deeper = outcome?;
        facts.recoveries += 1;
        facts.states += outcome.states;
        facts.booted += outcome.booted;
        facts.broken += outcome.broken.len() as u64;
        facts.found.extend(outcome.broken.iter().take(DESCRIBED.saturating_sub(facts.found.len())).cloned());
        done.push(outcome);
    }
    Ok((facts, done))
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// What a judgement of this life needs beside its operations and its ledger.
fn kept(scene: &Scene, baseline: &Survey, trace: &Trace) -> Kept {
    let lanes = &scene.ledger.lanes;
    let mut kept = Kept {
        config: scene
            .draft
            .config
            .iter()
            .filter(|(name, _)| !secrets::may_hold_one(name))
            .map(owned)
            .collect(),
        saves: scene.draft.saves.clone(),
        baseline: Cells::of(baseline),
        first: (0..scene.ledger.lanes()).map(|lane| scene.ledger.span(lane).start).collect(),
        spoiled: lanes.iter().map(|lane| lane.spoiled_units().collect()).collect(),
        syncs: trace.syncs.clone(),
        ..Kept::default()
    };
    kept.note_end(ended(scene));
    kept
}

fn bench(scene: &Scene) -> Result<Bench, Trouble> {
    let scratch = Scratch::make(scene.plan.folder.join(STATES))
        .map_err(|error| Trouble::Lab(format!("failed to make a folder for states: {error}")))?;
    Ok(Bench {
        scratch,
        plan: scene.plan.clone(),
        engine: scene.engine.clone(),
        ledger: scene.ledger.clone(),
        began: scene.began(),
        second_life: scene.plan.second_life,
    })
}

/// The request's models as words.
pub fn model_words() -> Vec<&'static str> {
    Model::PURE.iter().map(|model| model.as_str()).collect()
}

/// Where nothing was recorded there is nothing to explore.
pub fn recorded(scene: &Scene, end_us: u64) -> Result<Trace, Trouble> {
    let (base, log) = scene.disk()?.log();
    // All was made durable when this life began, or before it was started; see `Scene::sync_disk`.
    let synced = log.iter().rposition(|rec| rec.op == crate::disk::op::Op::SyncAll);
    let from = synced.map_or(0, |at| at + 1);
    if log.len() <= from {
        return Err(Trouble::NoPressure(
            "nothing was written to the disk, so there is nothing to explore".into(),
        ));
    }
    let syncs = scene.disk()?.syncs();
    Ok(Trace { base, log, from, end_us, syncs })
}

//! Every crash state of one trace: the server is recorded once, and then started on each state that a power cut at any
//! moment may have left.
//!
//! [`states`] enumerates them from the log of the disk, each content once; [`boot`] starts a real server on one, reads it
//! back and lives with it; [`weigh`] holds what it holds against the promise, for each moment and model that leaves it.
//! [`trace`] keeps what is needed to rebuild a state byte for byte.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::disk::Model;
use crate::disk::scratch::Scratch;
use crate::epoch;
use crate::fault::{Scene, Trouble};
use crate::oracle::Survey;
use crate::record::{Epoch, Exploration, ModelFacts, RecoveryFacts, StateFact, TrialRecord, Verdict};

pub mod boot;
mod crew;
pub mod history;
mod recovery;
mod show;
pub mod states;
pub mod trace;
pub mod weigh;
mod words;

pub use show::show;

use boot::{Bench, Observed};
use crew::side_by_side;
use states::{States, Trace};
use weigh::{Scales, Weighed};

/// States booted for one trace, when the step does not say.
pub const DEFAULT_STATES: usize = 1_000;
/// Broken states that a record describes, for each model.
const DESCRIBED: usize = 5;
/// Share of a trial's time that booting may take.
const TIME_SHARE: f64 = 0.8;

/// The folder of a trial in which its states live.
const STATES: &str = "x";

/// What an `explore` step asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Under which models.
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
    let began = Instant::now();
    let all = trace.states(&request.models);
    let chosen = choose(&all, request.states);
    let observed = boot_all(scene, &all, &chosen)?;
    let plan = &scene.plan;
    let scales = Scales {
        trace: &trace,
        ledger: &scene.ledger,
        baseline,
        config: &scene.draft.config,
        saves: &scene.draft.saves,
        contracts: &plan.matrix.contracts,
        facts: plan.facts(scene.engine.name()),
    };
    let mut weighed = Vec::new();
    for (at, observed) in &observed {
        if let Observed::Failed(why) = observed {
            return Err(Trouble::Lab(format!("state {}: {why}", all.states[*at].token())));
        }
        weighed.extend(scales.weigh(&all.states[*at], observed));
    }
    let seconds = began.elapsed().as_secs_f64();
    let from_us = trace.span_us(trace.from).0;
    let recorded_us = trace.end_us.saturating_sub(from_us).max(1);
    let mut exploration = Exploration {
        operations: (trace.log.len() - trace.from.min(trace.log.len())) as u64,
        cuts: all.cuts,
        states: all.states.len() as u64,
        booted: observed.len() as u64,
        states_per_second: (observed.len() as f64 / seconds).round(),
        recorded_ms: recorded_us as f64 / 1000.0,
        ..Exploration::default()
    };
    for &model in &request.models {
        let of_model: Vec<_> = weighed.iter().filter(|weighed| weighed.token.model == model).collect();
        let facts = summarise(model, &of_model, &trace, recorded_us);
        exploration.found.extend(described(&trace, &of_model));
        record.epochs.push(as_epoch(&facts, &of_model, scene));
        exploration.models.push(facts);
    }
    if request.recoveries > 0 {
        deeper(scene, &all, &observed, request.recoveries, &mut exploration, record)?;
    }
    exploration.trace = trace::keep(plan, &trace, &scene.ledger)
        .map_err(|error| Trouble::Lab(format!("failed to keep the trace: {error}")))?;
    record.exploration = Some(exploration);
    Ok(())
}

/// Which states are booted where there are more than the bound: evenly spread, and always the first and the last.
fn choose(all: &States, bound: usize) -> Vec<usize> {
    let count = all.states.len();
    if count <= bound {
        return (0..count).collect();
    }
    (0..bound).map(|at| at * (count - 1) / (bound - 1).max(1)).collect()
}

/// Boots states side by side, until all are done or the time is over.
fn boot_all(scene: &Scene, all: &States, chosen: &[usize]) -> Result<Vec<(usize, Observed)>, Trouble> {
    let bench = bench(scene)?;
    let work = |at: usize, number: usize| {
        Box::pin(bench.boot(&all.states[at].tree, number)) as Pin<Box<dyn Future<Output = _> + '_>>
    };
    let observed = side_by_side(chosen, time_left(scene), &work);
    if observed.is_empty() {
        return Err(Trouble::Lab("no state was booted: the trial's time was over before".into()));
    }
    Ok(observed)
}

/// Crashes the recoveries of some states, evenly spread.
fn deeper(
    scene: &Scene,
    all: &States,
    observed: &[(usize, Observed)],
    bound: usize,
    exploration: &mut Exploration,
    record: &mut TrialRecord,
) -> Result<(), Trouble> {
    let started: Vec<_> =
        observed.iter().filter(|(_, seen)| matches!(seen, Observed::Ready(_))).map(|(at, _)| *at).collect();
    let step = started.len().div_ceil(bound).max(1);
    let chosen: Vec<_> = started.into_iter().step_by(step).collect();
    let bench = Bench { second_life: false, ..bench(scene)? };
    let work = |at: usize, number: usize| {
        let (bench, state) = (&bench, &all.states[at]);
        Box::pin(bench.deeper(state.token(), &state.tree, number)) as Pin<Box<dyn Future<Output = _>>>
    };
    let mut facts = RecoveryFacts::default();
    for (_, outcome) in side_by_side(&chosen, time_left(scene), &work) {
        let outcome: recovery::Deeper = outcome?;
        facts.recoveries += 1;
        facts.states += outcome.states;
        facts.booted += outcome.booted;
        facts.broken += outcome.broken.len() as u64;
        facts.found.extend(outcome.broken.into_iter().take(DESCRIBED.saturating_sub(facts.found.len())));
    }
    let verdict = if facts.broken > 0 { Verdict::Broken } else { Verdict::Kept };
    let worst = facts.found.first().map(|fact| format!(": {}: {}", fact.token, fact.message));
    record.epochs.push(Epoch {
        death: "power cut, during the recovery".into(),
        verdict,
        anomalies: facts.found.iter().flat_map(|fact| fact.anomalies.clone()).collect(),
        lost: facts.found.iter().map(|fact| fact.lost).max().unwrap_or(0),
        message: format!(
            "{} of {} states that cuts in {} recoveries leave hold less than the recovery showed{}",
            facts.broken,
            facts.booted,
            facts.recoveries,
            worst.unwrap_or_default()
        ),
        ..Epoch::default()
    });
    exploration.recovery = Some(facts);
    Ok(())
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

/// How long may still be booted.
fn time_left(scene: &Scene) -> Duration {
    scene.plan.limit.mul_f64(TIME_SHARE).saturating_sub(scene.began().elapsed())
}

fn summarise(model: Model, weighed: &[&Weighed], trace: &Trace, recorded_us: u64) -> ModelFacts {
    let broken: Vec<_> = weighed.iter().filter(|weighed| !weighed.kept).collect();
    // A moment with several variants is broken once.
    let cuts: BTreeSet<_> = broken.iter().flat_map(|weighed| &weighed.broken).collect();
    let broken_us: u64 = cuts.into_iter().map(|cut| trace.length_us(*cut)).sum();
    ModelFacts {
        model: model.as_str().into(),
        accuses: model.weight() == crate::disk::model::Weight::Accuses,
        states: weighed.len() as u64,
        broken: broken.len() as u64,
        refused: weighed
            .iter()
            .filter(|weighed| weighed.anomalies.contains(&crate::record::Anomaly::RefusedToStart))
            .count() as u64,
        worst_lost: weighed.iter().map(|weighed| gone(weighed)).max().unwrap_or(0),
        worst_window_ms: weighed.iter().filter_map(|weighed| window_ms(weighed)).reduce(f64::max),
        broken_time_share: broken_us as f64 / recorded_us as f64,
    }
}

fn gone(weighed: &Weighed) -> u64 {
    weighed.loss.lost + weighed.loss.lost_baseline
}

fn window_ms(weighed: &Weighed) -> Option<f64> {
    weighed.loss.earliest_lost_us.map(|at| weighed.at_us.saturating_sub(at) as f64 / 1000.0)
}

/// The broken states that speak most: one for each sentence first, then by loss.
fn described(trace: &Trace, weighed: &[&Weighed]) -> Vec<StateFact> {
    let mut broken: Vec<_> = weighed.iter().filter(|weighed| !weighed.kept).collect();
    broken.sort_by_key(|weighed| std::cmp::Reverse((weighed.broken_us, gone(weighed))));
    broken
        .into_iter()
        .take(DESCRIBED)
        .map(|weighed| StateFact {
            token: weighed.token.to_string(),
            at_ms: weighed.at_us as f64 / 1000.0,
            after: trace.describe(weighed.token.cut),
            message: weighed.message.clone(),
            anomalies: weighed.anomalies.clone(),
            lost: gone(weighed),
            window_ms: window_ms(weighed),
            cuts: weighed.broken.len() as u64,
            broken_ms: weighed.broken_us as f64 / 1000.0,
        })
        .collect()
}

/// A model's states as one epoch: the worst of them speaks.
fn as_epoch(facts: &ModelFacts, weighed: &[&Weighed], scene: &Scene) -> Epoch {
    let worst = weighed.iter().max_by_key(|weighed| (!weighed.kept, weighed.broken_us, gone(weighed)));
    let Some(worst) = worst else { return Epoch::default() };
    let broken = facts.broken > 0;
    let verdict = if broken && facts.accuses { Verdict::Broken } else { Verdict::Kept };
    let share = facts.broken_time_share * 100.0;
    let message = match (broken, facts.accuses) {
        (false, _) => format!("{} states of {} kept; {}", facts.states, facts.model, worst.message),
        (true, true) => format!(
            "{} of {} states of {} break the promise ({share:.2}% of the time): {}: {}",
            facts.broken, facts.states, facts.model, worst.token, worst.message
        ),
        (true, false) => format!(
            "warning, no verdict: {} of {} states of {} ({share:.2}% of the time): {}: {}",
            facts.broken, facts.states, facts.model, worst.token, worst.message
        ),
    };
    let loss = &worst.loss;
    let mut anomalies: Vec<_> = if facts.accuses || !broken {
        weighed
            .iter()
            .filter(|weighed| !weighed.kept || gone(weighed) > 0)
            .flat_map(|w| w.anomalies.clone())
            .collect()
    } else {
        Vec::new()
    };
    anomalies.sort_unstable();
    anomalies.dedup();
    Epoch {
        death: format!("power cut, {}", facts.model),
        acknowledged: loss.acknowledged,
        lost: loss.lost,
        lost_baseline: loss.lost_baseline,
        in_doubt: loss.in_doubt,
        in_doubt_present: loss.in_doubt_present,
        refused: loss.refused,
        shape: loss.shape,
        window_ms: window_ms(worst),
        anomalies,
        promise: Some(worst.promise.clone()),
        verdict,
        message,
        pressure: epoch::pressure(&scene.draft, scene),
        from_ms: loss.from_us as f64 / 1000.0,
        fault_ms: worst.at_us as f64 / 1000.0,
        ack_density: loss.ack_density.clone(),
        lost_density: loss.lost_density.clone(),
        bucket_ms: loss.bucket_us as f64 / 1000.0,
        ..Epoch::default()
    }
}

/// The request's models as words.
pub fn model_words() -> Vec<&'static str> {
    Model::PURE.iter().map(|model| model.as_str()).collect()
}

/// Where nothing was recorded there is nothing to explore.
pub fn recorded(scene: &Scene, fresh: bool, end_us: u64) -> Result<Trace, Trouble> {
    let (base, log) = scene.disk()?.log();
    let synced = log.iter().position(|rec| rec.op == crate::disk::op::Op::SyncAll);
    let from = if fresh { 0 } else { synced.map_or(0, |at| at + 1) };
    if log.len() <= from {
        return Err(Trouble::NoPressure(
            "nothing was written to the disk, so there is nothing to explore".into(),
        ));
    }
    Ok(Trace { base, log, from, end_us })
}

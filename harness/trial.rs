//! One trial from start to end: the only place that knows the order of things.
//!
//! Start on an empty folder, write, play the fault's steps, judge every recovery, live a second life, clean up. Whatever
//! happens on the way, the outcome is a record.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::LocalSet;
use tokio::time::timeout;

use crate::contract;
use crate::engine::Engine;
use crate::epoch;
use crate::exhaust;
use crate::explore;
use crate::fault::scene::Recovery;
use crate::fault::{self, Scene, Step, Trouble, policy};
use crate::oracle::Survey;
use crate::plan::Plan;
use crate::record::{Anomaly, Epoch, TrialRecord, Verdict};
use crate::secrets::Secrets;
use crate::survey;

/// Longest wait for the removal of what a trial made.
const CLOSE_LIMIT: Duration = Duration::from_secs(30);
/// Lines of the server's log in a record.
const LOG_LINES: usize = 40;
/// Share of the writes that a second life gets, and the least it gets.
const SECOND_LIFE_SHARE: u32 = 20;
const SECOND_LIFE_LEAST: u32 = 20;

/// Runs one trial to its end, whatever happens, and leaves nothing behind but the record.
pub fn run(plan: &Arc<Plan>, engine: &Arc<dyn Engine>, run_began: Instant) -> TrialRecord {
    let began = Instant::now();
    let mut record = TrialRecord {
        name: plan.name.clone(),
        suite: plan.suite.clone(),
        server: plan.server.name.clone(),
        persistence: plan.persistence.name.clone(),
        storage: plan.storage.name.clone(),
        workload: plan.workload.name.clone(),
        fault: plan.fault.name.clone(),
        seed: plan.seed,
        engine: engine.name().into(),
        attempt: plan.attempt,
        started_at: jiff::Timestamp::now().to_string(),
        offset_ms: millis(began.duration_since(run_began)),
        server_version: plan.build.version.clone(),
        origin: plan.build.origin.clone(),
        ..TrialRecord::default()
    };
    let outcome = folder(plan).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Trouble::Lab(format!("failed to build a runtime: {error}")))?;
        LocalSet::new().block_on(&runtime, live(plan, engine, began, &mut record))
    });
    if let Err(error) = std::fs::remove_dir_all(&plan.folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        record.message = format!("failed to remove {}: {error}", plan.folder.display());
    }
    conclude(plan, &mut record, outcome);
    Secrets::of_plan(plan).hide(&mut record);
    record.duration_ms = millis(began.elapsed());
    record
}

fn folder(plan: &Plan) -> Result<(), Trouble> {
    std::fs::create_dir_all(&plan.folder)
        .map_err(|error| Trouble::Lab(format!("failed to create {}: {error}", plan.folder.display())))
}

/// The life of the trial, with its limit, and what must be done after it in any case.
async fn live(
    plan: &Arc<Plan>,
    engine: &Arc<dyn Engine>,
    began: Instant,
    record: &mut TrialRecord,
) -> Result<(), Trouble> {
    let mut scene = Scene::new(plan.clone(), engine.clone(), began).await?;
    let waited_ms = scene.waited_ms.clone();
    let outcome = within(plan.limit, &waited_ms, play(&mut scene, record)).await;
    record.events = std::mem::take(&mut scene.events);
    record.events.extend(scene.sightings.take());
    record.events.sort_by(|one, other| one.at_ms.total_cmp(&other.at_ms));
    record.log_tail = scene.instance.log_tail(LOG_LINES).await;
    match timeout(CLOSE_LIMIT, scene.close()).await {
        Ok(Ok(())) => outcome,
        Ok(Err(trouble)) => outcome.and(Err(trouble)),
        Err(_) => outcome.and(Err(Trouble::Lab(format!("cleaning up was not over after {CLOSE_LIMIT:?}")))),
    }
}

/// Lives a life within its limit; what it waits for its turn does not count.
async fn within(
    limit: Duration,
    waited_ms: &AtomicU64,
    life: impl Future<Output = Result<(), Trouble>>,
) -> Result<(), Trouble> {
    let began = Instant::now();
    let mut life = pin!(life);
    let left = || {
        let waited = Duration::from_millis(waited_ms.load(Ordering::Relaxed));
        (limit + waited).saturating_sub(began.elapsed())
    };
    loop {
        match timeout(left(), &mut life).await {
            Ok(outcome) => return outcome,
            Err(_) if left().is_zero() => {
                return Err(Trouble::Lab(format!("the trial was not over after {limit:?}")));
            }
            Err(_) => {}
        }
    }
}

/// First life, the fault's script, and a second life; each recovery is judged as it comes.
async fn play(scene: &mut Scene, record: &mut TrialRecord) -> Result<(), Trouble> {
    let plan = scene.plan.clone();
    let parse = |step: &str| {
        fault::parse(step).map_err(|mistake| Trouble::Lab(format!("step `{step}`: {}", mistake.message)))
    };
    let once = || plan.fault.steps.iter().map(|step| parse(step));
    let times = plan.fault.repeat.max(1);
    let script = (0..times).flat_map(|_| once()).collect::<Result<Vec<_>, _>>()?;

    scene.first_start().await?;
    read_policy(scene, record);
    let mut baseline = Survey::default();
    let first = script.iter().find(|step| !step.prepares());
    if !first.is_some_and(|step| step.begins_the_life()) {
        scene.press().await?;
    }
    if !act(scene, record, &mut baseline, &script).await? {
        return Ok(());
    }
    if !scene.is_up() && !act(scene, record, &mut baseline, &[parse("start")?]).await? {
        return Ok(());
    }
    if plan.second_life {
        let writes = (plan.workload.writes / SECOND_LIFE_SHARE).max(SECOND_LIFE_LEAST);
        // By command and not by signal: a shell as the first process would keep the signal to itself.
        let again = [parse(&format!("write {writes}"))?, parse("shutdown")?, parse("start")?];
        act(scene, record, &mut baseline, &again).await?;
    }
    Ok(())
}

/// Runs steps and judges every recovery; false when the server did not come back.
pub(crate) async fn act(
    scene: &mut Scene,
    record: &mut TrialRecord,
    baseline: &mut Survey,
    script: &[Box<dyn Step>],
) -> Result<bool, Trouble> {
    for (number, step) in script.iter().enumerate() {
        match step.run(scene).await {
            Err(Trouble::Ended) => {
                scene.note("step", "left out: the server has ended by itself");
                continue;
            }
            outcome => outcome?,
        }
        if let Some(prepared) = scene.exhaustion.take() {
            exhaust::run(scene, &prepared, record)?;
            return Ok(false);
        }
        if let Some((request, trace)) = scene.exploration.take() {
            explore::run(scene, &request, baseline, trace, record)?;
            return Ok(false);
        }
        let Some(recovery) = scene.recovery.take() else { continue };
        let mended = script.get(number + 1).is_some_and(|next| next.mends());
        if mended && matches!(recovery, Recovery::Refused { .. }) {
            // Judged when somebody has laid hands on the files and it was started again.
            scene.draft.refusals += 1;
            continue;
        }
        let up = matches!(recovery, Recovery::Ready { .. });
        let observed = if up { Some(read_back(scene, record).await?) } else { None };
        let epoch = epoch::judge(scene, &recovery, baseline, observed.as_ref(), record).await?;
        record.epochs.push(epoch);
        match observed {
            Some((survey, _)) => *baseline = survey,
            None => return Ok(false),
        }
        scene.begin_epoch();
    }
    Ok(true)
}

async fn read_back(scene: &mut Scene, record: &mut TrialRecord) -> Result<(Survey, epoch::Span), Trouble> {
    read_policy(scene, record);
    let from_us = scene.now_us();
    let mut control = scene.control()?;
    let survey = survey::read(&mut control, &scene.ledger, &scene.plan.workload, scene.began())
        .await
        .map_err(|error| Trouble::Lab(format!("failed to read everything back: {error}")))?;
    scene.note("read-back", "every key read back");
    Ok((survey, epoch::Span { from_us, to_us: scene.now_us() }))
}

/// Compares the policy asked for with the one in force; a difference stays in the record.
fn read_policy(scene: &Scene, record: &mut TrialRecord) {
    let mut lines = policy::compare(&scene.running, &scene.config);
    lines.extend(policy::others(&lines, &scene.config, &scene.plan.build.settings));
    let broken = lines.iter().any(|line| !line.in_force);
    if broken && !record.anomalies.contains(&Anomaly::PolicyNotInForce) {
        record.anomalies.push(Anomaly::PolicyNotInForce);
    }
    let earlier_failed = record.policy.iter().any(|line| !line.in_force);
    if broken || !earlier_failed {
        record.policy = lines;
    }
}

/// Sums the epochs up and says one sentence.
fn conclude(plan: &Plan, record: &mut TrialRecord, outcome: Result<(), Trouble>) {
    let epochs = &record.epochs;
    record.acknowledged = epochs.iter().map(|epoch| epoch.acknowledged).sum();
    record.lost = epochs.iter().map(|epoch| epoch.lost + epoch.lost_baseline).sum();
    record.in_doubt = epochs.iter().map(|epoch| epoch.in_doubt).sum();
    record.window_ms = longest(epochs, |epoch| epoch.window_ms);
    record.recovery_ms = longest(epochs, |epoch| epoch.recovery_ms);
    let mut anomalies: Vec<_> = epochs.iter().flat_map(|epoch| epoch.anomalies.iter().copied()).collect();
    anomalies.append(&mut record.anomalies);
    anomalies.sort_unstable();
    anomalies.dedup();
    record.anomalies = anomalies;
    // Of equals the first life speaks: it is the one that the fault was made for.
    if let Some(worst) = epochs.iter().rev().max_by_key(|epoch| weight(epoch)) {
        record.shape = worst.shape;
        record.verdict = worst.verdict;
        record.promise.clone_from(&worst.promise);
        record.message.clone_from(&worst.message);
        if worst.verdict == Verdict::Kept
            && let Some(lossy) = epochs.iter().rev().max_by_key(|epoch| epoch.lost + epoch.lost_baseline)
        {
            record.shape = lossy.shape;
            record.promise.clone_from(&lossy.promise);
            record.message.clone_from(&lossy.message);
        }
    }
    let stands = record.epochs.iter().any(|epoch| epoch.verdict == Verdict::Broken);
    if record.anomalies.contains(&Anomaly::PolicyNotInForce) && !matches!(record.verdict, Verdict::Broken) {
        record.verdict = Verdict::Broken;
        record.message = format!("{}; {}", policy_message(record), record.message);
    }
    match outcome {
        Ok(()) if record.epochs.is_empty() => {
            record.verdict = Verdict::Inconclusive;
            record.message = "the fault never stopped the server, so nothing was put to the test".into();
        }
        Ok(()) => {}
        Err(Trouble::Unsupported { reason, remedy }) => {
            record.verdict = Verdict::Unsupported;
            record.message = format!("{reason}; {remedy}");
        }
        // What was proven before the lab failed stays proven.
        Err(Trouble::NoPressure(_) | Trouble::Lab(_) | Trouble::Ended) if stands => {}
        Err(Trouble::NoPressure(why)) => {
            record.verdict = Verdict::Inconclusive;
            record.message = why;
        }
        Err(trouble @ (Trouble::Lab(_) | Trouble::Ended)) => {
            record.verdict = Verdict::Errored;
            record.message = trouble.to_string();
        }
    }
    contract::apply_known(&plan.matrix.known, record);
    if record.verdict == Verdict::Kept && record.lost == 0 {
        record.log_tail.clear();
        record.files.clear();
    }
}

fn policy_message(record: &TrialRecord) -> String {
    let lines: Vec<_> = record
        .policy
        .iter()
        .filter(|line| !line.in_force)
        .map(|line| {
            let got = line.effective.as_deref().unwrap_or("unknown to the server");
            format!("{} is {got:?}, not {:?}", line.directive, line.requested.as_deref().unwrap_or_default())
        })
        .collect();
    format!("the policy is not in force: {}", lines.join(", "))
}

/// Orders epochs by how much they matter for the verdict.
fn weight(epoch: &Epoch) -> (u8, u64) {
    let rank = match epoch.verdict {
        Verdict::Broken => 3,
        Verdict::Errored => 2,
        Verdict::Inconclusive => 1,
        Verdict::Known | Verdict::Unsupported | Verdict::Kept => 0,
    };
    (rank, epoch.lost + epoch.lost_baseline)
}

fn longest(epochs: &[Epoch], of: impl Fn(&Epoch) -> Option<f64>) -> Option<f64> {
    epochs.iter().filter_map(of).reduce(f64::max)
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

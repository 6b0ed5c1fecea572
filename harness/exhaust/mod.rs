//! One call of the disk after the other fails: the first, the second, until none is left.
//!
//! Every life begins with the same tree on a disk of its own, arms one failure, starts the server and lives a
//! [`routine`]. Whatever the server does, the disk is then healed, the server ended and started again, and what it holds
//! is judged as in any trial.

use std::time::Instant;

mod life;
pub mod routine;
mod sweep;
mod writer;

use std::collections::BTreeMap;

use crate::disk::ills::{Call, Error, Ills};
use crate::disk::{Model, Tree};
use crate::fault::{Scene, Trouble, parse};
use crate::oracle::Survey;
use crate::record::{CallFacts, Epoch, Exhaustion, FailureFact, TrialRecord, Verdict};
use crate::survey;
use crate::workload::ledger::Ledger;

use life::{Bench, Outcome};
use routine::Routine;

/// Examples in a record, for each call and error, beyond one for each reaction.
const BROKEN_EXAMPLES: usize = 5;
/// Share of a trial's time that the lives may take.
const TIME_SHARE: f64 = 0.8;

/// How each life ends after its disk was healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// SIGKILL.
    Kill,
    /// A power cut.
    #[default]
    PowerCut,
}

impl Ending {
    /// The step.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::PowerCut => "power-cut",
        }
    }
}

/// What an `exhaust` step asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Which calls fail, and how.
    pub failures: Vec<(Call, Error)>,
    /// The first number that fails.
    pub from: u64,
    /// At most so many numbers of each.
    pub at_most: Option<u64>,
    /// Begin with an empty disk, not with what an earlier life has left.
    pub fresh: bool,
    /// How each life ends.
    pub ending: Ending,
}

/// What every life begins with.
pub struct Prepared {
    request: Request,
    tree: Tree,
    ills: Ills,
    ledger: Ledger,
    baseline: Survey,
    config: BTreeMap<String, String>,
}

/// Makes the tree that every life begins with: what a routine without a failure leaves after a clean end, or nothing.
pub async fn prepare(scene: &mut Scene, request: &Request) -> Result<Prepared, Trouble> {
    let mut baseline = Survey::default();
    if !request.fresh {
        let lived = routine::play(scene, Routine::default()).await?;
        if lived.broke || lived.refused > 0 || lived.child_failed {
            return Err(Trouble::Lab(format!("the life without a failure went wrong: {lived:?}")));
        }
        let mut control = scene.control()?;
        baseline = survey::read(&mut control, &scene.ledger, &scene.plan.workload, scene.began())
            .await
            .map_err(|error| Trouble::Lab(format!("failed to read everything back: {error}")))?;
    }
    let config = scene.config.clone();
    let ills = scene.disk()?.ills();
    step("shutdown")?.run(scene).await?;
    let tree = if request.fresh { Tree::default() } else { scene.disk()?.left_by(Model::ProcessKill, 0)? };
    Ok(Prepared { request: request.clone(), tree, ills, ledger: scene.ledger.clone(), baseline, config })
}

/// Lives every life.
pub fn run(scene: &Scene, prepared: &Prepared, record: &mut TrialRecord) -> Result<(), Trouble> {
    let _turn = scene.take_turn();
    let began = Instant::now();
    let bench =
        Bench { plan: scene.plan.clone(), engine: scene.engine.clone(), began: scene.began(), prepared };
    let mut exhaustion =
        Exhaustion { ending: prepared.request.ending.word().into(), ..Exhaustion::default() };
    for &(call, error) in &prepared.request.failures {
        let swept = sweep::sweep(&bench, call, error, scene.time_left(TIME_SHARE))?;
        exhaustion.lives += swept.lives;
        let facts = summarise(call, error, &swept, prepared);
        record.epochs.extend(as_epoch(&facts, &swept.outcomes, prepared));
        exhaustion.calls.push(facts);
    }
    exhaustion.lives_per_second = (exhaustion.lives as f64 / began.elapsed().as_secs_f64()).round();
    let nothing = exhaustion.calls.iter().all(|facts| facts.tried == 0);
    record.exhaustion = Some(exhaustion);
    if nothing {
        return Err(Trouble::NoPressure("no life made any such call".into()));
    }
    Ok(())
}

fn summarise(call: Call, error: Error, swept: &sweep::Swept, prepared: &Prepared) -> CallFacts {
    let outcomes = &swept.outcomes;
    let mut reactions = BTreeMap::new();
    for outcome in outcomes {
        *reactions.entry(outcome.reaction.to_owned()).or_default() += 1;
    }
    CallFacts {
        call: call.word().into(),
        error: error.word().into(),
        existing: outcomes.iter().map(|outcome| outcome.number).max().unwrap_or(0),
        tried: outcomes.len() as u64,
        exhausted: swept.exhausted,
        broken: outcomes.iter().filter(|outcome| outcome.is_broken()).count() as u64,
        worst_lost: outcomes.iter().map(Outcome::lost).max().unwrap_or(0),
        examples: examples(call, error, outcomes, prepared),
        reactions,
    }
}

/// The broken lives that lost most, and the first one of each reaction.
fn examples(call: Call, error: Error, outcomes: &[Outcome], prepared: &Prepared) -> Vec<FailureFact> {
    let mut chosen: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.is_broken()).collect();
    chosen.sort_by_key(|outcome| std::cmp::Reverse(outcome.lost()));
    chosen.truncate(BROKEN_EXAMPLES);
    for outcome in outcomes {
        if !chosen.iter().any(|other| other.reaction == outcome.reaction) {
            chosen.push(outcome);
        }
    }
    let fact = |outcome: &Outcome| FailureFact {
        token: token(call, outcome.number, error),
        about: outcome.about.clone(),
        reaction: outcome.reaction.into(),
        said: outcome.said.clone(),
        broken: outcome.is_broken(),
        message: outcome.worst.message.clone(),
        anomalies: outcome.worst.anomalies.clone(),
        lost: outcome.lost(),
        steps: steps(call, error, outcome, prepared),
    };
    chosen.into_iter().map(fact).collect()
}

fn token(call: Call, number: u64, error: Error) -> String {
    format!("{}@{number} {}", call.word(), error.word())
}

/// A script that does the same once more.
fn steps(call: Call, error: Error, outcome: &Outcome, prepared: &Prepared) -> Vec<String> {
    let armed = format!("fail-io {} {} {}", call.word(), outcome.number, error.word());
    let before = if prepared.request.fresh { "" } else { "routine" };
    let ending = prepared.request.ending.word();
    let routine = if outcome.routine.long { "routine long" } else { "routine" };
    let script: &[&str] = match outcome.reaction {
        life::REFUSED_TO_START => &[before, "shutdown", &armed, "start", "heal-disk", "retry"],
        _ => &[before, "shutdown", &armed, "start", routine, "heal-disk", ending, "start"],
    };
    script.iter().filter(|step| !step.is_empty()).map(ToString::to_string).collect()
}

/// What failing one kind of call showed, as one epoch: the worst life speaks.
fn as_epoch(facts: &CallFacts, outcomes: &[Outcome], prepared: &Prepared) -> Option<Epoch> {
    let worst = outcomes.iter().max_by_key(|outcome| (outcome.is_broken(), outcome.lost()))?;
    let bound = match facts.exhausted {
        true => format!("all {} calls", facts.tried),
        false => format!("only {} calls, and there are more", facts.tried),
    };
    let reactions: Vec<_> =
        facts.reactions.iter().map(|(reaction, lives)| format!("{lives} {reaction}")).collect();
    let lives = format!("{} {}: {bound} failed ({})", facts.call, facts.error, reactions.join(", "));
    let mut anomalies: Vec<_> =
        outcomes.iter().flat_map(|outcome| outcome.worst.anomalies.iter().copied()).collect();
    anomalies.sort_unstable();
    anomalies.dedup();
    let said = format!("{} of {} lives break the promise", facts.broken, facts.tried);
    let message = match facts.broken {
        0 => format!("{lives}; {}", worst.worst.message),
        _ => format!(
            "{lives}; {said}: {}@{} {}: {}",
            facts.call, worst.number, facts.error, worst.worst.message
        ),
    };
    Some(Epoch {
        death: format!("{} fails with {}, then {}", facts.call, facts.error, prepared.request.ending.word()),
        verdict: if facts.broken > 0 { Verdict::Broken } else { worst.worst.verdict },
        anomalies,
        message,
        ..worst.worst.clone()
    })
}

/// A step of a script.
fn step(text: &str) -> Result<Box<dyn crate::fault::Step>, Trouble> {
    parse(text).map_err(|mistake| Trouble::Lab(format!("step `{text}`: {}", mistake.message)))
}

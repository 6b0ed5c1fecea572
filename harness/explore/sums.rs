//! What the states of one trace say together. Pure.

use super::choose::of_model;
use super::spans;
use super::states::{States, Trace};
use super::weigh::{Weighed, gone};
use crate::disk::Model;
use crate::disk::model::Weight;
use crate::epoch;
use crate::record::{Anomaly, Epoch, ModelFacts, Pressure, RecoveryFacts, StateFact, Stopped, Verdict};

/// All states of a trace, and why not all of them were booted.
pub struct Sums<'a> {
    /// The states.
    pub all: &'a States,
    /// Where they come from.
    pub trace: &'a Trace,
    /// Why no more were booted.
    pub stopped: Stopped,
}

impl Weighed {
    /// How much a state has to say: broken ones first, then by how long they are the case, then by what is lost.
    pub fn importance(&self) -> (bool, u64, u64) {
        (!self.kept, spans::length_us(&self.broken), gone(&self.loss))
    }

    fn window_ms(&self) -> Option<f64> {
        self.loss.earliest_lost_us.map(|at| self.at_us.saturating_sub(at) as f64 / 1000.0)
    }
}

impl Sums<'_> {
    /// A model's states in numbers.
    pub fn of_model(&self, model: Model, weighed: &[&mut Weighed]) -> ModelFacts {
        let distinct = of_model(self.all, model).len();
        // A moment with several variants is covered once, and broken once.
        let covered = spans::merged(weighed.iter().flat_map(|weighed| weighed.covered.iter().copied()));
        let broken = spans::merged(weighed.iter().flat_map(|weighed| weighed.broken.iter().copied()));
        let (covered_us, broken_us) = (spans::length_us(&covered), spans::length_us(&broken));
        let refused = |weighed: &&&mut Weighed| weighed.anomalies.contains(&Anomaly::RefusedToStart);
        ModelFacts {
            model: model.as_str().into(),
            accuses: model.weight() == Weight::Accuses,
            exist: self.all.exist.get(&model).copied().unwrap_or(distinct as u64),
            distinct: distinct as u64,
            states: weighed.len() as u64,
            stopped: match (weighed.len() < distinct, self.all.sampled) {
                (true, _) => self.stopped,
                (false, Some(_)) => Stopped::Bound,
                (false, None) => Stopped::Done,
            },
            broken: weighed.iter().filter(|weighed| !weighed.kept).count() as u64,
            refused: weighed.iter().filter(refused).count() as u64,
            worst_lost: weighed.iter().map(|weighed| gone(&weighed.loss)).max().unwrap_or(0),
            worst_window_ms: weighed.iter().filter_map(|weighed| weighed.window_ms()).reduce(f64::max),
            covered_ms: covered_us as f64 / 1000.0,
            covered_time_share: covered_us as f64 / self.trace.recorded_us() as f64,
            broken_ms: broken_us as f64 / 1000.0,
            broken_time_share: broken_us as f64 / covered_us.max(1) as f64,
        }
    }

    /// A broken state for the record.
    pub fn describe(&self, weighed: &Weighed) -> StateFact {
        StateFact {
            token: weighed.token.to_string(),
            at_ms: weighed.at_us as f64 / 1000.0,
            after: self.trace.describe(weighed.token),
            message: weighed.message.clone(),
            anomalies: weighed.anomalies.clone(),
            lost: gone(&weighed.loss),
            window_ms: weighed.window_ms(),
            cuts: weighed.cuts,
            broken_ms: spans::length_us(&weighed.broken) as f64 / 1000.0,
            digest: format!("{:032x}", self.all.states[weighed.state].digest),
        }
    }

    /// A model's states as one epoch; the first of them speaks.
    pub fn as_epoch(&self, facts: &ModelFacts, weighed: &[&mut Weighed], pressure: Pressure) -> Epoch {
        let death = format!("power cut, {}", facts.model);
        let booted = match self.all.sampled {
            Some((recovered, of)) => {
                format!("{} states of {recovered} of {of} images (the step's bound)", facts.states)
            }
            None => facts.stopped.words(facts.states, facts.distinct, "states"),
        };
        let Some(worst) = weighed.first() else {
            let message = format!("nothing is known of {}: no server was started on {booted}", facts.model);
            return Epoch { death, verdict: Verdict::Inconclusive, message, pressure, ..Epoch::default() };
        };
        let broken = facts.broken > 0;
        let verdict = if broken && facts.accuses { Verdict::Broken } else { Verdict::Kept };
        let covered = percent(facts.covered_time_share);
        let share = percent(facts.broken_time_share);
        let message = if broken {
            let warning = if facts.accuses { "" } else { "warning, no verdict: " };
            // What happened comes first: the counts say how likely it is.
            format!(
                "{warning}cut at {:.2} s ({}): {}. {} of {booted} of {} break the promise ({share} of the time, of which {covered} is covered)",
                worst.at_us as f64 / 1e6,
                worst.token,
                worst.message,
                facts.broken,
                facts.model
            )
        } else {
            format!("{}: {booted}, {covered} of the time, keep the promise; {}", facts.model, worst.message)
        };
        let mut anomalies: Vec<_> = if facts.accuses || !broken {
            let lossy = weighed.iter().filter(|weighed| !weighed.kept || gone(&weighed.loss) > 0);
            lossy.flat_map(|weighed| weighed.anomalies.clone()).collect()
        } else {
            Vec::new()
        };
        anomalies.sort_unstable();
        anomalies.dedup();
        Epoch {
            death,
            anomalies,
            promise: Some(worst.promise.clone()),
            verdict,
            message,
            pressure,
            ..epoch::of_loss(worst.loss.clone(), worst.at_us)
        }
    }
}

/// What cuts in recoveries showed, as one epoch.
pub fn of_recoveries(facts: &RecoveryFacts) -> Epoch {
    let verdict = match (facts.broken, facts.booted) {
        (1.., _) => Verdict::Broken,
        (0, 0) => Verdict::Inconclusive,
        (0, _) => Verdict::Kept,
    };
    let done = format!("{} of the {} recoveries that were asked for", facts.recoveries, facts.asked);
    let message = match facts.found.first() {
        _ if facts.booted == 0 => {
            format!(
                "nothing is known of cuts in recoveries: no state of {done} was booted{}",
                because(facts.stopped)
            )
        }
        Some(worst) => format!(
            "{} of {} states that cuts in {done} leave hold less than the recovery showed: {}: {}",
            facts.broken, facts.booted, worst.token, worst.message
        ),
        None => format!(
            "{} states that cuts in {done} leave hold what the recovery showed{}",
            facts.booted,
            because(facts.stopped)
        ),
    };
    Epoch {
        death: "power cut, during the recovery".into(),
        verdict,
        anomalies: facts.found.iter().flat_map(|fact| fact.anomalies.clone()).collect(),
        lost: facts.found.iter().map(|fact| fact.lost).max().unwrap_or(0),
        message,
        ..Epoch::default()
    }
}

fn because(stopped: Stopped) -> &'static str {
    match stopped {
        Stopped::Time => "; the trial's time was over",
        Stopped::Done | Stopped::Bound => "",
    }
}

fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

//! What a state says of the server, at every moment that may have left it. Pure.

use std::collections::BTreeMap;

use super::boot::Observed;
use super::history::Until;
use super::past::{Found, Past, Short};
use super::spans::{self, Span};
use super::states::{Moments, State, Token, Trace};
use crate::contract::{self, Circumstances, Death, PowerCut, TrialFacts};
use crate::disk::Model;
use crate::disk::model::Weight;
use crate::disk::op::{Rec, child_from_us};
use crate::matrix::Override;
use crate::oracle::{self, Clock, History, Loss, Survey};
use crate::record::{Anomaly, Shape};

/// Looks of the oracle at one state under one model, where it has to look itself: more moments are not told apart.
const LOOKS: usize = 4;

/// How the server ended before the power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How it was made to.
    pub death: Death,
    /// By itself and with exit code 0.
    pub clean: bool,
    /// When that was over, in microseconds since the trial began.
    pub at_us: u64,
}

/// What a trace was recorded of: everything that a judgement needs beside the state.
pub struct Case<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// What was written.
    pub history: &'a dyn History,
    /// What was there before.
    pub baseline: &'a Survey,
    /// Effective configuration of the server that was recorded.
    pub config: &'a BTreeMap<String, String>,
    /// Snapshots that ended: when that was seen, and up to when they hold everything.
    pub saves: &'a [(u64, u64)],
    /// How the server ended, where it did so before the recording.
    pub ended: Option<Ended>,
    /// Promises of matrix.toml.
    pub contracts: &'a [Override],
    /// Coordinates of the trial.
    pub facts: TrialFacts<'a>,
}

/// A case, prepared for many states.
pub struct Scales<'a> {
    case: Case<'a>,
    past: Past,
    /// The operations that tell when children were at work.
    names: Vec<Rec>,
    /// Moments at which what is allowed begins to change in another way.
    turns: Vec<u64>,
    everysec: bool,
    /// What the promise depends on, at the moment that is being judged.
    now: Circumstances,
}

/// A state judged under one model, at every moment that leaves it.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighed {
    /// Its number among the states.
    pub state: usize,
    /// The state, as the moment leaves it that tells most.
    pub token: Token,
    /// That moment, in microseconds since the trial began: of those that break the promise the one with the largest loss,
    /// else the last.
    pub at_us: u64,
    /// Whether the promise is kept at every moment.
    pub kept: bool,
    /// The sentence.
    pub message: String,
    /// What was lost.
    pub loss: Loss,
    /// Every class of difference.
    pub anomalies: Vec<Anomaly>,
    /// When the state may be left.
    pub covered: Vec<Span>,
    /// When it breaks the promise.
    pub broken: Vec<Span>,
    /// Cuts that leave it and break the promise.
    pub cuts: u64,
    /// The promise that applied.
    pub promise: crate::record::Promise,
}

/// What is known of a state's losses.
enum Seen<'a> {
    Found(Found<'a>),
    /// Nothing was read.
    Nothing,
}

/// A judgement of one moment.
struct Judged {
    kept: bool,
    message: String,
    loss: Loss,
    anomalies: Vec<Anomaly>,
    promise: crate::record::Promise,
}

impl<'a> Scales<'a> {
    /// Prepares a case.
    pub fn new(case: Case<'a>) -> Self {
        let names: Vec<_> = case.trace.log.iter().filter(|rec| rec.op.changes_names()).cloned().collect();
        let mut turns: Vec<u64> = case.trace.syncs.turns_us().collect();
        turns.extend(names.iter().map(|rec| rec.done_us));
        turns.extend(case.saves.iter().map(|(seen_us, _)| *seen_us));
        turns.extend(case.ended.map(|ended| ended.at_us));
        turns.sort_unstable();
        turns.dedup();
        Self {
            past: Past::new(case.history, case.baseline),
            everysec: case.config.get("appendfsync").is_none_or(|value| value == "everysec"),
            now: Circumstances {
                config: case.config.clone(),
                config_after: case.config.clone(),
                ..Circumstances::default()
            },
            names,
            turns,
            case,
        }
    }

    /// Judges a state under each of its models, at every moment that leaves it.
    pub fn weigh(&mut self, number: usize, state: &State, observed: &Observed) -> Vec<Weighed> {
        let spans = state.moments.iter().flat_map(|moments| self.spans(moments));
        let (from_us, to_us) = spans.fold((u64::MAX, 0), |(from, to), span| {
            (from.min(span.0), to.max(span.1.saturating_sub(1).max(span.0)))
        });
        // The past is lent out while the facts of each moment are set.
        let past = std::mem::replace(&mut self.past, Past::empty());
        let seen = match observed {
            Observed::Ready(ready) => Seen::Found(past.find(&ready.survey, from_us, to_us)),
            Observed::Refused { .. } | Observed::Stuck | Observed::Failed(_) => Seen::Nothing,
        };
        let weighed = state.moments.iter().filter(|moments| !moments.cuts.is_empty());
        let weighed = weighed.map(|moments| self.of_model(number, moments, observed, &seen, &past)).collect();
        drop(seen);
        self.past = past;
        weighed
    }

    /// Lets the oracle say of a state what the numbers alone do not: how the loss lies, and every class of difference.
    pub fn explain(&mut self, weighed: &mut Weighed, observed: &Observed) {
        let loss = self.look(observed, weighed.at_us);
        let judged = self.judge(weighed.token.model, weighed.at_us, observed, loss);
        weighed.message = judged.message;
        weighed.loss = judged.loss;
        weighed.anomalies = judged.anomalies;
    }

    fn of_model(
        &mut self,
        number: usize,
        moments: &Moments,
        observed: &Observed,
        seen: &Seen<'_>,
        past: &Past,
    ) -> Weighed {
        let model = moments.model;
        let covered = spans::merged(self.spans(moments));
        let last_us = covered.last().map_or(0, |span| span.1.saturating_sub(1).max(span.0));
        let mut broken = Vec::new();
        if !self.is_whole(observed, seen) {
            for (part, like_it) in self.parts(moments, &covered, seen) {
                let found = self.broken_in(model, part, observed, seen, past);
                broken.extend(found.map(|_| like_it).into_iter().flatten());
                broken.extend(found);
            }
        }
        let broken = spans::merged(broken.into_iter());
        let ends = broken.iter().map(|span| span.1.saturating_sub(1).max(span.0));
        let losses =
            ends.map(|at_us| (self.loss(observed, seen, past, at_us).map_or(0, |loss| gone(&loss)), at_us));
        let at_us = losses.max().map_or(last_us, |(_, at_us)| at_us);
        let loss = self.loss(observed, seen, past, at_us);
        let judged = self.judge(model, at_us, observed, loss);
        let possible_us = |cut| self.case.trace.possible_us(model, cut);
        let at = moments.cuts.partition_point(|cut| possible_us(*cut).0 <= at_us).max(1) - 1;
        let (cut, variant) = moments.cuts[at];
        let concerned = |cut| {
            let (from, to) = possible_us(cut);
            broken.iter().any(|span| span.0 < to.max(from + 1) && span.1.max(span.0 + 1) > from)
        };
        Weighed {
            state: number,
            token: Token { model, cut, variant },
            at_us,
            kept: broken.is_empty(),
            message: judged.message,
            loss: judged.loss,
            anomalies: judged.anomalies,
            cuts: moments.cuts.iter().filter(|cut| concerned(**cut)).count() as u64,
            covered,
            broken,
            promise: judged.promise,
        }
    }

    fn spans<'b>(&'b self, moments: &'b Moments) -> impl Iterator<Item = Span> + 'b {
        moments.cuts.iter().map(|cut| self.case.trace.possible_us(moments.model, *cut))
    }

    /// Whether no moment can break a promise.
    fn is_whole(&self, observed: &Observed, seen: &Seen<'_>) -> bool {
        let Observed::Ready(ready) = observed else { return false };
        ready.broken_later.is_none() && matches!(seen, Seen::Found(Found::Whole))
    }

    /// Stretches of time within which a verdict changes at most once, each with others that are taken to be like it.
    fn parts(&self, moments: &Moments, covered: &[Span], seen: &Seen<'_>) -> Vec<(Span, Vec<Span>)> {
        let (all, first_us): (Vec<Span>, _) = match seen {
            Seen::Found(Found::Odd) => {
                let all: Vec<Span> = self.spans(moments).collect();
                let chunks = all.chunks(all.len().div_ceil(LOOKS).max(1));
                return chunks.flat_map(|chunk| self.last_looked_at(chunk)).collect();
            }
            // Every op may make another difference.
            Seen::Found(Found::Short(short)) if short.wavers() => {
                (self.spans(moments).collect(), short.first_us())
            }
            Seen::Found(Found::Short(short)) => (covered.to_vec(), short.first_us()),
            Seen::Found(Found::Whole) | Seen::Nothing => (covered.to_vec(), None),
        };
        let turned = all.into_iter().flat_map(|span| spans::split(span, &self.turns));
        let parts = turned.flat_map(|span| spans::split(span, first_us.as_slice()));
        parts.map(|part| (part, Vec::new())).collect()
    }

    /// The last of some stretches, in parts; all others are taken to be like the last of these.
    fn last_looked_at(&self, chunk: &[Span]) -> Vec<(Span, Vec<Span>)> {
        let mut others = spans::merged(chunk.iter().copied());
        let last = others.pop().into_iter().flat_map(|last| spans::split(last, &self.turns));
        let mut parts: Vec<(Span, Vec<Span>)> = last.map(|part| (part, Vec::new())).collect();
        if let Some(newest) = parts.last_mut() {
            newest.1 = others;
        }
        parts
    }

    /// The part of a stretch that breaks the promise: the front, the end, all or nothing.
    fn broken_in(
        &mut self,
        model: Model,
        part: Span,
        observed: &Observed,
        seen: &Seen<'_>,
        past: &Past,
    ) -> Option<Span> {
        let (from, to) = part;
        let last = to.saturating_sub(1).max(from);
        let mut kept = |at_us: u64| self.kept(model, at_us, observed, seen, past);
        let (at_first, at_last) = (kept(from), kept(last));
        if at_first == at_last {
            return (!at_first).then_some(part);
        }
        let (mut low, mut high) = (from, last);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if kept(middle) == at_first { low = middle } else { high = middle }
        }
        Some(if at_first { (high, to) } else { (from, high) })
    }

    fn kept(&mut self, model: Model, at_us: u64, observed: &Observed, seen: &Seen<'_>, past: &Past) -> bool {
        let loss = self.loss(observed, seen, past, at_us);
        let plain = matches!(observed, Observed::Ready(ready) if ready.broken_later.is_none());
        if plain && loss.as_ref().is_some_and(|loss| gone(loss) == 0 && loss.anomalies.is_empty()) {
            return true;
        }
        self.judge(model, at_us, observed, loss).kept
    }

    /// What is lost at a moment; `None` when nothing was read.
    fn loss(&self, observed: &Observed, seen: &Seen<'_>, past: &Past, at_us: u64) -> Option<Loss> {
        match seen {
            Seen::Nothing => None,
            Seen::Found(Found::Whole) => {
                Some(Loss { acknowledged: past.acknowledged(at_us), ..Loss::default() })
            }
            Seen::Found(Found::Short(short)) => {
                plain(short, past, at_us).or_else(|| self.look(observed, at_us))
            }
            Seen::Found(Found::Odd) => self.look(observed, at_us),
        }
    }

    /// What the oracle says of a moment.
    fn look(&self, observed: &Observed, at_us: u64) -> Option<Loss> {
        let Observed::Ready(ready) = observed else { return None };
        let fault_us = self.fault_us(at_us);
        let history = Until { history: self.case.history, at_us: fault_us };
        let clock = Clock { fault_us, survey_from_us: ready.span.from_us, survey_to_us: ready.span.to_us };
        Some(oracle::judge(&history, self.case.baseline, &ready.survey, &clock))
    }

    fn judge(&mut self, model: Model, at_us: u64, observed: &Observed, loss: Option<Loss>) -> Judged {
        self.set(model, at_us);
        let applied = contract::promise(&self.now, self.case.contracts, &self.case.facts);
        let refused = matches!(observed, Observed::Refused { .. });
        let stuck = *observed == Observed::Stuck;
        let judgement = contract::judge(&applied, loss.as_ref(), refused, stuck, &self.now);
        let (mut kept, mut message) = (judgement.kept && !judgement.warned, judgement.message);
        let loss = loss.unwrap_or_default();
        let mut anomalies = loss.anomalies.clone();
        anomalies.extend(refused.then_some(Anomaly::RefusedToStart));
        anomalies.extend(stuck.then_some(Anomaly::StuckLoading));
        if let Observed::Refused { exit, log } = observed {
            message = format!("{message} ({exit}; {log})");
        }
        if let Observed::Ready(ready) = observed {
            anomalies.extend(ready.truncated.then_some(Anomaly::SilentTruncation));
            if let (true, Some((later, classes))) = (kept, &ready.broken_later) {
                kept = false;
                message = format!("after the recovery: {later}");
                anomalies.extend(classes);
            }
        }
        anomalies.sort_unstable();
        anomalies.dedup();
        Judged { kept, message, loss, anomalies, promise: applied.to_record() }
    }

    /// Puts down what the promise depends on at a moment.
    fn set(&mut self, model: Model, at_us: u64) {
        let fault_us = self.fault_us(at_us);
        let ended = self.case.ended.filter(|ended| ended.at_us <= at_us);
        let saved = self.case.saves.iter().rev().find(|(seen_us, _)| *seen_us <= at_us);
        let everysec_us = if self.everysec { self.case.trace.syncs.delay(fault_us).window_us() } else { 0 };
        let settled_us = (self.everysec && model == Model::ProcessKill)
            .then(|| self.case.trace.syncs.settled_us(fault_us));
        self.now.death = ended.map_or(Death::PowerCut, |ended| ended.death);
        self.now.clean_exit = ended.is_some_and(|ended| ended.clean);
        self.now.power_cut = Some(PowerCut {
            takes_unsynced: model != Model::ProcessKill,
            warns: model.weight() == Weight::Warns,
            everysec_us,
            child_from_us: child_from_us(&self.names, fault_us),
        });
        self.now.saved_until_us = saved.map(|(_, until_us)| *until_us);
        self.now.settled_us = settled_us;
        self.now.fault_us = fault_us;
    }

    /// When the server died, for a cut at this moment: it may have been dead before.
    fn fault_us(&self, at_us: u64) -> u64 {
        self.case.ended.map_or(at_us, |ended| ended.at_us.min(at_us))
    }
}

/// A loss that is one tail.
fn plain(short: &Short<'_>, past: &Past, at_us: u64) -> Option<Loss> {
    let missing = short.at(at_us)?;
    let classes = [(missing.lost > 0, Anomaly::Lost), (missing.promised > 0, Anomaly::LostPromised)];
    Some(Loss {
        acknowledged: past.acknowledged(at_us),
        lost: missing.lost,
        earliest_lost_us: missing.earliest_us,
        promised: missing.promised,
        shape: if missing.lost > 0 { Shape::Suffix } else { Shape::None },
        anomalies: classes.into_iter().filter_map(|(there, class)| there.then_some(class)).collect(),
        ..Loss::default()
    })
}

/// Acknowledged writes that a state lacks.
pub fn gone(loss: &Loss) -> u64 {
    loss.lost + loss.lost_baseline
}

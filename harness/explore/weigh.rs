//! What a state says of the server, for each moment that may have left it. Pure.

use std::collections::BTreeMap;

use super::boot::{Observed, Ready};
use super::history::Until;
use super::states::{State, Token, Trace};
use crate::contract::{self, Circumstances, Death, PowerCut, TrialFacts};
use crate::disk::Model;
use crate::disk::model::Weight;
use crate::disk::op::child_from_us;
use crate::matrix::Override;
use crate::oracle::{self, Clock, Loss, Survey};
use crate::record::Anomaly;
use crate::workload::ledger::Ledger;

/// Everything that a judgement needs beside the state.
pub struct Scales<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// What was written.
    pub ledger: &'a Ledger,
    /// What was there before.
    pub baseline: &'a Survey,
    /// Effective configuration of the server that was recorded.
    pub config: &'a BTreeMap<String, String>,
    /// Snapshots that ended: when that was seen, and up to when they hold everything.
    pub saves: &'a [(u64, u64)],
    /// Promises of matrix.toml.
    pub contracts: &'a [Override],
    /// Coordinates of the trial.
    pub facts: TrialFacts<'a>,
}

/// A state judged at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighed {
    /// The state, as that moment leaves it.
    pub token: Token,
    /// Latest moment, in microseconds since the trial began.
    pub at_us: u64,
    /// Whether the promise was kept.
    pub kept: bool,
    /// The sentence.
    pub message: String,
    /// What was lost.
    pub loss: Loss,
    /// Every class of difference.
    pub anomalies: Vec<Anomaly>,
    /// The cuts that leave this and break the promise.
    pub broken: Vec<usize>,
    /// How long these are the case, in microseconds.
    pub broken_us: u64,
    /// The promise that applied.
    pub promise: crate::record::Promise,
}

impl Scales<'_> {
    /// Judges a state under each of its models: at the latest moment that may leave it, when the most had been
    /// acknowledged. Where that breaks the promise the earlier ones are judged too, for the share of time.
    pub fn weigh(&self, state: &State, observed: &Observed) -> Vec<Weighed> {
        let mut weighed = Vec::new();
        for moments in &state.moments {
            let model = moments.model;
            let Some(&(cut, variant)) = moments.cuts.last() else { continue };
            let mut worst = self.judge(Token { model, cut, variant }, observed);
            if !worst.kept {
                // What is broken early stays broken for as long as more is acknowledged on top of the same state.
                let first = moments.cuts.partition_point(|&(cut, variant)| {
                    self.judge(Token { model, cut, variant }, observed).kept
                });
                let broken = &moments.cuts[first.min(moments.cuts.len() - 1)..];
                worst.broken = broken.iter().map(|(cut, _)| *cut).collect();
                worst.broken_us = worst.broken.iter().map(|cut| self.trace.length_us(*cut)).sum();
            }
            weighed.push(worst);
        }
        weighed
    }

    /// Judges a state at the end of one moment.
    fn judge(&self, token: Token, observed: &Observed) -> Weighed {
        let (from_us, to_us) = self.trace.span_us(token.cut);
        let at_us = to_us.saturating_sub(1).max(from_us);
        let ready = if let Observed::Ready(ready) = observed { Some(ready.as_ref()) } else { None };
        let loss = ready.map(|ready| self.loss(ready, at_us));
        let circumstances = self.circumstances(token.model, at_us, ready);
        let applied = contract::promise(&circumstances, self.contracts, &self.facts);
        let refused = matches!(observed, Observed::Refused { .. });
        let stuck = *observed == Observed::Stuck;
        let judgement = contract::judge(&applied, loss.as_ref(), refused, stuck, &circumstances);
        let (mut kept, mut message) = (judgement.kept && !judgement.warned, judgement.message);
        let loss = loss.unwrap_or_default();
        let mut anomalies = loss.anomalies.clone();
        anomalies.extend(refused.then_some(Anomaly::RefusedToStart));
        anomalies.extend(stuck.then_some(Anomaly::StuckLoading));
        if let Observed::Refused { exit, log } = observed {
            message = format!("{message} ({exit}; {log})");
        }
        if let Some(ready) = ready {
            anomalies.extend(ready.truncated.then_some(Anomaly::SilentTruncation));
            if let (true, Some((later, classes))) = (kept, &ready.broken_later) {
                kept = false;
                message = format!("after the recovery: {later}");
                anomalies.extend(classes);
            }
        }
        anomalies.sort_unstable();
        anomalies.dedup();
        let promise = applied.to_record();
        Weighed { token, at_us, kept, message, loss, anomalies, broken: Vec::new(), broken_us: 0, promise }
    }

    fn loss(&self, ready: &Ready, at_us: u64) -> Loss {
        let history = Until { history: self.ledger, at_us };
        let clock =
            Clock { fault_us: at_us, survey_from_us: ready.span.from_us, survey_to_us: ready.span.to_us };
        oracle::judge(&history, self.baseline, &ready.survey, &clock)
    }

    fn circumstances(&self, model: Model, at_us: u64, ready: Option<&Ready>) -> Circumstances {
        let saved = self.saves.iter().rev().find(|(seen_us, _)| *seen_us <= at_us);
        Circumstances {
            config: self.config.clone(),
            config_after: ready.map_or_else(|| self.config.clone(), |ready| ready.config.clone()),
            death: Death::PowerCut,
            power_cut: Some(PowerCut {
                takes_unsynced: model != Model::ProcessKill,
                warns: model.weight() == Weight::Warns,
                longest_fsync_us: self.trace.longest_fsync_us(at_us),
                child_from_us: child_from_us(&self.trace.log, at_us),
            }),
            saved_until_us: saved.map(|(_, until_us)| *until_us),
            fault_us: at_us,
            ..Circumstances::default()
        }
    }
}

//! Every trial by column, with a dictionary for each dimension: ten thousand of them stay small.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::contract::table::{self, Source};
use crate::record::{Anomaly, Epoch, Report, TrialRecord, Verdict};
use crate::report::findings::Finding;
use crate::report::statistics::{CLASSES, Kinds, worst_life, worst_share, worst_window};

/// Longest message that a page shows of a trial without details.
const MESSAGE: usize = 600;

/// Into how many parts the writes of a life are put to say where a loss lies.
const PARTS: usize = 16;

/// What the page's script reads.
#[derive(Serialize)]
pub struct Columns<'a> {
    suite: Column,
    server: Column,
    persistence: Column,
    /// The third part of a trial's name: the policy, and the storage where it is named.
    place: Column,
    storage: Column,
    engine: Column,
    workload: Column,
    fault: Column,
    verdict: Column,
    shape: Column,
    /// Where in the order of acknowledgement the loss lies: [`lost_at`].
    lost_at: Column,
    /// Separated by blanks.
    anomalies: Column,
    /// What each class of difference that was seen means for a service.
    meanings: BTreeMap<&'static str, &'static str>,
    /// What kind of misfortune a fault is: what most trials under it were judged by.
    class: Column,
    /// What the words for that mean.
    classes: [(&'static str, &'static str); CLASSES.len()],
    promise: Column,
    /// Where promises are written down.
    sources: [Source; table::SOURCES.len()],
    /// What to do about a loss that a promise allows.
    remedies: BTreeMap<&'a str, &'static str>,
    /// What the promises of a trial's lives let go whenever the fault strikes, as a stretch of time; absent where time
    /// does not bound it.
    bound_ms: Vec<Option<f64>>,
    /// Whether the server came back: 0 it did, 1 it refused to as it may, 2 it did not, 3 the trial does not say.
    back: Vec<u8>,
    /// Trials with a life that nobody could read back: it is not known what of it survived.
    unread: Vec<usize>,
    message: Column,
    /// The command that runs a trial again, with `{}` for its name.
    repro: Column,
    seed: Vec<u64>,
    attempt: Vec<u32>,
    acknowledged: Vec<u64>,
    lost: Vec<u64>,
    in_doubt: Vec<u64>,
    /// Worst share that a life of the trial lost, in parts of ten thousand.
    share: Vec<u64>,
    /// The life of that share, where it lost something: how many writes, of how many acknowledged, and the age of the oldest.
    life: Vec<Option<(u64, u64, Option<f64>)>>,
    window_ms: Vec<Option<f64>>,
    recovery_ms: Vec<Option<f64>>,
    duration_ms: Vec<u64>,
    offset_ms: Vec<u64>,
    /// Acknowledged writes per second in the first life.
    rate: Vec<Option<u64>>,
    pace: Vec<Option<u32>>,
    p99_ms: Vec<Option<f64>>,
    /// Number of the finding that a trial belongs to.
    finding: Vec<Option<usize>>,
    /// What the findings are called.
    causes: Vec<String>,
    /// Trials whose details are packed, in the order of the packs.
    told: Vec<usize>,
    /// Details in a pack.
    pack: usize,
    /// Telling trials whose details did not fit.
    untold: usize,
    /// What the strictest budget of the matrix allows: loss and recovery, in milliseconds.
    budget: [Option<u64>; 2],
    matrix: &'a str,
    cpus: usize,
}

/// Each word once, and which one a trial has.
#[derive(Serialize, Default)]
pub struct Column {
    words: Vec<String>,
    at: Vec<usize>,
}

impl Column {
    fn of(trials: &[TrialRecord], word: impl Fn(&TrialRecord) -> String) -> Self {
        let mut seen = HashMap::new();
        let mut column = Self::default();
        for trial in trials {
            let word = word(trial);
            let next = column.words.len();
            let at = *seen.entry(word.clone()).or_insert(next);
            if at == next {
                column.words.push(word);
            }
            column.at.push(at);
        }
        column
    }
}

impl<'a> Columns<'a> {
    /// The columns of a report; `told` are the trials with details, in packs of `pack`.
    pub fn of(
        report: &'a Report,
        findings: &[Finding<'_>],
        told: Vec<usize>,
        pack: usize,
        untold: usize,
    ) -> Self {
        let trials = &report.trials;
        let whole = |value: f64| value.max(0.0).round() as u64;
        let tenth = |value: f64| (value * 10.0).round() / 10.0;
        let first = |trial: &'a TrialRecord| trial.epochs.first().map(|epoch| &epoch.pressure);
        let mut finding = vec![None; trials.len()];
        for (number, found) in findings.iter().enumerate() {
            found.trials.iter().for_each(|&trial| finding[trial] = Some(number));
        }
        let place = |trial: &TrialRecord| {
            trial.name.split("::").nth(2).map_or_else(|| trial.persistence.clone(), str::to_owned)
        };
        let kinds = Kinds::of(trials);
        Self {
            suite: Column::of(trials, |trial| trial.suite.clone()),
            server: Column::of(trials, |trial| trial.server.clone()),
            persistence: Column::of(trials, |trial| trial.persistence.clone()),
            place: Column::of(trials, place),
            storage: Column::of(trials, |trial| trial.storage.clone()),
            engine: Column::of(trials, |trial| trial.engine.clone()),
            workload: Column::of(trials, |trial| trial.workload.clone()),
            fault: Column::of(trials, |trial| trial.fault.clone()),
            verdict: Column::of(trials, |trial| trial.verdict.as_str().into()),
            shape: Column::of(trials, |trial| trial.shape.as_str().into()),
            lost_at: Column::of(trials, lost_at),
            meanings: trials
                .iter()
                .flat_map(|trial| &trial.anomalies)
                .map(|anomaly| (anomaly.as_str(), anomaly.meaning()))
                .collect(),
            anomalies: Column::of(trials, |trial| {
                trial.anomalies.iter().map(|anomaly| anomaly.as_str()).collect::<Vec<_>>().join(" ")
            }),
            class: Column::of(trials, |trial| kinds.word(trial).into()),
            classes: CLASSES,
            promise: Column::of(trials, |trial| promise(trial).into()),
            sources: table::SOURCES,
            remedies: trials
                .iter()
                .map(promise)
                .map(|id| (id, table::remedy(id)))
                .filter(|(_, text)| !text.is_empty())
                .collect(),
            bound_ms: trials.iter().map(bound).collect(),
            back: trials.iter().map(back).collect(),
            unread: (0..trials.len()).filter(|&at| unread(&trials[at])).collect(),
            message: Column::of(trials, |trial| shorten(&trial.message, MESSAGE)),
            repro: Column::of(trials, |trial| trial.repro.replacen(&trial.name, "{}", 1)),
            seed: trials.iter().map(|trial| trial.seed).collect(),
            attempt: trials.iter().map(|trial| trial.attempt).collect(),
            acknowledged: trials.iter().map(|trial| trial.acknowledged).collect(),
            lost: trials.iter().map(|trial| trial.lost).collect(),
            in_doubt: trials.iter().map(|trial| trial.in_doubt).collect(),
            share: trials.iter().map(parts).collect(),
            life: trials
                .iter()
                .map(|trial| worst_life(trial).filter(|life| life.lost > 0))
                .map(|life| life.map(|life| (life.lost, life.acknowledged, life.window_ms.map(tenth))))
                .collect(),
            window_ms: trials.iter().map(|trial| worst_window(trial).map(tenth)).collect(),
            recovery_ms: trials.iter().map(|trial| trial.recovery_ms.map(tenth)).collect(),
            duration_ms: trials.iter().map(|trial| whole(trial.duration_ms)).collect(),
            offset_ms: trials.iter().map(|trial| whole(trial.offset_ms)).collect(),
            rate: trials.iter().map(|trial| first(trial).map(|pressure| whole(pressure.rate))).collect(),
            pace: trials.iter().map(|trial| first(trial).and_then(|pressure| pressure.pace)).collect(),
            p99_ms: trials
                .iter()
                .map(|trial| first(trial)?.latency_p99_ms.map(|ms| (ms * 1e3).round() / 1e3))
                .collect(),
            finding,
            causes: findings.iter().map(|found| shorten(&found.title, MESSAGE)).collect(),
            told,
            pack,
            untold,
            budget: [report.run.report.budget_window_ms, report.run.report.budget_recovery_ms],
            matrix: &report.run.matrix,
            cpus: report.run.cpus,
        }
    }
}

/// A digit for each sixteenth of the acknowledged writes of the life that lost the greatest share, in their order: 0 where all
/// of them are there, 9 where none is. Empty where nothing was lost.
fn lost_at(trial: &TrialRecord) -> String {
    let Some(epoch) = worst_life(trial) else { return String::new() };
    let all: f64 = epoch.ack_density.iter().copied().map(f64::from).sum();
    if all == 0.0 || epoch.lost_density.iter().all(|lost| *lost == 0) {
        return String::new();
    }
    let (mut acknowledged, mut lost) = ([0.0; PARTS], [0.0; PARTS]);
    let mut before = 0.0;
    for (&written, &gone) in
        epoch.ack_density.iter().zip(&epoch.lost_density).filter(|(written, _)| **written > 0)
    {
        // A bucket is spread over the parts that it reaches into.
        let scale = PARTS as f64 / all;
        let (from, to) = (before * scale, (before + f64::from(written)) * scale);
        for part in from as usize..PARTS.min(to.ceil() as usize) {
            let within = (to.min(part as f64 + 1.0) - from.max(part as f64)) / (to - from);
            acknowledged[part] += within * f64::from(written);
            lost[part] += within * f64::from(gone);
        }
        before += f64::from(written);
    }
    let digit = |(written, gone): (f64, f64)| match gone > 1e-6 {
        true => char::from(b'0' + ((gone / written * 9.0).round() as u8).clamp(1, 9)),
        false => '0',
    };
    acknowledged.into_iter().zip(lost).map(digit).collect()
}

/// Row of the contract that decided.
fn promise(trial: &TrialRecord) -> &str {
    trial.promise.as_ref().map_or("", |promise| &promise.id)
}

/// The most that the promises of a trial's lives allow; no bound where one of them has none.
fn bound(trial: &TrialRecord) -> Option<f64> {
    let lives = trial.epochs.iter().filter_map(|epoch| epoch.promise.as_ref());
    let bounds = lives.chain(&trial.promise).map(|promise| promise.bound_ms);
    bounds.reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other))).flatten()
}

/// Whether the server came back. States of an explored disk are started in another place, and say nothing of it.
fn back(trial: &TrialRecord) -> u8 {
    let stayed_away = |epoch: &Epoch| {
        let seen = &epoch.anomalies;
        seen.contains(&Anomaly::RefusedToStart) || seen.contains(&Anomaly::StuckLoading)
    };
    let away: Vec<_> = trial.epochs.iter().filter(|epoch| stayed_away(epoch)).collect();
    if trial.exploration.is_some() {
        3
    } else if away.iter().any(|epoch| epoch.verdict != Verdict::Kept) {
        2
    } else if !away.is_empty() {
        1
    } else if trial.recovery_ms.is_some() {
        0
    } else {
        3
    }
}

/// Whether the server never came back from a life, and nothing is known to be lost. An explored disk and failed calls are many
/// lives, of which others were read.
fn unread(trial: &TrialRecord) -> bool {
    let never_back = [Anomaly::RefusedToStart, Anomaly::NeedsManualRepair, Anomaly::StuckLoading];
    let blind = |epoch: &Epoch| {
        epoch.recovery_ms.is_none()
            && epoch.lost + epoch.lost_baseline + epoch.in_doubt_present == 0
            && epoch.anomalies.iter().any(|anomaly| never_back.contains(anomaly))
    };
    let one_by_one = trial.exploration.is_none() && trial.exhaustion.is_none();
    one_by_one && trial.lost == 0 && trial.epochs.iter().any(blind)
}

/// In parts of ten thousand; whatever was lost is at least one.
fn parts(trial: &TrialRecord) -> u64 {
    let parts = (worst_share(trial) * 1e4).round() as u64;
    parts.max(u64::from(worst_life(trial).is_some_and(|life| life.lost > 0)))
}

/// The first characters of a text, and a mark where more would follow.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Epoch;

    fn life(ack_density: &[u32], lost_density: &[u32]) -> Epoch {
        let sum = |list: &[u32]| list.iter().copied().map(u64::from).sum();
        Epoch {
            acknowledged: sum(ack_density),
            lost: sum(lost_density),
            ack_density: ack_density.to_vec(),
            lost_density: lost_density.to_vec(),
            ..Epoch::default()
        }
    }

    #[test]
    fn where_a_loss_lies_is_told_in_sixteen_parts_of_the_life_that_lost_most() {
        let trial = |epochs: Vec<Epoch>| TrialRecord { epochs, ..TrialRecord::default() };
        let of = |ack: &[u32], lost: &[u32]| lost_at(&trial(vec![life(ack, lost)]));
        assert_eq!(of(&[10, 0, 10], &[0, 0, 0]), "");
        // The second half of the writes, however long it took; a bucket that lost half of its writes; one write of many.
        assert_eq!(of(&[800, 0, 0, 800], &[0, 0, 0, 800]), "0000000099999999");
        assert_eq!(of(&[1200, 400], &[0, 200]), "0000000000005555");
        assert_eq!(of(&[1600, 1600], &[1, 0]), "1111111100000000");
        // Fewer writes than parts.
        assert_eq!(of(&[1, 1], &[0, 1]), "0000000099999999");
        let lives = vec![life(&[100], &[0]), life(&[4], &[4])];
        assert_eq!(lost_at(&trial(lives)), "9".repeat(16));
    }

    #[test]
    fn a_life_is_unread_where_the_server_never_came_back_and_nothing_is_known() {
        let refused = Epoch { anomalies: vec![Anomaly::RefusedToStart], ..life(&[9], &[0]) };
        let of = |epoch: &Epoch| TrialRecord { epochs: vec![epoch.clone()], ..TrialRecord::default() };
        assert!(unread(&of(&refused)));
        assert!(!unread(&of(&life(&[9], &[0]))), "it said nothing of a start");
        // Mended, and then read.
        assert!(!unread(&of(&Epoch { recovery_ms: Some(9.0), ..refused.clone() })));
        assert!(!unread(&of(&Epoch { in_doubt_present: 1, ..refused.clone() })));
        // Others of its states were read.
        assert!(!unread(&TrialRecord { exploration: Some(Default::default()), ..of(&refused) }));
    }
}

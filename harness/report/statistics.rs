//! What repeated runs of one case say together.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::record::{Anomaly, CaseFacts, Epoch, Report, TrialRecord, Verdict};

/// One in twenty: the chance to be wrong that a bound is allowed.
const ERROR: f64 = 0.05;

/// Puts the trials of each case together, over all seeds. Trials that prove nothing are left out.
pub fn by_case(trials: &[TrialRecord]) -> Vec<CaseFacts> {
    let mut cases: BTreeMap<[&str; 6], Vec<&TrialRecord>> = BTreeMap::new();
    for trial in trials.iter().filter(|trial| proves(trial)) {
        let case =
            [&trial.suite, &trial.server, &trial.persistence, &trial.storage, &trial.workload, &trial.fault];
        cases.entry(case.map(String::as_str)).or_default().push(trial);
    }
    cases.into_iter().map(|(case, trials)| facts(case, &trials)).collect()
}

/// How many trials came to what: `412 kept, 2 broken`.
pub fn counts(report: &Report) -> String {
    let totals = &report.totals;
    let counts: Vec<_> = [
        (totals.kept, "kept"),
        (totals.broken, "broken"),
        (totals.known, "known"),
        (totals.inconclusive, "inconclusive"),
        (totals.unsupported, "unsupported"),
        (totals.errored, "errored"),
        (report.interrupted.len() as u64, "interrupted"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, word)| format!("{count} {word}"))
    .collect();
    if counts.is_empty() { "none".into() } else { counts.join(", ") }
}

fn facts(case: [&str; 6], trials: &[&TrialRecord]) -> CaseFacts {
    let [suite, server, persistence, storage, workload, fault] = case.map(str::to_owned);
    let mut losses: Vec<_> = trials.iter().map(|trial| trial.lost).collect();
    losses.sort_unstable();
    let count = |verdict| trials.iter().filter(|trial| trial.verdict == verdict).count() as u64;
    let runs = trials.len() as u64;
    let lossy = losses.iter().filter(|lost| **lost > 0).count() as u64;
    CaseFacts {
        suite,
        server,
        persistence,
        storage,
        workload,
        fault,
        runs,
        broken: count(Verdict::Broken),
        known: count(Verdict::Known),
        lossy,
        worst_lost: losses.last().copied().unwrap_or(0),
        median_lost: losses.get(losses.len() / 2).copied().unwrap_or(0),
        worst_window_ms: trials.iter().filter_map(|trial| trial.window_ms).reduce(f64::max),
        chance_at_most: (lossy == 0).then(|| chance_at_most(runs)),
    }
}

/// Kinds of misfortune in the order in which they are told: a word, and when it is. A trial that meets several is about
/// the last of them: what dies, and is then damaged, is about the damage.
pub const CLASSES: [(&str, &str); 8] = [
    ("death", "the process dies"),
    ("power", "the power goes"),
    ("disk", "the disk fails"),
    ("switch", "settings or versions change"),
    ("failover", "a replica takes over"),
    ("files", "files are damaged"),
    ("place", "the volume is taken away"),
    ("policy", "the policy is not in force"),
];

/// What kind of misfortune a trial is about: what was done to it, and not which of its lives went worst.
pub fn class(trial: &TrialRecord) -> &'static str {
    CLASSES[class_rank(trial)].0
}

/// The place of a trial's misfortune in the order of [`CLASSES`]. Of an explored trial that breaks a promise it is the one
/// under which it does: its lives are one life that ends in several ways.
pub fn class_rank(trial: &TrialRecord) -> usize {
    if trial.anomalies.contains(&Anomaly::PolicyNotInForce) {
        return rank_of("policy");
    }
    let is_explored = trial.exploration.is_some();
    let mut met = 0;
    for epoch in trial.epochs.iter().filter(|epoch| !is_explored || speaks_of(trial, epoch)) {
        let promised = epoch.promise.as_ref().map_or(0, |promise| rank_of(&promise.class));
        let cut = if epoch.death.contains("power-cut") { rank_of("power") } else { 0 };
        met = promised.max(cut).max(met);
    }
    let decided = trial.promise.as_ref().map_or(0, |promise| rank_of(&promise.class));
    met.max(decided)
}

fn rank_of(class: &str) -> usize {
    CLASSES.iter().position(|(word, _)| *word == class).unwrap_or(0)
}

/// What kind of misfortune each fault of a run is, where trials are put together by it: a fault may meet a policy to which
/// it does nothing, and is no other fault for that.
pub struct Kinds<'a>(BTreeMap<&'a str, usize>);

impl<'a> Kinds<'a> {
    /// A fault that makes the disk of any policy fail is about the disk; else it is about what most of its trials are, and
    /// of equals about what is no death.
    pub fn of(trials: &'a [TrialRecord]) -> Self {
        let disk = rank_of("disk");
        let mut tallies: BTreeMap<&str, BTreeMap<usize, usize>> = BTreeMap::new();
        for trial in trials.iter().filter(|trial| trial.promise.is_some()) {
            *tallies.entry(&trial.fault).or_default().entry(class_rank(trial)).or_default() += 1;
        }
        let kind = |tally: BTreeMap<usize, usize>| match tally.contains_key(&disk) {
            true => disk,
            false => {
                tally.into_iter().max_by_key(|(rank, trials)| (*trials, *rank)).map_or(0, |(rank, _)| rank)
            }
        };
        Self(tallies.into_iter().map(|(fault, tally)| (fault, kind(tally))).collect())
    }

    /// The place in the order of [`CLASSES`] of what a trial is put together by.
    pub fn rank(&self, trial: &TrialRecord) -> usize {
        match class_rank(trial) {
            own if own == rank_of("policy") => own,
            own => self.0.get(trial.fault.as_str()).copied().unwrap_or(own),
        }
    }

    /// The same as a word.
    pub fn word(&self, trial: &TrialRecord) -> &'static str {
        CLASSES[self.rank(trial)].0
    }
}

/// Whether a trial says something of the server: it was kept, or it was not.
pub fn proves(trial: &TrialRecord) -> bool {
    matches!(trial.verdict, Verdict::Kept | Verdict::Broken | Verdict::Known)
}

/// Whether a trial's verdict speaks of a life: that of one that broke a promise speaks of those that did, and not of what
/// others lost as they may.
fn speaks_of(trial: &TrialRecord, life: &Epoch) -> bool {
    let breaks = |verdict| matches!(verdict, Verdict::Broken | Verdict::Known);
    let breach = breaks(trial.verdict) && trial.epochs.iter().any(|epoch| breaks(epoch.verdict));
    !breach || breaks(life.verdict)
}

fn told(trial: &TrialRecord) -> impl Iterator<Item = &Epoch> {
    trial.epochs.iter().filter(|epoch| speaks_of(trial, epoch))
}

/// The life that lost the greatest share of what it had acknowledged, of those that the verdict speaks of.
pub fn worst_life(trial: &TrialRecord) -> Option<&Epoch> {
    let wrote = told(trial).filter(|epoch| epoch.acknowledged > 0);
    wrote.max_by(|one, other| share(one).total_cmp(&share(other)))
}

/// The greatest share that a life of the trial lost, from 0 to 1: a trial that loses its whole first life has lost
/// everything, however well the second one went.
pub fn worst_share(trial: &TrialRecord) -> f64 {
    worst_life(trial).map_or(0.0, share)
}

/// The trial to speak of first: a process that dies and a power that goes come before what somebody does to files, and of
/// equals the one that lost the greatest share.
pub fn graver(one: &TrialRecord, other: &TrialRecord) -> Ordering {
    let rank = class_rank(one).cmp(&class_rank(other));
    rank.then(worst_share(other).total_cmp(&worst_share(one))).then(other.lost.cmp(&one.lost))
}

/// The longest time from a lost acknowledgement to its fault, in ms, in the lives that the verdict speaks of.
pub fn worst_window(trial: &TrialRecord) -> Option<f64> {
    told(trial).filter_map(|epoch| epoch.window_ms).reduce(f64::max)
}

fn share(epoch: &Epoch) -> f64 {
    epoch.lost as f64 / epoch.acknowledged as f64
}

/// The 95% upper bound on the chance of a loss per run when `runs` of them showed none: the chance at which so long a run
/// of luck would be seen one time in twenty.
pub fn chance_at_most(runs: u64) -> f64 {
    if runs == 0 { 1.0 } else { 1.0 - ERROR.powf(1.0 / runs as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Promise;

    #[test]
    fn a_fault_is_of_one_kind_whatever_policies_it_meets() {
        let trial = |fault: &str, class: &str| TrialRecord {
            fault: fault.into(),
            promise: Some(Promise { class: class.into(), ..Promise::default() }),
            ..TrialRecord::default()
        };
        let trials = [
            trial("failover", "failover"),
            trial("failover", "death"),
            trial("kill", "death"),
            trial("kill", "death"),
            trial("kill", "switch"),
            trial("fsync-fails", "power"),
            trial("fsync-fails", "power"),
            trial("fsync-fails", "disk"),
        ];
        let kinds = Kinds::of(&trials);
        let words: Vec<_> = trials.iter().map(|trial| kinds.word(trial)).collect();
        assert_eq!(words, ["failover", "failover", "death", "death", "death", "disk", "disk", "disk"]);
        let unsupported = TrialRecord { fault: "unsupported".into(), ..TrialRecord::default() };
        assert_eq!(kinds.word(&unsupported), "death");
    }

    #[test]
    fn a_breach_is_told_by_the_life_that_shows_it() {
        let life = |verdict, lost, window_ms| Epoch {
            acknowledged: 100,
            lost,
            window_ms: Some(window_ms),
            verdict,
            ..Epoch::default()
        };
        let epochs = vec![life(Verdict::Broken, 3, 30.0), life(Verdict::Kept, 20, 900.0)];
        let trial = |verdict| TrialRecord { verdict, epochs: epochs.clone(), ..TrialRecord::default() };
        for verdict in [Verdict::Broken, Verdict::Known] {
            assert_eq!((worst_share(&trial(verdict)), worst_window(&trial(verdict))), (0.03, Some(30.0)));
        }
        let kept = trial(Verdict::Kept);
        assert_eq!((worst_share(&kept), worst_window(&kept)), (0.2, Some(900.0)), "of all of them");
    }

    #[test]
    fn the_bound_falls_with_the_runs_and_is_the_one_in_the_books() {
        for (runs, bound) in [(0, 1.0), (1, 0.95), (10, 0.2589), (59, 0.0495), (3_000, 0.000_998)] {
            assert!((chance_at_most(runs) - bound).abs() < 5e-4, "{runs}: {}", chance_at_most(runs));
        }
    }

    #[test]
    fn seeds_of_a_case_are_put_together_and_what_proves_nothing_is_left_out() {
        let trial = |seed, verdict, lost| TrialRecord {
            suite: "s".into(),
            seed,
            verdict,
            lost,
            window_ms: (lost > 0).then_some(lost as f64),
            ..TrialRecord::default()
        };
        let trials = [
            trial(1, Verdict::Kept, 0),
            trial(2, Verdict::Broken, 9),
            trial(3, Verdict::Kept, 2),
            trial(4, Verdict::Errored, 99),
        ];
        let [case] = &by_case(&trials)[..] else { panic!("one case") };
        assert_eq!((case.runs, case.lossy, case.broken, case.known), (3, 2, 1, 0));
        assert_eq!((case.worst_lost, case.median_lost, case.worst_window_ms), (9, 2, Some(9.0)));
        assert_eq!(case.chance_at_most, None, "a loss was seen: its chance is not bounded by luck");
        let [luck] = &by_case(&trials[..1])[..] else { panic!("one case") };
        assert!(luck.chance_at_most.is_some_and(|chance| (chance - 0.95).abs() < 1e-9));
    }
}

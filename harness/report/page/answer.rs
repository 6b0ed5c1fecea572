//! Which policies lose data, when, how much, and what to do: one line for each cause.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::table;
use crate::record::{TrialRecord, Verdict};
use crate::report::findings::Finding;
use crate::report::statistics::{CLASSES, class_rank, worst_life, worst_share, worst_window};
use crate::report::{breach, text};

/// Lines altogether, and at most of those that show what should not be: what a policy gives away by design has its place.
const LINES: usize = 6;
const WRONG: usize = 4;
/// Names that are told one by one.
const NAMES: usize = 3;
/// Longest name.
const NAME: usize = 60;

/// One of the answers.
pub struct Line<'a> {
    /// `broken`, `known` or `allowed`.
    pub kind: &'static str,
    /// The policies, and the servers where it is not all of them.
    pub who: String,
    /// Where it is not all servers.
    pub servers: String,
    /// How much is gone.
    pub loss: String,
    /// What happens, and under which faults.
    pub when: String,
    /// What to do.
    pub remedy: String,
    /// The trial that shows the worst of it.
    pub trial: &'a str,
    rank: (u8, usize, u64),
}

/// The lines, the most urgent first, and how many are left out.
pub fn lines<'a>(trials: &'a [TrialRecord], findings: &[Finding<'a>]) -> (Vec<Line<'a>>, usize) {
    let servers: BTreeSet<&str> = trials.iter().map(|trial| trial.server.as_str()).collect();
    let shown = |verdict| matches!(verdict, Verdict::Broken | Verdict::Known);
    let mut wrong: Vec<_> = findings
        .iter()
        .filter(|finding| shown(finding.verdict))
        .map(|finding| {
            let of: Vec<_> = finding.trials.iter().map(|&number| &trials[number]).collect();
            line(finding.verdict.as_str(), &of, servers.len(), finding.remedy.clone())
        })
        .collect();
    let mut allowed: Vec<_> = by_promise(trials)
        .into_iter()
        .map(|(id, of)| (id == "none", line("allowed", &of, servers.len(), table::remedy(id).to_owned())))
        .collect();
    wrong.sort_by_key(|line| line.rank);
    // Whoever asks for no persistence knows what to expect.
    allowed.sort_by_key(|(keeps_nothing, line): &(bool, Line<'_>)| (*keeps_nothing, line.rank));
    let mut allowed: Vec<_> = allowed.into_iter().map(|(_, line)| line).collect();
    let all = wrong.len() + allowed.len();
    let room = LINES - allowed.len().min(LINES - WRONG);
    wrong.truncate(room);
    allowed.truncate(LINES - wrong.len());
    wrong.append(&mut allowed);
    let left = all - wrong.len();
    (wrong, left)
}

/// Losses that a promise allows when a process dies, the power goes or a replica takes over, by promise. What is taken
/// away or damaged on purpose says nothing of a policy.
fn by_promise(trials: &[TrialRecord]) -> BTreeMap<&str, Vec<&TrialRecord>> {
    let told = |trial: &&TrialRecord| {
        trial.verdict == Verdict::Kept
            && trial.lost > 0
            && matches!(CLASSES[class_rank(trial)].0, "death" | "power" | "failover")
    };
    let mut promises: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for trial in trials.iter().filter(told) {
        let id = trial.promise.as_ref().map_or("", |promise| promise.id.as_str());
        promises.entry(id).or_default().push(trial);
    }
    promises
}

fn line<'a>(kind: &'static str, trials: &[&'a TrialRecord], servers: usize, remedy: String) -> Line<'a> {
    let worst = worst(trials.iter().copied()).unwrap_or(trials[0]);
    let names = |of: fn(&TrialRecord) -> &str| names(trials, of);
    let classes: BTreeSet<_> = trials.iter().map(|trial| class_rank(trial)).collect();
    let words: Vec<_> = classes.iter().map(|rank| CLASSES[*rank].1).collect();
    let on: BTreeSet<_> = trials.iter().map(|trial| trial.server.as_str()).collect();
    let order = ["broken", "known"].iter().position(|word| *word == kind).unwrap_or(2);
    Line {
        kind,
        who: names(|trial| &trial.persistence),
        servers: if on.len() < servers { names(|trial| &trial.server) } else { String::new() },
        loss: loss(kind, trials, worst),
        when: format!("{}: {}", words.join(", "), names(|trial| &trial.fault)),
        remedy,
        trial: &worst.name,
        rank: (
            order as u8,
            classes.first().copied().unwrap_or(0),
            u64::MAX - (worst_share(worst) * 1e9) as u64,
        ),
    }
}

/// How much is gone at most.
fn loss(kind: &str, trials: &[&TrialRecord], worst: &TrialRecord) -> String {
    if worst_share(worst) == 0.0 {
        return breach::words(worst).into();
    }
    let window = trials.iter().filter_map(|trial| worst_window(trial)).reduce(f64::max);
    let bounded = |trial: &&&TrialRecord| {
        trial.lost == 0 || trial.promise.as_ref().is_some_and(|promise| promise.bound_ms.is_some())
    };
    let since = match window {
        _ if kind == "allowed" && !trials.iter().all(|trial| bounded(&trial)) => {
            ", with no bound in time".into()
        }
        Some(window) => format!(", in no trial older than {} at the fault", text::millis(window)),
        None => String::new(),
    };
    let most = if worst_share(worst) < 0.01 { "" } else { "up to " };
    let of = match worst_life(worst) {
        Some(life) => format!(" ({} of {})", text::grouped(life.lost), text::grouped(life.acknowledged)),
        None => String::new(),
    };
    format!("{most}{} of a life's writes{of}{since}", share(worst))
}

/// The worst of some trials.
pub fn worst<'a>(trials: impl Iterator<Item = &'a TrialRecord>) -> Option<&'a TrialRecord> {
    trials
        .max_by(|one, other| worst_share(one).total_cmp(&worst_share(other)).then(one.lost.cmp(&other.lost)))
}

/// The share that a trial's worst life lost.
pub fn share(trial: &TrialRecord) -> String {
    let percent = worst_share(trial) * 100.0;
    if percent >= 1.0 { format!("{percent:.0}%") } else { "under 1%".into() }
}

/// Names of an axis, those with the greatest loss first, and how many more.
fn names(trials: &[&TrialRecord], of: fn(&TrialRecord) -> &str) -> String {
    let mut worst: BTreeMap<&str, u64> = BTreeMap::new();
    for trial in trials {
        let share = (worst_share(trial) * 1e9) as u64;
        let most = worst.entry(of(trial)).or_default();
        *most = share.max(*most);
    }
    let mut order: Vec<_> = worst.into_iter().collect();
    order.sort_by_key(|(name, share)| (u64::MAX - share, *name));
    let words: Vec<_> = order.iter().take(NAMES).map(|(name, _)| text::short(name, NAME)).collect();
    match order.len().saturating_sub(NAMES) {
        0 => words.join(", "),
        more => format!("{} and {more} more", words.join(", ")),
    }
}

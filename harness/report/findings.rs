//! What a run found, by cause and not by trial: a hundred trials that show one defect are one finding.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::cases::{name_of, shows_breach};
use super::statistics::worst_share;
use crate::record::{CaseHistory, History, TrialRecord, Verdict};

/// Servers that are named one by one.
const NAMES: usize = 6;

/// Trials that say the same.
pub struct Finding<'a> {
    /// What they say.
    pub verdict: Verdict,
    /// The cause, the broken promise, or the first trial's own words.
    pub title: String,
    /// Report of the defect, where one is listed.
    pub link: &'a str,
    /// What to do.
    pub remedy: String,
    /// Whether earlier runs did not show it; unknown where there are none.
    pub fresh: Option<bool>,
    /// Servers on which trials of the same policies and faults kept their promises.
    pub spared: BTreeSet<&'a str>,
    /// The trials, by number.
    pub trials: Vec<usize>,
    /// The one that lost the greatest share.
    pub worst: usize,
    /// Names by axis: servers, policies, workloads, faults.
    pub axes: [(&'static str, BTreeSet<&'a str>); 4],
}

/// Every finding: breaches that no earlier run showed, then others, then what is known, then what was not put to the test.
/// A kept promise is none.
pub fn of<'a>(trials: &'a [TrialRecord], history: Option<&History>) -> Vec<Finding<'a>> {
    let mut causes: BTreeMap<Cause<'_>, Vec<usize>> = BTreeMap::new();
    for (number, trial) in trials.iter().enumerate().filter(|(_, trial)| trial.verdict != Verdict::Kept) {
        causes.entry(Cause::of(trial)).or_default().push(number);
    }
    let mut findings: Vec<_> =
        causes.into_iter().map(|(cause, numbers)| finding(trials, &cause, numbers)).collect();
    if let Some(history) = history.filter(|history| history.runs.len() > 1) {
        let seen = breached_before(history);
        for finding in &mut findings {
            let mut cases = finding.trials.iter().map(|&number| name_of(&trials[number].name));
            finding.fresh = shows_breach(finding.verdict).map(|_| !cases.any(|case| seen.contains(case)));
        }
    }
    let old = |finding: &Finding<'_>| finding.fresh != Some(true);
    findings.sort_by_key(|finding| (old(finding), rank(finding.verdict), usize::MAX - finding.trials.len()));
    findings
}

/// Cases that an earlier run showed a breach of.
fn breached_before(history: &History) -> BTreeSet<&str> {
    let breached = |case: &&CaseHistory| {
        let earlier = case.verdicts.split_last().map_or(&[][..], |(_, earlier)| earlier);
        earlier.iter().flatten().any(|verdict| shows_breach(*verdict) == Some(true))
    };
    history.cases.iter().filter(breached).map(|case| case.name.as_str()).collect()
}

/// What trials of one finding have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Cause<'a> {
    verdict: Verdict,
    /// Link and cause of a listed defect, the promise that was broken, or what went wrong.
    because: [&'a str; 2],
    remedy: &'a str,
    signature: String,
}

impl<'a> Cause<'a> {
    fn of(trial: &'a TrialRecord) -> Self {
        let known = trial.known.as_ref().map(|known| [known.link.as_str(), known.cause.as_str()]);
        let promise = trial.promise.as_ref().map(|promise| [promise.id.as_str(), promise.sentence.as_str()]);
        let (because, signature) = match trial.verdict {
            Verdict::Known => (known.unwrap_or_default(), String::new()),
            Verdict::Broken => (promise.unwrap_or_default(), anomalies(trial)),
            Verdict::Kept | Verdict::Inconclusive | Verdict::Unsupported | Verdict::Errored => {
                (Default::default(), without_numbers(&nobody_in_particular(trial)))
            }
        };
        let remedy = match (&trial.known, trial.verdict) {
            (Some(known), Verdict::Known) => known.remedy.as_str(),
            _ => "",
        };
        Self { verdict: trial.verdict, because, remedy, signature }
    }
}

fn finding<'a>(trials: &'a [TrialRecord], cause: &Cause<'a>, numbers: Vec<usize>) -> Finding<'a> {
    let share = |number: &usize| worst_share(&trials[*number]);
    let worst = numbers.iter().copied().max_by(|one, other| share(one).total_cmp(&share(other)));
    let worst = worst.unwrap_or(numbers[0]);
    let title = match cause.verdict {
        Verdict::Known => cause.because[1].to_owned(),
        Verdict::Broken if cause.signature.is_empty() => format!("Not kept: {}", cause.because[1]),
        Verdict::Broken => format!("{}. Not kept: {}", cause.signature, cause.because[1]),
        Verdict::Unsupported => {
            let servers = numbers.iter().map(|&number| trials[number].server.as_str()).collect();
            format!("{} ({})", nobody_in_particular(&trials[numbers[0]]), names(&servers))
        }
        Verdict::Kept | Verdict::Inconclusive | Verdict::Errored => trials[numbers[0]].message.clone(),
    };
    let spared = spared(trials, &numbers);
    let names = |of: fn(&TrialRecord) -> &str| numbers.iter().map(|&number| of(&trials[number])).collect();
    Finding {
        verdict: cause.verdict,
        title,
        link: if cause.verdict == Verdict::Known { cause.because[0] } else { "" },
        remedy: remedy(cause, &spared),
        spared,
        fresh: None,
        worst,
        axes: [
            ("server", names(|trial| &trial.server)),
            ("persistence", names(|trial| &trial.persistence)),
            ("workload", names(|trial| &trial.workload)),
            ("fault", names(|trial| &trial.fault)),
        ],
        trials: numbers,
    }
}

/// What to do about a cause: what is listed; else what can be said of any breach.
fn remedy(cause: &Cause<'_>, spared: &BTreeSet<&str>) -> String {
    let elsewhere = match spared.len() {
        0 => String::new(),
        _ => format!(" Not seen on {}.", names(spared)),
    };
    match cause.verdict {
        Verdict::Known if !cause.remedy.is_empty() => cause.remedy.to_owned(),
        Verdict::Known => format!("No remedy is listed; the report of the defect may know one.{elsewhere}"),
        Verdict::Broken => {
            format!("Not listed: run its worst trial again, keep the log, report it.{elsewhere}")
        }
        Verdict::Kept | Verdict::Inconclusive | Verdict::Unsupported | Verdict::Errored => String::new(),
    }
}

/// Names one by one, and how many more there are.
fn names(all: &BTreeSet<&str>) -> String {
    let mut names = all.iter().copied().take(NAMES).collect::<Vec<_>>().join(", ");
    if all.len() > NAMES {
        let _ = write!(names, " and {} more", all.len() - NAMES);
    }
    names
}

/// Servers on which the same policies kept their promises under the same faults, and none showed the same.
fn spared<'a>(trials: &'a [TrialRecord], numbers: &[usize]) -> BTreeSet<&'a str> {
    let case =
        |trial: &'a TrialRecord| (trial.persistence.as_str(), trial.workload.as_str(), trial.fault.as_str());
    let (mut cases, mut servers) = (BTreeSet::new(), BTreeSet::new());
    for &number in numbers {
        cases.insert(case(&trials[number]));
        servers.insert(trials[number].server.as_str());
    }
    let kept = trials.iter().filter(|trial| trial.verdict == Verdict::Kept && cases.contains(&case(trial)));
    kept.map(|trial| trial.server.as_str()).filter(|server| !servers.contains(server)).collect()
}

fn anomalies(trial: &TrialRecord) -> String {
    let words: Vec<_> = trial.anomalies.iter().map(|anomaly| anomaly.as_str()).collect();
    words.join(", ")
}

/// What cannot be done, without the server that begins the sentence: others cannot either.
fn nobody_in_particular(trial: &TrialRecord) -> Cow<'_, str> {
    let version = trial.server_version.as_str();
    let rest = trial
        .message
        .split_once(version)
        .filter(|_| trial.verdict == Verdict::Unsupported && !version.is_empty());
    rest.map_or(Cow::Borrowed(trial.message.as_str()), |(_, rest)| Cow::Borrowed(rest.trim_start()))
}

/// Messages that differ in their numbers alone say the same.
fn without_numbers(message: &str) -> String {
    let mut out = String::new();
    for c in message.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    out
}

fn rank(verdict: Verdict) -> usize {
    Verdict::ALL.iter().position(|other| *other == verdict).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Anomaly, KnownRef, PastRun};

    #[test]
    fn trials_of_one_cause_are_one_finding_and_the_new_come_first() {
        let trial = |fault: &str, verdict, message: &str| TrialRecord {
            fault: fault.into(),
            verdict,
            message: message.into(),
            ..TrialRecord::default()
        };
        let known = |fault| TrialRecord {
            known: Some(KnownRef {
                link: "https://example.com/1".into(),
                cause: "it is so".into(),
                remedy: String::new(),
            }),
            ..trial(fault, Verdict::Known, "lost 3 of 9")
        };
        let hole = TrialRecord { anomalies: vec![Anomaly::Hole], ..trial("kill", Verdict::Broken, "lost 7") };
        let trials = [
            known("kill"),
            trial("kill", Verdict::Kept, "kept all 9"),
            known("stop"),
            trial("oom", Verdict::Inconclusive, "quiet for 12.5 ms"),
            trial("oom", Verdict::Inconclusive, "quiet for 7.25 ms"),
            hole,
            trial("kill", Verdict::Broken, "lost 8"),
        ];
        let found: Vec<_> = of(&trials, None).iter().map(|one| (one.verdict, one.trials.clone())).collect();
        assert_eq!(
            found,
            [
                (Verdict::Broken, vec![6]),
                (Verdict::Broken, vec![5]),
                (Verdict::Inconclusive, vec![3, 4]),
                (Verdict::Known, vec![0, 2]),
            ]
        );
        let faults = &of(&trials, None)[3].axes[3];
        assert_eq!((faults.0, faults.1.iter().copied().collect::<Vec<_>>()), ("fault", vec!["kill", "stop"]));
    }

    #[test]
    fn what_no_earlier_run_showed_comes_first_even_where_it_is_listed() {
        let known = |name: &str, cause: &str| TrialRecord {
            name: format!("{name}::s1"),
            verdict: Verdict::Known,
            known: Some(KnownRef {
                cause: cause.into(),
                remedy: format!("mend {cause}"),
                ..KnownRef::default()
            }),
            ..TrialRecord::default()
        };
        let trials = [known("a", "old"), known("b", "old"), known("c", "fresh")];
        let case = |name: &str, before| CaseHistory {
            name: name.into(),
            verdicts: vec![before, Some(Verdict::Known)],
            ..CaseHistory::default()
        };
        let history = History {
            runs: vec![PastRun::default(), PastRun::default()],
            cases: vec![case("a", Some(Verdict::Known)), case("c", Some(Verdict::Kept))],
            cut: 0,
        };
        let told = |history| {
            let found = of(&trials, history);
            found.into_iter().map(|one| (one.remedy, one.fresh)).collect::<Vec<_>>()
        };
        let (old, fresh) = ("mend old".to_owned(), "mend fresh".to_owned());
        assert_eq!(told(Some(&history)), [(fresh.clone(), Some(true)), (old.clone(), Some(false))]);
        assert_eq!(told(None), [(old, None), (fresh, None)], "without a history nothing is new");
    }
}

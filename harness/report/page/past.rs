//! What other runs tell: the trend, the cases that changed, and the difference from the baseline.

use crate::record::{CaseHistory, Change, Diff, PastRun, Report, Verdict};
use crate::report::cases::shows_breach;
use crate::report::comparison;
use crate::report::table::Table;
use crate::report::text::grouped;

/// Runs, cases and differences that are told one by one.
const RUNS: usize = 24;
const CASES: usize = 30;

/// History and baseline in the words of the page.
pub struct Past<'a> {
    /// The newest runs, oldest first.
    pub runs: Vec<Run<'a>>,
    /// Figures over the runs; none where there is one run only.
    pub charts: Vec<Chart>,
    /// How many cases changed in which way, in a sentence.
    pub sentence: String,
    /// Cases that changed, or are broken.
    pub cases: Vec<Case<'a>>,
    /// Those that are left out.
    pub more: u64,
    /// Cases that show a listed defect now as before.
    pub listed: Vec<Case<'a>>,
    /// Those that are left out.
    pub more_listed: usize,
    /// The baseline, what is different, and the cases.
    pub baseline: Option<(&'a str, String, Table)>,
}

/// A run, in shares: runs of any size stand beside each other.
pub struct Run<'a> {
    /// Its name.
    pub id: &'a str,
    /// When it began.
    pub began: String,
    /// How many trials it had.
    pub trials: u64,
    /// Trials that are broken, or show a listed defect, and their share of those that proved something.
    pub broken: String,
    /// Likewise.
    pub known: String,
    /// How many proved nothing.
    pub unproven: u64,
    /// Share of the acknowledged writes that did not survive.
    pub lost: String,
    /// Share that the worst trial lost.
    pub worst: String,
}

/// A figure over the runs, drawn small.
pub struct Chart {
    /// What it is.
    pub title: &'static str,
    /// Points of the line, in a field of 240 by 40.
    pub line: String,
    /// The last of them.
    pub end: (String, String),
    /// The greatest value, and the last two, in words.
    pub words: String,
}

/// A case over the runs.
pub struct Case<'a> {
    /// Its name.
    pub name: &'a str,
    /// What has become of it.
    pub change: &'static str,
    /// The verdict that its colour is of.
    pub tone: &'static str,
    /// A mark and a word for each of the runs.
    pub verdicts: Vec<(&'static str, &'static str)>,
}

impl<'a> Past<'a> {
    /// Absent where neither a history nor a baseline is kept.
    pub fn of(report: &'a Report) -> Option<Self> {
        let baseline = report.baseline.as_ref().map(baseline);
        if report.history.is_none() && baseline.is_none() {
            return None;
        }
        let history = report.history.as_ref();
        let (all, told) =
            history.map_or((&[][..], &[][..]), |history| (&history.runs[..], &history.cases[..]));
        let skipped = all.len().saturating_sub(RUNS);
        // What a first run shows is in its findings: nothing has changed yet.
        let told = if all.len() > 1 { told } else { &[] };
        let (changed, listed): (Vec<_>, Vec<_>) = told.iter().partition(|case| has_changed(case));
        let some = |cases: &[&'a CaseHistory]| {
            cases.iter().take(CASES).map(|case| Case::of(case, skipped)).collect::<Vec<_>>()
        };
        Some(Self {
            runs: all.iter().skip(skipped).map(Run::of).collect(),
            charts: charts(&all[skipped..]),
            sentence: sentence(told),
            more: history.map_or(0, |history| history.cut) + changed.len().saturating_sub(CASES) as u64,
            cases: some(&changed),
            more_listed: listed.len().saturating_sub(CASES),
            listed: some(&listed),
            baseline,
        })
    }
}

impl<'a> Run<'a> {
    fn of(run: &'a PastRun) -> Self {
        let totals = &run.totals;
        Self {
            id: &run.id,
            began: run.started_at.chars().take(16).collect::<String>().replace('T', " "),
            trials: totals.trials,
            broken: counted(totals.broken, proven(run)),
            known: counted(totals.known, proven(run)),
            unproven: totals.errored + totals.inconclusive + totals.unsupported,
            lost: percent(part(totals.lost, totals.acknowledged)),
            worst: run.worst_share.map_or_else(|| "–".into(), percent),
        }
    }
}

impl<'a> Case<'a> {
    fn of(case: &'a CaseHistory, skipped: usize) -> Self {
        let verdicts = case.verdicts.iter().skip(skipped);
        Self {
            name: &case.name,
            change: case.change.as_str(),
            tone: match case.change {
                Change::New | Change::StillBroken => "broken",
                Change::Flaky | Change::Unproven => "inconclusive",
                Change::Known => "known",
                Change::Fixed | Change::Proven => "kept",
                _ => "unsupported",
            },
            verdicts: verdicts.map(|verdict| verdict.map_or(("·", "not run"), mark)).collect(),
        }
    }
}

/// Whether a case is more than a listed defect that shows as it did when it was last put to the test.
fn has_changed(case: &CaseHistory) -> bool {
    let mut proven =
        case.verdicts.iter().rev().skip(1).flatten().filter(|verdict| shows_breach(**verdict).is_some());
    case.change != Change::Known || proven.next().is_some_and(|before| *before != Verdict::Known)
}

/// A value of a run as it is drawn, and as it is told.
type Value = Option<(f64, String)>;

fn charts(runs: &[PastRun]) -> Vec<Chart> {
    if runs.len() < 2 {
        return Vec::new();
    }
    let values = |of: &dyn Fn(&PastRun) -> Value| runs.iter().map(of).collect::<Vec<_>>();
    let share = |some: u64, run: &PastRun| Some((part(some, proven(run)), counted(some, proven(run))));
    [
        ("Trials that broke a promise", values(&|run| share(run.totals.broken, run))),
        ("Trials with a listed defect", values(&|run| share(run.totals.known, run))),
        ("Worst loss of a trial", values(&|run| run.worst_share.map(|share| (share, percent(share))))),
    ]
    .into_iter()
    .filter_map(|(title, values)| chart(title, &values))
    .collect()
}

fn chart(title: &'static str, values: &[Value]) -> Option<Chart> {
    let told = || values.iter().flatten();
    let (most, most_told) = told().max_by(|one, other| one.0.total_cmp(&other.0))?;
    let step = 232.0 / (values.len() as f64 - 1.0).max(1.0);
    let points: Vec<_> = values
        .iter()
        .enumerate()
        .filter_map(|(at, value)| {
            let (value, _) = value.as_ref()?;
            let height = if *most > 0.0 { value / most } else { *value };
            Some((format!("{:.1}", 4.0 + at as f64 * step), format!("{:.1}", 36.0 - height * 32.0)))
        })
        .collect();
    if points.len() < 2 {
        return None;
    }
    let mut last = told().rev();
    let (_, now) = last.next()?;
    let before = last.next().map_or_else(String::new, |(_, before)| format!(", {before} before"));
    Some(Chart {
        title,
        line: points.iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" "),
        end: points.last()?.clone(),
        words: format!("{now} now{before}; {most_told} at most"),
    })
}

fn proven(run: &PastRun) -> u64 {
    run.totals.kept + run.totals.broken + run.totals.known
}

fn part(some: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { some as f64 / of as f64 }
}

fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0".into(),
        percent if percent < 0.1 => "<0.1%".into(),
        percent if percent < 10.0 => format!("{percent:.1}%"),
        percent => format!("{percent:.0}%"),
    }
}

/// How many, and which share that is: one breach among thousands is told by its count.
fn counted(some: u64, of: u64) -> String {
    match some {
        0 => "0".into(),
        some => format!("{} ({})", grouped(some), percent(part(some, of))),
    }
}

fn baseline(diff: &Diff) -> (&str, String, Table) {
    (&diff.before.id, comparison::sentence(diff), comparison::table(diff, CASES))
}

fn sentence(cases: &[CaseHistory]) -> String {
    let counts =
        Change::TOLD.iter().map(|told| (told, cases.iter().filter(|case| case.change == *told).count()));
    let words: Vec<_> = counts
        .filter(|(_, count)| *count > 0)
        .map(|(told, count)| format!("{count} {}", told.as_str()))
        .collect();
    words.join(", ")
}

fn mark(verdict: Verdict) -> (&'static str, &'static str) {
    let mark = match verdict {
        Verdict::Kept => "✓",
        Verdict::Broken => "✕",
        Verdict::Known => "◆",
        Verdict::Inconclusive => "?",
        Verdict::Unsupported => "–",
        Verdict::Errored => "!",
    };
    (mark, verdict.as_str())
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn few_breaches_among_many_trials_are_told_by_their_count() {
        assert_eq!(
            [counted(2, 4_565), counted(1_200, 2_400), counted(0, 9)],
            ["2 (<0.1%)", "1,200 (50%)", "0"]
        );
    }
}

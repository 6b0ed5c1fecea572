//! What other runs tell: the trend, the cases that changed, and the difference from the baseline.

use crate::record::{CaseHistory, Change, Diff, PastRun, Report, Verdict};
use crate::report::comparison;
use crate::report::table::Table;

/// Runs, cases and differences that are told one by one.
const RUNS: usize = 24;
const CASES: usize = 30;

/// History and baseline in the words of the page.
pub struct Past<'a> {
    /// The newest runs, oldest first.
    pub runs: Vec<&'a PastRun>,
    /// How many cases changed in which way, in a sentence.
    pub sentence: String,
    /// Cases with something to tell.
    pub cases: Vec<Case<'a>>,
    /// Those that are left out.
    pub more: u64,
    /// The baseline, what is different, and the cases.
    pub baseline: Option<(&'a str, String, Table)>,
}

/// A case over the runs.
pub struct Case<'a> {
    /// Its name.
    pub name: &'a str,
    /// What has become of it.
    pub change: &'static str,
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
        let cases: Vec<_> = told
            .iter()
            .take(CASES)
            .map(|case| Case {
                name: &case.name,
                change: case.change.as_str(),
                verdicts: case
                    .verdicts
                    .iter()
                    .skip(skipped)
                    .map(|verdict| verdict.map_or(("·", "not run"), mark))
                    .collect(),
            })
            .collect();
        Some(Self {
            runs: all.iter().skip(skipped).collect(),
            sentence: sentence(told),
            more: history.map_or(0, |history| history.cut) + (told.len() - cases.len()) as u64,
            cases,
            baseline,
        })
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

//! A difference between two runs in words: for a terminal, in Markdown, as a page.

use askama::Template;

use super::table::Table;
use super::text::{grouped, millis};
use crate::record::{CaseDiff, CaseState, Change, Diff};

/// The difference in a sentence.
pub(super) fn sentence(diff: &Diff) -> String {
    let mut counts: Vec<(Change, usize)> = Vec::new();
    for case in &diff.cases {
        match counts.last_mut() {
            Some((change, count)) if *change == case.change => *count += 1,
            _ => counts.push((case.change, 1)),
        }
    }
    let mut words: Vec<_> =
        counts.iter().map(|(change, count)| format!("{count} {}", change.as_str())).collect();
    if diff.cut > 0 {
        words.push(format!("{} more", diff.cut));
    }
    words.push(format!("{} the same", diff.same));
    words.join(", ")
}

/// One row per case, at most so many.
pub(super) fn table(diff: &Diff, most: usize) -> Table {
    let rows = diff.cases.iter().take(most).map(|case| {
        let [before, after] = states(case).map(|state| state.map(verdict).unwrap_or("-"));
        let [lost_before, lost_after] = states(case).map(|state| number(state.map(|state| state.lost)));
        let [took_before, took_after] =
            states(case).map(|state| time(state.and_then(|state| state.recovery_ms)));
        let words = [case.change.as_str(), &case.name, before, after].map(str::to_owned);
        words.into_iter().chain([lost_before, lost_after, took_before, took_after]).collect()
    });
    let head = vec!["change", "case", "before", "after", "lost before", "after", "recovery before", "after"];
    Table { head, words: 4, rows: rows.collect() }
}

fn states(case: &CaseDiff) -> [Option<&CaseState>; 2] {
    [case.before.as_ref(), case.after.as_ref()]
}

fn verdict(state: &CaseState) -> &'static str {
    state.verdict.as_str()
}

fn number(value: Option<u64>) -> String {
    value.map(grouped).unwrap_or_default()
}

fn time(value: Option<f64>) -> String {
    value.map(millis).unwrap_or_default()
}

/// For a terminal.
pub fn text(diff: &Diff) -> String {
    let head = format!("{} -> {}\n{}\n", diff.before.id, diff.after.id, sentence(diff));
    let head = head.lines().map(super::text::line).fold(String::new(), |out, line| out + &line + "\n");
    if diff.cases.is_empty() {
        head
    } else {
        format!("{head}\n{}{}", table(diff, usize::MAX).text(), cut(diff))
    }
}

/// In Markdown.
pub fn markdown(diff: &Diff) -> String {
    use super::text::code;
    format!(
        "## {} -> {}\n\n{}",
        code(&diff.before.id),
        code(&diff.after.id),
        super::markdown::differences(diff, 500)
    )
}

fn cut(diff: &Diff) -> String {
    if diff.cut == 0 { String::new() } else { format!("and {} more cases\n", diff.cut) }
}

#[derive(Template)]
#[template(path = "diff.html")]
struct Page<'a> {
    diff: &'a Diff,
    sentence: String,
    head: Vec<&'static str>,
    rows: Vec<Row<'a>>,
    /// Trials and lost writes of both runs.
    totals: [[String; 2]; 2],
}

struct Row<'a> {
    change: &'a str,
    tone: &'static str,
    cells: Vec<String>,
}

/// As a page that opens from a file.
pub fn page(diff: &Diff) -> Result<String, String> {
    let Table { head, rows, .. } = table(diff, usize::MAX);
    let rows = diff.cases.iter().zip(rows).map(|(case, cells)| Row {
        change: case.change.as_str(),
        tone: match case.change {
            Change::New | Change::StillBroken => "broken",
            Change::Flaky | Change::Unproven | Change::NotRun => "inconclusive",
            Change::Fixed | Change::Proven => "kept",
            _ => "other",
        },
        cells: cells.into_iter().skip(1).collect(),
    });
    let totals = [&diff.before, &diff.after].map(|run| [run.totals.trials, run.totals.lost].map(grouped));
    Page { diff, sentence: sentence(diff), head, rows: rows.collect(), totals }
        .render()
        .map_err(|error| error.to_string())
}

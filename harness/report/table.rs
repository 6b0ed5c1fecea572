//! Tables of a report, for a terminal and in Markdown.

use std::fmt::Write;

use clap::ValueEnum;

use super::text::{self, grouped, millis};
use crate::record::{Report, TrialRecord, Verdict};

/// A table: the first columns are words, the others figures.
pub struct Table {
    /// Titles.
    pub head: Vec<&'static str>,
    /// Columns of words.
    pub words: usize,
    /// Cells, as they come from records.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// For a terminal: figures stand on the right.
    pub fn text(&self) -> String {
        let rows: Vec<Vec<_>> =
            self.rows.iter().map(|row| row.iter().map(|cell| text::line(cell)).collect()).collect();
        let width = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
            cells.chain([self.head[at].len()]).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.head.len()).map(width).collect();
        let mut out = String::new();
        let mut put = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for (at, cell) in cells.enumerate() {
                let pad = widths[at].saturating_sub(cell.chars().count());
                let gap = if at == 0 { "" } else { "  " };
                let _ = match at < self.words {
                    true => write!(line, "{gap}{cell}{:pad$}", ""),
                    false => write!(line, "{gap}{:pad$}{cell}", ""),
                };
            }
            let _ = writeln!(out, "{}", line.trim_end());
        };
        put(&mut self.head.iter().copied());
        for row in &rows {
            put(&mut row.iter().map(AsRef::as_ref));
        }
        out
    }

    /// In Markdown; nothing in a cell is markup.
    pub fn markdown(&self) -> String {
        let mut out = format!("| {} |\n|", self.head.join(" | "));
        for at in 0..self.head.len() {
            out.push_str(if at < self.words { "---|" } else { "---:|" });
        }
        out.push('\n');
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(|cell| text::markdown(cell)).collect();
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out
    }
}

/// What the trials are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Axis {
    /// The suite.
    Suite,
    /// The server.
    Server,
    /// The policy.
    Persistence,
    /// What holds the data.
    Storage,
    /// What is written.
    Workload,
    /// What happens.
    Fault,
    /// The verdict.
    Verdict,
    /// All of them: a row per case, over all seeds.
    Case,
}

impl Axis {
    fn title(self) -> &'static str {
        match self {
            Self::Suite => "suite",
            Self::Server => "server",
            Self::Persistence => "persistence",
            Self::Storage => "storage",
            Self::Workload => "workload",
            Self::Fault => "fault",
            Self::Verdict => "verdict",
            Self::Case => "case",
        }
    }

    fn of(self, trial: &TrialRecord) -> &str {
        match self {
            Self::Suite => &trial.suite,
            Self::Server => &trial.server,
            Self::Persistence => &trial.persistence,
            Self::Storage => &trial.storage,
            Self::Workload => &trial.workload,
            Self::Fault => &trial.fault,
            Self::Verdict => trial.verdict.as_str(),
            Self::Case => super::cases::name_of(&trial.name),
        }
    }
}

#[derive(Default)]
struct Sums {
    verdicts: [u64; Verdict::ALL.len()],
    acknowledged: u64,
    lost: u64,
    worst: u64,
    window_ms: Option<f64>,
    recovery_ms: Option<f64>,
}

/// One row for each value of an axis.
pub fn by(report: &Report, axis: Axis) -> Table {
    let mut rows: std::collections::BTreeMap<&str, Sums> = std::collections::BTreeMap::new();
    for trial in &report.trials {
        let sums = rows.entry(axis.of(trial)).or_default();
        if let Some(count) = sums.verdicts.get_mut(super::cases::weight(trial.verdict)) {
            *count += 1;
        }
        sums.acknowledged += trial.acknowledged;
        sums.lost += trial.lost;
        sums.worst = sums.worst.max(trial.lost);
        sums.window_ms = sums.window_ms.into_iter().chain(trial.window_ms).reduce(f64::max);
        sums.recovery_ms = sums.recovery_ms.into_iter().chain(trial.recovery_ms).reduce(f64::max);
    }
    let shown: Vec<_> = Verdict::ALL
        .iter()
        .copied()
        .filter(|verdict| report.trials.iter().any(|trial| trial.verdict == *verdict))
        .collect();
    let mut head = vec![axis.title(), "trials"];
    head.extend(shown.iter().map(|verdict| verdict.as_str()));
    head.extend(["acknowledged", "lost", "worst", "window", "recovery"]);
    let time = |value: Option<f64>| value.map(millis).unwrap_or_default();
    let rows = rows.into_iter().map(|(name, sums)| {
        let mut row = vec![name.to_owned(), grouped(sums.verdicts.iter().sum())];
        row.extend(shown.iter().map(|verdict| grouped(sums.verdicts[super::cases::weight(*verdict)])));
        row.extend([sums.acknowledged, sums.lost, sums.worst].map(grouped));
        row.extend([time(sums.window_ms), time(sums.recovery_ms)]);
        row
    });
    Table { head, words: 1, rows: rows.collect() }
}

//! `history.jsonl`: a line per run, small enough that CI can cache it, and what the lines tell of a run.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::cases::{self, shows_breach};
use crate::record::{CaseHistory, CaseState, Change, History, PastRun, Report, Verdict};

/// Version of a line.
pub const SCHEMA: &str = "outlast-history/1";
/// Lines that are kept where nothing else is asked for.
pub const KEPT: usize = 50;
/// Most bytes that are kept, whatever was asked for.
const MOST_BYTES: usize = 8 << 20;
/// Runs that say whether a case is flaky.
const RECENT: usize = 10;
/// Most cases in a report.
const MOST_CASES: usize = 1_000;
/// Most names in a line.
const MOST_NAMES: usize = 200;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// `outlast-history/1`.
    pub schema: String,
    /// The run.
    pub run: PastRun,
    /// Every case as a word: eight hex digits that stand for its name, a letter for the verdict, what was lost at most.
    pub cases: String,
    /// Names of cases that showed a breach: they must be told even when they are not run again.
    pub named: Vec<String>,
}

impl Line {
    /// What a run leaves for later ones.
    pub fn of(report: &Report) -> Self {
        let states = cases::states(&report.trials);
        let mut words = String::with_capacity(states.len() * 12);
        for (name, state) in &states {
            let separator = if words.is_empty() { "" } else { " " };
            let _ = write!(words, "{separator}{:08x}{}", key(name), letter(state.verdict));
            if state.lost > 0 {
                let _ = write!(words, "{}", state.lost);
            }
        }
        let breached = states.iter().filter(|(_, state)| shows_breach(state.verdict) == Some(true));
        Self {
            schema: SCHEMA.into(),
            run: cases::summary(report),
            named: breached.map(|(name, _)| (*name).to_owned()).take(MOST_NAMES).collect(),
            cases: words,
        }
    }

    fn states(&self) -> HashMap<u32, Seen> {
        self.cases.split(' ').filter_map(decode).collect()
    }
}

/// What a line says of a case.
type Seen = (Verdict, u64);

/// The lines of a file, oldest first. What is no line of this version is left out: a torn line must not end a run.
pub fn parse(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    lines.retain(|line| line.schema == SCHEMA);
    lines.sort_by(|a, b| order(&a.run).cmp(&order(&b.run)));
    lines
}

/// The file with one more line: the newest `most` lines, each run once.
pub fn append(mut lines: Vec<Line>, line: Line, most: usize) -> String {
    lines.retain(|other| other.run.id != line.run.id);
    lines.push(line);
    lines.sort_by(|a, b| order(&a.run).cmp(&order(&b.run)));
    let mut kept = Vec::new();
    let mut bytes = 0;
    for line in lines.iter().rev().take(most) {
        let Ok(text) = serde_json::to_string(line) else { continue };
        bytes += text.len() + 1;
        if bytes > MOST_BYTES && !kept.is_empty() {
            break;
        }
        kept.push(text);
    }
    kept.iter().rev().fold(String::new(), |out, line| out + line + "\n")
}

fn order(run: &PastRun) -> (Option<jiff::Timestamp>, &str) {
    (run.started_at.parse().ok(), &run.id)
}

/// What earlier runs tell of this one. Lines of this run itself and of later ones are left out, so that reports that are
/// made again say the same.
pub fn history(lines: &[Line], report: &Report) -> History {
    let now = cases::summary(report);
    let earlier: Vec<_> =
        lines.iter().filter(|line| line.run.id != now.id && order(&line.run) < order(&now)).collect();
    let past: Vec<_> = earlier.iter().map(|line| line.states()).collect();
    let states = cases::states(&report.trials);
    let mut names: BTreeMap<&str, Option<&CaseState>> = BTreeMap::new();
    names.extend(earlier.iter().flat_map(|line| &line.named).map(|name| (name.as_str(), None)));
    names.extend(states.iter().map(|(name, state)| (*name, Some(state))));
    let mut found: Vec<_> = names
        .into_iter()
        .filter_map(|(name, state)| {
            let key = key(name);
            let mut series: Vec<Option<Seen>> = past.iter().map(|run| run.get(&key).copied()).collect();
            series.push(state.map(|state| (state.verdict, state.lost)));
            let change = change(&series);
            (change != Change::Same).then(|| CaseHistory {
                name: name.into(),
                change,
                verdicts: series.iter().map(|seen| seen.map(|(verdict, _)| verdict)).collect(),
                lost: series.iter().map(|seen| seen.map(|(_, lost)| lost)).collect(),
            })
        })
        .collect();
    found.sort_by(|a, b| (a.change, &a.name).cmp(&(b.change, &b.name)));
    let cut = found.len().saturating_sub(MOST_CASES);
    found.truncate(MOST_CASES);
    let mut runs: Vec<_> = earlier.iter().map(|line| line.run.clone()).collect();
    runs.push(now);
    History { runs, cases: found, cut: cut as u64 }
}

/// What has become of a case; the last one is this run.
fn change(series: &[Option<Seen>]) -> Change {
    let Some((&now, earlier)) = series.split_last() else { return Change::Same };
    let verdict = |seen: &Option<Seen>| seen.map(|(verdict, _)| verdict);
    let proof = |seen: &Option<Seen>| verdict(seen).and_then(shows_breach);
    let last = earlier.iter().rev().find_map(verdict);
    let proven = earlier.iter().rev().filter_map(verdict).find(|verdict| shows_breach(*verdict).is_some());
    let recent = &series[series.len().saturating_sub(RECENT)..];
    let proofs: Vec<_> = recent.iter().filter_map(proof).collect();
    let flaky = proofs.windows(2).filter(|pair| pair[0] != pair[1]).count() >= 2;
    match (verdict(&now), proven) {
        (None, Some(before)) if shows_breach(before) == Some(true) => Change::NotRun,
        (None, _) => Change::Same,
        (Some(Verdict::Known), _) => Change::Known,
        (Some(Verdict::Broken | Verdict::Kept), _) if flaky => Change::Flaky,
        (Some(Verdict::Broken), Some(Verdict::Broken)) => Change::StillBroken,
        (Some(Verdict::Broken), _) => Change::New,
        (Some(Verdict::Kept), Some(Verdict::Broken | Verdict::Known)) => Change::Fixed,
        (Some(Verdict::Kept), _) if last.is_some_and(|last| shows_breach(last).is_none()) => Change::Proven,
        (Some(Verdict::Kept), _) => Change::Same,
        (Some(_), _) if last.is_some_and(|last| shows_breach(last).is_some()) => Change::Unproven,
        (Some(_), _) => Change::Same,
    }
}

/// Stands for the name of a case.
fn key(name: &str) -> u32 {
    let hash = blake3::hash(name.as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Verdicts and their letters.
const LETTERS: [(Verdict, char); 6] = [
    (Verdict::Kept, 'k'),
    (Verdict::Broken, 'b'),
    (Verdict::Known, 'n'),
    (Verdict::Inconclusive, 'i'),
    (Verdict::Unsupported, 'u'),
    (Verdict::Errored, 'e'),
];

fn letter(verdict: Verdict) -> char {
    LETTERS.iter().find(|(other, _)| *other == verdict).map_or('e', |(_, letter)| *letter)
}

fn decode(word: &str) -> Option<(u32, Seen)> {
    let (key, rest) = word.split_at_checked(8)?;
    let mut rest = rest.chars();
    let letter = rest.next()?;
    let (verdict, _) = LETTERS.iter().find(|(_, other)| *other == letter)?;
    let lost = if rest.as_str().is_empty() { 0 } else { rest.as_str().parse().ok()? };
    Some((u32::from_str_radix(key, 16).ok()?, (*verdict, lost)))
}

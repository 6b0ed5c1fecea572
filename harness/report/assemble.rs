//! From the lines of journals to one report: in any order, and as often as they come.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{gate, statistics};
use crate::record::{JournalLine, Report, RunFacts, SCHEMA, Totals, TrialRecord, Verdict};

/// Puts the lines of any number of journals together. Their order does not matter, and a line that is there twice
/// counts once: of several records of a trial the last one stands.
pub fn assemble(lines: Vec<JournalLine>) -> Report {
    let mut trials: BTreeMap<String, TrialRecord> = BTreeMap::new();
    let mut started = Vec::new();
    let mut runs = Runs::new();
    for line in lines {
        match line {
            JournalLine::Run(facts) => note(&mut runs, facts, false),
            JournalLine::Closed(facts) => note(&mut runs, facts, true),
            JournalLine::Started { name, .. } => started.push(name),
            JournalLine::Finished(record) => match trials.get(&record.name) {
                Some(other) if age(other) >= age(&record) => {}
                _ => drop(trials.insert(record.name.clone(), record)),
            },
        }
    }
    started.retain(|name| !trials.contains_key(name));
    started.sort();
    started.dedup();
    let trials: Vec<_> = trials.into_values().collect();
    let mut report = Report {
        schema: SCHEMA.into(),
        missing: missing(&runs, trials.len() as u64),
        run: whole(runs),
        totals: totals(&trials),
        interrupted: started,
        cases: statistics::by_case(&trials),
        trials,
        ..Report::default()
    };
    report.gate = gate::judge(&report);
    report
}

/// What the parts of a run lack. Processes that ran the same part again count once.
fn missing(runs: &Runs, finished: u64) -> Vec<String> {
    let mut parts: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for (facts, _) in runs.values() {
        let part = facts.shard.as_deref().and_then(|shard| shard.split_once('/'));
        let Some((Ok(index), Ok(count))) = part.map(|(i, n)| (i.parse(), n.parse())) else { continue };
        let selected = parts.entry((count, index)).or_default();
        *selected = facts.selected.max(*selected);
    }
    let Some(count) = parts.keys().map(|(count, _)| *count).max().filter(|_| parts.len() > 1) else {
        return Vec::new();
    };
    let there = |index: &u64| parts.contains_key(&(count, *index));
    let mut missing: Vec<_> = (1..=count)
        .filter(|index| !there(index))
        .map(|index| format!("part {index}/{count} left no journal"))
        .collect();
    let expected: u64 = parts.values().sum();
    if finished < expected {
        missing.push(format!("{} of {expected} trials have no record", expected - finished));
    }
    missing
}

/// Orders records of one trial: the one that began last is the last word.
fn age(record: &TrialRecord) -> (Option<Timestamp>, u32) {
    (instant(&record.started_at), record.attempt)
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Every process that wrote a journal, by when and how it was started, and whether it ended in order.
type Runs = BTreeMap<(String, String, Vec<String>), (RunFacts, bool)>;

fn note(runs: &mut Runs, facts: RunFacts, closed: bool) {
    let key = (facts.started_at.clone(), facts.id.clone(), facts.command.clone());
    match runs.get(&key) {
        Some((_, true)) => {}
        Some(_) if !closed => {}
        _ => drop(runs.insert(key, (facts, closed))),
    }
}

/// The run that all processes together make: the first one speaks for what they share.
fn whole(runs: Runs) -> RunFacts {
    let mut runs = runs.into_values();
    let Some((mut whole, mut closed)) = runs.next() else {
        return RunFacts { interrupted: true, ..RunFacts::default() };
    };
    for (part, part_closed) in runs {
        whole.duration_ms = whole.duration_ms.max(offset_ms(&whole, &part) + part.duration_ms);
        whole.selected += part.selected;
        whole.planned = whole.planned.max(part.planned);
        whole.interrupted |= part.interrupted;
        whole.shard = whole.shard.filter(|shard| part.shard.as_ref() == Some(shard));
        for server in part.servers {
            match whole.servers.iter_mut().find(|known| known.name == server.name) {
                Some(known) if known.unavailable.is_some() && server.unavailable.is_none() => *known = server,
                Some(_) => {}
                None => whole.servers.push(server),
            }
        }
        closed &= part_closed;
    }
    whole.interrupted |= !closed;
    whole
}

/// From the start of one process to that of another.
fn offset_ms(first: &RunFacts, later: &RunFacts) -> f64 {
    match (instant(&first.started_at), instant(&later.started_at)) {
        (Some(first), Some(later)) => later.duration_since(first).as_secs_f64().max(0.0) * 1000.0,
        _ => 0.0,
    }
}

fn totals(trials: &[TrialRecord]) -> Totals {
    let mut totals = Totals { trials: trials.len() as u64, ..Totals::default() };
    for trial in trials {
        let slot = match trial.verdict {
            Verdict::Kept => &mut totals.kept,
            Verdict::Broken => &mut totals.broken,
            Verdict::Known => &mut totals.known,
            Verdict::Inconclusive => &mut totals.inconclusive,
            Verdict::Unsupported => &mut totals.unsupported,
            Verdict::Errored => &mut totals.errored,
        };
        *slot += 1;
        totals.acknowledged += trial.acknowledged;
        totals.lost += trial.lost;
        totals.in_doubt += trial.in_doubt;
    }
    totals
}

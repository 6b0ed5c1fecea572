//! Suites, rules, and the entries about trials: contract, budget, known.

use std::ops::Range;

use super::axes::{check_name, patterns};
use super::diagnose::nearest;
use super::keys::{AXES, PROFILES};
use super::sheet::{Notes, Sheet};
use super::{Budget, Known, Matrix, Override, Rule, Suite, When, directive};
use crate::glob;

/// A suite as it was read.
pub struct Read {
    /// What it picks.
    pub suite: Suite,
    /// Where it stands.
    pub span: Range<usize>,
    /// Whether it has no mistake in it.
    pub sound: bool,
    /// Whether it runs in the chosen profile.
    pub chosen: bool,
}

/// `[[suite]]`, every one.
pub fn suites(root: &Sheet<'_, '_>, matrix: &Matrix, profile: &str, notes: &Notes) -> Vec<Read> {
    let rank = |word: &str| PROFILES.iter().position(|profile| *profile == word).unwrap_or(1);
    let mut suites: Vec<Read> = Vec::new();
    for sheet in root.tables("suite") {
        let mistakes = notes.count();
        let name = sheet.required("name");
        let span = sheet.span_of("name");
        if suites.iter().any(|other| other.suite.name == name) {
            notes.add(span.clone(), format!("there are two suites `{name}`"), None);
        }
        if sheet.value("name").is_some() {
            check_name(&name, span.clone(), notes);
        }
        let pick = |key, axis: Vec<&str>| pick(&sheet, key, &axis, notes);
        let plain = matrix.plain_storage().unwrap_or(0);
        let suite = Suite {
            servers: pick("server", matrix.servers.iter().map(|value| value.name.as_str()).collect()),
            persistences: pick(
                "persistence",
                matrix.persistences.iter().map(|value| value.name.as_str()).collect(),
            ),
            storages: if sheet.value("storage").is_none() {
                vec![plain as u16]
            } else {
                pick("storage", matrix.storages.iter().map(|value| value.name.as_str()).collect())
            },
            workloads: pick("workload", matrix.workloads.iter().map(|value| value.name.as_str()).collect()),
            faults: pick("fault", matrix.faults.iter().map(|value| value.name.as_str()).collect()),
            seeds: seeds(&sheet, profile),
            second_life: sheet.truth("second-life").unwrap_or(true),
            name,
        };
        let least = sheet.word("profile").unwrap_or("default");
        sheet.end();
        let (sound, chosen) = (notes.count() == mistakes, rank(least) <= rank(profile));
        suites.push(Read { suite, span, sound, chosen });
    }
    suites
}

/// Positions on an axis that a list of patterns picks; `!pattern` takes some out again.
fn pick(sheet: &Sheet<'_, '_>, key: &'static str, axis: &[&str], notes: &Notes) -> Vec<u16> {
    let patterns = sheet.words(key);
    super::axes::check_list(sheet, key, notes);
    let all_excluded = patterns.iter().all(|(pattern, _)| pattern.starts_with('!'));
    let mut picked = vec![all_excluded; axis.len()];
    for (pattern, span) in &patterns {
        let (wanted, plain) = match pattern.strip_prefix('!') {
            Some(plain) => (false, plain),
            None => (true, pattern.as_str()),
        };
        let mut found = false;
        for (slot, name) in picked.iter_mut().zip(axis) {
            if glob::matches(plain, name) {
                *slot = wanted;
                found = true;
            }
        }
        if !found {
            notes.add(span.clone(), format!("no {key} is called `{plain}`"), nearest(plain, axis));
        }
    }
    (0..).zip(picked).filter(|(_, picked)| *picked).map(|(position, _)| position).collect()
}

/// How many seeds: a number, or a number per profile.
fn seeds(sheet: &Sheet<'_, '_>, profile: &str) -> u32 {
    if !sheet.value("seeds").is_some_and(|value| value.get_ref().is_table()) {
        return sheet.small("seeds").unwrap_or(1);
    }
    let Some(table) = sheet.table("seeds") else { return 1 };
    let by_profile = PROFILES.map(|profile| table.small(profile));
    table.end();
    let rank = PROFILES.iter().position(|word| *word == profile).unwrap_or(1);
    // A profile without a number takes that of the next smaller one, or else of the next larger one.
    let smaller = by_profile[..=rank].iter().rev().find_map(|number| *number);
    smaller.or_else(|| by_profile[rank..].iter().find_map(|number| *number)).unwrap_or(1)
}

/// Names of axis values, in the order of [`AXES`].
pub type Names<'a> = [Vec<&'a str>; AXES.len()];

/// `[[rule]]`.
pub fn rules(root: &Sheet<'_, '_>, names: &Names<'_>, notes: &Notes) -> Vec<Rule> {
    let read = |sheet: &Sheet<'_, '_>| {
        let when = when(sheet, "skip", names, notes);
        let why = sheet.string("why");
        sheet.end();
        Rule { when, why }
    };
    root.tables("rule").iter().map(read).collect()
}

/// `[[contract]]`.
pub fn contracts(root: &Sheet<'_, '_>, names: &Names<'_>, notes: &Notes) -> Vec<Override> {
    let read = |sheet: &Sheet<'_, '_>| {
        let own = Override {
            when: when(sheet, "when", names, notes),
            lost: sheet.count("lost"),
            lost_window: sheet.duration("lost-window"),
            may_refuse: sheet.truth("may-refuse"),
            why: sheet.string("why"),
        };
        sheet.end();
        if own.lost.is_some() && own.lost_window.is_some() {
            let help = Some("keep one of them: a promise is a number of writes or a window".to_owned());
            notes.add(sheet.span_of("lost-window"), "`lost` and `lost-window` exclude one another", help);
        }
        own
    };
    root.tables("contract").iter().map(read).collect()
}

/// `[[budget]]`.
pub fn budgets(root: &Sheet<'_, '_>, names: &Names<'_>, notes: &Notes) -> Vec<Budget> {
    let read = |sheet: &Sheet<'_, '_>| {
        let budget = Budget {
            when: when(sheet, "when", names, notes),
            lost: sheet.count("lost"),
            lost_window: sheet.duration("lost-window"),
            recovery: sheet.duration("recovery"),
        };
        sheet.end();
        if budget.lost.is_none() && budget.lost_window.is_none() && budget.recovery.is_none() {
            let help = Some("give it `lost`, `lost-window` or `recovery`".to_owned());
            notes.add(sheet.span.clone(), "this budget limits nothing", help);
        }
        budget
    };
    root.tables("budget").iter().map(read).collect()
}

/// `[[known]]`.
pub fn known(root: &Sheet<'_, '_>, names: &Names<'_>, notes: &Notes) -> Vec<Known> {
    let read = |sheet: &Sheet<'_, '_>| {
        let known = Known {
            when: when(sheet, "when", names, notes),
            expect: sheet.some_of("expect"),
            beside: sheet.some_of("beside"),
            link: sheet.string("link"),
            cause: sheet.string("cause"),
            remedy: sheet.string("remedy"),
        };
        sheet.end();
        known
    };
    root.tables("known").iter().map(read).collect()
}

fn when(sheet: &Sheet<'_, '_>, key: &'static str, names: &Names<'_>, notes: &Notes) -> When {
    if sheet.value(key).is_none() {
        let help = format!("{key} = {{ server = \"redis-*\" }}");
        notes.add(sheet.span.clone(), format!("`{key}` is missing"), Some(help));
    }
    let Some(table) = sheet.table(key) else { return When::default() };
    let mut names = names.iter();
    let [suite, server, persistence, storage, workload, fault, engine] =
        AXES.map(|axis| patterns(&table, axis, names.next().map_or(&[], Vec::as_slice), notes));
    let config = table
        .rest()
        .into_iter()
        .map(|(name, span, value)| {
            directive::check_condition(&name, span, notes);
            let values = directive::values(&name, value, notes);
            (name, values.into_iter().map(|(text, _)| text).collect())
        })
        .collect();
    table.end();
    When { suite, server, persistence, storage, workload, fault, engine, config }
}

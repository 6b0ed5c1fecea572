//! Suites, rules, and the entries about trials: contract, budget, known.

use std::ops::Range;

use super::diagnose::nearest;
use super::sheet::{Notes, Sheet, integer, strings};
use super::{Budget, Known, Matrix, Override, Rule, StorageKind, Suite, When};
use crate::glob;

/// Profiles, from the smallest to the largest.
pub const PROFILES: [&str; 3] = ["quick", "default", "full"];

/// Keys of `when` that name an axis; every other key is a directive of the effective configuration.
const AXES: [&str; 7] = ["suite", "server", "persistence", "storage", "workload", "fault", "engine"];

/// `[[suite]]` entries that run in `profile`, with where each one stands.
pub fn suites(
    root: &Sheet<'_, '_>,
    matrix: &Matrix,
    profile: &str,
    notes: &Notes,
) -> Vec<(Suite, Range<usize>)> {
    let rank = |word: &str| PROFILES.iter().position(|profile| *profile == word).unwrap_or(1);
    let mut suites: Vec<(Suite, Range<usize>)> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for sheet in root.tables("suite") {
        let name = sheet.required("name");
        let span = sheet.value("name").map_or(sheet.span.clone(), |value| value.span());
        if names.contains(&name) {
            notes.add(span.clone(), format!("there are two suites `{name}`"), None);
        }
        if name.contains("::") || name.contains(char::is_whitespace) {
            notes.add(
                span.clone(),
                format!("`{name}` cannot be a name"),
                Some("no blanks and no `::`".into()),
            );
        }
        names.push(name.clone());
        let pick = |key, axis: Vec<&str>| pick(&sheet, key, &axis, notes);
        let plain = matrix.storages.iter().position(|storage| storage.kind == StorageKind::Bind).unwrap_or(0);
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
            seeds: seeds(&sheet, profile, notes),
            second_life: sheet.truth("second-life").unwrap_or(true),
            name,
        };
        let least = sheet.word("profile", &PROFILES).unwrap_or("default");
        sheet.end();
        if rank(least) <= rank(profile) {
            suites.push((suite, span));
        }
    }
    suites
}

/// Positions on an axis that a list of patterns picks; `!pattern` takes some out again.
fn pick(sheet: &Sheet<'_, '_>, key: &'static str, axis: &[&str], notes: &Notes) -> Vec<u16> {
    let patterns = sheet.words(key);
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
fn seeds(sheet: &Sheet<'_, '_>, profile: &str, notes: &Notes) -> u32 {
    let Some(value) = sheet.value("seeds") else { return 1 };
    let number = match value.get_ref().as_table() {
        None => sheet.count("seeds", 1),
        Some(table) => {
            let table = Sheet::new(table, value.span(), notes);
            let by_profile: Vec<_> = PROFILES.iter().map(|profile| table.count(profile, 1)).collect();
            table.end();
            let rank = PROFILES.iter().position(|word| *word == profile).unwrap_or(1);
            by_profile[..=rank]
                .iter()
                .rev()
                .find_map(|number| *number)
                .or_else(|| by_profile[rank..].iter().find_map(|number| *number))
        }
    };
    u32::try_from(number.unwrap_or(1)).unwrap_or(u32::MAX)
}

/// `[[rule]]`.
pub fn rules(root: &Sheet<'_, '_>, notes: &Notes) -> Vec<Rule> {
    let read = |sheet: &Sheet<'_, '_>| {
        let when = when(sheet, "skip", notes);
        let why = sheet.string("why");
        sheet.end();
        Rule { when, why }
    };
    root.tables("rule").iter().map(read).collect()
}

/// `[[contract]]`.
pub fn contracts(root: &Sheet<'_, '_>, notes: &Notes) -> Vec<Override> {
    let read = |sheet: &Sheet<'_, '_>| {
        let own = Override {
            when: when(sheet, "when", notes),
            lost: sheet.count("lost", 0),
            lost_window: sheet.duration("lost-window"),
            may_refuse: sheet.truth("may-refuse"),
            why: sheet.string("why"),
        };
        sheet.end();
        own
    };
    root.tables("contract").iter().map(read).collect()
}

/// `[[budget]]`.
pub fn budgets(root: &Sheet<'_, '_>, notes: &Notes) -> Vec<Budget> {
    let read = |sheet: &Sheet<'_, '_>| {
        let budget = Budget {
            when: when(sheet, "when", notes),
            lost: sheet.count("lost", 0),
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
pub fn known(root: &Sheet<'_, '_>, notes: &Notes) -> Vec<Known> {
    const SEEN: [&str; 18] = [
        "suffix",
        "prefix",
        "hole",
        "scattered",
        "all",
        "lost",
        "rolled-back",
        "resurrected",
        "corrupt",
        "second-restart-loss",
        "refused-to-start",
        "stuck-loading",
        "silent-truncation",
        "policy-not-in-force",
        "silent-empty-start",
        "shutdown-refused",
        "false-success",
        "none",
    ];
    let read = |sheet: &Sheet<'_, '_>| {
        let expect = sheet.words("expect");
        for (word, span) in &expect {
            if !SEEN.contains(&word.as_str()) {
                notes.add(
                    span.clone(),
                    format!("`{word}` is neither a shape nor an anomaly"),
                    nearest(word, &SEEN),
                );
            }
        }
        let known = Known {
            when: when(sheet, "when", notes),
            expect: expect.into_iter().map(|(word, _)| word).collect(),
            link: sheet.string("link"),
            cause: sheet.string("cause"),
        };
        sheet.end();
        known
    };
    root.tables("known").iter().map(read).collect()
}

fn when(sheet: &Sheet<'_, '_>, key: &'static str, notes: &Notes) -> When {
    let Some(table) = sheet.table(key) else {
        notes.add(
            sheet.span.clone(),
            format!("`{key}` is missing"),
            Some(format!("{key} = {{ server = \"redis-*\" }}")),
        );
        return When::default();
    };
    let [suite, server, persistence, storage, workload, fault, engine] =
        AXES.map(|axis| table.words(axis).into_iter().map(|(pattern, _)| pattern).collect());
    let config = table
        .rest()
        .into_iter()
        .map(|(name, _, value)| {
            let values = match integer(value.get_ref()) {
                Some(number) => vec![number.to_string()],
                None => strings(value, &name, notes).into_iter().map(|(text, _)| text).collect(),
            };
            (name, values)
        })
        .collect();
    When { suite, server, persistence, storage, workload, fault, engine, config }
}

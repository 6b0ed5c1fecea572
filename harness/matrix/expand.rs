//! From axes to cases, one after the other: nothing is kept.

use std::collections::BTreeMap;
use std::ops::Range;

use super::sheet::Notes;
use super::{Case, Directive, Fault, Matrix, Persistence, Storage, StorageKind, Suite, When};
use crate::glob;

impl Matrix {
    /// Every case, in the order of the file; those that an engine cannot do are left out where one is named.
    pub fn cases<'a>(&'a self, engine: Option<&'a str>) -> impl Iterator<Item = Case> + 'a {
        (0..self.suites.len() as u16).flat_map(move |suite| self.cases_of(suite, engine))
    }

    /// The cases of one suite.
    fn cases_of<'a>(&'a self, suite: u16, engine: Option<&'a str>) -> impl Iterator<Item = Case> + 'a {
        let picks = &self.suites[usize::from(suite)];
        // The innermost loops are the longest: a coordinate is checked as soon as it is complete.
        picks.faults.iter().flat_map(move |&fault| {
            picks.servers.iter().flat_map(move |&server| {
                picks.persistences.iter().flat_map(move |&persistence| {
                    picks.storages.iter().flat_map(move |&storage| {
                        picks
                            .workloads
                            .iter()
                            .map(move |&workload| Case {
                                suite,
                                server,
                                persistence,
                                storage,
                                workload,
                                fault,
                                seed: 1,
                            })
                            .filter(move |case| self.allows(*case, engine))
                            .flat_map(move |case| (1..=picks.seeds).map(move |seed| Case { seed, ..case }))
                    })
                })
            })
        })
    }

    /// Lines of the config files that a case begins with: the server's, below the policy's.
    pub fn base(&self, case: Case) -> Vec<Directive> {
        let policy = &self.persistences[usize::from(case.persistence)].base;
        let server = &self.servers[usize::from(case.server)].base;
        let kept = |line: &&Directive| policy.iter().all(|newer| newer.name != line.name);
        server.iter().filter(kept).chain(policy).cloned().collect()
    }

    /// How many cases there are for all engines.
    pub fn count(&self) -> usize {
        self.cases(None).count()
    }

    /// Whether a coordinate means something: the fault's needs, the policy's servers, the engine, the rules.
    pub fn allows(&self, case: Case, engine: Option<&str>) -> bool {
        let fault = &self.faults[usize::from(case.fault)];
        let policy = &self.persistences[usize::from(case.persistence)];
        let server = &self.servers[usize::from(case.server)];
        let storage = &self.storages[usize::from(case.storage)];
        engine.is_none_or(|engine| can(fault, engine) && holds(storage, engine))
            && (storage.kind == StorageKind::Disk || !fault.needs_disk)
            && fault.needs.iter().all(|need| has(policy, need))
            && (policy.servers.is_empty()
                || policy.servers.iter().any(|pattern| glob::matches(pattern, &server.name)))
            && !self.rules.iter().any(|rule| self.is_about(&rule.when, case, engine))
    }

    fn is_about(&self, when: &When, case: Case, engine: Option<&str>) -> bool {
        let any = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| glob::matches(pattern, text))
        };
        let policy = &self.persistences[usize::from(case.persistence)];
        let lines: BTreeMap<_, _> = policy.lines().map(|line| (&line.name, &line.value)).collect();
        any(&when.suite, &self.suites[usize::from(case.suite)].name)
            && any(&when.server, &self.servers[usize::from(case.server)].name)
            && any(&when.persistence, &policy.name)
            && any(&when.storage, &self.storages[usize::from(case.storage)].name)
            && any(&when.workload, &self.workloads[usize::from(case.workload)].name)
            && any(&when.fault, &self.faults[usize::from(case.fault)].name)
            // As long as no engine is chosen, a rule about one of them leaves the others their trials.
            && engine.map_or(when.engine.is_empty(), |engine| any(&when.engine, engine))
            && when
                .config
                .iter()
                .all(|(name, patterns)| lines.get(name).is_some_and(|value| any(patterns, value)))
    }

    /// A suite without a case is a mistake, on the file's own engine too, and so is a fault in it whose needs no policy
    /// of it meets.
    pub(super) fn check_suite(&self, suite: u16, span: Range<usize>, notes: &Notes) {
        let picks = &self.suites[usize::from(suite)];
        for &fault in &picks.faults {
            let needs = &self.faults[usize::from(fault)].needs;
            let met =
                |policy: &u16| needs.iter().all(|need| has(&self.persistences[usize::from(*policy)], need));
            if !picks.persistences.is_empty() && !picks.persistences.iter().any(met) {
                let name = &self.faults[usize::from(fault)].name;
                let message = format!(
                    "fault `{name}` needs {}, which no policy of suite `{}` has",
                    needs.join(" and "),
                    picks.name
                );
                notes.add(span.clone(), message, Some(format!("leave it out with \"!{name}\"")));
            }
        }
        let none = |engine| self.cases_of(suite, engine).next().is_none();
        let engine = self.run.engine.as_deref().filter(|engine| *engine != "auto");
        if none(None) {
            let help = "every combination is ruled out by `needs`, `servers`, `engines` or a [[rule]]";
            notes.add(span, format!("suite `{}` is empty", picks.name), Some(help.into()));
        } else if let Some(engine) = engine
            && none(Some(engine))
        {
            let message =
                format!("suite `{}` is empty on engine `{engine}`, which [run] asks for", picks.name);
            let unable = self.unable(picks, engine).join(", ");
            let help = format!("{unable} cannot be had there: say engine = \"auto\", or leave the suite out");
            notes.add(span, message, Some(help));
        }
    }

    /// Faults and storages of a suite that an engine has not.
    fn unable(&self, picks: &Suite, engine: &str) -> Vec<String> {
        let faults = picks.faults.iter().map(|&at| &self.faults[usize::from(at)]);
        let storages = picks.storages.iter().map(|&at| &self.storages[usize::from(at)]);
        faults
            .filter(|fault| !can(fault, engine))
            .map(|fault| format!("fault `{}`", fault.name))
            .chain(
                storages
                    .filter(|storage| !holds(storage, engine))
                    .map(|storage| format!("storage `{}`", storage.name)),
            )
            .collect()
    }
}

/// Whether an engine can do a fault.
fn can(fault: &Fault, engine: &str) -> bool {
    fault.engines.is_empty() || fault.engines.iter().any(|able| able == engine)
}

/// Whether an engine has a storage.
fn holds(storage: &Storage, engine: &str) -> bool {
    engine == "docker" || matches!(storage.kind, StorageKind::Bind | StorageKind::Disk)
}

impl Persistence {
    /// The policy as written: its keys, and of its file what they leave in force.
    fn lines(&self) -> impl Iterator<Item = &Directive> {
        let kept = |line: &&Directive| self.directives.iter().all(|newer| newer.name != line.name);
        self.base.iter().filter(kept).chain(&self.directives)
    }
}

/// Whether a policy has what a fault needs. A policy that says nothing of `save` has the server's own save points.
fn has(policy: &Persistence, need: &str) -> bool {
    let aof = policy.lines().any(|line| line.name == "appendonly" && line.value == "yes");
    let mut saves = policy.lines().filter(|line| line.name == "save").peekable();
    let rdb = saves.peek().is_none() || saves.any(|line| !line.value.is_empty());
    match need {
        "aof" => aof,
        "no-aof" => !aof,
        "rdb" | "save" => rdb,
        "no-rdb" => !rdb,
        _ => true,
    }
}

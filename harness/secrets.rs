//! Passwords, and how they are kept out of records: whatever a server, a log or a library repeats, nobody reads them there.

use crate::matrix::{Directive, Fault, Login, Matrix};
use crate::plan::Plan;
use crate::record::TrialRecord;

/// Directives whose value is a password.
const PASSWORDS: &[&str] =
    &["requirepass", "masterauth", "primaryauth", "tls-key-file-pass", "tls-client-key-file-pass"];

/// Whether the value of a directive may hold a password, also one of a fork that nobody here has heard of.
pub fn may_hold_one(directive: &str) -> bool {
    directive == "user" || ["pass", "auth"].iter().any(|part| directive.contains(part))
}

/// What a password of a `user` line begins with: to add or to remove, plain or as a hash.
const MARKS: &[char] = &['>', '<', '#', '!'];

/// The passwords of a trial or of a matrix.
#[derive(Clone, Default)]
pub struct Secrets {
    /// The longest first, so that one that holds another is taken whole.
    words: Vec<String>,
}

impl Secrets {
    /// Those that a trial has to do with.
    pub fn of_plan(plan: &Plan) -> Self {
        let mut secrets = Self::default();
        secrets.fault(&plan.fault);
        plan.directives().iter().for_each(|line| secrets.directive(line));
        plan.workload.user.iter().for_each(|login| secrets.add(&login.password));
        secrets
    }

    /// Those that stand in a matrix, and in the steps of a command line.
    pub fn of_matrix(matrix: &Matrix, steps: Option<&str>) -> Self {
        let mut secrets = Self::default();
        matrix.faults.iter().for_each(|fault| secrets.fault(fault));
        let servers = matrix.servers.iter().flat_map(|server| &server.directives);
        let policies = matrix.persistences.iter().flat_map(|policy| &policy.directives);
        servers.chain(policies).for_each(|line| secrets.directive(line));
        let logins = matrix.workloads.iter().filter_map(|workload| workload.user.as_ref());
        logins.for_each(|login| secrets.add(&login.password));
        steps.into_iter().for_each(|steps| secrets.step(steps));
        secrets
    }

    /// Those of a configuration as the server has it.
    pub fn directive(&mut self, line: &Directive) {
        if PASSWORDS.contains(&line.name.as_str()) {
            self.add(&line.value);
        } else if line.name == "user" {
            let words = line.value.split_whitespace().filter_map(|word| word.strip_prefix(MARKS));
            words.for_each(|word| self.add(word));
        }
    }

    fn fault(&mut self, fault: &Fault) {
        fault.directives.iter().for_each(|line| self.directive(line));
        fault.steps.iter().for_each(|step| self.step(step));
    }

    /// `reconfigure requirepass=...`, `config-set masterauth ...`.
    fn step(&mut self, step: &str) {
        let words: Vec<_> = step.split(|c: char| c.is_whitespace() || c == '=' || c == ';').collect();
        for pair in words.windows(2) {
            self.directive(&Directive { name: pair[0].to_lowercase(), value: pair[1].into() });
        }
        if step.contains("user=") || step.contains("user ") {
            words.iter().filter_map(|word| word.strip_prefix(MARKS)).for_each(|word| self.add(word));
        }
    }

    fn add(&mut self, secret: &str) {
        let secret = secret.trim().trim_matches(['"', '\'']);
        if !secret.is_empty() && !self.words.iter().any(|word| word == secret) {
            self.words.push(secret.into());
            self.words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        }
    }

    /// A text without them.
    pub fn mask(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, word| text.replace(word, Login::MASK))
    }

    /// Takes them out of everything in a record that somebody else may have written.
    pub fn hide(&self, record: &mut TrialRecord) {
        for line in record.policy.iter_mut() {
            if PASSWORDS.contains(&line.directive.as_str()) || line.directive == "user" {
                let shown = [&mut line.requested, &mut line.effective];
                shown.into_iter().flatten().for_each(|value| *value = Login::MASK.into());
            }
        }
        if !self.words.is_empty() {
            record.texts_mut().for_each(|text| *text = self.mask(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{Persistence, Workload};

    fn line(name: &str, value: &str) -> Directive {
        Directive { name: name.into(), value: value.into() }
    }

    #[test]
    fn every_password_of_a_matrix_is_known_and_masked() {
        let matrix = Matrix {
            persistences: vec![Persistence {
                directives: vec![
                    line("requirepass", "\"first word\""),
                    line("masterauth", "second"),
                    line("user", "app on >third #c0ffee <fourth ~* +@all"),
                    line("appendonly", "yes"),
                ],
                ..Persistence::default()
            }],
            faults: vec![Fault {
                steps: vec![
                    "reconfigure requirepass=fifth appendfsync=always".into(),
                    "config-set masterauth sixth".into(),
                ],
                ..Fault::default()
            }],
            workloads: vec![Workload {
                user: Some(Login { name: "app".into(), password: "sixth-and-more".into() }),
                ..Workload::default()
            }],
            ..Matrix::default()
        };
        let secrets = Secrets::of_matrix(&matrix, Some("kill; reconfigure user=app >seventh; start"));
        let text = "first word second third c0ffee fourth fifth sixth seventh sixth-and-more app yes always ~* +@all";
        let masked = "*** *** *** *** *** *** *** *** *** app yes always ~* +@all";
        assert_eq!(secrets.mask(text), masked);
    }

    #[test]
    fn a_record_keeps_no_password_but_in_the_names_that_a_person_chose() {
        let template = crate::record::TrialRecord {
            epochs: vec![Default::default()],
            events: vec![Default::default()],
            examples: vec![Default::default()],
            files: vec![Default::default()],
            log_tail: vec![String::new()],
            policy: vec![crate::record::PolicyLine {
                requested: Some(String::new()),
                effective: Some(String::new()),
                ..Default::default()
            }],
            promise: Some(Default::default()),
            known: Some(Default::default()),
            ..Default::default()
        };
        // Every text of a record holds the password, but those that name something.
        fn fill(value: &mut serde_json::Value, key: &str) {
            const NAMES: &[&str] = &[
                "verdict",
                "shape",
                "name",
                "suite",
                "server",
                "persistence",
                "storage",
                "workload",
                "class",
                "fault",
                "engine",
                "started_at",
                "server_version",
                "digest",
                "kind",
                "id",
                "directive",
                "anomaly",
            ];
            match value {
                serde_json::Value::String(text) if !NAMES.contains(&key) => *text = "hunter2 and more".into(),
                serde_json::Value::Array(list) => list.iter_mut().for_each(|value| fill(value, key)),
                serde_json::Value::Object(map) => map.iter_mut().for_each(|(key, value)| fill(value, key)),
                _ => {}
            }
        }
        let mut value = serde_json::to_value(template).unwrap();
        fill(&mut value, "");
        let mut record: TrialRecord = serde_json::from_value(value).unwrap();
        let before = serde_json::to_string(&record).unwrap().matches("hunter2").count();
        assert!(before >= 15, "only {before} texts");
        let mut secrets = Secrets::default();
        secrets.directive(&line("requirepass", "hunter2"));
        secrets.hide(&mut record);
        let json = serde_json::to_string(&record).unwrap();
        assert!(!json.contains("hunter2"), "{json}");
        assert_eq!(json.matches("*** and more").count(), before);
    }
}

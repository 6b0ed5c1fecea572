//! `[workload.NAME]`: what is written, by how many connections, how fast.

use std::ops::Range;

use super::axes::Axes;
use super::diagnose::nearest;
use super::sheet::{Sheet, integer};
use super::{Login, Workload};

/// The kind that is made of other kinds.
pub const MIXED: &str = "mixed";
/// The least weight of a kind, and of all of them together.
pub const MOST_WEIGHT: u64 = 1_000;

impl Axes<'_> {
    /// `[workload.NAME]`.
    pub fn workloads(&self, root: &Sheet<'_, '_>) -> Vec<Workload> {
        let mut workloads = Vec::new();
        for (name, span, sheet) in root.named("workload") {
            self.check_name(&name, span.clone());
            let kind = sheet.string("kind").unwrap_or_else(|| name.clone());
            self.check_kind(&kind, sheet.value("kind").map_or(span, |value| value.span()));
            let workload = Workload {
                connections: sheet.small("connections").unwrap_or(1),
                pipeline: sheet.small("pipeline").unwrap_or(1),
                writes: sheet.small("writes").unwrap_or(1_000),
                value: sheet.size("value").and_then(|bytes| bytes.try_into().ok()).unwrap_or(64),
                ttl: sheet.duration("ttl"),
                keys: sheet.small("keys"),
                rate: sheet.small("rate"),
                steady: sheet.truth("steady").unwrap_or(false),
                databases: sheet.small("databases").unwrap_or(1),
                open: sheet.truth("open").unwrap_or(false),
                duration: sheet.duration("duration"),
                preload: sheet.small("preload").unwrap_or(0),
                storm: sheet.truth("storm").unwrap_or(false),
                mix: self.mix(&sheet),
                resp: sheet.small("resp"),
                tls: sheet.truth("tls").unwrap_or(false),
                user: self.user(&sheet),
                name,
                kind,
            };
            self.check_together(&workload, &sheet);
            sheet.end();
            workloads.push(workload);
        }
        workloads
    }

    fn check_kind(&self, kind: &str, span: Range<usize>) {
        let kinds = self.vocabulary.workloads;
        if !kinds.contains(&kind) {
            self.notes.add(span, format!("unknown workload kind `{kind}`"), nearest(kind, kinds));
        }
    }

    /// `mix = { sessions = 3, counters = 1 }`.
    fn mix(&self, sheet: &Sheet<'_, '_>) -> Vec<(String, u32)> {
        let Some(table) = sheet.table("mix") else { return Vec::new() };
        let mut mix = Vec::new();
        for (kind, span, value) in table.rest() {
            if kind == MIXED {
                self.notes.add(span, "a mix cannot hold itself", None);
                continue;
            }
            self.check_kind(&kind, span);
            match integer(value.get_ref()) {
                Some(weight) if (1..=i128::from(MOST_WEIGHT)).contains(&weight) => {
                    mix.push((kind, weight as u32))
                }
                _ => {
                    let message = format!("a weight is a whole number from 1 to {MOST_WEIGHT}");
                    self.notes.add(value.span(), message, None);
                }
            }
        }
        mix
    }

    /// `user = "name:password"`.
    fn user(&self, sheet: &Sheet<'_, '_>) -> Option<Login> {
        let text = sheet.string("user")?;
        // Both are words of a line of redis.conf.
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte))
        };
        match text.split_once(':') {
            Some((name, password)) if is_word(name) && is_word(password) && name != "default" => {
                Some(Login { name: name.into(), password: password.into() })
            }
            _ => {
                let help =
                    "`name:password`, without blanks and quotes; the user `default` keeps its own".into();
                self.notes.add(sheet.span_of("user"), "`user` cannot be read", Some(help));
                None
            }
        }
    }

    /// Keys that need or exclude one another.
    fn check_together(&self, workload: &Workload, sheet: &Sheet<'_, '_>) {
        let there = |key| sheet.value(key).is_some();
        if there("duration") && there("writes") {
            let help = Some("keep one of them".to_owned());
            self.notes.add(sheet.span_of("duration"), "`duration` and `writes` exclude one another", help);
        }
        if workload.ttl.is_some_and(|ttl| ttl.is_zero()) {
            let help = Some("leave it out for keys that never expire".to_owned());
            self.notes.add(sheet.span_of("ttl"), "a key cannot live for no time", help);
        }
        if workload.value == 0 {
            let help = Some("value = \"64B\"".to_owned());
            self.notes.add(sheet.span_of("value"), "a value needs bytes to be told from another", help);
        }
        if workload.open && workload.rate.is_none() {
            let help = Some("rate = 1000".to_owned());
            self.notes.add(sheet.span_of("open"), "an open loop needs a `rate`", help);
        }
        if (workload.kind == MIXED) != there("mix") {
            let help =
                Some(format!("kind = \"{MIXED}\" and mix = {{ sessions = 3, churn = 1 }} go together"));
            self.notes.add(sheet.span.clone(), "half a mix", help);
        }
        if workload.mix.len() > usize::from(workload.connections) {
            let message = format!("{} connections for {} kinds", workload.connections, workload.mix.len());
            let help = Some("each kind needs a connection".to_owned());
            self.notes.add(sheet.span_of("mix"), message, help);
        }
    }
}

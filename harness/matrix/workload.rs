//! `[workload.NAME]`: what is written, by how many connections, how fast.

use std::ops::Range;

use super::axes::Axes;
use super::diagnose::nearest;
use super::sheet::{Sheet, integer};
use super::{Login, Workload};

/// The kind that is made of other kinds.
const MIXED: &str = "mixed";
/// The least weight of a kind, and of all of them together.
const MOST_WEIGHT: u64 = 1_000;

impl Axes<'_> {
    /// `[workload.NAME]`.
    pub fn workloads(&self, root: &Sheet<'_, '_>) -> Vec<Workload> {
        let mut workloads = Vec::new();
        for (name, span, sheet) in root.named("workload") {
            self.check_name(&name, span.clone());
            let kind = sheet.string("kind").unwrap_or_else(|| name.clone());
            self.check_kind(&kind, sheet.value("kind").map_or(span, |value| value.span()));
            let workload = Workload {
                connections: self.limited(&sheet, "connections", 1, 1_000).unwrap_or(1) as u16,
                pipeline: self.limited(&sheet, "pipeline", 1, 100_000).unwrap_or(1),
                writes: self.limited(&sheet, "writes", 1, 100_000_000).unwrap_or(1_000),
                value: u32::try_from(sheet.size("value").unwrap_or(64)).unwrap_or(u32::MAX),
                ttl: sheet.duration("ttl"),
                keys: sheet.count("keys", 1).map(|keys| u32::try_from(keys).unwrap_or(u32::MAX)),
                rate: sheet.count("rate", 1).map(|rate| u32::try_from(rate).unwrap_or(u32::MAX)),
                steady: sheet.truth("steady").unwrap_or(false),
                databases: self.limited(&sheet, "databases", 1, 16).unwrap_or(1) as u16,
                open: sheet.truth("open").unwrap_or(false),
                duration: sheet.duration("duration"),
                preload: self.limited(&sheet, "preload", 0, 100_000_000).unwrap_or(0),
                storm: sheet.truth("storm").unwrap_or(false),
                mix: self.mix(&sheet),
                resp: self.resp(&sheet),
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

    fn limited(&self, sheet: &Sheet<'_, '_>, key: &'static str, least: u64, most: u32) -> Option<u32> {
        let number = sheet.count(key, least)?;
        if number > u64::from(most) {
            self.notes.add(place(sheet, key), format!("`{key}` must be at most {most}"), None);
        }
        Some(u32::try_from(number).unwrap_or(u32::MAX).min(most))
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
                Some(weight @ 1..=MOST_WEIGHT) => mix.push((kind, weight as u32)),
                _ => {
                    let message = format!("a weight is a whole number from 1 to {MOST_WEIGHT}");
                    self.notes.add(value.span(), message, None);
                }
            }
        }
        mix
    }

    fn resp(&self, sheet: &Sheet<'_, '_>) -> Option<u8> {
        match sheet.count("resp", 0)? {
            2 => Some(2),
            3 => Some(3),
            other => {
                let help = Some("2 or 3".to_owned());
                self.notes.add(place(sheet, "resp"), format!("there is no version {other} of RESP"), help);
                None
            }
        }
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
                self.notes.add(place(sheet, "user"), "`user` cannot be read", Some(help));
                None
            }
        }
    }

    /// Keys that need or exclude one another.
    fn check_together(&self, workload: &Workload, sheet: &Sheet<'_, '_>) {
        let there = |key| sheet.value(key).is_some();
        if there("duration") && there("writes") {
            let help = Some("keep one of them".to_owned());
            self.notes.add(place(sheet, "duration"), "`duration` and `writes` exclude one another", help);
        }
        if workload.open && workload.rate.is_none() {
            let help = Some("rate = 1000".to_owned());
            self.notes.add(place(sheet, "open"), "an open loop needs a `rate`", help);
        }
        if (workload.kind == MIXED) != there("mix") {
            let help =
                Some(format!("kind = \"{MIXED}\" and mix = {{ sessions = 3, churn = 1 }} go together"));
            self.notes.add(sheet.span.clone(), "half a mix", help);
        }
        if workload.mix.len() > usize::from(workload.connections) {
            let message = format!("{} connections for {} kinds", workload.connections, workload.mix.len());
            let help = Some("each kind needs a connection".to_owned());
            self.notes.add(place(sheet, "mix"), message, help);
        }
    }
}

fn place(sheet: &Sheet<'_, '_>, key: &'static str) -> Range<usize> {
    sheet.value(key).map_or(sheet.span.clone(), |value| value.span())
}

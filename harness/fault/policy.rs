//! Whether the policy that was asked for is the one the server runs with.

use std::collections::BTreeMap;

use crate::matrix::Directive;
use crate::matrix::directive::{ADDITIVE, LIMITS};
use crate::record::PolicyLine;
use crate::secrets;

/// Directives that decide what survives: always recorded, asked for or not.
const DECISIVE: &[&str] = &[
    "appendonly",
    "appendfsync",
    "save",
    "aof-use-rdb-preamble",
    "no-appendfsync-on-rewrite",
    "aof-load-truncated",
];

/// Directives that `CONFIG GET *` leaves out from Redis 7.0 on.
const HIDDEN: &[&str] = &["rdb-key-save-delay", "key-load-delay", "loading-process-events-interval-bytes"];

/// Directives that are accepted in the file but that the server reports in another way.
const WRITE_ONLY: &[&str] = &["rename-command", "user", "requirepass", "masterauth", "loadmodule", "include"];

/// Compares what was asked for with what `CONFIG GET` answered.
pub fn compare(requested: &[Directive], effective: &BTreeMap<String, String>) -> Vec<PolicyLine> {
    let mut asked: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Directive { name, value } in requested {
        asked.entry(name).or_default().push(value);
    }
    let mut names: Vec<_> =
        asked.keys().copied().filter(|name| !WRITE_ONLY.contains(name) && !HIDDEN.contains(name)).collect();
    names.extend(DECISIVE.iter().filter(|name| !asked.contains_key(*name)));
    names
        .into_iter()
        .map(|name| {
            let requested = asked.get(name).map(|values| in_force_of(name, values));
            let effective = effective.get(name).cloned();
            let in_force = match (&requested, &effective) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(asked), Some(got)) if name == LIMITS => {
                    // A class that no line names keeps its default.
                    let got = limits(got);
                    limits(asked).iter().all(|(class, limit)| got.get(class) == Some(limit))
                }
                (Some(asked), Some(got)) => normal(asked) == normal(got),
            };
            PolicyLine { directive: name.into(), requested, effective, in_force }
        })
        .collect()
}

/// Directives that say where a server lives: they differ from trial to trial.
const PLACES: &[&str] = &[
    "bind",
    "daemonize",
    "dir",
    "logfile",
    "masteruser",
    "pidfile",
    "port",
    "proc-title-template",
    "replicaof",
    "save",
    "slaveof",
    "supervised",
    "unixsocket",
];

/// What else is not as in a server without a config file, so that a record says all that its server ran with.
pub fn others(
    told: &[PolicyLine],
    effective: &BTreeMap<String, String>,
    defaults: &BTreeMap<String, String>,
) -> Vec<PolicyLine> {
    let named = |name: &str| {
        PLACES.contains(&name)
            || secrets::may_hold_one(name)
            || told.iter().any(|line| line.directive == name)
    };
    let differs =
        |(name, value): &(&String, &String)| defaults.get(*name).is_some_and(|default| default != *value);
    effective
        .iter()
        .filter(differs)
        .filter(|(name, _)| !named(name))
        .map(|(name, value)| PolicyLine {
            directive: name.clone(),
            requested: None,
            effective: Some(value.clone()),
            in_force: true,
        })
        .collect()
}

/// What the server makes of several lines.
fn in_force_of(name: &str, values: &[&str]) -> String {
    let one =
        if ADDITIVE.contains(&name) { values.join(" ") } else { values.last().copied().unwrap_or("").into() };
    one.trim().to_owned()
}

/// Hard limit, soft limit and seconds of each class of client.
fn limits(value: &str) -> BTreeMap<String, Vec<String>> {
    let words: Vec<String> = value.split_whitespace().map(normal).collect();
    let class = |word: &str| if word == "slave" { "replica".to_owned() } else { word.to_owned() };
    words.chunks(4).map(|chunk| (class(&chunk[0]), chunk[1..].to_vec())).collect()
}

/// One spelling of a value: `64mb` and `67108864` are the same, as are `""` and nothing.
fn normal(value: &str) -> String {
    let value = value.trim().trim_matches('"').to_lowercase();
    let split = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (digits, unit) = value.split_at(split);
    let factor: u64 = match unit {
        "k" => 1_000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return value.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    digits.parse::<u64>().map_or(value.clone(), |number| (number * factor).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, value: &str) -> Directive {
        Directive { name: name.into(), value: value.into() }
    }

    #[test]
    fn a_policy_that_is_not_in_force_is_told_from_another_spelling() {
        let effective = BTreeMap::from(
            [("appendonly", "no"), ("save", "900 1 300 10"), ("auto-aof-rewrite-min-size", "67108864")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let asked = [
            line("appendonly", "yes"),
            line("save", "900 1"),
            line("save", "300 10"),
            line("auto-aof-rewrite-min-size", "64mb"),
            line("no-such-directive", "1"),
        ];
        let lines = compare(&asked, &effective);
        let in_force = |name: &str| lines.iter().find(|line| line.directive == name).expect(name).in_force;
        assert!(!in_force("appendonly"));
        assert!(in_force("save"));
        assert!(in_force("auto-aof-rewrite-min-size"));
        assert!(!in_force("no-such-directive"));
        assert!(in_force("appendfsync"), "what was not asked for cannot be broken");
    }

    #[test]
    fn what_differs_from_a_bare_server_is_told_and_where_it_lives_is_not() {
        let config = |pairs: &[(&str, &str)]| {
            BTreeMap::from_iter(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
        };
        let bare =
            [("appendonly", "no"), ("dir", "/a"), ("hz", "10"), ("maxclients", "10000"), ("requirepass", "")];
        let effective = config(&[
            ("appendonly", "yes"),
            ("dir", "/b"),
            ("hz", "50"),
            ("maxclients", "10000"),
            ("new", "1"),
            ("requirepass", "hunter2"),
        ]);
        let told = compare(&[line("appendonly", "yes")], &effective);
        let others = others(&told, &effective, &config(&bare));
        let [one] = &others[..] else { panic!("{others:?}") };
        assert_eq!((one.directive.as_str(), one.effective.as_deref()), ("hz", Some("50")));
    }

    #[test]
    fn lines_of_a_stock_file_are_in_force_in_the_servers_own_spelling() {
        let effective = BTreeMap::from(
            [
                ("appendonly", "yes"),
                (LIMITS, "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let asked = |replica: &str| {
            let lines = [
                line("appendonly", "yes"),
                line("appendonly", "yes"),
                line(LIMITS, "normal 0 0 0"),
                line(LIMITS, replica),
            ];
            compare(&lines, &effective).into_iter().all(|line| line.in_force)
        };
        assert!(asked("replica 256mb 64mb 60"));
        assert!(!asked("replica 256mb 64mb 61"));
    }
}

//! Whether the policy that was asked for is the one the server runs with.

use std::collections::BTreeMap;

use crate::matrix::Directive;
use crate::record::PolicyLine;

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
            let requested = asked.get(name).map(|values| values.join(" ").trim().to_owned());
            let effective = effective.get(name).cloned();
            let in_force = match (&requested, &effective) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(asked), Some(got)) => normal(asked) == normal(got),
            };
            PolicyLine { directive: name.into(), requested, effective, in_force }
        })
        .collect()
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
}

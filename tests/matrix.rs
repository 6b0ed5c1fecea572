//! matrix.toml: mistakes are shown where they are, names go there and back, and nothing makes the reader panic.
#![allow(clippy::unwrap_used)]

#[path = "support/mistakes.rs"]
mod mistakes;

use std::collections::BTreeSet;
use std::path::Path;

use outlast::matrix::{self, Case, Matrix, Mistakes};
use proptest::prelude::*;
use proptest::test_runner::Config;

const DEFAULT: &str = include_str!("../matrix.toml");

fn parse(text: &str, profile: Option<&str>) -> Result<Matrix, Mistakes> {
    matrix::parse(text, Path::new("matrix.toml"), profile, &outlast::vocabulary())
}

fn default_matrix(profile: &str) -> Matrix {
    parse(DEFAULT, Some(profile)).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn a_matrix_without_mistakes_is_read() {
    let matrix = parse(mistakes::SOUND, None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let names: Vec<_> = matrix.cases(None).map(|case| matrix.name(case)).collect();
    assert_eq!(
        names,
        [
            "core::here::rdb::sessions::kill::s1",
            "core::here::aof::sessions::kill::s1",
            "core::here::aof::sessions::rewrite::s1"
        ]
    );
}

#[test]
fn every_mistake_is_shown_where_it_is_and_alone() {
    let mut shown = String::new();
    for sample in mistakes::SAMPLES {
        let what = sample.0;
        let told = parse(&mistakes::spoiled(sample), None).expect_err(what);
        assert!(told.count() == 1 || what == "no TOML", "{what}: {told}");
        assert!(told.to_string().contains("--> matrix.toml:"), "{what}: {told}");
        shown.push_str(&format!("## {what}\n\n{told}\n\n"));
    }
    insta::assert_snapshot!("each_mistake", shown);
}

#[test]
fn all_mistakes_of_a_file_are_shown_at_once_in_its_order() {
    let mut text = mistakes::SOUND.to_owned();
    for (good, bad) in [
        ("trial-timeout = \"90s\"", "trial-timeout = \"soon\""),
        ("appendonly = \"no\"", "appendonly = \"nope\""),
        ("kind = \"volume\"", "kind = \"volumes\""),
        ("connections = 4", "conections = 4"),
        ("\"during rewrite\"", "\"during rewriet\""),
        ("memory = \"96MB\"", "memory = \"96M\""),
        ("workload = [\"sessions\"]", "workload = [\"session\"]"),
        ("expect = \"suffix\"", "expect = \"sufix\""),
    ] {
        assert!(text.contains(good), "{good}");
        text = text.replacen(good, bad, 1);
    }
    let told = parse(&text, None).unwrap_err();
    assert_eq!(told.count(), 8);
    insta::assert_snapshot!("all_mistakes", told.to_string());
}

#[test]
fn a_file_that_cannot_be_read_says_how_to_name_another() {
    let told = matrix::load(Path::new("/no/such/matrix.toml"), None, &outlast::vocabulary()).unwrap_err();
    let text = told.to_string();
    assert!(text.contains("/no/such/matrix.toml") && text.contains("OUTLAST_MATRIX"), "{text}");
}

#[test]
fn colours_are_asked_for() {
    let told = parse("[run]\nengin = 1", None).unwrap_err();
    assert!(!told.render(false).contains('\u{1b}') && told.render(true).contains('\u{1b}'));
}

#[test]
fn each_profile_runs_more_than_the_one_before_and_processes_alone_run_thousands() {
    let [quick, default, full] =
        ["quick", "default", "full"].map(|name| default_matrix(name).cases(Some("process")).count());
    assert!(0 < quick && quick < default && default < full, "{quick}, {default}, {full}");
    assert!(default >= 2_000, "{default}");
    let matrix = default_matrix("default");
    assert!(matrix.cases(Some("docker")).count() > default && matrix.count() > default);
}

#[test]
fn names_of_the_default_matrix_are_unique_and_find_their_cases() {
    for profile in ["quick", "default", "full"] {
        there_and_back(&default_matrix(profile));
    }
}

fn there_and_back(matrix: &Matrix) {
    let cases: Vec<Case> = matrix.cases(None).collect();
    let names: BTreeSet<_> = cases.iter().map(|&case| matrix.name(case)).collect();
    assert_eq!(names.len(), cases.len(), "names are not unique");
    assert_eq!(cases.iter().collect::<BTreeSet<_>>().len(), cases.len(), "cases are not unique");
    assert_eq!(cases.len(), matrix.count());
    for &case in &cases {
        let name = matrix.name(case);
        assert_eq!(matrix.find(&name), Some(case), "{name}");
        assert!(!name.contains(char::is_whitespace), "{name:?}");
    }
}

#[test]
fn names_that_are_not_in_the_matrix_find_nothing_but_the_nearest() {
    let matrix = default_matrix("default");
    let name = matrix.name(matrix.cases(None).next().unwrap());
    let (start, seed) = name.rsplit_once("::").unwrap();
    assert_eq!(seed, "s1");
    for wrong in [
        String::new(),
        start.to_owned(),
        format!("{start}::s0"),
        format!("{start}::s01"),
        format!("{start}::s+1"),
        format!("{name}::s1"),
        format!("{name} "),
        name.replacen("::", "::no-such-", 1),
        // What the fault needs is part of what the matrix holds.
        "phases::redis-7.0::rdb-1-1::sessions::kill-in-rewrite::s1".to_owned(),
        "core::redis-7.0::aof-always@bind::sessions::kill::s1".to_owned(),
    ] {
        assert_eq!(matrix.find(&wrong), None, "{wrong:?}");
    }
    // A hunt goes beyond the seeds of the suite, and what it finds must have a name.
    assert_eq!(matrix.find(&format!("{start}::s99")).map(|case| case.seed), Some(99));
    let near = name.replacen("redis", "reddis", 1);
    assert_eq!(matrix.nearest(&near).as_deref(), Some(name.as_str()));
}

/// Axis names that are hard to take apart again.
const NAMES: [&str; 10] = ["a", "a-b", "redis:7.0", "7.0", "s1", "A+b", "é", "a#b", "x/y", "[c]"];

/// A matrix of random names, picks and storages.
fn random_matrix() -> impl Strategy<Value = String> {
    let some = || prop::sample::subsequence(NAMES.to_vec(), 1..5);
    let kinds = prop::collection::vec(prop::sample::select(vec!["bind", "volume", "anonymous"]), 5);
    let seeds =
        prop_oneof![Just("1".to_owned()), Just("3".to_owned()), Just("{ quick = 2, full = 4 }".to_owned())];
    (some(), some(), some(), some(), kinds, some(), seeds, 0..3_usize).prop_map(
        |(servers, policies, storages, faults, kinds, suites, seeds, taken_out)| {
            let mut text = String::from("[workload.w]\nkind = \"single\"\n");
            let mut table = |head: &str, name: &str, body: &str| {
                text.push_str(&format!("[{head}.\"{name}\"]\n{body}\n"));
            };
            for name in &servers {
                table("server", name, "binary = \"x\"");
            }
            for (at, name) in policies.iter().enumerate() {
                table(
                    "persistence",
                    name,
                    if at % 2 == 0 { "appendonly = \"yes\"" } else { "appendonly = \"no\"" },
                );
            }
            for (name, kind) in storages.iter().zip(kinds) {
                table("storage", name, &format!("kind = \"{kind}\""));
            }
            for (at, name) in faults.iter().enumerate() {
                table(
                    "fault",
                    name,
                    if at == 1 { "steps = [\"kill\"]\nneeds = [\"aof\"]" } else { "steps = [\"term\"]" },
                );
            }
            for name in suites {
                text.push_str(&format!("[[suite]]\nname = \"{name}\"\nstorage = [\"*\"]\nseeds = {seeds}\n"));
                if taken_out > 0 && servers.len() > 1 {
                    text.push_str(&format!("server = [\"*\", \"!{}\"]\n", servers[0]));
                }
            }
            text
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 500, failure_persistence: None, ..Config::default() })]

    #[test]
    fn names_of_any_matrix_are_unique_and_find_their_cases(text in random_matrix()) {
        match parse(&text, None) {
            Ok(matrix) => there_and_back(&matrix),
            Err(mistakes) => prop_assert!(false, "{mistakes}"),
        }
    }

    #[test]
    fn no_damage_to_a_file_makes_the_reader_panic(
        at in any::<prop::sample::Index>(),
        length in 0..40_usize,
        put in prop::sample::select(vec!["", "\"", "[", "]]", "=", "\n", "é", "\u{1F4A5}", "{", "-1", "\0", "#", "99999999999999999999", "\\u12"]),
        profile in prop::sample::select(vec!["quick", "default", "full"]),
    ) {
        let mut text: Vec<char> = DEFAULT.chars().collect();
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, put.chars());
        let text: String = text.into_iter().collect();
        match parse(&text, Some(profile)) {
            Ok(matrix) => prop_assert!(matrix.cases(None).next().is_some()),
            Err(mistakes) => prop_assert!(mistakes.render(true).len() > 20 && mistakes.count() > 0),
        }
    }

    #[test]
    fn no_order_of_its_lines_makes_the_reader_panic(
        moves in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>()), 1..8),
    ) {
        let mut lines: Vec<&str> = DEFAULT.lines().collect();
        for (from, to, copy) in moves {
            let line = if copy { lines[from.index(lines.len())] } else { lines.remove(from.index(lines.len())) };
            lines.insert(to.index(lines.len()), line);
        }
        if let Err(mistakes) = parse(&lines.join("\n"), None) {
            prop_assert!(!mistakes.render(false).is_empty());
        }
    }
}

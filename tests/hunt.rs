//! Repeating trials until one is broken, and finding the smallest case that still shows it.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::Verdict;
use support::checkout::Checkout;

/// A promise that `none` cannot keep.
const IMPOSSIBLE: &str = "[[contract]]\nwhen = { persistence = \"none\" }\nlost = 0";

#[test]
fn a_hunt_ends_at_the_first_breach_and_prints_the_smallest_case_that_shows_it() {
    let checkout = Checkout::new(IMPOSSIBLE);
    let outcome = checkout.run(&["--until-broken", "20", "core::real::none::churn::kill"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let line = outcome.out.lines().find(|line| line.contains("--writes")).unwrap().trim();
    assert!(line.contains("--connections 1 --pipeline 1 --steps 'kill; start'"), "{line}");
    let writes: u32 = line.split("--writes ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(writes < 80, "{line}");

    // What is printed can be pasted: the name goes beyond the seeds of the suite.
    let name = line.split('\'').nth(1).unwrap();
    let flags = ["--connections", "1", "--pipeline", "1", "--steps", "kill; start"];
    let writes = writes.to_string();
    let again = checkout.run(&[&["--repro", name, "--writes", &writes], &flags[..]].concat());
    assert_eq!(again.code, 1, "{again:?}");
    let trial = checkout.trial(&[name]);
    assert_eq!(trial.verdict, Verdict::Broken);
    assert!(
        trial.repro.ends_with(&format!(
            "--writes {writes} {}",
            "--connections 1 --pipeline 1 --steps 'kill; start'"
        ))
    );
}

#[test]
fn a_hunt_in_vain_says_how_sure_that_makes_one() {
    let checkout = Checkout::new("");
    let outcome = checkout.run(&["--until-broken", "5", "core::real::always::single::kill"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let report = checkout.report();
    let [case] = &report.cases[..] else { panic!("{:?}", report.cases) };
    assert_eq!((case.runs, case.lossy, case.worst_lost), (5, 0, 0));
    assert!((case.chance_at_most.unwrap() - 0.4507).abs() < 1e-3);
    assert!(outcome.out.contains("at most 45.1%"), "{}", outcome.out);
}

#[test]
fn a_hunt_can_be_given_a_time_instead_of_a_count() {
    let checkout = Checkout::new("");
    let outcome = checkout.run(&["--seconds", "1", "core::real::always::single::kill"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let seeds: Vec<_> = checkout.report().trials.iter().map(|trial| trial.seed).collect();
    assert!(seeds.len() > 1 && (1..=seeds.len() as u64).all(|seed| seeds.contains(&seed)), "{seeds:?}");
}

#[test]
fn steps_on_the_command_line_are_checked_before_anything_starts() {
    let checkout = Checkout::new("");
    let outcome = checkout.run(&["--steps", "kill; strat", "single::kill"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.err.contains("unknown verb `strat`"), "{}", outcome.err);
    assert!(!checkout.path("reports").exists());
    assert_eq!(checkout.leftovers(), Vec::<String>::new());
}

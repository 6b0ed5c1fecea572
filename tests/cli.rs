//! The command line of the test target: libtest's habits, and Outlast's own flags.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use support::checkout::{Checkout, Outcome};

/// The names that a list holds.
fn names(outcome: &Outcome) -> Vec<String> {
    assert_eq!(outcome.code, 0, "{outcome:?}");
    outcome.out.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

fn list(checkout: &Checkout, args: &[&str]) -> Vec<String> {
    names(&checkout.run(&[&["--list"], args].concat()))
}

#[test]
fn listing_touches_nothing_but_the_matrix() {
    let checkout = Checkout::new("[server.missing]\nbinary = \"/no/such/server\"");
    let outcome = checkout.run(&["--list"]);
    assert_eq!(names(&outcome).len(), 16);
    assert!(outcome.out.ends_with("\n16 tests, 0 benchmarks\n"), "{outcome:?}");
    assert!(!checkout.path("reports").exists() && checkout.leftovers().is_empty());
    let terse = checkout.run(&["--list", "--format", "terse"]);
    assert!(terse.out.lines().all(|line| line.ends_with(": test")), "{terse:?}");
}

#[test]
fn filters_widen_skip_narrows_and_exact_is_exact() {
    let checkout = Checkout::new("");
    assert_eq!(list(&checkout, &[]).len(), 8);
    assert_eq!(list(&checkout, &["::kill::"]).len(), 4);
    assert_eq!(list(&checkout, &["none::single", "::stop::"]).len(), 5);
    assert_eq!(list(&checkout, &["::kill::", "--skip", "churn", "--skip", "always"]).len(), 1);
    let name = "core::real::none::single::kill::s1";
    assert_eq!(list(&checkout, &["--exact", name]), [name]);
    assert_eq!(list(&checkout, &["--repro", name]), [name]);
    // What nextest asks for before it runs anything: there are no ignored tests.
    assert_eq!(list(&checkout, &["--format", "terse", "--ignored"]), [""; 0]);
}

#[test]
fn a_rule_about_one_engine_leaves_the_trials_of_the_other() {
    let checkout = Checkout::new("[[rule]]\nskip = { engine = \"docker\", fault = \"kill\" }");
    assert_eq!(list(&checkout, &["::kill::"]).len(), 4);
    let name = "core::real::none::single::kill::s1";
    assert_eq!(list(&checkout, &["--exact", name]), [name]);
    let checkout = Checkout::new("[[rule]]\nskip = { engine = \"process\", fault = \"kill\" }");
    assert_eq!(list(&checkout, &["::kill::"]).len(), 0);
}

#[test]
fn shards_share_the_trials_out() {
    let checkout = Checkout::new("");
    let parts: Vec<_> = (1..=3).map(|part| list(&checkout, &["--shard", &format!("{part}/3")])).collect();
    let all: BTreeSet<_> = parts.iter().flatten().cloned().collect();
    assert_eq!((parts.iter().map(Vec::len).sum::<usize>(), all.len()), (8, 8));
}

#[test]
fn a_name_that_is_not_there_is_a_mistake_of_the_caller() {
    let checkout = Checkout::new("");
    let outcome = checkout.run(&["--repro", "core::real::none::single::kil::s1"]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.err.contains("did you mean `core::real::none::single::kill::s1`?"), "{outcome:?}");
    let nothing = checkout.run(&["no-trial-has-this-in-its-name"]);
    assert_eq!(nothing.code, 0, "{nothing:?}");
    assert!(nothing.err.contains("no trial matches"), "{nothing:?}");
}

#[test]
fn mistakes_on_the_command_line_are_told_before_anything_starts() {
    let checkout = Checkout::new("");
    let cases: &[(&[&str], &str)] = &[
        (&["--no-such-flag"], "--no-such-flag"),
        (&["--test-threads", "0"], "--test-threads 0"),
        (&["--shard", "3/2"], "1 <= i <= n"),
        (&["--engine", "podman"], "possible values: auto, docker, process"),
        (&["--matrix", "nowhere.toml"], "nowhere.toml"),
    ];
    for (args, text) in cases {
        let outcome = checkout.run(args);
        assert_eq!(outcome.code, 2, "{args:?}: {outcome:?}");
        assert!(outcome.err.contains(text), "{args:?}: {outcome:?}");
        assert!(!checkout.path("reports").exists());
    }
}

#[test]
fn a_trial_is_run_again_by_the_command_that_its_report_prints() {
    let checkout = Checkout::new("");
    let name = "core::real::always::single::kill::s1";
    let outcome = checkout.run(&["--exact", name, "--nocapture", "--test-threads=1"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let repro = checkout.trial(&[name]).repro;
    let command = format!("OUTLAST_ENGINE=process cargo test --test persistence -- --repro '{name}'");
    assert_eq!(repro, command);
    let again = checkout.run(&["--repro", name]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.out.contains(&format!("test {name} ... ok")), "{again:?}");
    assert_eq!(checkout.report().trials.len(), 1);
}

#[test]
fn threads_come_from_the_flag_and_from_the_environment() {
    let checkout = Checkout::new("");
    // One at a time: no trial begins before the one before it has ended.
    let in_turn = |checkout: &Checkout| {
        let mut spans: Vec<_> =
            checkout.report().trials.iter().map(|t| (t.offset_ms, t.offset_ms + t.duration_ms)).collect();
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        spans.windows(2).all(|pair| pair[0].1 <= pair[1].0)
    };
    assert_eq!(checkout.run(&["--test-threads", "1"]).code, 0);
    assert!(in_turn(&checkout));
    assert_eq!(
        support::checkout::finish(checkout.spawn(checkout.command(&[]).env("RUST_TEST_THREADS", "1"))).code,
        0
    );
    assert!(in_turn(&checkout));
    assert_eq!(checkout.run(&["--test-threads", "8"]).code, 0);
    assert!(!in_turn(&checkout));
}

#[test]
fn the_lines_of_the_trials_take_the_form_that_is_asked_for() {
    let checkout = Checkout::new("");
    let json = checkout.run(&["--format", "json", "none::single::kill"]);
    let events = json.out.lines().filter(|line| line.starts_with('{'));
    let events: Vec<serde_json::Value> = events.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().any(|event| event["event"] == "ok" && event["type"] == "test"), "{json:?}");
    let quiet = checkout.run(&["--quiet", "none::single::kill"]);
    assert!(!quiet.out.contains("core::real::none::single::kill::s1 ... ok"), "{quiet:?}");
    let logged = checkout.run(&["--logfile", "lines.txt", "none::single::kill"]);
    assert_eq!(logged.code, 0, "{logged:?}");
    assert!(std::fs::read_to_string(checkout.path("lines.txt")).unwrap().contains("none::single::kill"));
}

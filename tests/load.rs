//! The shape of the load on a real server: much data beforehand, rewrites without end, open loops, logins.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::{Shape, TrialRecord, Verdict};
use support::checkout::Checkout;

const SUITE: &str = r#"
[workload.loaded]
kind = "single"
connections = 2
pipeline = 4
writes = 300
preload = 20_000

[workload.stormy]
kind = "churn"
connections = 3
pipeline = 8
writes = 1500
rate = 4000
storm = true

[workload.timed]
kind = "churn"
connections = 3
pipeline = 2
duration = "400ms"
rate = 1000
open = true

[workload.modern]
kind = "streams"
connections = 2
pipeline = 4
writes = 400
resp = 3
user = "app:hush-hush"

[[suite]]
name = "load"
server = ["*"]
persistence = ["none", "always"]
workload = ["loaded", "stormy", "timed", "modern"]
fault = ["kill", "stop"]
"#;

fn run(filter: &str) -> Checkout {
    let checkout = Checkout::new(SUITE);
    let outcome = checkout.run(&[filter]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(checkout.leftovers().is_empty(), "{:?}", checkout.leftovers());
    checkout
}

fn assert_whole(trial: &TrialRecord) {
    assert_eq!((trial.lost, trial.shape, trial.verdict), (0, Shape::None, Verdict::Kept), "{trial:#?}");
}

#[test]
fn what_was_loaded_beforehand_is_written_read_back_and_missed_like_everything_else() {
    let checkout = run("::loaded::");
    for fault in ["kill", "stop"] {
        let kept = checkout.trial(&["::always::", fault]);
        assert_whole(&kept);
        assert!(kept.acknowledged >= 20_300, "{kept:#?}");
        // The preload puts no pressure on anything.
        assert!(kept.epochs[0].pressure.acked_before_fault < 20_000, "{kept:#?}");
        let lost = checkout.trial(&["::none::", fault]);
        assert_eq!(lost.epochs[0].shape, Shape::All);
        assert!(lost.epochs[0].lost >= 20_300, "{lost:#?}");
    }
}

#[test]
fn a_storm_of_rewrites_and_snapshots_is_on_the_record() {
    let checkout = run("::stormy::");
    for fault in ["kill", "stop"] {
        let always = checkout.trial(&["::always::", fault]);
        assert_whole(&always);
        let pressure = &always.epochs[0].pressure;
        assert!(pressure.rewrites.unwrap() > 0 && pressure.saves.unwrap() > 0, "{pressure:#?}");
        // Without an AOF there is nothing to rewrite, and what the last snapshot held is there.
        let none = checkout.trial(&["::none::", fault]);
        let pressure = &none.epochs[0].pressure;
        assert!(pressure.rewrites == Some(0) && pressure.saves.unwrap() > 0, "{pressure:#?}");
        assert!(none.epochs[0].lost < none.epochs[0].acknowledged, "{none:#?}");
    }
    let checkout = run("core::real::always::churn::kill");
    assert_eq!(checkout.trial(&["churn"]).epochs[0].pressure.saves, None);
}

#[test]
fn a_load_by_time_keeps_to_its_rate_whether_or_not_answers_come() {
    let checkout = run("::always::timed::");
    for fault in ["kill", "stop"] {
        let trial = checkout.trial(&[fault]);
        assert_whole(&trial);
        let epoch = &trial.epochs[0];
        let took_ms = epoch.fault_ms - epoch.from_ms;
        assert!((350.0..5_000.0).contains(&took_ms), "{trial:#?}");
        // 1,000 a second and not what the server could do; a slow machine only sends less.
        let most = took_ms + 200.0;
        let written = epoch.acknowledged + epoch.in_doubt;
        assert!((written as f64) < most && written > 50, "{written} in {took_ms} ms: {trial:#?}");
    }
}

#[test]
fn writers_log_in_and_speak_the_newer_protocol_and_no_password_is_told() {
    let checkout = run("::modern::");
    assert_whole(&checkout.trial(&["::always::", "kill"]));
    assert!(checkout.trial(&["::none::", "kill"]).lost > 0);
    let mut folders = vec![checkout.path("reports")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
            assert!(!text.contains("hush"), "{}", entry.path().display());
            files += 1;
        }
    }
    assert!(files >= 4, "the journal and three reports");
}

#[test]
fn writers_speak_tls_where_the_server_has_it_and_are_told_where_it_has_not() {
    // Debian's build is the one with TLS; it needs libraries of its own.
    let checkout = Checkout::new(
        r#"
[server.secure]
package = { deb = ["redis-tools", "libjemalloc2", "liblua5.1-0", "liblzf1", "lua-cjson", "lua-bitop"], file = "usr/bin/redis-check-rdb" }

[workload.encrypted]
kind = "mixed"
mix = { churn = 1, transactions = 1, blocking = 1 }
connections = 4
pipeline = 8
writes = 800
tls = true

[[suite]]
name = "tls"
server = ["*"]
persistence = ["none", "always"]
workload = ["encrypted"]
fault = ["kill", "stop"]
"#,
    );
    let outcome = checkout.run(&["tls::"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for fault in ["kill", "stop"] {
        assert_whole(&checkout.trial(&["::secure::", "::always::", fault]));
        let lost = checkout.trial(&["::secure::", "::none::", fault]);
        assert!(lost.verdict == Verdict::Kept && lost.epochs[0].lost > 0, "{lost:#?}");
        let without = checkout.trial(&["::real::", "::always::", fault]);
        assert_eq!(without.verdict, Verdict::Unsupported, "{without:#?}");
        assert!(without.message.contains("was built without TLS"), "{without:#?}");
    }
    assert!(checkout.leftovers().is_empty(), "{:?}", checkout.leftovers());
}

#[test]
fn a_wrong_password_is_told_without_telling_it() {
    // The server never sees the file that makes the user.
    let more = SUITE.replace("fault = [\"kill\", \"stop\"]", "fault = [\"forgotten\"]");
    let fault = "[fault.forgotten]\nsteps = [\"kill\", \"start\"]\nlaunch = \"without-config\"\n";
    let checkout = Checkout::new(&format!("{fault}{more}"));
    let outcome = checkout.run(&["::always::modern::"]);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let trial = checkout.trial(&["modern"]);
    assert_eq!(trial.verdict, Verdict::Errored);
    assert!(trial.message.contains("failed to connect"), "{}", trial.message);
    assert!(!format!("{trial:?}{outcome:?}").contains("hush"), "{trial:#?}");
}

#[test]
fn mistakes_in_a_load_are_shown_where_they_are() {
    let mistakes = [
        ("duration = \"400ms\"", "duration = \"400ms\"\nwrites = 5", "exclude one another"),
        ("rate = 1000\nopen = true", "open = true", "an open loop needs a `rate`"),
        ("resp = 3", "resp = 4", "`resp` must be at most 3"),
        ("user = \"app:hush-hush\"", "user = \"app\"", "`user` cannot be read"),
        ("storm = true", "mix = { churn = 1 }", "half a mix"),
        (
            "kind = \"churn\"\nconnections = 3\npipeline = 8",
            "kind = \"mixed\"\nconnections = 3\nmix = { sesions = 1 }",
            "did you mean `sessions`?",
        ),
        (
            "kind = \"churn\"\nconnections = 3\npipeline = 8",
            "kind = \"mixed\"\nconnections = 1\nmix = { churn = 1, single = 2 }",
            "1 connections for 2 kinds",
        ),
        ("preload = 20_000", "preload = 900_000_000", "`preload` must be at most 100000000"),
    ];
    for (right, wrong, message) in mistakes {
        let outcome = Checkout::new(&SUITE.replacen(right, wrong, 1)).run(&[]);
        assert_eq!(outcome.code, 2, "{wrong}: {outcome:?}");
        assert!(
            outcome.err.contains(message) && outcome.err.contains("nothing was started"),
            "{}",
            outcome.err
        );
    }
}

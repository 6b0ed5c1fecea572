//! Whole runs on a real server: the verdicts, the reports, the exit code.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::{Anomaly, Shape, Verdict};
use support::checkout::{Checkout, server};

#[test]
fn promises_that_are_kept_pass_and_leave_three_reports() {
    let checkout = Checkout::new("");
    let outcome = checkout.run(&[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let report = checkout.report();
    assert_eq!((report.totals.trials, report.totals.kept), (8, 8), "{outcome:?}");
    assert_eq!(report.run.selected, 8);

    // Without persistence a kill takes everything, and that is what `none` promises.
    let none = checkout.trial(&["none::single::kill"]);
    assert_eq!((none.verdict, none.shape), (Verdict::Kept, Shape::All));
    assert!(none.lost >= 300 && none.window_ms.is_some(), "{none:#?}");
    let always = checkout.trial(&["always::churn::kill"]);
    assert_eq!((always.lost, always.shape, always.window_ms), (0, Shape::None, None));
    assert!(always.acknowledged >= 800 && always.recovery_ms.is_some());
    assert_eq!(always.epochs.len(), 2, "a second life is lived and read back");
    assert!(always.server_version.starts_with("9.1") && always.origin.kind == "file", "{always:#?}");
    let appendfsync = always.policy.iter().find(|line| line.directive == "appendfsync").unwrap();
    assert_eq!(appendfsync.effective.as_deref(), Some("always"));

    let mut csv = csv::Reader::from_path(checkout.path("reports/latest/trials.csv")).unwrap();
    let columns = csv.headers().unwrap().clone();
    for name in [
        "name",
        "suite",
        "server",
        "persistence",
        "workload",
        "fault",
        "seed",
        "engine",
        "verdict",
        "acknowledged",
        "lost",
        "in_doubt",
        "shape",
        "anomalies",
        "window_ms",
        "recovery_ms",
        "duration_ms",
        "message",
    ] {
        assert!(columns.iter().any(|column| column == name), "{name} is missing");
    }
    assert_eq!(csv.records().count(), 8);
    let page = std::fs::read_to_string(checkout.path("reports/latest/index.html")).unwrap();
    assert!(page.contains("<noscript>") && page.trim_end().ends_with("</html>"), "{} bytes", page.len());
    assert!(checkout.leftovers().is_empty(), "{:?}", checkout.leftovers());
}

#[test]
fn a_tighter_contract_breaks_what_the_policy_cannot_keep() {
    let checkout = Checkout::new("[[contract]]\nwhen = { persistence = \"none\" }\nlost = 0");
    let outcome = checkout.run(&["none::single"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let killed = checkout.trial(&["none::single::kill"]);
    assert_eq!(killed.verdict, Verdict::Broken);
    let all = format!("lost {0} of {0} acknowledged writes", killed.epochs[0].lost);
    assert!(killed.message.contains(&all) && killed.message.contains("allowed is nothing"), "{killed:#?}");
    assert!(!killed.examples.is_empty() && !killed.log_tail.is_empty(), "{killed:#?}");
    // The run ends with what broke and how to see it again.
    assert!(outcome.out.contains("--repro 'core::real::none::single::kill::s1'"), "{}", outcome.out);
}

#[test]
fn a_budget_is_the_users_own_promise() {
    let checkout = Checkout::new("[[budget]]\nwhen = { workload = \"churn\" }\nlost = 5");
    assert_eq!(checkout.run(&["none::", "::kill::"]).code, 1);
    assert_eq!(checkout.trial(&["none::churn::kill"]).verdict, Verdict::Broken);
    assert_eq!(checkout.trial(&["none::single::kill"]).verdict, Verdict::Kept);
    assert_eq!(checkout.trial(&["always::churn::kill"]).verdict, Verdict::Kept);
}

#[test]
fn a_known_finding_is_shown_and_does_not_fail_the_run() {
    let checkout = Checkout::new(
        r#"
[[contract]]
when = { persistence = "none" }
lost = 0

[[known]]
when = { persistence = "none" }
expect = "all"
cause = "nothing was ever saved"
"#,
    );
    assert_eq!(checkout.run(&["none::single::kill"]).code, 0);
    let trial = checkout.trial(&["none::single::kill"]);
    assert_eq!(trial.verdict, Verdict::Known);
    assert_eq!(trial.known.unwrap().cause, "nothing was ever saved");
}

#[test]
fn a_known_finding_of_another_kind_explains_nothing() {
    let checkout = Checkout::new(
        r#"
[[contract]]
when = { persistence = "none" }
lost = 0

[[known]]
when = { persistence = "none" }
expect = "hole"
cause = "something else"
"#,
    );
    assert_eq!(checkout.run(&["none::single::kill"]).code, 1);
    assert_eq!(checkout.trial(&["none::single::kill"]).verdict, Verdict::Broken);
}

#[test]
fn a_policy_that_is_not_in_force_is_a_finding_of_its_own() {
    let checkout = Checkout::new(
        r#"
[fault.file-forgotten]
steps = ["kill", "start"]
launch = "without-config"

[[suite]]
name = "forgotten"
server = ["*"]
persistence = ["always"]
workload = ["single"]
fault = ["file-forgotten"]
"#,
    );
    let outcome = checkout.run(&["forgotten::"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let trial = checkout.trial(&["forgotten::"]);
    assert_eq!(trial.verdict, Verdict::Broken);
    assert!(trial.anomalies.contains(&Anomaly::PolicyNotInForce), "{trial:#?}");
    assert!(trial.message.contains("appendonly is \"no\", not \"yes\""), "{}", trial.message);
}

#[test]
fn a_server_that_cannot_be_had_never_stops_the_others() {
    let checkout = Checkout::new("[server.missing]\nbinary = \"/no/such/server\"");
    let outcome = checkout.run(&["single::kill"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let missing = checkout.trial(&["::missing::always"]);
    assert_eq!(missing.verdict, Verdict::Unsupported);
    assert!(missing.message.contains("/no/such/server is no file"), "{}", missing.message);
    assert!(missing.message.contains("OUTLAST_SERVER_MISSING"), "{}", missing.message);
    assert_eq!(checkout.trial(&["::real::always"]).verdict, Verdict::Kept);
}

#[test]
fn a_path_to_a_binary_may_be_relative() {
    let checkout = Checkout::new("[server.near]\nbinary = \"./near\"");
    std::os::unix::fs::symlink(server("valkey-9.1"), checkout.path("near")).unwrap();
    assert_eq!(checkout.run(&["always::single::kill"]).code, 0);
    assert_eq!(checkout.trial(&["::near::"]).verdict, Verdict::Kept);
}

#[test]
fn a_run_with_no_server_at_all_says_what_it_tried_and_what_would_help() {
    let checkout = Checkout::with(&support::checkout::MATRIX.replace("SERVER", "/no/such/server"));
    let outcome = checkout.run(&[]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.err.contains("/no/such/server is no file"), "{}", outcome.err);
    assert!(outcome.err.contains("three ways to help it"), "{}", outcome.err);
    assert!(checkout.leftovers().is_empty());
}

#[test]
fn a_server_of_another_version_is_not_taken_for_the_one_that_was_asked_for() {
    let checkout = Checkout::new("[server.old]\nbinary = \"SERVER\"\nversion = \"6.2\"");
    assert_eq!(checkout.run(&["single::kill"]).code, 0);
    let old = checkout.trial(&["::old::always"]);
    assert_eq!(old.verdict, Verdict::Unsupported);
    assert!(old.message.contains("9.1") && old.message.contains("6.2"), "{}", old.message);
}

#[test]
fn a_fault_that_meets_no_pressure_proves_nothing() {
    let fault = r#"
[run]
attempts = 2

[gate]
GATE

[fault.no-death]
steps = ["wait 1ms"]

[[suite]]
name = "idle"
second-life = false
server = ["*"]
persistence = ["always"]
workload = ["single"]
fault = ["no-death"]
"#;
    for (gate, code) in [("", 3), ("inconclusive = \"warn\"", 0)] {
        let checkout = Checkout::new(&fault.replace("GATE", gate));
        let outcome = checkout.run(&["idle::"]);
        assert_eq!(outcome.code, code, "{outcome:?}");
        let trial = checkout.trial(&["idle::"]);
        assert_eq!((trial.verdict, trial.attempt), (Verdict::Inconclusive, 2), "{trial:#?}");
    }
}

#[test]
fn ones_own_config_file_is_what_the_server_runs_with() {
    let more = r#"
[persistence.mine]
config = "mine.conf"

[fault.cut]
steps = ["kill", "truncate aof 1B", "start"]
needs = ["aof"]

[[rule]]
skip = { persistence = "mine", fault = "stop", appendonly = "yes" }

[[suite]]
name = "own"
server = ["*"]
persistence = ["mine"]
workload = ["single"]
fault = ["kill", "stop", "cut"]
"#;
    let checkout = Checkout::new(more);
    let conf =
        "# ours\nappendonly yes\nappendfsync always\nsave 900 1\nsave 300 10\nmaxmemory-policy noeviction\n";
    std::fs::write(checkout.path("mine.conf"), conf).unwrap();
    let outcome = checkout.run(&["own::"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let trial = checkout.trial(&["::kill::"]);
    assert_eq!((trial.lost, trial.verdict), (0, Verdict::Kept));
    // What a fault needs and what a rule asks for is found in the file too.
    assert_eq!(checkout.trial(&["::cut::"]).verdict, Verdict::Kept);
    assert_eq!(checkout.report().totals.trials, 2);
    let effective = |name: &str| {
        let line = trial.policy.iter().find(|line| line.directive == name).unwrap();
        line.effective.clone().unwrap()
    };
    assert_eq!(effective("save"), "900 1 300 10");
    assert_eq!(effective("appendonly"), "yes");
}

#[test]
fn every_server_of_the_default_matrix_lives_dies_and_comes_back() {
    let mut matrix = support::checkout::MATRIX.replace("[server.real]\nbinary = \"SERVER\"\n", "");
    for name in ["redis-6.2", "redis-7.0", "redis-8.2", "valkey-8.1", "valkey-9.0", "valkey-9.1"] {
        let (version, binary) = (name.split_once('-').unwrap().1, server(name));
        let libraries = binary.parent().unwrap().join("lib");
        let table = if name == "redis-7.0" && libraries.is_dir() {
            // Unpacked from a package, with its libraries beside it: only the package's own table knows them.
            let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/matrix.toml")).unwrap();
            let start = file.find("[server.\"redis-7.0\"]").unwrap();
            file[start..].split("\n\n").next().unwrap().to_owned()
        } else {
            format!("[server.\"{name}\"]\nbinary = \"{}\"\nversion = \"{version}\"", binary.display())
        };
        matrix.push_str(&format!("\n{table}\n"));
    }
    let checkout = Checkout::with(&matrix);
    let outcome = checkout.run(&["::kill::"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let report = checkout.report();
    assert_eq!(report.totals.kept, 24, "{outcome:?}");
    for trial in report.trials.iter().filter(|trial| trial.persistence == "always") {
        assert_eq!(trial.lost, 0, "{trial:#?}");
    }
    for trial in report.trials.iter().filter(|trial| trial.name.contains("::none::single::")) {
        assert_eq!(trial.shape, Shape::All, "{trial:#?}");
    }
}

//! Runs that look beyond themselves: history, baseline, gate, parts, CI, passwords.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;

use outlast::record::{Change, Outcome, Report, Verdict};
use support::checkout::{Checkout, Outcome as Ended, finish};

/// One trial that is kept.
const NAME: &str = "core::real::always::single::kill::s1";

/// `outlast` beside the runs of a checkout.
fn outlast(checkout: &Checkout, args: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlast"));
    command
        .current_dir(checkout.path(""))
        .args(args)
        .env_remove("GITHUB_ACTIONS")
        .env_remove("GITHUB_STEP_SUMMARY");
    command.env_remove("OUTLAST_REPORTS").env_remove("OUTLAST_BASELINE").env_remove("OUTLAST_COLUMNS");
    finish(checkout.spawn(&mut command))
}

fn outcome(report: &Report, rule: &str) -> Option<Outcome> {
    report.gate.checks.iter().find(|check| check.rule == rule).map(|check| check.outcome)
}

#[test]
fn runs_leave_a_history_that_tells_what_has_changed() {
    let checkout = Checkout::new("");
    assert_eq!(checkout.run(&[NAME]).code, 0);
    // The same policy under a promise that it cannot keep.
    let text = std::fs::read_to_string(checkout.path("matrix.toml")).unwrap();
    let strict = format!("{text}\n[[contract]]\nwhen = {{ persistence = \"none\" }}\nlost = 0\n");
    std::fs::write(checkout.path("matrix.toml"), strict).unwrap();
    assert_eq!(checkout.run(&["none::single::kill"]).code, 1);
    let broken = checkout.report().history.unwrap();
    assert_eq!((broken.runs.len(), broken.cases[0].change), (2, Change::New));
    assert_eq!(broken.cases[0].verdicts, [None, Some(Verdict::Broken)]);
    std::fs::write(checkout.path("matrix.toml"), text).unwrap();
    let outcome = checkout.run(&["none::single::kill"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.out.contains("over the last 3 runs: 1 fixed"), "{outcome:?}");
    assert_eq!(checkout.report().history.unwrap().cases[0].change, Change::Fixed);
    // The difference of the last two runs is the same news.
    let mut runs: Vec<_> = std::fs::read_dir(checkout.path("reports")).unwrap().flatten().collect();
    runs.retain(|entry| entry.file_type().unwrap().is_dir());
    let begun = |entry: &std::fs::DirEntry| outlast::publish::load(&entry.path()).unwrap().run.started_at;
    runs.sort_by_key(begun);
    let [_, second, third] = &runs[..] else { panic!("three runs") };
    let [second, third] = [second, third].map(|entry| entry.path().display().to_string());
    let fixed = outlast(&checkout, &["diff", &second, &third]);
    assert_eq!(fixed.code, 0, "{fixed:?}");
    assert!(fixed.out.contains("1 fixed, 0 the same"), "{fixed:?}");
    let new = outlast(&checkout, &["diff", &third, &second, "--html", "diff.html"]);
    assert_eq!(new.code, 1, "{new:?}");
    assert!(std::fs::read_to_string(checkout.path("diff.html")).unwrap().contains("1 new, 0 the same"));
    let shown = outlast(&checkout, &["show", "--by", "fault"]);
    assert!(shown.code == 0 && shown.out.contains("\nkill "), "{shown:?}");
    let nowhere = outlast(&checkout, &["show", "nowhere"]);
    assert!(nowhere.code == 2 && nowhere.err.contains("nowhere"), "{nowhere:?}");
    // Reports that are made again add no line.
    let lines = || std::fs::read_to_string(checkout.path("reports/history.jsonl")).unwrap();
    let before = lines();
    let again = outlast(&checkout, &["report", &third, "--columns", "verdict,name", "--allure"]);
    assert_eq!((again.code, lines()), (0, before), "{again:?}");
    let csv = std::fs::read_to_string(checkout.path("reports/latest/trials.csv")).unwrap();
    assert!(csv.starts_with("verdict,name\r\nkept,core::"), "{csv}");
    assert!(checkout.path("reports/latest/allure-results/categories.json").exists());
}

#[test]
fn the_gate_of_the_matrix_decides_the_exit_code() {
    let checkout = Checkout::new("[gate]\ntrials = 2\nlost = 0\n[report]\nhistory = 0\n");
    let outcome = checkout.run(&[NAME]);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(
        outcome.out.contains("gate failed: trials: 1 trial proved something; the gate asks for 2"),
        "{outcome:?}"
    );
    let lossy = checkout.run(&["none::single"]);
    assert_eq!(lossy.code, 1, "{lossy:?}");
    let report = checkout.report();
    assert_eq!(
        (report.gate.exit_code, lost_and_trials(&report)),
        (1, (Some(Outcome::Failed), Some(Outcome::Passed)))
    );
    assert!(!checkout.path("reports/history.jsonl").exists() && report.history.is_none());
}

fn lost_and_trials(report: &Report) -> (Option<Outcome>, Option<Outcome>) {
    (outcome(report, "lost"), outcome(report, "trials"))
}

#[test]
fn a_baseline_is_read_before_anything_starts_and_a_run_that_is_worse_fails() {
    let checkout = Checkout::new("");
    let missing = checkout.run(&[NAME, "--baseline", "nowhere"]);
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.err.contains("the baseline") && !checkout.path("reports").exists(), "{missing:?}");
    assert_eq!(checkout.run(&[NAME]).code, 0);
    let baseline = checkout.path("reports/latest").canonicalize().unwrap().display().to_string();
    let same = checkout.run(&[NAME, "--baseline", &baseline]);
    assert_eq!(same.code, 0, "{same:?}");
    assert_eq!(outcome(&checkout.report(), "regressions"), Some(Outcome::Passed));
    // A server that is gone proves nothing.
    let text = std::fs::read_to_string(checkout.path("matrix.toml")).unwrap();
    let gone =
        text.replacen("[persistence.none]", "[server.other]\nbinary = \"OTHER\"\n[persistence.none]", 1);
    let binary = text.lines().find_map(|line| line.strip_prefix("binary = ")).unwrap();
    let gone = gone.replacen(binary, "\"/no/such/server\"", 1).replace("\"OTHER\"", binary);
    std::fs::write(checkout.path("matrix.toml"), gone).unwrap();
    let worse = checkout.run(&["always::single::kill", "--baseline", &baseline]);
    assert_eq!(worse.code, 1, "{worse:?}");
    assert_eq!(checkout.report().baseline.unwrap().cases[0].change, Change::Unproven);
}

#[test]
fn parts_are_merged_and_a_part_that_is_missing_fails() {
    let checkout = Checkout::new("[gate]\ntrials = 8\n");
    for part in ["1/2", "2/2"] {
        let outcome = checkout.run(&["--shard", part, "--reports", &format!("parts/{}", &part[..1])]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert!(!checkout.path("parts/1/history.jsonl").exists(), "parts leave no line");
    }
    let whole = outlast(&checkout, &["merge", "parts/1", "parts/2"]);
    assert_eq!(whole.code, 0, "{whole:?}");
    let report = checkout.report();
    assert_eq!((report.totals.trials, report.missing.len(), report.run.shard.as_ref()), (8, 0, None));
    let lines = || std::fs::read_to_string(checkout.path("reports/history.jsonl")).unwrap().lines().count();
    assert_eq!(
        (outlast(&checkout, &["merge", "parts/2", "parts/1"]).code, lines()),
        (0, 1),
        "the same whole"
    );
    let half = outlast(&checkout, &["merge", "parts/2"]);
    assert_eq!(half.code, 3, "{half:?}");
    assert!(half.out.contains("of 2 parts, only part 2/2 is there"), "{half:?}");
    let none = outlast(&checkout, &["merge", "parts"]);
    assert_eq!(none.code, 2, "{none:?}");
}

#[test]
fn github_is_told_and_nobody_else() {
    let checkout = Checkout::new("[[budget]]\nwhen = { persistence = \"none\" }\nlost = 0\n");
    let quiet = checkout.run(&["none::single::kill"]);
    assert!(quiet.code == 1 && !quiet.out.contains("::error"), "{quiet:?}");
    let summary = checkout.path("step.md");
    std::fs::write(&summary, "before\n").unwrap();
    let mut command = checkout.command(&["none::single::kill"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary).env("GITHUB_SHA", "c0ffee");
    let told = finish(checkout.spawn(&mut command));
    assert_eq!(told.code, 1, "{told:?}");
    let annotation =
        "\n::error title=broken%3A core%3A%3Areal%3A%3Anone%3A%3Asingle%3A%3Akill%3A%3As1::lost ";
    assert!(told.out.contains(annotation), "{told:?}");
    let text = std::fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("before\n## none on real breaks its promise under kill: "), "{text}");
    assert_eq!(checkout.report().run.ci.unwrap().revision, "c0ffee");
}

#[test]
fn no_password_is_in_any_file_of_a_run() {
    let more = r#"
[persistence.locked]
save = ""
appendonly = "yes"
masterauth = "hunter2-of-the-replica"

[workload.app]
kind = "single"
connections = 1
writes = 200
user = "app:hunter2-of-the-app"

[fault.learn]
steps = ["kill", "reconfigure masterauth=hunter2-of-the-fault", "start"]

[[suite]]
name = "locked"
server = ["*"]
persistence = ["locked"]
workload = ["app"]
fault = ["learn"]
"#;
    let checkout = Checkout::new(more);
    let outcome = checkout.run(&["locked::", "--allure"]);
    let trial = checkout.trial(&["locked::"]);
    assert!(trial.acknowledged >= 200, "{trial:#?} {outcome:?}");
    assert!(trial.events.iter().any(|event| event.text.contains("masterauth ***")), "{:#?}", trial.events);
    let mut seen = 0;
    let mut open = vec![checkout.path("reports")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().flatten().map(|entry| entry.path()));
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains("hunter2"), "{} holds a password", path.display());
        seen += 1;
    }
    assert!(seen > 10, "only {seen} files");
    assert!(!outcome.out.contains("hunter2") && !outcome.err.contains("hunter2"), "{outcome:?}");
}

#[test]
fn a_run_in_which_nothing_could_be_tested_does_not_pass() {
    let odd = "[persistence.odd]\nno-such-thing = \"1\"\n\n[[suite]]\nname = \"odd\"\nserver = [\"*\"]\n\
               persistence = [\"odd\"]\nworkload = [\"single\"]\nfault = [\"kill\"]\n";
    let checkout = Checkout::new(odd);
    let alone = checkout.run(&["odd::"]);
    assert_eq!(alone.code, 2, "{alone:?}");
    assert_eq!(outcome(&checkout.report(), "nothing-tested"), Some(Outcome::Failed));
    let with_another = checkout.run(&["odd::", NAME]);
    assert_eq!(with_another.code, 0, "{with_another:?}");
}

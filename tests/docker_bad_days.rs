//! What goes wrong around containers is told clearly, on the trials concerned; it never hangs and leaves nothing
//! behind.
//!
//! Needs an engine that answers, or `dockerd` and root: without them a test says so and passes.
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, Instant};

use outlast::record::Verdict;
use support::checkout::{Checkout, Outcome, finish, wait_for};
use support::dockerd::{Daemon, Holds, command, engine, holds, label};

/// Trials that last, with a volume each.
const SLOW: &str = r#"
[storage.volume]
kind = "volume"

[fault.slow]
steps = ["wait 200ms", "kill", "start"]

[[suite]]
name = "slow"
server = ["*"]
persistence = ["always"]
storage = ["volume"]
workload = ["single"]
fault = ["slow"]
seeds = 12
second-life = false
"#;

/// A server of whose image nobody has heard.
const UNHEARD_OF: &str = "[server.unheard-of]\nimage = \"outlast/unheard-of:1\"";

fn clean(checkout: &Checkout, host: &str) -> Outcome {
    let run = command(checkout, host, &[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlast"));
    command.arg("clean").envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    finish(checkout.spawn(&mut command))
}

#[test]
fn an_engine_that_goes_away_errs_on_its_trials_and_keeps_what_is_done() {
    let Some(mut daemon) = Daemon::start() else { return };
    let checkout = Checkout::new(SLOW);
    let mut run = command(&checkout, &daemon.host(), &["slow::", "--test-threads", "2"]);
    let run = checkout.spawn(&mut run);
    wait_for("a trial to end", || checkout.finished() >= 1);
    daemon.kill();
    let killed = Instant::now();
    let outcome = finish(run);
    assert!(killed.elapsed() < Duration::from_secs(30), "hung for {:?}", killed.elapsed());
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(outcome.err.contains("the engine does not answer"), "{outcome:?}");
    let report = checkout.report();
    assert_eq!(report.trials.len(), 12);
    assert_eq!(report.totals.kept + report.totals.errored, 12, "{outcome:?}");
    assert!(report.totals.kept >= 1 && report.totals.errored >= 1, "{outcome:?}");
    for trial in report.trials.iter().filter(|trial| trial.verdict == Verdict::Errored) {
        assert!(trial.message.contains("the connection to the engine broke"), "{trial:#?}");
    }

    // What is left at the engine is removed when it is back: its containers, and then the images.
    let kept = clean(&checkout, &daemon.host());
    assert!(kept.out.contains("kept ") && kept.out.contains("does not answer"), "{kept:?}");
    daemon.again();
    // Whether a volume is among it depends on the moment; the images are.
    assert_ne!(daemon.holds(), Holds { containers: 0, volumes: 0, images: 0 });
    let cleaned = clean(&checkout, &daemon.host());
    assert!(cleaned.out.contains("1 dead runs and 1 local images"), "{cleaned:?}");
    assert_eq!(daemon.holds(), Holds { containers: 0, volumes: 0, images: 0 });
    checkout.wait_until_clean();
}

#[test]
fn a_killed_run_leaves_no_container_and_no_volume() {
    let Some(host) = engine() else { return };
    let checkout = Checkout::new(SLOW);
    let mut run = checkout.spawn(&mut command(&checkout, &host, &["slow::", "--test-threads", "3"]));
    wait_for("two trials to end", || checkout.finished() >= 2);
    let label = label(&checkout);
    wait_for("the next ones to begin", || holds(&host, Some(&label)).containers > 0);
    run.kill().unwrap();
    run.wait().unwrap();
    checkout.wait_until_clean();
    let left = holds(&host, Some(&label));
    assert_eq!((left.containers, left.volumes), (0, 0));
}

#[test]
fn two_runs_in_containers_do_not_meet() {
    let Some(host) = engine() else { return };
    let checkout = Checkout::new(SLOW);
    let runs = [0, 1].map(|_| checkout.spawn(&mut command(&checkout, &host, &["slow::", "::kill::"])));
    for run in runs {
        let outcome = finish(run);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
    let report = checkout.report();
    assert_eq!(report.totals.kept, 16);
    // Made from a binary of this machine, and every record says so.
    assert!(report.trials.iter().all(|trial| trial.origin.kind == "local-image"));
    checkout.wait_until_clean();
}

#[test]
fn an_image_that_cannot_be_had_stops_no_other_server() {
    let Some(host) = engine() else { return };
    let checkout = Checkout::new(UNHEARD_OF);
    let outcome = finish(checkout.spawn(&mut command(&checkout, &host, &["always::single::kill"])));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(checkout.trial(&["::real::"]).verdict, Verdict::Kept);
    let missing = checkout.trial(&["::unheard-of::"]);
    assert_eq!(missing.verdict, Verdict::Unsupported, "{missing:#?}");
    for words in ["outlast/unheard-of:1", "the pull policy is `never`", "docker pull"] {
        assert!(missing.message.contains(words), "{}", missing.message);
    }
}

#[test]
fn auto_takes_the_engine_that_answers() {
    let Some(host) = engine() else { return };
    let checkout = Checkout::new("");
    let mut run = command(&checkout, &host, &["always::single::kill"]);
    let outcome = finish(checkout.spawn(run.env("OUTLAST_ENGINE", "auto")));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(checkout.trial(&["::real::"]).engine, "docker");
}

#[test]
fn auto_does_without_an_engine_and_loses_no_time_over_it() {
    let checkout = Checkout::new("");
    // A daemon that was killed leaves its socket; nobody listens.
    drop(UnixListener::bind(checkout.path("dead.sock")).unwrap());
    for socket in ["dead.sock", "none.sock"] {
        let host = format!("unix://{}", checkout.path(socket).display());
        let mut list = command(&checkout, &host, &["--list"]);
        let began = Instant::now();
        let outcome = finish(checkout.spawn(list.env("OUTLAST_ENGINE", "auto")));
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?} for a list", began.elapsed());
        assert!(outcome.err.contains("trials run as processes"), "{outcome:?}");
        let mut run = command(&checkout, &host, &["always::single::kill"]);
        let outcome = finish(checkout.spawn(run.env("OUTLAST_ENGINE", "auto")));
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert_eq!(checkout.trial(&["::real::"]).engine, "process");
    }
}

#[test]
fn an_engine_that_was_asked_for_and_is_not_there_stops_the_run() {
    let checkout = Checkout::new("");
    let host = format!("unix://{}", checkout.path("none.sock").display());
    let outcome = finish(checkout.spawn(&mut command(&checkout, &host, &[])));
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(outcome.err.contains("none.sock") && outcome.err.contains("OUTLAST_ENGINE=process"));
    assert!(std::fs::read_dir(checkout.path("reports")).is_err(), "no report of a run that never was");
    checkout.wait_until_clean();
}

//! The disk under servers in containers: they lose what they would lose as processes, and nothing of it stays mounted.
//!
//! Needs an engine that answers, and a disk: without them a test says so and passes.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::{Anomaly, Verdict};
use support::checkout::{Checkout, finish, wait_for};
use support::disk::{checkout, loops_below, mounts_below};
use support::dockerd::{command, engine, holds, label};

const POWER: &str = r#"
[storage.disk]
kind = "disk"

[storage.ext4]
kind = "disk"
filesystem = "ext4"

[fault.cut]
steps = ["power-cut", "start"]

[fault.cut-in-rewrite]
steps = ["power-cut at rename *.manifest 1 rewrite", "start"]

[fault.control]
steps = ["lying-fsync", "write 200", "power-cut process-kill", "start"]

[fault.lie]
steps = ["lying-fsync", "write 200", "power-cut", "start"]

[fault.failed]
steps = ["fail-fsync once", "write 5", "power-cut", "start"]

[fault.stopped]
steps = ["slow-fsync 50ms", "stop 10s", "start"]

[fault.explore]
steps = ["explore fsync-only process-kill states 8"]

[fault.slow]
steps = ["wait 200ms", "power-cut", "start"]

[[suite]]
name = "power"
server = ["*"]
persistence = ["always"]
storage = ["disk", "ext4"]
workload = ["single"]
fault = ["cut", "lie", "failed", "stopped"]

[[suite]]
name = "power-files"
server = ["*"]
persistence = ["always"]
storage = ["disk"]
workload = ["single"]
fault = ["cut-in-rewrite", "control", "explore"]

[[suite]]
name = "slow"
server = ["*"]
persistence = ["always"]
storage = ["disk", "ext4"]
workload = ["single"]
fault = ["slow"]
seeds = 12
second-life = false
"#;

/// What is still mounted and attached of a run.
fn left(checkout: &Checkout) -> (usize, usize) {
    (mounts_below(&checkout.temporary()), loops_below(&checkout.temporary()))
}

#[test]
fn always_keeps_everything_in_a_container_and_a_lying_disk_is_caught() {
    let (Some(host), Some(checkout)) = (engine(), checkout(POWER)) else { return };
    let outcome = finish(checkout.spawn(&mut command(&checkout, &host, &["power"])));
    assert_eq!(outcome.code, 1, "the lie breaks the promise: {outcome:?}");
    for (storage, fault) in [
        ("disk", "cut"),
        ("disk", "cut-in-rewrite"),
        ("disk", "failed"),
        ("disk", "stopped"),
        ("disk", "explore"),
        ("ext4", "cut"),
        ("ext4", "failed"),
        ("ext4", "stopped"),
    ] {
        let trial = checkout.trial(&[&format!("always@{storage}::single::{fault}::")]);
        let named = format!("{storage} {fault}: {}", trial.message);
        assert_eq!((trial.engine.as_str(), trial.verdict), ("docker", Verdict::Kept), "{named}");
        // What was explored is told by its states, each of them in a container.
        let looked_at = trial.exploration.map_or(trial.acknowledged, |facts| facts.booted);
        assert!(looked_at >= if fault == "explore" { 8 } else { 300 }, "{looked_at} {named}");
    }
    // The same lie, when only the process dies.
    let control = checkout.trial(&["always@disk::single::control::"]);
    assert_eq!((control.verdict, control.lost), (Verdict::Kept, 0), "{}", control.message);
    for storage in ["disk", "ext4"] {
        let lie = checkout.trial(&[&format!("always@{storage}::single::lie::")]);
        assert_eq!(lie.verdict, Verdict::Broken, "{storage}: {}", lie.message);
        assert!(lie.lost >= 100 && lie.anomalies.contains(&Anomaly::Lost), "{storage}: {}", lie.message);
    }
    let broken = checkout.report().trials.into_iter().filter(|trial| trial.verdict == Verdict::Broken);
    assert!(broken.map(|trial| trial.fault).all(|fault| fault == "lie"));
    checkout.wait_until_clean();
    wait_for("its loop devices to be detached", || left(&checkout) == (0, 0));
}

#[test]
fn a_killed_run_leaves_no_container_and_no_disk() {
    let (Some(host), Some(checkout)) = (engine(), checkout(POWER)) else { return };
    let mut run = checkout.spawn(&mut command(&checkout, &host, &["slow::", "--test-threads", "2"]));
    wait_for("two trials to end", || checkout.finished() >= 2);
    let label = label(&checkout);
    wait_for("the next ones to begin", || {
        holds(&host, Some(&label)).containers > 0 && mounts_below(&checkout.temporary()) > 0
    });
    run.kill().unwrap();
    run.wait().unwrap();
    checkout.wait_until_clean();
    wait_for("its loop devices to be detached", || left(&checkout) == (0, 0));
    let left = holds(&host, Some(&label));
    assert_eq!((left.containers, left.volumes), (0, 0));
}

//! What writing through the disk costs, how fast crash states are booted, and how large a trace is.
//!
//! Every figure is one run of the `outlast` command, as a user makes it, taken from its own report. Disk and plain folder
//! take turns.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use outlast::record::TrialRecord;

fn reports() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("disk")
}

/// One trial, alone.
fn run(name: &str) -> TrialRecord {
    let status = Command::new(env!("CARGO_BIN_EXE_outlast"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--quiet", "--matrix", "bench/disk.toml", "--engine", "process"])
        .args(["--logfile", "/dev/null", "--exact", name, "--reports"])
        .arg(reports())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{name} was not kept: see {}", reports().display());
    let report: outlast::record::Report =
        serde_json::from_slice(&std::fs::read(reports().join("latest/report.json")).unwrap()).unwrap();
    report.trials.into_iter().next().unwrap()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn cost(persistence: &str, workload: &str) {
    let mut rates = [Vec::new(), Vec::new()];
    for seed in 1..=5 {
        for (place, rates) in ["", "@disk"].into_iter().zip(&mut rates) {
            let trial = run(&format!("cost::redis-7.0::{persistence}{place}::{workload}::kill::s{seed}"));
            rates.push(trial.epochs[0].pressure.rate);
        }
    }
    let [folder, disk] = rates.map(median);
    let cost = (1.0 - disk / folder) * 100.0;
    println!(
        "  {persistence:<14} {workload:<4} folder {folder:8.0} writes/s, disk {disk:8.0}: costs {cost:3.0}%"
    );
}

fn main() {
    println!("writing through the disk (medians of 5, in turns; target: at most 30% under everysec)");
    for persistence in ["aof-everysec", "aof-always"] {
        cost(persistence, "p1");
        cost(persistence, "p16");
    }
    println!(
        "crash states of a trace of 10,000 writes (target: 100 states/s, 30/s on a real file system; under 100 MB)"
    );
    // Most of a state is the start of the server: Debian's is linked with much, the other with little.
    for (suite, server, place, fault) in [
        ("states", "redis-7.0", "disk", "explore"),
        ("states-lived-with", "redis-7.0", "disk", "explore"),
        ("states", "valkey-9.1", "disk", "explore"),
        ("states-lived-with", "valkey-9.1", "disk", "explore"),
        ("states-real", "redis-7.0", "ext4", "explore-real"),
    ] {
        let trial = run(&format!("{suite}::{server}::aof-always@{place}::trace::{fault}::s1"));
        let facts = trial.exploration.unwrap();
        let trace = std::fs::metadata(reports().join("latest").join(facts.trace.unwrap())).unwrap().len();
        println!(
            "  {suite:<18} {server:<10} {} of {} states booted, {:.0}/s; {} operations, trace {:.1} MB",
            facts.booted,
            facts.states,
            facts.states_per_second,
            facts.operations,
            trace as f64 / 1e6
        );
    }
}

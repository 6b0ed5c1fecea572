//! What writing through the disk costs, how fast crash states are booted, and how large a trace is.
//!
//! Every figure is one run of the `outlast` command, as a user makes it, taken from its own report. Disk and plain folder
//! take turns.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use outlast::record::TrialRecord;

/// Calm pairs that a figure is made of, and how many are tried for it.
const PAIRS: usize = 7;
const MOST_PAIRS: usize = 14;
/// Largest share of the processors that others may have taken in a calm run.
const CALM: f64 = 0.02;
/// Which number of `/proc/stat` counts stolen ticks.
const STOLEN: usize = 7;

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

/// Ticks of all processors so far: those that a hypervisor gave to others while something wanted to run, and all.
///
/// Source: `proc(5)`, the first line of `/proc/stat`.
fn ticks() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/stat").unwrap();
    let ticks: Vec<u64> =
        text.lines().next().unwrap().split(' ').filter_map(|field| field.parse().ok()).collect();
    (ticks[STOLEN], ticks.iter().sum())
}

/// One trial, how many writes were answered in a second, and which share of the processors was stolen meanwhile.
fn rate(name: &str) -> (f64, f64) {
    let before = ticks();
    let rate = run(name).epochs[0].pressure.rate;
    let after = ticks();
    (rate, (after.0 - before.0) as f64 / (after.1 - before.1).max(1) as f64)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Pairs in turns: a machine that lends its processors to others tells nothing of the disk, so such pairs do not count.
fn cost(persistence: &str, workload: &str) {
    let (mut rates, mut left_out) = ([Vec::new(), Vec::new()], 0);
    for pair in 0..MOST_PAIRS {
        if rates[0].len() == PAIRS {
            break;
        }
        let seed = pair % 5 + 1;
        let pair = ["", "@disk"]
            .map(|place| rate(&format!("cost::redis-7.0::{persistence}{place}::{workload}::kill::s{seed}")));
        if pair.iter().any(|(_, stolen)| *stolen > CALM) {
            left_out += 1;
            continue;
        }
        for ((rate, _), rates) in pair.into_iter().zip(&mut rates) {
            rates.push(rate);
        }
    }
    let [folder, disk] = &rates;
    if folder.is_empty() {
        return println!("  {persistence:<14} {workload:<4} no calm pair of {left_out}");
    }
    let costs: Vec<_> = folder.iter().zip(disk).map(|(folder, disk)| (1.0 - disk / folder) * 100.0).collect();
    println!(
        "  {persistence:<14} {workload:<4} folder {:6.0} writes/s, disk {:6.0}: costs {:3.0}% ({} calm pairs: {}; {left_out} left out)",
        median(folder.clone()),
        median(disk.clone()),
        median(costs.clone()),
        costs.len(),
        costs.iter().map(|cost| format!("{cost:.0}")).collect::<Vec<_>>().join(" ")
    );
}

fn main() {
    println!(
        "writing through the disk (medians of up to {PAIRS} pairs in turns; target: at most 30% under everysec)"
    );
    for persistence in ["aof-everysec", "aof-always"] {
        cost(persistence, "p1");
        cost(persistence, "p16");
    }
    println!(
        "crash states (target: 100 states/s, 30/s on a real file system; a trace of 10,000 writes under 100 MB)"
    );
    // Most of a state is the start of the server: Debian's is linked with much, the other with little.
    for (suite, server, place, workload, fault) in [
        ("states", "redis-7.0", "disk", "small", "explore"),
        ("states", "valkey-9.1", "disk", "small", "explore"),
        ("states", "redis-7.0", "disk", "trace", "explore"),
        ("states-lived-with", "redis-7.0", "disk", "trace", "explore"),
        ("states", "valkey-9.1", "disk", "trace", "explore"),
        ("states-lived-with", "valkey-9.1", "disk", "trace", "explore"),
        ("states-real", "redis-7.0", "ext4", "small", "explore-real"),
        ("states-real", "redis-7.0", "ext4", "trace", "explore-real"),
    ] {
        let before = ticks();
        let trial = run(&format!("{suite}::{server}::aof-always@{place}::{workload}::{fault}::s1"));
        let after = ticks();
        let facts = trial.exploration.unwrap();
        let trace = std::fs::metadata(reports().join("latest").join(facts.trace.unwrap())).unwrap().len();
        println!(
            "  {suite:<18} {server:<10} {workload:<6} {} of {} states booted, {:.0}/s; {} operations, trace {:.1} MB; {:.0}% stolen",
            facts.booted,
            facts.states,
            facts.states_per_second,
            facts.operations,
            trace as f64 / 1e6,
            (after.0 - before.0) as f64 / (after.1 - before.1) as f64 * 100.0
        );
    }
}

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

/// Ticks of processor time that the runs so far took, with their servers.
///
/// Source: `proc(5)`, cutime and cstime of `/proc/self/stat`.
fn spent() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let fields: Vec<_> = fields.split(' ').collect();
    fields[13..15].iter().map(|field| field.parse::<u64>().unwrap()).sum()
}

/// What one trial showed.
struct Seen {
    /// Writes that were answered in a second.
    rate: f64,
    /// Writes that were answered for a tick of processor time, all that the run did included.
    per_tick: f64,
    /// The share of the processors that was stolen meanwhile.
    stolen: f64,
}

fn see(name: &str) -> Seen {
    let (before, spent_before) = (ticks(), spent());
    let trial = run(name);
    let (after, spent_after) = (ticks(), spent());
    Seen {
        rate: trial.epochs[0].pressure.rate,
        per_tick: trial.epochs[0].acknowledged as f64 / (spent_after - spent_before).max(1) as f64,
        stolen: (after.0 - before.0) as f64 / (after.1 - before.1).max(1) as f64,
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// How much less the second is than the first, of each pair, in percent.
fn costs(pairs: &[[f64; 2]]) -> Vec<f64> {
    pairs.iter().map(|[folder, disk]| (1.0 - disk / folder) * 100.0).collect()
}

fn listed(costs: &[f64]) -> String {
    costs.iter().map(|cost| format!("{cost:.0}")).collect::<Vec<_>>().join(" ")
}

/// Pairs in turns. The writes of a second say nothing where a machine lends its processors to others, so such pairs do not
/// count for them; the writes for the time that the processors did work tell what both keep busy, also there.
fn cost(persistence: &str, workload: &str) {
    let (mut rates, mut per_tick, mut left_out) = (Vec::new(), Vec::new(), 0);
    for pair in 0..MOST_PAIRS {
        if rates.len() == PAIRS {
            break;
        }
        let seed = pair % 5 + 1;
        let pair = ["", "@disk"]
            .map(|place| see(&format!("cost::redis-7.0::{persistence}{place}::{workload}::kill::s{seed}")));
        per_tick.push(pair.each_ref().map(|seen| seen.per_tick));
        if pair.iter().any(|seen| seen.stolen > CALM) {
            left_out += 1;
            continue;
        }
        rates.push(pair.each_ref().map(|seen| seen.rate));
    }
    let of_time = costs(&per_tick);
    println!(
        "  {persistence:<14} {workload:<4} costs {:3.0}% of the writes for the same processor time of the whole run ({} pairs: {})",
        median(of_time.clone()),
        of_time.len(),
        listed(&of_time)
    );
    if rates.is_empty() {
        return println!("  {:<19} no calm pair of {left_out}", "");
    }
    let of_rate = costs(&rates);
    println!(
        "  {:<19} costs {:3.0}% of the writes in a second: {:.0}, on the disk {:.0} ({} calm pairs: {}; {left_out} left out)",
        "",
        median(of_rate.clone()),
        median(rates.iter().map(|pair| pair[0]).collect()),
        median(rates.iter().map(|pair| pair[1]).collect()),
        of_rate.len(),
        listed(&of_rate)
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

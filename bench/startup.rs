//! What Outlast costs by itself: listing 100,000 trials, and a run whose only trial is over before it begins.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Odd, so that one of them is the median.
const TIMES: usize = 15;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlast"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--matrix", "bench/large.toml", "--engine", "process", "--reports"])
        .arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/startup"))
        .args(args)
        .stderr(Stdio::null());
    command
}

/// Median time from start to end of the command.
fn time(args: &[&str]) -> Duration {
    let mut times: Vec<_> = (0..TIMES)
        .map(|_| {
            let began = Instant::now();
            assert!(command(args).stdout(Stdio::null()).status().unwrap().success());
            began.elapsed()
        })
        .collect();
    times.sort();
    times[TIMES / 2]
}

/// Most memory that a command whose output nobody takes has held: it waits for a reader at its end.
fn peak_kib(args: &[&str]) -> u64 {
    let mut child = command(args).stdout(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    // The last word of the process is worth most; after it there is no status any more.
    let mut out = child.stdout.take().unwrap();
    let mut part = vec![0; 64 * 1024];
    while std::io::Read::read(&mut out, &mut part).unwrap() > 0 {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or_default());
    }
    assert!(child.wait().unwrap().success());
    peak
}

fn main() {
    let list = time(&["--list"]);
    let memory = peak_kib(&["--list"]) as f64 / 1024.0;
    println!("list of 100,000 trials: {list:.1?}, {memory:.1} MiB at most; target 1 s, 200 MB");
    // The first run fetches the server, if it has to be.
    let bare = ["--repro", "bare::redis-7.0::rdb-900-1@anonymous::single::kill::s1"];
    assert!(command(&bare).stdout(Stdio::null()).status().unwrap().success());
    println!("bare run, reports included: {:.1?}; target 50 ms", time(&bare));
    println!("run that selects nothing: {:.1?}", time(&["no-trial-has-this-in-its-name"]));
}

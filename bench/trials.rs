//! Standard trials per second, on each engine, by how many are in flight.
//!
//! Every figure is one run of the `outlast` command, as a user makes it, timed by its own report.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use outlast::engine::docker::Docker;
use outlast::record::Report;

/// One run; its report.
fn run(engine: &str, profile: &str, more: &[&str]) -> Report {
    let reports = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trials");
    let status = Command::new(env!("CARGO_BIN_EXE_outlast"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--quiet", "--matrix", "bench/standard.toml"])
        .args(["--engine", engine, "--profile", profile, "--logfile", "/dev/null"])
        .arg("--reports")
        .arg(&reports)
        .args(more)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "a standard trial was not kept: see {}", reports.display());
    serde_json::from_slice(&std::fs::read(reports.join("latest/report.json")).unwrap()).unwrap()
}

fn measure(engine: &str, profile: &str, target: f64) {
    // The first run fetches or imports the server; it is not measured.
    let first = run(engine, profile, &["--repro", "standard::redis-7.0::aof-everysec::thousand::kill::s1"]);
    println!("{} ({})", first.run.engine, first.trials[0].server_version);
    for threads in ["1", "2", "4", "8", "16", "default"] {
        let report = match threads {
            "default" => run(engine, profile, &[]),
            number => run(engine, profile, &["--test-threads", number]),
        };
        let trials = report.trials.len() as f64;
        let rate = trials / (report.run.duration_ms / 1000.0);
        let mut lives: Vec<_> = report.trials.iter().map(|trial| trial.duration_ms).collect();
        lives.sort_by(f64::total_cmp);
        let median = lives[lives.len() / 2];
        println!(
            "  {threads:>7} in flight: {rate:6.1} trials/s, {median:5.0} ms each (median of {trials}); target {target}"
        );
    }
}

fn main() {
    measure("process", "default", 40.0);
    if Docker::probe().is_some() {
        measure("docker", "quick", 5.0);
    } else {
        println!("docker: skipped, no container engine answers");
    }
}

//! The disk accuses nobody who syncs, lets nobody off who is lied to, and loses nothing that a kill would not lose: the
//! power goes at one fsync after the other, under every server.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use outlast::record::{Anomaly, Report, TrialRecord, Verdict};

use support::checkout::Checkout;

mod support;

const SERVERS: [&str; 6] = ["redis-6.2", "redis-7.0", "redis-8.2", "valkey-8.1", "valkey-9.0", "valkey-9.1"];
/// Moments at which the power goes. Each write has an fsync of its own.
const MOMENTS: usize = 50;
/// Acknowledged by a disk that lies, before its power goes.
const LIED: u64 = 20;

/// Every moment under every server, with so many seeds each; a server at a time.
fn cuts(
    kind: &str,
    steps: impl Fn(usize) -> String,
    moments: usize,
    seeds: usize,
    judge: impl Fn(&TrialRecord),
) {
    let mut matrix = servers() + "[storage.disk]\nkind = \"disk\"\n";
    for moment in 0..moments {
        // Spread over the life of 300 writes, and no two in the same place.
        let at = 1 + moment * 250 / moments;
        matrix += &format!("[fault.{kind}-{at}]\nsteps = [{}]\n", steps(at));
    }
    matrix += &format!(
        "[[suite]]\nname = \"controls\"\nserver = [\"redis-*\", \"valkey-*\"]\npersistence = [\"always\"]\n\
         storage = [\"disk\"]\nworkload = [\"single\"]\nfault = [\"{kind}-*\"]\nseeds = {seeds}\n"
    );
    let Some(checkout) = support::disk::checkout(&matrix) else { return };
    for name in SERVERS {
        let trials = run(&checkout, name);
        assert_eq!(trials.len(), moments * seeds, "{name}");
        trials.iter().for_each(&judge);
        println!("{kind}: {name}: {} cuts", trials.len());
    }
    assert!(checkout.leftovers().is_empty(), "{:?}", checkout.leftovers());
}

/// The servers of the default matrix.
fn servers() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let from = text.find("[server.").unwrap();
    text[from..].split("[persistence.").next().unwrap().to_owned()
}

fn run(checkout: &Checkout, server: &str) -> Vec<TrialRecord> {
    let outcome = checkout.run(&[&format!("controls::{server}::"), "--quiet"]);
    assert!(outcome.code <= 1, "{}{}", outcome.out, outcome.err);
    let Report { trials, .. } = checkout.report();
    trials
}

fn nothing_is_lost(trial: &TrialRecord) {
    assert_eq!((trial.verdict, trial.lost), (Verdict::Kept, 0), "{}: {}", trial.name, trial.message);
}

fn honest(moments: usize, seeds: usize) {
    for model in ["fsync-only", "journal"] {
        let steps = |at| format!("\"power-cut {model} at fsync *.aof {at}\", \"start\"");
        cuts(model, steps, moments, seeds, nothing_is_lost);
    }
}

fn killed(moments: usize, seeds: usize) {
    // Beside it the disk lies: whoever reads what the page cache had does not see that.
    let steps = |at| format!("\"lying-fsync\", \"power-cut process-kill at fsync *.aof {at}\", \"start\"");
    cuts("process-kill", steps, moments, seeds, nothing_is_lost);
}

fn lied_to(moments: usize, seeds: usize) {
    let steps = |at| {
        format!("\"lying-fsync\", \"write {LIED}\", \"power-cut fsync-only at fsync *.aof {at}\", \"start\"")
    };
    cuts("lying", steps, moments, seeds, |trial| {
        assert_eq!(trial.verdict, Verdict::Broken, "{}: {}", trial.name, trial.message);
        assert!(
            trial.lost >= LIED && trial.anomalies.contains(&Anomaly::Lost),
            "{}: {}",
            trial.name,
            trial.message
        );
    });
}

#[test]
fn a_server_that_syncs_is_never_accused() {
    honest(8, 1);
}

#[test]
fn what_a_kill_leaves_is_whole_whatever_the_disk_says() {
    killed(8, 1);
}

#[test]
fn a_disk_that_lies_is_always_caught() {
    lied_to(8, 1);
}

#[test]
#[ignore = "it takes minutes"]
fn a_thousand_cuts_of_each_server() {
    honest(MOMENTS, 1_000 / MOMENTS);
    killed(MOMENTS, 1_000 / MOMENTS);
    lied_to(MOMENTS, 1_000 / MOMENTS);
}

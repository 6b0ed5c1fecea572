//! Every type of value through whole trials on a real server: kept where that is promised, and seen to be gone where
//! nothing was kept.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::{Anomaly, Shape, TrialRecord, Verdict};
use support::checkout::{Checkout, server};

/// Kinds with the settings of a workload; those without a delete lose every op that is lost at all.
const PLAIN: &[&str] = &["counters", "transactions", "scripts", "binary", "waitaof"];
const DELETING: &[&str] = &["hashes", "sets", "sorted-sets", "functions"];

fn matrix(servers: &str, persistence: &str, faults: &str) -> Checkout {
    let mut more = String::new();
    for kind in PLAIN.iter().chain(DELETING) {
        more.push_str(&format!(
            "[workload.{kind}]\nkind = \"{kind}\"\nconnections = 2\npipeline = 4\nwrites = 200\n\n"
        ));
    }
    more.push_str(
        "[workload.databases]\nkind = \"single\"\nconnections = 4\nwrites = 200\ndatabases = 3\n\n",
    );
    more.push_str("[workload.hashes-ttl]\nkind = \"hashes\"\npipeline = 4\nwrites = 200\nttl = \"10m\"\n\n");
    let kinds: Vec<_> = PLAIN.iter().chain(DELETING).map(|kind| format!("\"{kind}\"")).collect();
    more.push_str(&format!(
        "[[suite]]\nname = \"structures\"\nserver = {servers}\npersistence = {persistence}\nfault = {faults}\n\
         workload = [{}, \"databases\", \"hashes-ttl\"]\n",
        kinds.join(", ")
    ));
    Checkout::new(&more)
}

fn trials(checkout: &Checkout) -> Vec<TrialRecord> {
    checkout.report().trials.into_iter().filter(|trial| trial.suite == "structures").collect()
}

#[test]
fn nothing_is_lost_where_every_write_is_synced_first() {
    let checkout = matrix("[\"*\"]", "[\"always\"]", "[\"kill\", \"stop\"]");
    let outcome = checkout.run(&["structures::"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let trials = trials(&checkout);
    assert_eq!(trials.len(), 22);
    for trial in trials {
        assert_eq!((trial.verdict, trial.lost, trial.shape), (Verdict::Kept, 0, Shape::None), "{trial:#?}");
        assert!(trial.acknowledged >= 200 && trial.anomalies.is_empty(), "{trial:#?}");
        assert_eq!(trial.epochs.len(), 2, "{trial:#?}");
    }
}

#[test]
fn everything_is_seen_to_be_gone_where_nothing_was_kept() {
    let checkout = matrix("[\"*\"]", "[\"none\"]", "[\"kill\"]");
    let outcome = checkout.run(&["structures::"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for trial in trials(&checkout) {
        let first = &trial.epochs[0];
        assert_eq!(trial.verdict, Verdict::Kept, "{trial:#?}");
        assert!(first.lost > 0 && trial.anomalies.contains(&Anomaly::Lost), "{trial:#?}");
        if !DELETING.iter().any(|kind| trial.workload.starts_with(kind)) {
            assert_eq!((first.lost, first.shape), (first.acknowledged, Shape::All), "{trial:#?}");
        } else {
            assert!(matches!(first.shape, Shape::All | Shape::Suffix), "{trial:#?}");
        }
        let function = trial.anomalies.contains(&Anomaly::LostFunction);
        assert_eq!(function, trial.workload == "functions", "{trial:#?}");
    }
}

#[test]
fn a_server_without_the_command_is_told_and_put_to_no_test() {
    let old = format!("\n[server.old]\nbinary = \"{}\"\n", server("redis-6.2").display());
    let checkout = matrix("[\"old\"]", "[\"always\"]", "[\"kill\"]");
    let file = checkout.path("matrix.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + &old).unwrap();
    let outcome = checkout.run(&["structures::old::"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for trial in trials(&checkout) {
        let missing = match trial.workload.as_str() {
            "functions" => "redis 6.2.14 does not know FUNCTION; it came with Redis 7.0",
            "waitaof" => "redis 6.2.14 does not know WAITAOF; it came with Redis 7.2",
            "hashes-ttl" => "redis 6.2.14 does not know HSETEX; it came with Redis 8.0 and Valkey 9.0",
            _ => {
                assert_eq!((trial.verdict, trial.lost), (Verdict::Kept, 0), "{trial:#?}");
                continue;
            }
        };
        assert_eq!((trial.verdict, trial.message.as_str()), (Verdict::Unsupported, missing), "{trial:#?}");
    }
}

#[test]
fn with_an_fsync_that_hangs_acknowledged_writes_are_lost_and_promised_ones_are_not() {
    let more = r#"
[persistence.everysec]
save = ""
appendonly = "yes"
appendfsync = "everysec"

[workload.waitaof]
kind = "waitaof"
connections = 4
pipeline = 16
writes = 800
rate = 800
steady = true

[fault.stalled-fsync-kill]
steps = ["stall-fsync", "wait 1500ms", "kill", "start"]

[[suite]]
name = "promises"
server = ["*"]
persistence = ["everysec"]
workload = ["waitaof"]
fault = ["stalled-fsync-kill"]
seeds = 3
"#;
    let checkout = Checkout::new(more);
    let outcome = checkout.run(&["promises::"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let trials: Vec<_> = checkout.report().trials.into_iter().filter(|t| t.suite == "promises").collect();
    for trial in trials {
        assert!(trial.lost > 0, "no write was between two fsyncs: {trial:#?}");
        assert_eq!(trial.verdict, Verdict::Kept, "{trial:#?}");
        assert!(!trial.anomalies.contains(&Anomaly::LostPromised), "{trial:#?}");
    }
}

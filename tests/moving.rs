//! Queues, streams and waiting consumers on a real server: what moved must have moved, and only once.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::{Anomaly, Shape, TrialRecord, Verdict};
use support::checkout::Checkout;

/// The workloads of this test, added to the small matrix.
const WORKLOADS: &str = r#"
[workload.queues]
connections = 3
pipeline = 8
writes = 600

[workload.streams]
connections = 3
pipeline = 8
writes = 600

[workload.blocking]
connections = 4
pipeline = 6
writes = 600

[workload.expiring]
connections = 3
pipeline = 8
writes = 600

[workload.mixed]
kind = "mixed"
mix = { sessions = 2, queues = 1, streams = 1, blocking = 1, churn = 1 }
connections = 6
pipeline = 6
writes = 900

[persistence.snapshot]
save = "3600 1"
appendonly = "no"

[[suite]]
name = "moving"
server = ["*"]
persistence = ["none", "always", "snapshot"]
workload = ["queues", "streams", "blocking", "expiring", "mixed"]
fault = ["kill", "stop"]
seeds = 2
"#;

fn assert_whole(trial: &TrialRecord) {
    assert_eq!((trial.lost, trial.shape, trial.verdict), (0, Shape::None, Verdict::Kept), "{trial:#?}");
    assert!(trial.anomalies.is_empty() && trial.acknowledged >= 600, "{trial:#?}");
    assert_eq!(trial.epochs.len(), 2, "{trial:#?}");
}

#[test]
fn what_was_moved_is_where_it_belongs_after_a_kill_and_after_a_stop() {
    let checkout = Checkout::new(WORKLOADS);
    let outcome = checkout.run(&["moving::real::always"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let report = checkout.report();
    assert_eq!(report.totals.kept, 20, "{outcome:?}");
    report.trials.iter().for_each(assert_whole);
    assert!(checkout.leftovers().is_empty(), "{:?}", checkout.leftovers());
}

#[test]
fn without_persistence_everything_is_lost_and_counted_and_groups_have_forgotten() {
    let checkout = Checkout::new(WORKLOADS);
    let outcome = checkout.run(&["moving::real::none"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for trial in checkout.report().trials {
        let epoch = &trial.epochs[0];
        assert_eq!(trial.verdict, Verdict::Kept, "{trial:#?}");
        // What was taken out again before the first loss was certain cannot be missed; all the rest is.
        assert!(matches!(epoch.shape, Shape::All | Shape::Suffix), "{trial:#?}");
        assert!(epoch.lost * 10 > epoch.acknowledged * 9 && epoch.lost <= epoch.acknowledged, "{trial:#?}");
        let forgot = epoch.anomalies.contains(&Anomaly::LostGroupState);
        assert_eq!(forgot, ["streams", "blocking", "mixed"].contains(&trial.workload.as_str()), "{trial:#?}");
    }
}

#[test]
fn a_snapshot_that_was_never_taken_keeps_nothing_and_one_at_the_stop_keeps_all() {
    let checkout = Checkout::new(WORKLOADS);
    let outcome = checkout.run(&["moving::real::snapshot"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for trial in checkout.report().trials {
        if trial.fault == "stop" {
            assert_whole(&trial);
        } else {
            assert!(trial.epochs[0].lost > 300, "{trial:#?}");
        }
    }
}

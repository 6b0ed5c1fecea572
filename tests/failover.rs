//! A replica takes the place of its master: what it had not read is lost, and what WAIT has answered for is not.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use outlast::matrix::Workload;
use outlast::oracle::{Cell, Clock, History, Survey, judge};
use outlast::record::{Anomaly, Shape, Verdict};
use outlast::workload::ledger::Ledger;
use outlast::workload::{self, Safe};
use support::checkout::Checkout;

const SUITE: &str = r#"
[workload.wait]
connections = 4
pipeline = 8
writes = 800
rate = 4000
value = "32B"

[fault.followed]
steps = ["replica following", "write 300", "kill", "promote"]
set = { rdb-del-sync-files = "yes" }

[fault.frozen]
steps = ["replica following", "write 300", "replica cut", "kill", "promote"]
set = { rdb-del-sync-files = "yes" }

[fault.copy-kept]
steps = ["replica following", "write 300", "kill", "promote"]

[fault.same-again]
steps = ["replica following", "write 300", "kill", "start"]

[[suite]]
name = "failover"
server = ["*"]
persistence = ["none", "always"]
workload = ["wait", "churn"]
fault = ["followed", "frozen", "copy-kept", "same-again"]
"#;

#[test]
fn what_a_replica_had_not_read_is_lost_as_a_tail_and_no_promise_is_broken() {
    let checkout = Checkout::new(SUITE);
    let outcome = checkout.run(&["failover::", "--skip", "::copy-kept::"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for persistence in ["none", "always"] {
        for workload in ["wait", "churn"] {
            let frozen = checkout.trial(&[persistence, workload, "::frozen"]);
            let first = &frozen.epochs[0];
            assert_eq!((frozen.verdict, first.shape), (Verdict::Kept, Shape::Suffix), "{frozen:#?}");
            assert!(first.lost > 0 && first.lost < first.acknowledged, "{frozen:#?}");
            let followed = checkout.trial(&[persistence, workload, "::followed"]);
            assert_eq!(followed.verdict, Verdict::Kept, "{followed:#?}");
            assert!(followed.epochs[0].lost < followed.epochs[0].acknowledged / 2, "{followed:#?}");
            for trial in [frozen, followed] {
                assert_eq!(trial.epochs[0].promise.as_ref().unwrap().id, "promoted", "{trial:#?}");
                assert!(!trial.anomalies.contains(&Anomaly::LostPromised), "{trial:#?}");
            }
        }
    }
    // WAIT says nothing of the server's own disk.
    let forgot = checkout.trial(&["::none::", "::wait::", "same-again"]);
    assert_eq!((forgot.verdict, forgot.epochs[0].shape), (Verdict::Kept, Shape::All), "{forgot:#?}");
    assert!(!forgot.anomalies.contains(&Anomaly::LostPromised), "{forgot:#?}");
    assert!(checkout.leftovers().is_empty(), "{:?}", checkout.leftovers());
}

#[test]
fn the_copy_that_a_replica_was_sent_comes_back_after_the_failover() {
    let checkout = Checkout::new(SUITE);
    checkout.run(&["::churn::copy-kept::"]);
    let kept = checkout.trial(&["::always::"]);
    assert_eq!((kept.verdict, kept.epochs[1].lost), (Verdict::Kept, 0), "{kept:#?}");
    let stale = checkout.trial(&["::none::"]);
    assert_eq!(stale.verdict, Verdict::Broken, "{stale:#?}");
    assert_eq!(stale.epochs[0].verdict, Verdict::Kept, "{stale:#?}");
    assert!(stale.epochs[1].anomalies.contains(&Anomaly::Resurrected), "{stale:#?}");
}

#[test]
fn a_wait_promises_only_where_a_replica_has_taken_over_and_a_waitaof_only_where_none_has() {
    for (kind, kept_by) in [("wait", Safe::OnReplica), ("waitaof", Safe::OnDisk)] {
        let spec =
            Workload { kind: kind.into(), connections: 1, pipeline: 4, value: 40, ..Workload::default() };
        let mut ledger = Ledger::new(workload::make(&spec, 1).unwrap(), 1);
        // Every fourth op is a promise; the first write is gone.
        for seq in 0..8 {
            ledger.lanes[0].sent(u64::from(seq) * 10 + 1);
            ledger.lanes[0].acknowledged(seq, u64::from(seq) * 10 + 2);
        }
        let held = |key: u32| if key == 0 || key % 4 == 3 { Cell::Absent } else { Cell::Version(key) };
        let survey = Survey { lanes: vec![(0..ledger.keys(0)).map(held).collect()], ..Survey::default() };
        let clock = Clock { fault_us: 900, survey_from_us: 950, survey_to_us: 960 };
        for put_to_test in [Safe::OnReplica, Safe::OnDisk] {
            ledger.put_to_test = put_to_test;
            let loss = judge(&ledger, &Survey::default(), &survey, &clock);
            let seen: BTreeSet<_> = loss.anomalies.iter().collect();
            assert!(loss.lost == 1 && loss.acknowledged == 6, "{kind}: {loss:#?}");
            assert_eq!(seen.contains(&Anomaly::LostPromised), put_to_test == kept_by, "{kind}: {loss:#?}");
        }
    }
}

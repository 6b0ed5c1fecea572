//! An AOF that is damaged inside a transaction, or ends in one.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::{Anomaly, Verdict};
use support::checkout::Checkout;

const SUITE: &str = r#"
[workload.transactions]
connections = 2
pipeline = 4
writes = 200

[fault.inside]
steps = ["kill", "truncate aof multi", "start"]

[fault.between]
steps = ["kill", "truncate aof multi-boundary", "start"]

[fault.wrong-length]
steps = ["kill", "lengthen multi", "start"]

[fault.twice]
steps = ["kill", "duplicate aof multi", "start"]

[fault.garbled]
steps = ["kill", "garble aof multi 8B", "start"]

[fault.flipped]
steps = ["kill", "flip aof multi", "start"]

[[suite]]
name = "multi"
server = ["*"]
persistence = ["always"]
workload = ["transactions", "single"]
fault = ["inside", "between", "wrong-length", "twice", "garbled", "flipped"]
seeds = 2
"#;

#[test]
fn a_transaction_whose_end_is_cut_off_is_lost_as_a_whole_and_damage_in_one_is_no_secret() {
    let checkout = Checkout::new(SUITE);
    checkout.run(&["multi::", "--skip", "::single::"]);
    let report = checkout.report();
    assert_eq!(report.trials.len(), 12);
    for trial in &report.trials {
        let first = &trial.epochs[0];
        match trial.fault.as_str() {
            // At most the last transaction of the file and what came after it.
            "inside" | "between" => {
                assert_eq!(trial.verdict, Verdict::Kept, "{trial:#?}");
                // A transaction without an answer is none that was acknowledged.
                assert!(
                    first.lost <= 8 && first.lost + first.in_doubt > first.in_doubt_present,
                    "{trial:#?}"
                );
                assert!(trial.anomalies.contains(&Anomaly::SilentTruncation), "{trial:#?}");
                assert!(!trial.anomalies.contains(&Anomaly::TornTransaction), "{trial:#?}");
            }
            "wrong-length" => {
                assert_eq!(trial.verdict, Verdict::Kept, "{trial:#?}");
                assert!(trial.anomalies.contains(&Anomaly::RefusedToStart), "{trial:#?}");
            }
            // A SET that is there twice changes nothing.
            "twice" => assert_eq!((trial.verdict, trial.lost), (Verdict::Kept, 0), "{trial:#?}"),
            // Refused where the command cannot be read any more; a value without a checksum is taken as it is.
            "garbled" | "flipped" => {
                let told = trial.anomalies.contains(&Anomaly::RefusedToStart);
                let seen = trial.verdict == Verdict::Broken && !trial.anomalies.is_empty();
                // What a later transaction overwrote leaves no trace.
                assert!(told || seen || trial.lost == 0, "{trial:#?}");
            }
            other => panic!("{other}"),
        }
    }
    // The known bytes are nowhere in a file without transactions.
    checkout.run(&["multi::real::always::single::inside::s1"]);
    let trial = checkout.trial(&["single"]);
    assert_eq!(trial.verdict, Verdict::Inconclusive, "{trial:#?}");
    assert!(trial.message.contains("holds no whole MULTI block"), "{trial:#?}");
}

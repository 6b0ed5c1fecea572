//! What comes after a start that was refused: a repair by hand, or the same start once more.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::{Anomaly, Verdict};
use support::checkout::Checkout;

const FAULTS: &str = r#"
[persistence.plain-base]
save = ""
appendonly = "yes"
appendfsync = "always"
aof-use-rdb-preamble = "no"

[fault.repair]
steps = ["kill", "lengthen middle", "start", "check-aof fix", "start"]
[fault.look]
steps = ["kill", "check-aof", "start"]
[fault.only-retry]
steps = ["kill", "lengthen middle", "start", "retry"]
[fault.cut-base]
steps = ["during rewrite", "await rewrite", "kill", "truncate base middle", "start", "retry"]
[fault.whole-base]
steps = ["during rewrite", "await rewrite", "kill", "start", "retry"]

[[suite]]
name = "after"
server = ["*"]
persistence = ["plain-base"]
workload = ["single"]
fault = ["repair", "look", "only-retry", "cut-base", "whole-base"]
"#;

#[test]
fn a_repair_by_hand_is_told_from_a_start_that_is_only_tried_again() {
    let checkout = Checkout::new(FAULTS);
    checkout.run(&["after::"]);
    let trial = |fault: &str| checkout.trial(&["after::", &format!("::{fault}::")]);

    let repaired = trial("repair");
    assert_eq!(repaired.verdict, Verdict::Kept, "{repaired:#?}");
    assert!(repaired.anomalies.contains(&Anomaly::NeedsManualRepair), "{repaired:#?}");
    assert!(!repaired.anomalies.contains(&Anomaly::SilentTruncation), "a person cut the file: {repaired:#?}");

    // Refused again: the files are as they were, and nothing is lost.
    let again = trial("only-retry");
    assert_eq!(
        (again.verdict, &again.anomalies[..]),
        (Verdict::Kept, &[Anomaly::RefusedToStart][..]),
        "{again:#?}"
    );

    // The refused start has cut the file off at the damage: the next one does not refuse it.
    let cut = trial("cut-base");
    assert_eq!(cut.verdict, Verdict::Broken, "{cut:#?}");
    for anomaly in [Anomaly::RefusedToStart, Anomaly::Lost, Anomaly::SilentTruncation] {
        assert!(cut.anomalies.contains(&anomaly), "{anomaly:?}: {cut:#?}");
    }

    for silent in [trial("look"), trial("whole-base")] {
        assert_eq!((silent.verdict, silent.anomalies.len()), (Verdict::Kept, 0), "{silent:#?}");
    }
}

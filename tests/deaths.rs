//! Ways to die, on real servers: each ends the server as it says it does, and what survives is judged.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::{Anomaly, Shape, TrialRecord, Verdict};
use support::checkout::Checkout;

/// A suite of faults over policies, each with the small workload of one connection or of several.
fn suite(faults: &str, policies: &str, workload: &str) -> String {
    format!(
        r#"
[persistence.rdb]
save = "900 1"
appendonly = "no"

{faults}

[[suite]]
name = "deaths"
second-life = false
server = ["*"]
persistence = [{policies}]
workload = ["{workload}"]
fault = ["d-*"]
"#
    )
}

fn run(faults: &str, policies: &str, workload: &str) -> Checkout {
    let checkout = Checkout::new(&suite(faults, policies, workload));
    checkout.run(&["deaths::"]);
    checkout
}

fn kept_all(trial: &TrialRecord) {
    assert_eq!((trial.verdict, trial.lost, trial.shape), (Verdict::Kept, 0, Shape::None), "{trial:#?}");
    assert!(trial.acknowledged > 0, "{trial:#?}");
}

fn lost_all(trial: &TrialRecord) {
    assert_eq!((trial.verdict, trial.shape), (Verdict::Kept, Shape::All), "{trial:#?}");
    assert!(trial.lost > 0 && trial.lost <= trial.acknowledged, "{trial:#?}");
}

#[test]
fn crashes_end_a_server_by_its_own_handler_and_cost_what_a_kill_costs() {
    let faults = r#"
[fault.d-segfault]
steps = ["crash segfault", "start"]
[fault.d-abort]
steps = ["crash abort", "start"]
[fault.d-debug]
steps = ["crash debug", "start"]
set = { enable-debug-command = "yes" }
[fault.d-forbidden]
steps = ["crash debug", "start"]
[fault.d-oom]
steps = ["oom", "start"]
memory = "128MB"
"#;
    let checkout = run(faults, r#""none", "always""#, "single");
    for (fault, exit) in
        [("d-segfault", "signal 11"), ("d-abort", "signal"), ("d-debug", "signal 11"), ("d-oom", "signal")]
    {
        let always = checkout.trial(&["::always::", fault]);
        kept_all(&always);
        assert!(always.epochs[0].exit.contains(exit), "{fault}: {:?}", always.epochs[0].exit);
        lost_all(&checkout.trial(&["::none::", fault]));
    }
    let forbidden = checkout.trial(&["::always::", "d-forbidden"]);
    assert_eq!(forbidden.verdict, Verdict::Unsupported);
    assert!(forbidden.message.contains("set = { enable-debug-command"), "{}", forbidden.message);
    checkout.wait_until_clean();
}

#[test]
fn a_kill_comes_at_the_very_write_that_was_named() {
    let faults = r#"
[fault.d-first]
steps = ["kill-at 1", "start"]
[fault.d-later]
steps = ["kill-at 57", "start", "write 20", "kill-at 90", "start"]
[fault.d-past]
steps = ["write 20", "kill-at 3", "start"]
[fault.d-after]
steps = ["kill-after 40ms", "start"]
"#;
    let checkout = run(faults, r#""none", "always""#, "single");
    for policy in ["none", "always"] {
        let before = |trial: &TrialRecord| {
            let before = trial.epochs.iter().map(|epoch| epoch.pressure.acked_before_fault);
            before.collect::<Vec<_>>()
        };
        let first = checkout.trial(&[policy, "d-first"]);
        let later = checkout.trial(&[policy, "d-later"]);
        let after = checkout.trial(&[policy, "d-after"]);
        assert_eq!((before(&first), before(&later)), (vec![1], vec![57, 90]));
        // One connection with one write at a time: nothing can be acknowledged after that kill.
        assert_eq!((first.acknowledged, later.acknowledged), (1, 57 + 90));
        for trial in [&first, &later, &after] {
            if policy == "none" { lost_all(trial) } else { kept_all(trial) }
        }
    }
    let past = checkout.trial(&["always", "d-past"]);
    assert_eq!(past.verdict, Verdict::Errored);
    assert!(past.message.contains("name a later one"), "{}", past.message);
}

#[test]
fn a_kill_meets_the_switch_of_a_manifest_and_the_rename_of_a_snapshot() {
    let faults = r#"
[fault.d-manifest-1]
steps = ["kill-on-file *.manifest rename 1 rewrite", "start"]
needs = ["aof"]
[fault.d-manifest-2]
steps = ["kill-on-file *.manifest rename 2 rewrite", "start"]
needs = ["aof"]
[fault.d-temporary]
steps = ["kill-on-file temp-*.rdb create bgsave", "start"]
needs = ["no-aof"]
[fault.d-snapshot]
steps = ["kill-on-file dump.rdb rename bgsave", "start"]
needs = ["no-aof"]
"#;
    let checkout = run(faults, r#""rdb", "always""#, "single");
    kept_all(&checkout.trial(&["::always::", "d-manifest-1"]));
    kept_all(&checkout.trial(&["::always::", "d-manifest-2"]));
    lost_all(&checkout.trial(&["::rdb::", "d-temporary"]));
    // The snapshot was complete when it got its name: what was written before its fork is there.
    let snapshot = checkout.trial(&["::rdb::", "d-snapshot"]);
    assert_eq!(snapshot.verdict, Verdict::Kept, "{snapshot:#?}");
    assert!(snapshot.lost < snapshot.acknowledged, "{snapshot:#?}");
}

#[test]
fn a_recovery_that_is_killed_three_times_over_loses_nothing_and_a_crash_loop_is_judged_life_by_life() {
    let faults = r#"
[fault.d-load]
steps = ["kill", "during load", "kill", "during load", "kill", "during load", "kill", "start"]
needs = ["aof"]
[fault.d-loop]
steps = ["kill", "start", "write 50"]
repeat = 3
"#;
    let checkout = run(faults, r#""none", "always""#, "single");
    let load = checkout.trial(&["::always::", "d-load"]);
    kept_all(&load);
    assert_eq!(load.epochs[0].death, "kill, then kill, then kill, then kill");
    for policy in ["none", "always"] {
        let trial = checkout.trial(&[policy, "d-loop"]);
        assert_eq!(trial.epochs.len(), 3, "{trial:#?}");
        for epoch in &trial.epochs {
            let lost = if policy == "none" { epoch.acknowledged } else { 0 };
            assert_eq!((epoch.lost, epoch.verdict), (lost, Verdict::Kept), "{epoch:#?}");
            assert!(epoch.acknowledged >= 50, "{epoch:#?}");
        }
    }
}

#[test]
fn an_endless_script_keeps_sigterm_from_completing_and_the_data_is_judged_after_the_kill() {
    let faults = r#"
[fault.d-stop]
steps = ["busy-script", "stop 300ms", "start"]
[fault.d-term]
steps = ["busy-script", "term 300ms", "start"]
"#;
    let checkout = run(faults, r#""rdb", "always""#, "single");
    for fault in ["d-stop", "d-term"] {
        let always = checkout.trial(&["::always::", fault]);
        let rdb = checkout.trial(&["::rdb::", fault]);
        kept_all(&always);
        lost_all(&rdb);
        for trial in [always, rdb] {
            assert!(trial.epochs[0].exit.contains("after its grace had run out"), "{trial:#?}");
            let refused = trial.anomalies.contains(&Anomaly::ShutdownRefused);
            assert_eq!(refused, fault == "d-term", "a grace that runs out is no refusal: {trial:#?}");
        }
    }
}

#[test]
fn a_supervisor_starts_the_server_again_and_every_life_is_judged() {
    let faults = r#"
[fault.d-always]
steps = ["supervise always", "kill", "write 60", "term", "write 60", "crash abort"]
[fault.d-on-failure]
steps = ["supervise on-failure", "kill", "write 60", "term"]
[fault.d-stays-down]
steps = ["supervise on-failure", "term", "write 60"]
"#;
    let checkout = run(faults, r#""none", "always""#, "single");
    let deaths =
        |trial: &TrialRecord| trial.epochs.iter().map(|epoch| epoch.death.clone()).collect::<Vec<_>>();
    for policy in ["none", "always"] {
        let always = checkout.trial(&[&format!("::{policy}::"), "d-always"]);
        let on_failure = checkout.trial(&[&format!("::{policy}::"), "d-on-failure"]);
        assert_eq!(deaths(&always), ["kill", "term", "crash abort"]);
        assert_eq!(deaths(&on_failure), ["kill", "term"]);
        for trial in [always, on_failure] {
            assert_eq!(trial.verdict, Verdict::Kept, "{trial:#?}");
            assert!(trial.epochs.iter().all(|epoch| epoch.acknowledged >= 60), "{trial:#?}");
            assert!(trial.epochs.iter().all(|epoch| (epoch.lost > 0) == (policy == "none")), "{trial:#?}");
        }
    }
    // Exit code 0 is no failure: nobody starts it, and the writers find nobody.
    let down = checkout.trial(&["::always::", "d-stays-down"]);
    assert_eq!(down.verdict, Verdict::Errored);
    assert!(down.message.contains("failed to connect the writers"), "{}", down.message);
}

#[test]
fn a_start_under_other_file_names_is_an_empty_one_and_nobody_is_told() {
    let faults = r#"
[fault.d-other]
steps = ["term", "reconfigure appendfilename=other.aof dbfilename=other.rdb", "start"]
[fault.d-same]
steps = ["term", "reconfigure appendfilename=appendonly.aof dbfilename=dump.rdb", "start"]
"#;
    let checkout = run(faults, r#""rdb", "always""#, "single");
    for policy in ["::rdb::", "::always::"] {
        let other = checkout.trial(&[policy, "d-other"]);
        assert_eq!((other.verdict, other.shape), (Verdict::Broken, Shape::All), "{other:#?}");
        assert_eq!(other.promise.as_ref().unwrap().id, "switched");
        assert!(other.anomalies.contains(&Anomaly::SilentEmptyStart), "{other:#?}");
        assert!(!other.anomalies.contains(&Anomaly::FalseSuccess), "the end was clean: {other:#?}");
        let same = checkout.trial(&[policy, "d-same"]);
        kept_all(&same);
        assert!(same.anomalies.is_empty(), "{same:#?}");
    }
}

#[test]
fn a_server_whose_directory_is_gone_may_refuse_to_end_and_keeps_nothing() {
    let faults = "[fault.d-gone]\nsteps = [\"remove-dir\", \"term 500ms\", \"start\"]";
    let checkout = run(faults, r#""rdb", "always""#, "single");
    let rdb = checkout.trial(&["::rdb::", "d-gone"]);
    lost_all(&rdb);
    assert!(rdb.anomalies.contains(&Anomaly::ShutdownRefused), "its snapshot cannot be written: {rdb:#?}");
    let always = checkout.trial(&["::always::", "d-gone"]);
    lost_all(&always);
    assert!(!always.anomalies.contains(&Anomaly::ShutdownRefused), "{always:#?}");
}

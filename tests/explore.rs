//! Power cuts and every crash state of one life, on a real server: what must be kept is kept, and a disk that lies is
//! caught.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use outlast::record::{Anomaly, Verdict};
use support::checkout::Checkout;

const POWER: &str = r#"
[storage.disk]
kind = "disk"

[persistence.everysec]
save = ""
appendonly = "yes"
appendfsync = "everysec"

[fault.cut]
steps = ["power-cut", "start"]

[fault.control]
steps = ["power-cut process-kill", "start"]

[fault.lie]
steps = ["lying-fsync", "write 200", "power-cut", "start"]

[fault.in-switch]
steps = ["power-cut at rename *.manifest 1 rewrite", "start"]

[fault.failed-fsync]
steps = ["fail-fsync once", "write 5", "power-cut", "start"]

[fault.explore]
steps = ["explore process-kill fsync-only strict-posix states 60"]

[fault.explore-lie]
steps = ["lying-fsync", "write 100", "explore fsync-only states 40"]

[fault.explore-next-life]
steps = ["kill", "start", "write 100", "explore fsync-only process-kill states 60"]

[fault.explore-next-lie]
steps = ["kill", "start", "lying-fsync", "write 100", "explore fsync-only states 20"]

[fault.explore-load]
steps = ["kill", "start", "write 50", "explore fsync-only fresh states 40"]

[fault.explore-first-start]
steps = ["explore fsync-only strict-posix fresh states 60"]

[fault.explore-stopped]
steps = ["stop 10s", "explore fsync-only process-kill states 40"]

[fault.explore-stopped-lie]
steps = ["lying-fsync", "write 50", "stop 10s", "explore fsync-only states 20"]

[fault.explore-recovery]
steps = ["explore fsync-only states 12 recoveries 3"]

[[suite]]
name = "power"
server = ["*"]
persistence = ["always", "everysec"]
storage = ["disk"]
workload = ["single", "churn"]
fault = ["*"]
"#;

fn checkout() -> Option<Checkout> {
    support::disk::checkout(POWER)
}

#[test]
fn always_keeps_everything_through_a_power_cut_and_a_lying_disk_is_caught() {
    let Some(checkout) = checkout() else { return };
    let outcome = checkout.run(&["always@disk::churn"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    for fault in ["cut", "control", "in-switch"] {
        let trial = checkout.trial(&[&format!("always@disk::churn::{fault}::")]);
        assert_eq!((trial.verdict, trial.lost), (Verdict::Kept, 0), "{fault}: {}", trial.message);
        assert_eq!(trial.epochs.len(), 2, "a second life is lived on the next disk");
    }
    let lie = checkout.trial(&["always@disk::churn::lie::"]);
    assert_eq!(lie.verdict, Verdict::Broken);
    // A write that was lost together with the deletion after it leaves what was there before, so not all 200 show.
    assert!(lie.lost >= 100 && lie.anomalies.contains(&Anomaly::Lost), "{}", lie.message);
    assert!(checkout.leftovers().is_empty(), "{:?}", checkout.leftovers());
}

#[test]
fn every_state_of_one_life_is_booted_and_can_be_rebuilt() {
    let Some(checkout) = checkout() else { return };
    let outcome = checkout.run(&["always@disk::single::explore::", "always@disk::single::explore-lie"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let honest = checkout.trial(&["always@disk::single::explore::"]);
    assert_eq!((honest.verdict, honest.lost), (Verdict::Kept, 0), "{}", honest.message);
    let facts = honest.exploration.unwrap();
    assert_eq!(facts.booted, 60, "{facts:?}");
    assert!(
        facts.states > 250 && facts.operations > 500,
        "each of the 300 writes has an fsync of its own: {facts:?}"
    );
    assert!(facts.models.iter().all(|model| model.broken == 0), "{facts:?}");
    assert!(facts.models.iter().all(|model| model.states >= 20), "each model has its share: {facts:?}");
    let honest_trace = facts.trace;

    let lying = checkout.trial(&["always@disk::single::explore-lie"]);
    assert_eq!(lying.verdict, Verdict::Broken, "{}", lying.message);
    let facts = lying.exploration.unwrap();
    assert!(facts.models[0].broken > 0 && facts.models[0].broken_time_share > 0.0, "{facts:?}");
    let found = &facts.found[0];
    assert!(found.lost > 0 && found.anomalies.contains(&Anomaly::Lost), "{found:?}");

    assert!(
        facts.models[0].covered_time_share > 0.0 && facts.models[0].covered_time_share <= 1.0,
        "{facts:?}"
    );

    // The bytes that a server was started on, on which anybody can start one.
    let trace = checkout.path("reports/latest").join(facts.trace.unwrap());
    let rebuild = |into: &str| {
        let folder = checkout.path(into);
        let mut command = Command::new(env!("CARGO_BIN_EXE_outlast"));
        let output =
            command.arg("state").arg(&trace).arg(&found.token).arg("--into").arg(&folder).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        outlast::disk::Tree::read_from(&folder).unwrap()
    };
    let first = rebuild("one");
    assert_eq!(format!("{:032x}", first.digest()), found.digest);
    let list = checkout.path("reports/latest").join(facts.broken.unwrap());
    let list = std::fs::read_to_string(list).unwrap();
    assert_eq!(
        list.lines().count() as u64,
        facts.models[0].broken + 1,
        "each broken state has its token: {list}"
    );
    let row: Vec<_> = list.lines().nth(1).unwrap().split(',').collect();
    assert_eq!((row[0], row[4]), (found.token.as_str(), found.digest.as_str()), "{list}");
    assert!(first.paths().keys().any(|path| path.ends_with(".aof")), "{:?}", first.paths().keys());

    // The server of the trial on it again, judged as the trial did; and the control, on a disk that does not lie.
    let (code, text) = boot_again(&checkout, &trace, &found.token);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("broken: {}", found.message)), "{text}, not {}", found.message);
    let honest = checkout.path("reports/latest").join(honest_trace.unwrap());
    let end = format!("fsync-only@{}.0", outlast::explore::trace::read(&honest).unwrap().trace.log.len());
    let (code, text) = boot_again(&checkout, &honest, &end);
    assert!(code == Some(0) && text.contains("kept: kept all"), "{text}");

    let listed = Command::new(env!("CARGO_BIN_EXE_outlast")).arg("state").arg(&trace).output().unwrap();
    assert!(String::from_utf8(listed.stdout).unwrap().contains("write "), "operations are listed");
}

/// `outlast state TRACE TOKEN --boot`: how it ended, and what it printed.
fn boot_again(checkout: &Checkout, trace: &Path, token: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outlast"));
    command
        .arg("state")
        .arg(trace)
        .arg(token)
        .arg("--boot")
        .arg("--matrix")
        .arg(checkout.path("matrix.toml"));
    command.env("TMPDIR", checkout.temporary()).env("OUTLAST_SERVERS", outlast::server::cache_folder());
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn each_life_is_explored_as_itself() {
    let Some(checkout) = checkout() else { return };
    let names = ["next-life", "load", "first-start", "stopped", "stopped-lie"];
    let filters = names.map(|name| format!("everysec@disk::churn::explore-{name}::"));
    let mut filters: Vec<_> = filters.iter().map(String::as_str).collect();
    // A life shorter than what everysec may lose shows a lie only under another policy.
    filters.push("always@disk::churn::explore-next-lie::");
    let outcome = checkout.run(&filters);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let of = |name: &str| checkout.trial(&[&format!("churn::explore-{name}::")]);
    // What an earlier life wrote is there before this one, and no cut of this one is held against it.
    for name in ["next-life", "load", "first-start", "stopped"] {
        let trial = of(name);
        assert_eq!(trial.verdict, Verdict::Kept, "{name}: {}", trial.message);
        assert!(trial.exploration.unwrap().booted > 0, "{name}");
    }
    // The controls: the same lives on a disk that lies.
    for name in ["next-lie", "stopped-lie"] {
        let trial = of(name);
        assert!(
            trial.verdict == Verdict::Broken && trial.anomalies.contains(&Anomaly::Lost),
            "{name}: {}",
            trial.message
        );
    }
    // A start is explored from its first operation on, before anything was made durable for it.
    let first = of("first-start").exploration.unwrap();
    assert!(first.models[0].distinct > 1, "{first:?}");
}

#[test]
fn what_was_not_done_is_said() {
    let Some(checkout) = checkout() else { return };
    let outcome = checkout.run(&["always@disk::churn::explore-recovery::"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let trial = checkout.trial(&["always@disk::churn::explore-recovery::"]);
    let facts = trial.exploration.unwrap();
    assert!((facts.booted, facts.states > 12) == (12, true), "{facts:?}");
    let message = &trial.epochs[0].message;
    assert!(message.contains(&format!("12 of {} states", facts.models[0].distinct)), "{message}");
    let recovery = facts.recovery.unwrap();
    assert_eq!((recovery.asked, recovery.recoveries, recovery.broken), (3, 3, 0), "{recovery:?}");
    let message = &trial.epochs[1].message;
    assert!(message.contains("3 of the 3 recoveries"), "{message}");

    // A state of a recovery can be rebuilt and booted too.
    let trace = checkout.path("reports/latest").join(facts.trace.unwrap());
    let recorded = outlast::explore::trace::read(&trace).unwrap();
    assert_eq!(recorded.about.recoveries.len(), 3);
    let token = format!("{}/process-kill@0.0", recorded.about.recoveries[2].token);
    let (code, text) = boot_again(&checkout, &trace, &token);
    assert!(code == Some(0) && text.contains("holds all that the recovery showed"), "{text}");
    let (code, text) = boot_again(&checkout, &trace, "fsync-only@1.0/process-kill@99999.0");
    assert!(code == Some(2) && text.contains("the trace has no state"), "{text}");
}

#[test]
fn a_fault_for_a_disk_needs_one() {
    let plain = POWER.replace("storage = [\"disk\"]\n", "");
    let checkout = Checkout::new(&format!("[storage.bind]\nkind = \"bind\"\n{plain}"));
    let outcome = checkout.run(&["--list"]);
    assert!(!outcome.out.contains("::cut::"), "left out where the storage is a folder: {}", outcome.out);
}

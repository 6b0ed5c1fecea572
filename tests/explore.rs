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

[[suite]]
name = "power"
server = ["*"]
persistence = ["always", "everysec"]
storage = ["disk"]
workload = ["single", "churn"]
fault = ["*"]
"#;

/// A checkout, or `None` where this machine allows no disk; then the reason is printed.
fn checkout() -> Option<Checkout> {
    if Path::new("/dev/fuse").exists() && rustix_is_root() {
        return Some(Checkout::new(POWER));
    }
    assert!(std::env::var_os("CI").is_none(), "CI has to have /dev/fuse, and be root");
    println!("not run: no /dev/fuse, or not root");
    None
}

fn rustix_is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
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
    assert!(lie.lost >= 200 && lie.anomalies.contains(&Anomaly::Lost), "{}", lie.message);
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

    let lying = checkout.trial(&["always@disk::single::explore-lie"]);
    assert_eq!(lying.verdict, Verdict::Broken, "{}", lying.message);
    let facts = lying.exploration.unwrap();
    assert!(facts.models[0].broken > 0 && facts.models[0].broken_time_share > 0.0, "{facts:?}");
    let found = &facts.found[0];
    assert!(found.lost > 0 && found.anomalies.contains(&Anomaly::Lost), "{found:?}");

    // Twice the same bytes, on which anybody can start a server.
    let trace = checkout.path("reports/latest").join(facts.trace.unwrap());
    let rebuild = |into: &str| {
        let folder = checkout.path(into);
        let mut command = Command::new(env!("CARGO_BIN_EXE_outlast"));
        let output =
            command.arg("state").arg(&trace).arg(&found.token).arg("--into").arg(&folder).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        outlast::disk::Tree::read_from(&folder).unwrap()
    };
    let (first, second) = (rebuild("one"), rebuild("two"));
    assert_eq!(first.digest(), second.digest());
    assert!(first.paths().keys().any(|path| path.ends_with(".aof")), "{:?}", first.paths().keys());
    let listed = Command::new(env!("CARGO_BIN_EXE_outlast")).arg("state").arg(&trace).output().unwrap();
    assert!(String::from_utf8(listed.stdout).unwrap().contains("write "), "operations are listed");
}

#[test]
fn a_fault_for_a_disk_needs_one() {
    let plain = POWER.replace("storage = [\"disk\"]\n", "");
    let checkout = Checkout::new(&format!("[storage.bind]\nkind = \"bind\"\n{plain}"));
    let outcome = checkout.run(&["--list"]);
    assert!(!outcome.out.contains("::cut::"), "left out where the storage is a folder: {}", outcome.out);
}

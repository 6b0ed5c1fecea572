//! A real file system that is full, or whose device fails: what the server loses by it is judged by what it was told, and a
//! file system that has turned itself off is nobody's breach.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::{TrialRecord, Verdict};
use support::checkout::Checkout;

const SICK: &str = r#"
[storage.xfs]
kind = "disk"
filesystem = "xfs"

[persistence.everysec]
save = ""
appendonly = "yes"
appendfsync = "everysec"

[fault.full-kill]
steps = ["fill-disk", "wait 700ms", "kill", "heal-disk", "start"]

[fault.full-cut]
steps = ["fill-disk", "wait 700ms", "heal-disk", "power-cut", "start", "write 200", "kill", "start"]

[fault.flush-fails]
steps = ["fail-fsync once", "wait 2500ms", "heal-disk", "power-cut", "start"]

[fault.lie]
steps = ["lying-fsync", "wait 4s", "fail-fsync once", "wait 1500ms", "heal-disk", "power-cut", "start"]

[fault.no-cut]
steps = ["fail-fsync once", "wait 2500ms", "heal-disk", "kill", "start"]

[fault.honest]
steps = ["wait 1500ms", "power-cut", "start"]

[[suite]]
name = "sick"
server = ["*"]
persistence = ["always", "everysec"]
storage = ["xfs"]
workload = ["churn"]
fault = ["*"]
"#;

fn checkout() -> Option<Checkout> {
    support::disk::checkout(SICK)
}

fn promise(trial: &TrialRecord) -> &str {
    trial.epochs[0].promise.as_ref().map_or("none", |promise| &promise.id)
}

#[test]
fn a_full_file_system_refuses_what_the_server_writes_and_takes_it_again_when_there_is_room() {
    let Some(checkout) = checkout() else { return };
    let outcome = checkout.run(&["::full-"]);
    let always = checkout.trial(&["always@xfs::churn::full-cut"]);
    assert_eq!((always.verdict, always.lost), (Verdict::Kept, 0), "{} {outcome:?}", always.message);
    assert_eq!(always.epochs[0].death, "disk error", "always ends: {always:?}");
    assert!(
        always.epochs.len() > 1 && always.epochs[1].acknowledged >= 200,
        "there is room again: {always:?}"
    );
    let kill = checkout.trial(&["everysec@xfs::churn::full-kill"]);
    assert_eq!((kill.verdict, promise(&kill)), (Verdict::Kept, "aof-unwritten"), "{}", kill.message);
    assert!(kill.epochs[0].refused > 0, "MISCONF: {kill:?}");
    assert!(checkout.leftovers().is_empty(), "{:?}", checkout.leftovers());
}

#[test]
fn what_a_failed_flush_of_the_device_took_is_not_held_against_the_server() {
    let Some(checkout) = checkout() else { return };
    let outcome = checkout.run(&["churn::flush-fails", "churn::honest", "churn::lie", "--skip", "always@"]);
    let fails = checkout.trial(&["everysec@xfs::churn::flush-fails"]);
    assert_eq!(
        (fails.verdict, promise(&fails)),
        (Verdict::Kept, "aof-power-cut-unsynced"),
        "{} {outcome:?}",
        fails.message
    );
    assert!(fails.lost > 0, "nothing is durable after it: {}", fails.message);
    // Where none fails, the bound is that of the policy.
    let honest = checkout.trial(&["everysec@xfs::churn::honest"]);
    assert_eq!((honest.verdict, promise(&honest)), (Verdict::Kept, "aof-power-cut"), "{}", honest.message);
    // What had been synced long before has to be there: a device that lied about it is caught.
    let lie = checkout.trial(&["everysec@xfs::churn::lie"]);
    assert_eq!((lie.verdict, promise(&lie)), (Verdict::Broken, "aof-power-cut-unsynced"), "{}", lie.message);
}

#[test]
fn a_start_on_a_file_system_that_has_turned_itself_off_is_no_refusal() {
    let Some(checkout) = checkout() else { return };
    let outcome = checkout.run(&["everysec@xfs::churn::no-cut"]);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    let trial = checkout.trial(&["everysec@xfs::churn::no-cut"]);
    assert_eq!(trial.verdict, Verdict::Errored, "{}", trial.message);
    assert!(trial.message.contains("takes no files any more"), "{}", trial.message);
    assert!(trial.message.contains("`power-cut`"), "it says what to do: {}", trial.message);
}

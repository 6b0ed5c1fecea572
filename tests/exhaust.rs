//! A disk that fails: one call after the other, and under every policy. What real servers owe is kept, a disk that lies is
//! caught, and a server that ends by itself because of its disk is judged and not the lab's trouble.
#![allow(clippy::unwrap_used)]

mod support;

use outlast::record::{Anomaly, CallFacts, TrialRecord, Verdict};
use support::checkout::Checkout;

const SICK: &str = r#"
[storage.disk]
kind = "disk"

[persistence.everysec]
save = ""
appendonly = "yes"
appendfsync = "everysec"

[workload.tiny]
kind = "single"
connections = 1
pipeline = 1
writes = 40
value = "32B"

[fault.honest]
steps = ["exhaust fsync rename EIO at most 12 power-cut"]

[fault.lie]
steps = ["lying-fsync", "exhaust rename EIO power-cut"]

[fault.mkdir]
steps = ["exhaust mkdir"]

[fault.write-2]
steps = ["exhaust write EIO from 2 at most 1"]

[fault.write-2-by-hand]
steps = ["routine", "shutdown", "fail-io write 2 EIO", "start", "routine", "heal-disk", "power-cut", "start"]

[fault.open-1-by-hand]
steps = ["routine", "shutdown", "fail-io open 1 EIO", "start", "heal-disk", "retry"]

[fault.fsync-fails]
steps = ["fail-fsync once", "wait 300ms", "heal-disk", "kill", "start"]

[fault.unfelt]
steps = ["fail-io mkdir 1", "write 20", "heal-disk", "kill", "start"]

[fault.full]
steps = ["fill-disk", "wait 500ms", "kill", "heal-disk", "start"]

[[suite]]
name = "sick"
server = ["*"]
persistence = ["always", "everysec"]
storage = ["disk"]
workload = ["tiny", "churn"]
fault = ["*"]
"#;

fn checkout() -> Option<Checkout> {
    support::disk::checkout(SICK)
}

fn facts(trial: &TrialRecord, call: &str) -> CallFacts {
    let exhaustion = trial.exhaustion.as_ref().unwrap_or_else(|| panic!("{}", trial.message));
    exhaustion.calls.iter().find(|facts| facts.call == call).unwrap().clone()
}

#[test]
fn every_call_fails_once_and_always_keeps_what_it_acknowledged() {
    let Some(checkout) = checkout() else { return };
    let outcome = checkout.run(&["always@disk::tiny::honest"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let trial = checkout.trial(&["always@disk::tiny::honest"]);
    assert_eq!((trial.verdict, trial.lost), (Verdict::Kept, 0), "{}", trial.message);
    let (fsync, rename) = (facts(&trial, "fsync"), facts(&trial, "rename"));
    assert_eq!((fsync.tried, fsync.exhausted), (12, false), "the bound is told: {fsync:?}");
    assert!(fsync.reactions["ended by itself"] > 0, "a failed fsync ends the server: {fsync:?}");
    assert!(fsync.examples.iter().any(|example| example.about.contains(".aof")), "{fsync:?}");
    assert!(rename.exhausted && rename.tried >= 2, "a rewrite renames its base and its manifest: {rename:?}");
    assert!(
        trial.message.contains("rename EIO: all ")
            || trial.epochs.iter().any(|epoch| epoch.message.contains("rename EIO: all "))
    );
    assert!(checkout.leftovers().is_empty(), "{:?}", checkout.leftovers());
}

#[test]
fn a_disk_that_lies_meanwhile_is_caught() {
    let Some(checkout) = checkout() else { return };
    let outcome = checkout.run(&["always@disk::tiny::lie"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let trial = checkout.trial(&["always@disk::tiny::lie"]);
    assert_eq!(trial.verdict, Verdict::Broken, "{}", trial.message);
    let rename = facts(&trial, "rename");
    assert_eq!(rename.broken, rename.tried, "not one fsync was kept: {rename:?}");
    assert!(rename.worst_lost >= 8 && trial.anomalies.contains(&Anomaly::Lost), "{rename:?}");
}

#[test]
fn one_life_can_be_lived_again_by_hand() {
    let Some(checkout) = checkout() else { return };
    checkout.run(&[
        "always@disk::tiny::write-2",
        "always@disk::tiny::open-1-by-hand",
        "always@disk::tiny::mkdir",
    ]);
    let one = facts(&checkout.trial(&["always@disk::tiny::write-2::"]), "write");
    let example = &one.examples[0];
    assert_eq!((one.tried, example.token.as_str()), (1, "write@2 EIO"), "{one:?}");
    let by_hand = checkout.trial(&["always@disk::tiny::write-2-by-hand"]);
    let steps: Vec<_> = example.steps.iter().map(String::as_str).collect();
    assert!(
        SICK.contains(&format!(
            "steps = [{}]",
            steps.iter().map(|step| format!("{step:?}")).collect::<Vec<_>>().join(", ")
        )),
        "{steps:?}"
    );
    assert_eq!((by_hand.verdict, by_hand.lost), (Verdict::Kept, 0), "{}", by_hand.message);
    let noted = |trial: &TrialRecord, text: &str| trial.events.iter().any(|event| event.text.contains(text));
    assert!(
        noted(&by_hand, &example.about),
        "the same call fails: {} in {:?}",
        example.about,
        by_hand.events
    );
    assert!(by_hand.epochs.iter().any(|epoch| epoch.death.contains("disk error")), "{by_hand:?}");

    // Who does not start on a sick disk starts on a healed one.
    let open = checkout.trial(&["open-1-by-hand"]);
    assert_eq!((open.verdict, open.lost), (Verdict::Kept, 0), "{}", open.message);
    // And where there is no such call, nothing is claimed.
    assert_eq!(checkout.trial(&["tiny::mkdir"]).verdict, Verdict::Inconclusive);
}

#[test]
fn a_server_that_its_disk_ends_is_judged_and_one_that_refuses_writes_is_no_trouble() {
    let Some(checkout) = checkout() else { return };
    let outcome = checkout.run(&["churn::fsync-fails", "churn::full", "always@disk::churn::unfelt"]);
    assert_eq!(outcome.code, 3, "one of them proves nothing: {outcome:?}");
    let always = checkout.trial(&["always@disk::churn::fsync-fails"]);
    assert_eq!((always.verdict, always.lost), (Verdict::Kept, 0), "{}", always.message);
    assert_eq!(always.epochs[0].death, "disk error", "the kill came too late");
    assert_eq!(always.epochs[0].promise.as_ref().unwrap().id, "disk-error-exit");
    let full = checkout.trial(&["everysec@disk::churn::full"]);
    assert_eq!(full.verdict, Verdict::Kept, "{}", full.message);
    assert_eq!(full.epochs[0].promise.as_ref().unwrap().id, "aof-unwritten", "{}", full.message);
    assert!(full.epochs[0].refused > 0, "MISCONF: {full:?}");
    let unfelt = checkout.trial(&["unfelt"]);
    assert_eq!(unfelt.verdict, Verdict::Inconclusive);
    assert!(unfelt.message.contains("no call met it"), "{}", unfelt.message);
}

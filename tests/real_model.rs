//! The journal model held against what real file systems leave of random work: no state that their kernel recovers may be
//! one that the model calls impossible.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::sync::Mutex;
use std::time::Instant;

use outlast::disk::model::allows::allows;
use outlast::disk::real::states::{States, recover_all};
use outlast::disk::real::{self, Volume, bench::Bench};
use outlast::disk::{Disk, Model, Tree};
use outlast::matrix::Filesystem;
use support::disk::{given, runs};
use support::files::Workload;

mod support;

/// What comparing a real file system with the model showed.
#[derive(Default)]
struct Compared {
    /// States that were recovered.
    states: usize,
    /// How many of them are variants of the model, and not only allowed by its rules.
    variants: usize,
    /// Those that it calls impossible, in words.
    forbidden: Vec<String>,
    /// Some that it allows and does not try, in words.
    untried: Vec<String>,
}

/// Runs random workloads on a real file system and on the model, and cuts both at the same moments. A device that lies
/// keeps nothing of the workload.
fn compare(filesystem: Filesystem, seeds: std::ops::Range<u64>, lying: bool) -> Option<Compared> {
    let folder = tempfile::tempdir().unwrap();
    let size = real::smallest(filesystem);
    let pristine = given(real::pristine(filesystem, size, folder.path()))?;
    let bench_folder = folder.path().join("bench");
    let bench = given(Bench::open(&bench_folder, filesystem, size, 4))?;
    let compared = Mutex::new(Compared::default());
    for seed in seeds {
        let place = folder.path().join("workload");
        fs::create_dir_all(place.join("device")).unwrap();
        let disk = Disk::mount(&place.join("device"), real::tree_of(pristine.clone()), true, Instant::now())
            .unwrap();
        let volume =
            Volume::mount(filesystem, &place.join("device").join(real::IMAGE), &place.join("volume"))
                .unwrap();
        let mut workload = Workload::new(seed);
        disk.sicken(|ills| ills.lying = lying);
        let moments = workload.run(volume.point(), || disk.played());
        let (base, log) = disk.log();
        disk.cut();
        drop(volume);
        disk.unmount().unwrap();
        let all = States::new(Model::default_of(Some(filesystem)), base, &log, 3);
        // What comes before the first sync of the folder is not compared.
        let begin = moments[0].seen;
        let chosen: Vec<_> =
            all.filter(|state| state.index >= begin && workload.takes(state.index)).collect();
        recover_all(&bench, chosen.into_iter(), 4, |state, tree| {
            let done = moments.iter().take_while(|moment| moment.seen <= state.index).count();
            // The operation that was under way may or may not have happened.
            let candidates = moments[done.saturating_sub(1)..].iter().take(2);
            let outcome = tree.map_err(|error| error.to_string()).and_then(|tree: Tree| {
                let verdicts: Vec<_> =
                    candidates.clone().map(|moment| allows(&moment.replay, &tree)).collect();
                if verdicts.iter().any(Result::is_ok) {
                    Ok(tree)
                } else {
                    Err(verdicts[0].clone().unwrap_err())
                }
            });
            let words = || {
                let last = moments[done.saturating_sub(1)].what.clone();
                let before: Vec<_> = moments[..done].iter().map(|moment| moment.what.as_str()).collect();
                let (index, variant) = (state.index, state.variant);
                let before = before.join("; ");
                (format!("seed {seed}, cut at {index}, variant {variant}, after {last}"), before)
            };
            let is_variant = outcome.as_ref().is_ok_and(|tree| {
                let digest = tree.digest();
                candidates.clone().any(|moment| {
                    let variants = Model::Journal.variants_of(&moment.replay);
                    (0..variants.count()).any(|number| variants.tree(number).unwrap().digest() == digest)
                })
            });
            let mut compared = compared.lock().unwrap();
            compared.states += 1;
            compared.variants += usize::from(is_variant);
            match outcome {
                Err(why) => {
                    let (what, before) = words();
                    compared.forbidden.push(format!("{what}: {why}\n    {before}"));
                }
                Ok(tree) if !is_variant && compared.untried.len() < 20 => {
                    let (what, before) = words();
                    let names: Vec<_> = tree
                        .paths()
                        .into_iter()
                        .map(|(path, content)| {
                            let runs = runs(&content.to_vec());
                            format!("{path} [{runs}]")
                        })
                        .collect();
                    compared.untried.push(format!("{what}: {}\n    {before}", names.join(", ")));
                }
                Ok(_) => {}
            }
        });
    }
    Some(compared.into_inner().unwrap())
}

/// After so many workloads a line is printed.
const CHUNK: usize = 50;

fn compare_all(filesystem: Filesystem, count: u64) {
    let began = Instant::now();
    let name = filesystem.as_str();
    let (mut states, mut variants, mut forbidden, mut untried) = (0, 0, Vec::new(), Vec::new());
    for from in (0..count).step_by(CHUNK) {
        let to = count.min(from + CHUNK as u64);
        let Some(mut compared) = compare(filesystem, from..to, false) else { return };
        states += compared.states;
        variants += compared.variants;
        forbidden.append(&mut compared.forbidden);
        untried.append(&mut compared.untried);
        println!(
            "{name}: {to} workloads, {states} states, {variants} of them variants of the model, {} forbidden, {:?}",
            forbidden.len(),
            began.elapsed()
        );
    }
    untried.truncate(20);
    println!("allowed and not tried, some:\n{}", untried.join("\n"));
    assert!(states > count as usize, "too few states to mean anything: {states}");
    assert!(forbidden.is_empty(), "{name}: the model forbids what it leaves:\n{}", forbidden.join("\n"));
}

#[test]
fn the_journal_model_allows_what_ext4_leaves() {
    compare_all(Filesystem::Ext4, 25);
}

#[test]
fn the_journal_model_allows_what_xfs_leaves() {
    compare_all(Filesystem::Xfs, 10);
}

#[test]
fn the_comparison_catches_a_device_that_lies() {
    for filesystem in [Filesystem::Ext4, Filesystem::Xfs] {
        let Some(compared) = compare(filesystem, 0..2, true) else { return };
        let Compared { states, forbidden, .. } = compared;
        assert!(
            states > 0 && !forbidden.is_empty(),
            "{filesystem:?}: {states} states, none of them forbidden"
        );
    }
}

/// `OUTLAST_WORKLOADS=N OUTLAST_FILESYSTEM=xfs cargo test --test real_model a_thousand -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn the_journal_model_allows_what_a_thousand_workloads_leave() {
    let count = std::env::var("OUTLAST_WORKLOADS").map_or(1000, |word| word.parse().unwrap());
    let only = std::env::var("OUTLAST_FILESYSTEM").ok();
    for filesystem in [Filesystem::Ext4, Filesystem::Xfs] {
        if only.as_deref().is_none_or(|only| only == filesystem.as_str()) {
            compare_all(filesystem, count);
        }
    }
}

/// The same on btrfs, whose fsync makes durable less than a journal does: printed, not judged.
#[test]
#[ignore = "a measurement"]
fn what_btrfs_leaves_of_random_workloads() {
    let count = std::env::var("OUTLAST_WORKLOADS").map_or(100, |word| word.parse().unwrap());
    let Some(compared) = compare(Filesystem::Btrfs, 0..count, false) else { return };
    let Compared { states, forbidden, .. } = compared;
    println!("btrfs: {count} workloads, {states} states, {} forbidden", forbidden.len());
    println!("{}", forbidden.iter().take(5).cloned().collect::<Vec<_>>().join("\n"));
}

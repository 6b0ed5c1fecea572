//! What the disk keeps about durability, and every model built on it, against a plain reference: the list of operations,
//! and for each page up to which of them it is on the disk.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use outlast::disk::model::allows::allows;
use outlast::disk::op::{Ino, Op, Place, ROOT, Rec};
use outlast::disk::replay::Replay;
use outlast::disk::{Model, Tree};
use outlast::explore::states::Trace;
use proptest::prelude::*;

use support::durability::Reference;

mod support;

/// Names, few enough to meet again. The second folder is made by the first operation.
const NAMES: [&str; 3] = ["a", "b", "c"];
const FOLDER: Ino = ROOT + 1;

/// What is tried; it becomes an operation where it makes sense.
#[derive(Debug, Clone)]
enum Wish {
    Create(Place),
    Link(Place, Place),
    Rename(Place, Place),
    Unlink(Place),
    Write(Place, u64, Vec<u8>),
    Truncate(Place, u64),
    /// The last number is how many operations came since the call.
    Fsync(Place, bool, usize),
    FsyncFailed(Place, bool, usize),
    FsyncDir(Ino, usize),
    Lie(Place),
    Commit,
    SyncAll,
}

fn wish() -> impl Strategy<Value = Wish> {
    let place =
        || (ROOT..=FOLDER, 0..NAMES.len()).prop_map(|(folder, name)| (folder, NAMES[name].to_owned()));
    // Sizes at and around the borders of sectors and pages, and short ones.
    let offset = prop_oneof![0_u64..40, 480_u64..530, 4_080_u64..4_110, 0_u64..13_000];
    let bytes = (1_u8.., prop_oneof![1_usize..40, 4_080_usize..4_110, 1_usize..9_000])
        .prop_map(|(byte, size)| vec![byte; size]);
    let len = prop_oneof![Just(0_u64), 4_090_u64..4_100, 0_u64..13_000];
    let late = || prop_oneof![3 => Just(0_usize), 1 => 0_usize..4];
    prop_oneof![
        4 => place().prop_map(Wish::Create),
        1 => (place(), place()).prop_map(|(from, to)| Wish::Link(from, to)),
        3 => (place(), place()).prop_map(|(from, to)| Wish::Rename(from, to)),
        1 => place().prop_map(Wish::Unlink),
        8 => (place(), offset, bytes).prop_map(|(at, offset, bytes)| Wish::Write(at, offset, bytes)),
        2 => (place(), len).prop_map(|(at, len)| Wish::Truncate(at, len)),
        3 => (place(), any::<bool>(), late()).prop_map(|(at, datasync, late)| Wish::Fsync(at, datasync, late)),
        2 => (place(), any::<bool>(), late()).prop_map(|(at, clean, late)| Wish::FsyncFailed(at, clean, late)),
        2 => (ROOT..=FOLDER, late()).prop_map(|(ino, late)| Wish::FsyncDir(ino, late)),
        1 => place().prop_map(Wish::Lie),
        1 => Just(Wish::Commit),
        1 => Just(Wish::SyncAll),
    ]
}

/// Operations that make sense one after the other.
fn operations(wishes: &[Wish]) -> Vec<Op> {
    let mut ops = vec![Op::Mkdir { at: (ROOT, "d".into()), ino: FOLDER }];
    let mut now = Tree::default();
    now.apply(&ops[0]);
    for wish in wishes {
        let count = ops.len();
        let covers = |late: &usize| count.saturating_sub(*late).max(1);
        let file = |at: &Place| now.entry(at.0, &at.1);
        let op = match wish {
            Wish::Create(at) if file(at).is_none() => {
                Some(Op::Create { at: at.clone(), ino: 10 + count as Ino })
            }
            Wish::Link(from, to) if file(to).is_none() => {
                file(from).map(|ino| Op::Link { at: to.clone(), ino })
            }
            Wish::Rename(from, to) if file(from).is_some() && file(from) != file(to) => {
                Some(Op::Rename { from: from.clone(), to: to.clone() })
            }
            Wish::Unlink(at) => file(at).map(|_| Op::Unlink { at: at.clone() }),
            Wish::Write(at, offset, bytes) => file(at).map(|ino| {
                let bytes = bytes.as_slice().into();
                Op::Write { ino, offset: *offset, data: bytes }
            }),
            Wish::Truncate(at, len) => file(at).map(|ino| Op::Truncate { ino, len: *len }),
            Wish::Fsync(at, datasync, late) => {
                file(at).map(|ino| Op::Fsync { ino, covers: covers(late), datasync: *datasync })
            }
            Wish::FsyncFailed(at, clean, late) => {
                file(at).map(|ino| Op::FsyncFailed { ino, covers: covers(late), clean: *clean })
            }
            Wish::FsyncDir(ino, late) => Some(Op::FsyncDir { ino: *ino, covers: covers(late) }),
            Wish::Lie(at) => file(at).map(|ino| Op::Fsync { ino, covers: 0, datasync: true }),
            Wish::Commit => Some(Op::Commit),
            Wish::SyncAll => Some(Op::SyncAll),
            _ => None,
        };
        if let Some(op) = op {
            now.apply(&op);
            ops.push(op);
        }
    }
    ops
}

/// Operations with the lengths of their bytes only.
fn brief(ops: &[Op]) -> String {
    let words = ops.iter().map(|op| match op {
        Op::Write { ino, offset, data } => format!("Write {ino} {offset}+{}*{}", data.len(), data[0]),
        op => format!("{op:?}"),
    });
    words.collect::<Vec<_>>().join("; ")
}

/// Paths with their bytes, and folders.
type Found = (BTreeMap<String, Vec<u8>>, BTreeSet<String>);

fn found(tree: &Tree) -> Found {
    let files = tree.paths().into_iter().map(|(path, content)| (path, content.to_vec()));
    (files.collect(), tree.folder_paths())
}

/// Every variant of a moment.
fn all(model: Model, replay: &Replay) -> Vec<Tree> {
    let variants = model.variants_of(replay);
    let trees = (0..variants.count()).map(|variant| variants.tree(variant).unwrap()).collect();
    assert!(variants.tree(variants.count()).is_none() && model.tree(replay, u32::MAX).is_none());
    trees
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_durable_is_what_a_plain_list_of_operations_says(
        wishes in proptest::collection::vec(wish(), 0..40),
    ) {
        let ops = operations(&wishes);
        let (mut replay, mut reference) = (Replay::from_durable(Tree::default()), Reference::default());
        for (played, op) in ops.iter().enumerate() {
            replay.play(op);
            reference.play(op);
            let why = || format!("after {}", brief(&ops[..=played]));
            // Nothing is lost with the process.
            let control = all(Model::ProcessKill, &replay);
            prop_assert!(found(&control[0]) == found(&reference.now), "{}", why());
            prop_assert_eq!(replay.committed_to, reference.committed_to, "{}", why());
            let synced = all(Model::FsyncOnly, &replay);
            prop_assert!(found(&synced[0]) == reference.by_journal(reference.committed_to), "{}", why());
            prop_assert_eq!((control.len(), synced.len()), (1, 1));
            prop_assert_eq!((Model::ProcessKill.exist(&replay), Model::FsyncOnly.exist(&replay)), (1, 1));
        }
    }

    #[test]
    fn every_state_of_a_trace_is_rebuilt_from_its_token(
        wishes in proptest::collection::vec(wish(), 0..20),
    ) {
        let at_us = 1..;
        let recs = operations(&wishes).into_iter().zip(at_us);
        let log = recs.map(|(op, at_us)| Rec { asked_us: at_us, done_us: at_us, op }).collect();
        let trace = Trace { log, from: 1, ..Trace::default() };
        let all = trace.states(&Model::PURE);
        let chosen: Vec<_> = (0..all.states.len()).rev().step_by(2).collect();
        let trees = trace.trees(&all, &chosen);
        prop_assert_eq!(trees.len(), chosen.len());
        for (at, tree) in trees {
            prop_assert_eq!(tree.digest(), all.states[at].digest);
            prop_assert!(trace.rebuild(all.states[at].token()) == Some(tree));
        }
    }

    #[test]
    fn each_variant_of_each_model_is_one_that_its_rules_allow(
        wishes in proptest::collection::vec(wish(), 0..25),
    ) {
        let ops = operations(&wishes);
        let (mut replay, mut reference) = (Replay::from_durable(Tree::default()), Reference::default());
        for op in &ops {
            replay.play(op);
            reference.play(op);
        }
        let why = || brief(&ops);

        let journal: BTreeSet<_> = all(Model::Journal, &replay).iter().map(found).collect();
        let committed = reference.committed_to;
        prop_assert!(journal.contains(&reference.by_journal(committed)), "nothing of the rest: {}", why());
        prop_assert!(journal.contains(&found(&reference.now)), "all of it: {}", why());
        let points: Vec<_> = reference.journal_points();
        for left in &journal {
            let point = points.iter().find(|names| {
                names.0.keys().eq(left.0.keys()) && names.1 == left.1
            });
            prop_assert!(point.is_some(), "{:?} are no names of the journal: {}", left.0.keys(), why());
        }
        for tree in all(Model::Journal, &replay) {
            allows(&replay, &tree).map_err(|wrong| TestCaseError::fail(format!("{wrong}: {}", why())))?;
        }

        let strict: BTreeSet<_> = all(Model::StrictPosix, &replay).iter().map(found).collect();
        let subsets = reference.subsets_of_names();
        match subsets {
            Some(subsets) => prop_assert!(strict == subsets, "every subset of names: {}", why()),
            None => prop_assert!(strict.contains(&reference.by_folder()), "no name: {}", why()),
        }

        for left in all(Model::PosixRandom, &replay) {
            reference.check_posix(&left).map_err(|wrong| TestCaseError::fail(format!("{wrong}: {}", why())))?;
        }
        for model in Model::PURE {
            let (tried, exist) = (model.variants(&replay), model.exist(&replay));
            prop_assert!(tried >= 1 && exist >= 1, "{}: {}", model.as_str(), why());
            let everything = u64::from(tried) >= exist;
            if everything && model == Model::Journal {
                // Where nothing is left out, each point of the journal is there with everything and with nothing.
                for (count, _) in points.iter().enumerate() {
                    let nothing = reference.by_journal_point(count);
                    prop_assert!(journal.contains(&nothing), "point {count}: {}", why());
                }
            }
        }
    }

    #[test]
    fn a_log_gives_the_same_variants_whether_files_without_a_name_are_still_held_or_not(
        wishes in proptest::collection::vec(wish(), 0..25),
    ) {
        let ops = operations(&wishes);
        let (mut offline, mut live) = (Replay::from_durable(Tree::default()), Replay::from_durable(Tree::default()));
        for op in &ops {
            offline.play(op);
            live.play(op);
            // A mounted disk lets go of a file with its last name.
            let named: BTreeSet<_> = live.now.folders.values().flat_map(BTreeMap::values).copied().collect();
            live.now.files.retain(|ino, _| named.contains(ino));
        }
        for model in Model::PURE {
            let digests = |replay: &Replay| all(model, replay).iter().map(Tree::digest).collect::<Vec<_>>();
            prop_assert_eq!(digests(&offline), digests(&live), "{}: {}", model.as_str(), brief(&ops));
            prop_assert_eq!(model.exist(&offline), model.exist(&live));
        }
    }
}

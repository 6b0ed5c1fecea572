//! For how many flushes of its device one fsync of a real file system waits.
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use outlast::disk::Drive;
use outlast::disk::op::Op;
use outlast::matrix::Filesystem;

use support::disk::given;

mod support;

/// What a flush takes: long enough that the file system's own time does not matter.
const FLUSH: Duration = Duration::from_millis(15);
const FSYNCS: usize = 12;

/// Appends, each with an fsync; how many flushes ended during each.
fn flushes(filesystem: Filesystem, neighbour: bool) -> Option<Vec<usize>> {
    let folder = tempfile::tempdir().unwrap();
    let mut drive = given(Drive::mount(&folder.path().join("data"), Some(filesystem), true, Instant::now()))?;
    let mut aof = File::create(folder.path().join("data/aof")).unwrap();
    aof.sync_all().unwrap();
    drive.disk().sicken(|ills| ills.fsync_delay = Some(FLUSH));
    if neighbour {
        drive.let_in_neighbour(Duration::from_millis(1)).unwrap();
    }
    let ended =
        |drive: &Drive| drive.disk().log().1.iter().filter(|rec| matches!(rec.op, Op::Fsync { .. })).count();
    let mut counts = Vec::new();
    for number in 0..FSYNCS {
        writeln!(aof, "{number:0>200}").unwrap();
        let before = ended(&drive);
        aof.sync_data().unwrap();
        counts.push(ended(&drive) - before);
    }
    drive.disk().sicken(|ills| *ills = Default::default());
    drop(aof);
    drive.unmount().unwrap();
    Some(counts)
}

/// The bound on what `everysec` may lose on a real file system counts the longest flush four times.
#[test]
fn an_fsync_waits_for_two_flushes_and_for_two_more_while_another_program_commits() {
    for filesystem in Filesystem::ALL {
        let Some(alone) = flushes(filesystem, false) else { return };
        let Some(beside) = flushes(filesystem, true) else { return };
        println!("{filesystem:?}: alone {alone:?}, beside a neighbour {beside:?}");
        let most = |counts: &[usize]| *counts.iter().max().unwrap();
        assert!((1..=2).contains(&most(&alone)), "{filesystem:?}: {alone:?}");
        assert!((3..=4).contains(&most(&beside)), "{filesystem:?}: {beside:?}");
    }
}

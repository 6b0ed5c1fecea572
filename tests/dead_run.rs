//! What a run leaves that was ended with all that watched over it: it hinders nobody, and the next run takes it away.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Instant;

use outlast::disk::Drive;
use outlast::disk::real;
use outlast::disk::scratch::Scratch;
use outlast::matrix::Filesystem;

use support::disk::{given, loops, loops_below, mounts_below};

mod support;

fn drive(folder: &Path, filesystem: Filesystem) -> Option<Drive> {
    given(Drive::mount(&folder.join("data"), Some(filesystem), true, Instant::now()))
}

#[test]
fn mounts_and_loop_devices_hinder_nobody_and_go_in_order() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(dead) = drive(folder.path(), Filesystem::Ext4) else { return };
    // Explored states are in memory.
    let scratch = Scratch::make(folder.path().join("i")).unwrap();
    let explored = drive(scratch.folder(), Filesystem::Xfs).unwrap();
    std::mem::forget((dead, explored, scratch));
    outlast::disk::mount::abort_below(folder.path());
    assert!(fs::metadata(folder.path().join("device")).is_err(), "nobody serves it any more");
    for filesystem in Filesystem::ALL {
        // Of a size that nobody has made one of yet.
        let size = real::smallest(filesystem) + (1 << 20);
        real::pristine(filesystem, size, other.path()).unwrap();
    }
    assert_eq!((mounts_below(folder.path()), loops_below(folder.path())), (7, 2));
    let ours = loops().into_iter().filter(|(_, image)| image.starts_with(folder.path()));
    let ours: Vec<_> = ours.map(|(device, _)| device).collect();
    outlast::disk::mount::unmount_below(folder.path());
    assert_eq!((mounts_below(folder.path()), loops_below(folder.path())), (0, 0));
    // The image of a device whose disk went before it has lost its folder.
    let lost =
        loops().into_iter().filter(|(device, image)| ours.contains(device) && image == Path::new("/image"));
    assert_eq!(lost.collect::<Vec<_>>(), []);
}

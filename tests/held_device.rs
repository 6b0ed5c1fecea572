//! An image is shown as it is, also where somebody still holds the file system of the one before it.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use outlast::disk::real::{self, bench::Bench};
use outlast::matrix::Filesystem;
use support::disk::given;

mod support;

#[test]
fn a_file_system_that_another_mount_namespace_still_holds_is_not_taken_for_the_next_image() {
    for filesystem in Filesystem::ALL {
        let folder = tempfile::tempdir().unwrap();
        let size = real::smallest(filesystem);
        let Some(pristine) = given(real::pristine(filesystem, size, folder.path())) else { return };
        let bench = given(Bench::open(&folder.path().join("bench"), filesystem, size, 1)).unwrap();
        let mounted = bench.mount(pristine.clone()).unwrap();
        fs::write(mounted.data().join("old"), "of the last image").unwrap();
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", "echo held; read end"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "held\n");
        mounted.unmount().unwrap();
        let stdin = holder.stdin.take();
        let tree = std::thread::scope(|scope| {
            // It lets go while the next image is waiting for it.
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(200));
                drop(stdin);
            });
            bench.recover(pristine).unwrap()
        });
        holder.wait().unwrap();
        let names: Vec<_> = tree.paths().into_keys().collect();
        assert!(!names.iter().any(|name| name.contains("old")), "{filesystem:?}: {names:?}");
    }
}

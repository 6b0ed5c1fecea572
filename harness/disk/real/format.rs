//! New file systems. One image of each kind and size is made per process; every other is a copy that shares its pages.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rustix::fs::{Mode, chmod};

use super::super::content::Content;
use super::super::mount::{Disk, DiskError};
use super::device::allowed;
use super::{DATA, IMAGE, Volume, failed, image_of, tool_that_sees_no_mount, tree_of};
use crate::matrix::Filesystem;

/// Bytes of a file system that a server lives on. Holes cost nothing.
pub const ROOMY: u64 = 512 << 20;
/// Bytes of the smallest file system of a kind, for many small images.
pub const fn smallest(filesystem: Filesystem) -> u64 {
    match filesystem {
        Filesystem::Ext4 => 32 << 20,
        Filesystem::Xfs => 300 << 20,
        Filesystem::Btrfs => 128 << 20,
    }
}

/// For ext4: no thread of the kernel goes on with it after the first mount.
const LAZY_NOTHING: &str = "lazy_itable_init=0,lazy_journal_init=0,nodiscard";

/// The tool that makes one, its package, and what it is told: to be quick about it, and to leave nothing to be done later.
fn recipe(filesystem: Filesystem) -> (&'static str, &'static str, &'static [&'static str]) {
    match filesystem {
        Filesystem::Ext4 => (
            "mkfs.ext4",
            "e2fsprogs",
            &["-q", "-F", "-b", "4096", "-N", "1024", "-J", "size=4", "-E", LAZY_NOTHING],
        ),
        Filesystem::Xfs => ("mkfs.xfs", "xfsprogs", &["-q", "-f", "-K"]),
        Filesystem::Btrfs => ("mkfs.btrfs", "btrfs-progs", &["-q", "-f", "-K"]),
    }
}

/// A new file system with an empty folder for the data. The first of a kind and size is made below `scratch`.
pub fn pristine(filesystem: Filesystem, size: u64, scratch: &Path) -> Result<Content, DiskError> {
    static MADE: Mutex<Option<HashMap<(Filesystem, u64), Content>>> = Mutex::new(None);
    // Whoever needs one meanwhile waits for the first to be made.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let made = made.get_or_insert_default();
    if let Some(image) = made.get(&(filesystem, size)) {
        return Ok(image.clone());
    }
    let image = make(filesystem, size, scratch)?;
    made.insert((filesystem, size), image.clone());
    Ok(image)
}

fn make(filesystem: Filesystem, size: u64, scratch: &Path) -> Result<Content, DiskError> {
    allowed()?;
    let (device, volume) = (scratch.join("new-device"), scratch.join("new-volume"));
    let mut blank = Content::new();
    blank.truncate(size);
    fs::create_dir_all(&device).map_err(failed(format!("create {}", device.display())))?;
    let disk = Disk::mount(&device, tree_of(blank), false, Instant::now())?;
    let (program, package, args) = recipe(filesystem);
    tool_that_sees_no_mount(program, package, args, &device.join(IMAGE))?;
    let mounted = Volume::mount(filesystem, &device.join(IMAGE), &volume)?;
    let data = volume.join(DATA);
    let prepared = fs::create_dir(&data).and_then(|()| Ok(chmod(&data, Mode::from_raw_mode(0o777))?));
    prepared.map_err(failed(format!("create {}", data.display())))?;
    mounted.unmount()?;
    let image = image_of(disk.replay().now).unwrap_or_default();
    disk.unmount()?;
    let _ = fs::remove_dir(&device).and(fs::remove_dir(&volume));
    Ok(image)
}

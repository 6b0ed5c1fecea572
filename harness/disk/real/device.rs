//! Loop devices: an image as a device of the kernel.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::super::mount::DiskError;
use super::{failed, tool, unless_busy};

/// Where the kernel lists block devices.
const BLOCKS: &str = "/sys/block";
/// The tool that attaches them, and its package.
const LOSETUP: (&str, &str) = ("losetup", "mount");

/// An image attached to a loop device. It is detached when it is dropped, or as soon as nothing is mounted from it.
pub struct Device {
    path: PathBuf,
}

impl Device {
    /// Attaches an image. Its reads and writes bypass the page cache, so that each reaches the disk when the file system
    /// makes it, and an image that is changed underneath is seen as it is.
    pub fn attach(image: &Path) -> Result<Self, DiskError> {
        allowed()?;
        let args = ["--find", "--show", "--nooverlap", "--direct-io=on"];
        let path = tool(LOSETUP.0, LOSETUP.1, &args, image).map_err(|error| match error {
            DiskError::Failed { action, cause } if cause.to_string().contains("cannot find") => {
                DiskError::Unsupported {
                    reason: format!("no loop device can be had ({action}: {cause})"),
                    remedy: "give the container --privileged, or mount /dev into it".into(),
                }
            }
            other => other,
        })?;
        Ok(Self { path: path.into() })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until no file system of it is mounted anywhere.
    ///
    /// Whoever makes a mount namespace (a container that starts, mkfs out of sight) has a copy of every mount until it
    /// drops it, and one that was taken away here lives on there: mounted again, the device shows that file system and
    /// nothing of an image that it was given since, and its end is written over that image.
    pub(super) fn wait_until_unused(&self) -> Result<(), DiskError> {
        // A file system has its device for itself, and the kernel refuses it to anybody else who wants that.
        let alone = OFlags::RDONLY | OFlags::EXCL | OFlags::CLOEXEC;
        match unless_busy(|| rustix::fs::open(&self.path, alone, Mode::empty())) {
            Ok(_) => Ok(()),
            Err(Errno::BUSY) => {
                let held = "a process in another mount namespace still has its file system; end it \
                            (grep it in /proc/*/mountinfo)";
                Err(failed(format!("have {} alone", self.path.display()))(io::Error::other(held)))
            }
            Err(error) => Err(failed(format!("open {}", self.path.display()))(error.into())),
        }
    }
}

/// An error where this machine gives nobody a loop device.
pub fn allowed() -> Result<(), DiskError> {
    if !Path::new("/dev/loop-control").exists() {
        return Err(DiskError::Unsupported {
            reason: "this machine has no loop devices (/dev/loop-control)".into(),
            remedy: "load the kernel module loop, or give the container --privileged".into(),
        });
    }
    if !rustix::process::geteuid().is_root() {
        return Err(DiskError::Unsupported {
            reason: "a real file system can be mounted by root only".into(),
            remedy: "run as root, or use a storage without `filesystem`".into(),
        });
    }
    Ok(())
}

impl Drop for Device {
    /// The kernel detaches it at once, or when the last mount of it is gone.
    fn drop(&mut self) {
        let _ = tool(LOSETUP.0, LOSETUP.1, &["--detach"], &self.path);
    }
}

/// Detaches every loop device whose image lies below a folder: what a dead run leaves.
pub fn detach_below(folder: &Path) {
    for entry in fs::read_dir(BLOCKS).into_iter().flatten().flatten() {
        let image = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        if Path::new(image.trim_end()).starts_with(folder) {
            drop(Device { path: Path::new("/dev").join(entry.file_name()) });
        }
    }
}

//! A mounted file system.

use std::ffi::CStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::super::mount::DiskError;
use super::device::Device;
use super::{failed, unless_busy};
use crate::matrix::Filesystem;

/// A file system that is mounted. Dropping it takes it away without waiting for anybody.
pub struct Volume {
    point: PathBuf,
    /// Kept by whoever attached it, else detached with the last user of the file system.
    device: Option<Device>,
}

impl Volume {
    /// Attaches an image and mounts it; the kernel recovers it first, if need be.
    pub fn mount(filesystem: Filesystem, image: &Path, point: &Path) -> Result<Self, DiskError> {
        let device = Device::attach(image)?;
        let mut volume = Self::mount_device(filesystem, &device, point)?;
        volume.device = Some(device);
        Ok(volume)
    }

    /// Mounts a device that is attached already.
    pub(super) fn mount_device(
        filesystem: Filesystem,
        device: &Device,
        point: &Path,
    ) -> Result<Self, DiskError> {
        let action =
            || format!("mount {} as {} at {}", device.path().display(), filesystem.as_str(), point.display());
        fs::create_dir_all(point).map_err(failed(action()))?;
        let once =
            || mount(device.path(), point, filesystem.as_str(), MountFlags::NOATIME, options(filesystem));
        match unless_busy(once) {
            Ok(()) => Ok(Self { point: point.to_owned(), device: None }),
            Err(Errno::NODEV) => Err(DiskError::Unsupported {
                reason: format!("the kernel of this machine has no {}", filesystem.as_str()),
                remedy: format!("load the kernel module {}", filesystem.as_str()),
            }),
            Err(Errno::PERM) => Err(DiskError::Unsupported {
                reason: format!("mounting {} is not allowed", filesystem.as_str()),
                remedy: "run as root; give the container --privileged".into(),
            }),
            Err(error) => Err(failed(action())(error.into())),
        }
    }

    /// Where it is mounted.
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// Makes everything durable. A disk without power has nothing to say about it.
    pub fn sync(&self) {
        if let Ok(folder) = File::open(&self.point) {
            let _ = rustix::fs::syncfs(folder);
        }
    }

    /// Takes it away in order, and waits until the device has everything.
    pub fn unmount(mut self) -> Result<(), DiskError> {
        let outcome = unless_busy(|| unmount(&self.point, UnmountFlags::empty()));
        outcome.map_err(|error| failed(format!("unmount {}", self.point.display()))(error.into()))?;
        self.point = PathBuf::new();
        self.device.as_ref().map_or(Ok(()), Device::wait_until_unused)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if !self.point.as_os_str().is_empty() {
            let _ = unmount(&self.point, UnmountFlags::DETACH);
        }
    }
}

/// What is needed to mount several copies of one image, and to leave it to the recorder what a hole is; all else is as
/// everywhere.
fn options(filesystem: Filesystem) -> Option<&'static CStr> {
    match filesystem {
        Filesystem::Ext4 => Some(c"nodiscard"),
        Filesystem::Xfs => Some(c"nouuid,nodiscard"),
        Filesystem::Btrfs => Some(c"nodiscard"),
    }
}

//! A folder in memory, for what is thrown away at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A folder that is in memory where mounting is allowed, and on the file system around it elsewhere: an fsync there
/// waits for a device, which costs time and changes nothing for files that will be removed. Gone when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    mounted: bool,
}

impl Scratch {
    /// Makes the folder.
    pub fn make(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let mounted = mount("outlast", &folder, "tmpfs", MountFlags::NOATIME, Some(c"mode=0755")).is_ok();
        Ok(Self { folder, mounted })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.mounted {
            let _ = unmount(&self.folder, UnmountFlags::DETACH);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

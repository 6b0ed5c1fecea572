//! The disk of one trial, from one power cut to the next.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::mount::{Disk, DiskError};
use super::{Cut, Model, Tree};

/// The disk under a data directory. After a power cut another one takes its place, with what the cut left.
pub struct Drive {
    point: PathBuf,
    began: Instant,
    record: bool,
    /// Absent only while one disk gives way to the next.
    disk: Option<Disk>,
    /// The longest fsync of the disks that came before, in microseconds.
    longest_fsync_us: u64,
}

impl Drive {
    /// Mounts an empty disk over a folder. `began` is the start of the trial.
    pub fn mount(point: &Path, record: bool, began: Instant) -> Result<Self, DiskError> {
        std::fs::create_dir_all(point)
            .map_err(|cause| DiskError::Failed { action: format!("create {}", point.display()), cause })?;
        let disk = Some(Disk::mount(point, Tree::default(), record, began)?);
        Ok(Self { point: point.to_owned(), began, record, disk, longest_fsync_us: 0 })
    }

    /// The disk that is mounted.
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("a disk is absent only within `lose`")
    }

    /// Makes everything durable.
    pub fn sync_all(&self) {
        self.disk().sync_all();
    }

    /// Cuts the power.
    pub fn cut(&self) -> Cut {
        self.disk().cut()
    }

    /// The longest fsync so far, in microseconds.
    pub fn longest_fsync_us(&self) -> u64 {
        self.longest_fsync_us.max(self.disk().seen().longest_fsync_us)
    }

    /// Puts in its place what the cut leaves under a model. Nothing may use it any more. What was wrong with the disk is
    /// wrong with the next one too.
    pub fn lose(&mut self, model: Model, variant: u32) -> Result<(), DiskError> {
        self.load(self.disk().left_by(model, variant))
    }

    /// Puts another disk in its place, with a tree all of which is durable.
    pub fn load(&mut self, tree: Tree) -> Result<(), DiskError> {
        self.longest_fsync_us = self.longest_fsync_us();
        let ills = self.disk().ills();
        if let Some(disk) = self.disk.take() {
            disk.unmount()?;
        }
        let disk = Disk::mount(&self.point, tree, self.record, self.began)?;
        disk.sicken(|new| *new = ills);
        self.disk = Some(disk);
        Ok(())
    }

    /// Takes it away.
    pub fn unmount(mut self) -> Result<(), DiskError> {
        self.disk.take().map_or(Ok(()), Disk::unmount)
    }
}

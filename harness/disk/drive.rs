//! The disk of one trial, from one power cut to the next.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::mount::{UnmountFlags, mount_bind, unmount};

use super::filler::Filler;
use super::ills::Ills;
use super::mount::{Disk, DiskError};
use super::neighbour::Neighbour;
use super::real::{self, Volume};
use super::{Cut, Model, Tree};
use crate::matrix::Filesystem;

/// The file that takes all room of a file system.
const FILLER: &str = "filler";

/// The disk under a data directory. After a power cut another one takes its place, with what the cut left.
pub struct Drive {
    point: PathBuf,
    filesystem: Option<Filesystem>,
    began: Instant,
    record: bool,
    /// Ended before the file system that it lives on.
    neighbour: Option<Neighbour>,
    /// How often it comes, also on the disks to come.
    period: Option<Duration>,
    volume: Option<Volume>,
    /// On a file system: what takes all its room.
    filler: Option<Filler>,
    /// Absent only while one disk gives way to the next.
    disk: Option<Disk>,
}

impl Drive {
    /// Mounts an empty disk over a folder, or a file system on an image that the disk holds. `began` is the start of the
    /// trial.
    pub fn mount(
        point: &Path,
        filesystem: Option<Filesystem>,
        record: bool,
        began: Instant,
    ) -> Result<Self, DiskError> {
        let mut drive = Self {
            point: point.to_owned(),
            filesystem,
            began,
            record,
            neighbour: None,
            period: None,
            volume: None,
            filler: None,
            disk: None,
        };
        make_folder(point)?;
        let tree = match filesystem {
            None => Tree::default(),
            Some(filesystem) => {
                let scratch = point.parent().unwrap_or(point);
                real::tree_of(real::pristine(filesystem, real::ROOMY, scratch)?)
            }
        };
        drive.put(tree)?;
        Ok(drive)
    }

    /// The disk that is mounted.
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("a disk is absent only within `lose`")
    }

    /// The file system on it, where it holds an image.
    pub fn filesystem(&self) -> Option<Filesystem> {
        self.filesystem
    }

    /// Makes everything durable.
    pub fn sync_all(&self) {
        match &self.volume {
            Some(volume) => {
                volume.sync();
                // The file system has flushed its device; the log is told.
                self.disk().sync_all();
            }
            None => self.disk().sync_all(),
        }
    }

    /// Cuts the power.
    pub fn cut(&self) -> Cut {
        self.disk().cut()
    }

    /// From now on somebody else writes and syncs on the same file system, once in a period.
    pub fn let_in_neighbour(&mut self, period: Duration) -> Result<(), DiskError> {
        self.period = Some(period);
        self.neighbour = Some(match &self.volume {
            None => Neighbour::acting(period, self.disk().committer()),
            Some(volume) => {
                let file = volume.point().join("neighbour");
                let action = format!("write {}", file.display());
                Neighbour::writing(&file, period).map_err(|cause| DiskError::Failed { action, cause })?
            }
        });
        Ok(())
    }

    /// Takes all the room that there is, for good: what is full stays so beyond a power cut.
    pub fn fill(&mut self) -> Result<(), DiskError> {
        let Some(volume) = &self.volume else {
            let used = self.disk().used();
            self.disk().sicken(|ills| ills.capacity = Some(used));
            return Ok(());
        };
        let file = volume.point().join(FILLER);
        let action = format!("fill {}", volume.point().display());
        self.filler = Some(Filler::taking_all(file).map_err(|cause| DiskError::Failed { action, cause })?);
        self.disk().note_full();
        Ok(())
    }

    /// Why the file system takes no file, where it has turned itself off.
    pub fn trouble(&self) -> Option<io::Error> {
        let probe = self.volume.as_ref()?.point().join("probe");
        let made = fs::File::create(&probe).and_then(|_| fs::remove_file(&probe));
        made.err().filter(|error| error.kind() != io::ErrorKind::StorageFull)
    }

    /// Nothing is wrong with it any more.
    pub fn heal(&mut self) {
        self.disk().sicken(|ills| *ills = Ills::default());
        // A file system that has turned itself off keeps it until it is mounted again.
        if self.filler.take().is_some_and(|filler| filler.remove().is_ok()) {
            self.disk().note_room();
        }
    }

    /// Puts in its place what the cut leaves under a model. Nothing may use it any more. What was wrong with the disk is
    /// wrong with the next one too.
    pub fn lose(&mut self, model: Model, variant: u32) -> Result<(), DiskError> {
        self.load(self.disk().left_by(model, variant)?)
    }

    /// Puts another disk in its place, with a tree all of which is durable.
    pub fn load(&mut self, tree: Tree) -> Result<(), DiskError> {
        let ills = self.disk().ills();
        self.take_away()?;
        self.put(tree)?;
        self.disk().sicken(|new| *new = ills);
        match (&self.filler, &self.volume) {
            (Some(_), _) => self.fill()?,
            // That its room was given back need not have been durable.
            (None, Some(volume)) => Filler::forget(&volume.point().join(FILLER)),
            (None, None) => {}
        }
        self.period.map_or(Ok(()), |period| self.let_in_neighbour(period))
    }

    /// Takes it away.
    pub fn unmount(mut self) -> Result<(), DiskError> {
        self.take_away()
    }

    /// Mounts a disk with this tree, and what is to be mounted on it.
    fn put(&mut self, tree: Tree) -> Result<(), DiskError> {
        let Some(filesystem) = self.filesystem else {
            self.disk = Some(Disk::mount(&self.point, tree, self.record, self.began)?);
            return Ok(());
        };
        let (device, volume) = (self.point.with_file_name("device"), self.point.with_file_name("volume"));
        make_folder(&device)?;
        let disk = self.disk.insert(Disk::mount(&device, tree, self.record, self.began)?);
        disk.holds_an_image();
        let volume = Volume::mount(filesystem, &disk.point().join(real::IMAGE), &volume)?;
        let data = volume.point().join(real::DATA);
        self.volume = Some(volume);
        mount_bind(&data, &self.point).map_err(|error| DiskError::Failed {
            action: format!("show {} at {}", data.display(), self.point.display()),
            cause: error.into(),
        })
    }

    /// A device without power refuses at once, so that neither the neighbour nor the file system waits for it.
    fn take_away(&mut self) -> Result<(), DiskError> {
        let Some(disk) = self.disk.take() else { return Ok(()) };
        disk.cut();
        self.neighbour = None;
        if let Some(volume) = self.volume.take() {
            let _ = unmount(&self.point, UnmountFlags::DETACH);
            drop(volume);
        }
        disk.unmount()
    }
}

/// A trial that fails leaves nothing mounted either.
impl Drop for Drive {
    fn drop(&mut self) {
        let _ = self.take_away();
    }
}

fn make_folder(folder: &Path) -> Result<(), DiskError> {
    fs::create_dir_all(folder)
        .map_err(|cause| DiskError::Failed { action: format!("create {}", folder.display()), cause })
}

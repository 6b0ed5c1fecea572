//! A disk in its place: mounted, cut off, taken away.

use std::fs;
use std::io;
use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use fuser::{BackgroundSession, Config, MountOption, Session, SessionACL};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::calls::Fs;
use super::content::Content;
use super::errors::Owed;
use super::file::FileState;
use super::ills::Ills;
use super::memory::give_back_buffers;
use super::model::Model;
use super::op::{Ino, Op, Rec};
use super::replay::Replay;
use super::state::{Cut, Seen, Shared, Trap};
use super::syncs::{Delay, Syncs};
use super::tree::Tree;

/// Threads that answer a disk's kernel.
const THREADS: usize = 4;
/// Longest wait for the kernel to let go of a disk.
const END_LIMIT: Duration = Duration::from_secs(10);
/// Where the kernel lists what FUSE serves.
const CONNECTIONS: &str = "/sys/fs/fuse/connections";

/// Why there is no disk.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// This machine does not allow it.
    #[error("{reason}; {remedy}")]
    Unsupported {
        /// What is missing.
        reason: String,
        /// What the user can do.
        remedy: String,
    },
    /// A cut has less to choose from than was asked for.
    #[error(
        "a cut at this moment has {count} variants under {model}, numbered from 0, and no variant {variant}"
    )]
    NoVariant {
        /// The model.
        model: &'static str,
        /// Which one was asked for.
        variant: u32,
        /// How many there are.
        count: u32,
    },
    /// Something failed.
    #[error("failed to {action}: {cause}")]
    Failed {
        /// What was tried.
        action: String,
        /// What came back.
        cause: io::Error,
    },
}

/// A mounted disk that knows what of it is durable. It is unmounted when it is dropped.
pub struct Disk {
    shared: Arc<Shared>,
    point: PathBuf,
    session: Option<BackgroundSession>,
}

impl Disk {
    /// Mounts a tree, all of which is durable, over an existing folder. `began` is the start of the trial.
    pub fn mount(point: &Path, tree: Tree, record: bool, began: Instant) -> Result<Self, DiskError> {
        if !Path::new("/dev/fuse").exists() {
            return Err(DiskError::Unsupported {
                reason: "this machine has no /dev/fuse".into(),
                remedy:
                    "load the kernel module fuse, or give the container --device /dev/fuse and CAP_SYS_ADMIN"
                        .into(),
            });
        }
        give_back_buffers();
        let shared = Shared::new(tree, record, began);
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName("outlast".into()),
            MountOption::DefaultPermissions,
            MountOption::NoAtime,
        ];
        config.acl = if rustix::process::geteuid().is_root() { SessionACL::All } else { SessionACL::Owner };
        config.n_threads = Some(THREADS);
        let session = Session::new(Fs(shared.clone()), point, &config).and_then(Session::spawn);
        let session = session.map_err(|cause| match cause.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound => DiskError::Unsupported {
                reason: format!("a disk of its own cannot be mounted: {cause}"),
                remedy: "run as root, or install fusermount3 (package fuse3)".into(),
            },
            _ => DiskError::Failed { action: format!("mount a disk at {}", point.display()), cause },
        })?;
        Ok(Self { shared, point: point.to_owned(), session: Some(session) })
    }

    /// Where it is mounted.
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// Makes everything durable that was written so far, as `syncfs` does.
    pub fn sync_all(&self) {
        let mut state = self.shared.lock();
        if state.cut.is_none() {
            let now = self.shared.now_us();
            self.shared.perform(&mut state, now, Op::SyncAll);
        }
    }

    /// The file system's journal is committed for somebody else's sake, as a neighbour's fsync does.
    pub fn commit(&self) {
        self.committer()();
    }

    /// Does the same again and again, as long as there is power: for somebody else to call.
    pub fn committer(&self) -> impl FnMut() -> bool + Send + 'static {
        let shared = self.shared.clone();
        move || {
            let mut state = shared.lock();
            let powered = state.cut.is_none();
            if powered {
                let now = shared.now_us();
                shared.perform(&mut state, now, Op::Commit);
            }
            powered
        }
    }

    /// Puts another content in a file's place, all of it durable, behind the back of the kernel: only for a file that
    /// is read and written past the page cache.
    pub fn replace(&self, ino: Ino, content: Content) {
        let mut state = self.shared.lock();
        state.replay.replace(ino, content);
    }

    /// A file as it is, and what of it is not durable.
    pub fn file(&self, ino: Ino) -> Option<FileState> {
        self.shared.lock().replay.files.get(&ino).cloned()
    }

    /// Cuts the power: from now on every change fails, and nobody waits for the disk any more.
    pub fn cut(&self) -> Cut {
        self.shared.cut_now(&mut self.shared.lock())
    }

    /// When the power was cut, where it was.
    pub fn was_cut(&self) -> Option<Cut> {
        self.shared.lock().cut
    }

    /// Cuts the power at an operation to come.
    pub fn set_trap(&self, trap: Trap) {
        self.shared.lock().trap = Some(trap);
    }

    /// Changes what is wrong with it.
    pub fn sicken(&self, change: impl FnOnce(&mut Ills)) {
        change(&mut self.shared.lock().ills);
    }

    /// What is wrong with it.
    pub fn ills(&self) -> Ills {
        self.shared.lock().ills.clone()
    }

    /// Takes note that the file system on it has no room left.
    pub fn note_full(&self) {
        let now_us = self.shared.now_us();
        let mut state = self.shared.lock();
        state.errors.note_full(now_us);
        state.seen.failures += 1;
    }

    /// Takes note that the file system on it has room again.
    pub fn note_room(&self) {
        let now_us = self.shared.now_us();
        self.shared.lock().errors.note_room(now_us);
    }

    /// What calls that failed have left to be made good.
    pub fn owed(&self) -> Owed {
        self.shared.lock().owed()
    }

    /// Bytes in it.
    pub fn used(&self) -> u64 {
        self.shared.lock().used()
    }

    /// When a child of the server began whose file is or was lately there.
    pub fn child_from_us(&self) -> Option<u64> {
        let state = self.shared.lock();
        let at_us = state.cut.map_or_else(|| self.shared.now_us(), |cut| cut.at_us);
        state.children.from_us(at_us)
    }

    /// The syncs that the server waited for.
    pub fn syncs(&self) -> Syncs {
        let late = crate::lateness::worst_since(self.shared.began());
        self.shared.lock().syncs.clone().on_a_machine_late_by(late)
    }

    /// What they keep from being durable at a moment, in microseconds since the trial began.
    pub fn delay(&self, at_us: u64) -> Delay {
        self.syncs().delay(at_us)
    }

    /// It holds the image of a file system.
    pub fn holds_an_image(&self) {
        self.shared.lock().is_device = true;
    }

    /// What it has seen.
    pub fn seen(&self) -> Seen {
        self.shared.lock().seen
    }

    /// What was durable, and what was not, at this moment or when the power was cut.
    pub fn replay(&self) -> Replay {
        self.shared.lock().replay.clone()
    }

    /// What a power cut leaves under a model; an error where the moment has no such variant.
    pub fn left_by(&self, model: Model, variant: u32) -> Result<Tree, DiskError> {
        let replay = &self.shared.lock().replay;
        model.tree(replay, variant).ok_or_else(|| DiskError::NoVariant {
            model: model.as_str(),
            variant,
            count: model.variants(replay),
        })
    }

    /// How many operations it has seen.
    pub fn played(&self) -> usize {
        self.shared.lock().replay.played
    }

    /// The tree that was mounted, and every operation since, where they are recorded.
    pub fn log(&self) -> (Tree, Vec<Rec>) {
        let state = self.shared.lock();
        (state.base.clone(), state.log.clone().unwrap_or_default())
    }

    /// Takes it away; whoever still uses it gets errors. Never waits for a process that does.
    pub fn unmount(mut self) -> Result<(), DiskError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), DiskError> {
        let Some(session) = self.session.take() else { return Ok(()) };
        self.shared.cut_now(&mut self.shared.lock());
        let minor = fs::symlink_metadata(&self.point).map(|meta| rustix::fs::minor(meta.st_dev()));
        let detached = detach(&self.point);
        // A process that still holds a file keeps the connection alive: it is ended here, or not at all.
        if let Ok(minor) = minor {
            abort(minor);
        }
        let (tell, ended) = mpsc::channel();
        std::thread::spawn(move || tell.send(session.umount_and_join()));
        let outcome = detached.and(match ended.recv_timeout(END_LIMIT) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other(format!("a process still holds it after {END_LIMIT:?}"))),
        });
        outcome.map_err(|cause| DiskError::Failed {
            action: format!("unmount the disk at {}", self.point.display()),
            cause,
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Takes a mount out of the tree of names, whoever uses it.
fn detach(point: &Path) -> io::Result<()> {
    match unmount(point, UnmountFlags::DETACH) {
        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Ends a FUSE connection, where the kernel shows them.
fn abort(minor: u32) {
    let _ = fs::write(format!("{CONNECTIONS}/{minor}/abort"), "1");
}

/// Ends every disk below a folder without unmounting it: whoever waits for one gets an error. A run that was killed while
/// one of its threads waited for its own disk cannot die before that.
pub fn abort_below(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let minors: Vec<u32> = mounts
        .lines()
        .filter_map(|line| {
            let (mount, kind) = line.split_once(" - ")?;
            let mut words = mount.split(' ').skip(2);
            let (device, point) = (words.next()?, words.nth(1)?);
            let concerned = kind.starts_with("fuse ") && Path::new(point).starts_with(folder);
            concerned.then(|| device.strip_prefix("0:")?.parse().ok())?
        })
        .collect();
    if minors.is_empty() {
        return;
    }
    // The kernel lists connections where somebody has mounted the list.
    let own = folder.join("connections");
    let listed = Path::new(CONNECTIONS).join(minors[0].to_string()).exists();
    if !listed && fs::create_dir_all(&own).is_ok() {
        let _ = mount("none", &own, "fusectl", MountFlags::empty(), None);
    }
    for minor in minors {
        abort(minor);
        let _ = fs::write(own.join(format!("{minor}/abort")), "1");
    }
    if !listed {
        let _ = detach(&own);
    }
}

/// Takes away every mount below a folder, whoever mounted it: what a dead run leaves.
pub fn unmount_below(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let on_a_device = words.next()?.starts_with("/dev/");
        Some((Path::new(words.next()?), on_a_device))
    });
    let mounts: Vec<_> = mounts.filter(|(point, _)| point.starts_with(folder)).collect();
    let detach_all = |on_a_device: bool| {
        // What was mounted last goes first.
        for (point, _) in mounts.iter().rev().filter(|mount| mount.1 == on_a_device) {
            let _ = detach(point);
        }
    };
    // A file system goes before the loop device below it, and that before the disk that holds its image and whatever that
    // is mounted in: a loop device is found by the path of the image.
    detach_all(true);
    super::real::detach_below(folder);
    detach_all(false);
}

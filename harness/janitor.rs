//! Nothing survives a run, whatever kills it.
//!
//! A run keeps everything it makes below one folder, and a second process of the same program watches over it:
//! it reads a pipe whose other end only the run holds. When the run ends, in order or by SIGKILL, the
//! pipe closes; then every process with its working directory below the folder is killed, and
//! folder, containers and volumes are removed. Where the engine is gone at that moment, the folder stays as a
//! reminder for the next run.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

/// Tells a process that it is the janitor, and of which folder.
const ROLE: &str = "OUTLAST_JANITOR";
/// Beginning of every run's folder name.
const PREFIX: &str = "outlast-";
/// A file in it that says at which engine there may be containers.
const ENGINE_MARK: &str = "engine";
/// Longest wait for the janitor at the end of a run.
const END_LIMIT: Duration = Duration::from_secs(30);

/// The folder of a run, with its janitor.
#[derive(Debug)]
pub struct Home {
    /// The folder; short, because unix sockets live below it.
    pub folder: PathBuf,
    /// Its name, which also labels containers and volumes.
    pub id: String,
    lock: File,
    janitor: Child,
}

/// Removes what is not a file: containers and volumes of the run with this id, from the engine at this address.
/// False when that has to be tried again.
pub type Reap = fn(&str, &str) -> bool;

/// To be called first thing in `main`: becomes the janitor when this process was started as one.
pub fn become_janitor(reap: Reap) {
    let Some(folder) = std::env::var_os(ROLE) else { return };
    wait_for_the_end();
    clean(Path::new(&folder), reap);
    std::process::exit(0);
}

/// Waits until the pipe has ended, which is the end of the run, whatever ends it. A run that was killed while a thread of
/// it waits for its own disk is a zombie and holds on to the pipe; then its state tells.
fn wait_for_the_end() {
    let run = rustix::process::getppid();
    let stdin = io::stdin();
    let quiet = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
    loop {
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&quiet)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            _ => return,
        }
        let stat = run.map(|pid| fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())));
        if stat.is_some_and(|stat| stat.is_ok_and(|stat| stat.contains(") Z "))) {
            return;
        }
    }
}

impl Home {
    /// Cleans up after dead runs, makes a folder below `base`, and starts its janitor.
    pub fn open(base: &Path, reap: Reap) -> io::Result<Self> {
        fs::create_dir_all(base)?;
        for folder in dead_runs(base) {
            clean(&folder, reap);
        }
        let folder = tempfile::Builder::new().prefix(PREFIX).rand_bytes(6).tempdir_in(base)?.keep();
        let id = run_id(&folder);
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        let janitor = Command::new(std::env::current_exe()?)
            .env(ROLE, &folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to the foreground group; the janitor has to outlive it.
            .process_group(0)
            .spawn()?;
        Ok(Self { folder, id, lock, janitor })
    }

    /// Notes at which engine this run makes containers: without the note nobody is asked at the end.
    pub fn uses_engine(&self, address: &str) -> io::Result<()> {
        fs::write(self.folder.join(ENGINE_MARK), address)
    }

    /// Ends the run in order: the janitor cleans up, within a limit. False when something is left for the next run.
    pub fn close(mut self) -> bool {
        self.end();
        !self.folder.join(ENGINE_MARK).exists()
    }

    fn end(&mut self) {
        if self.janitor.stdin.take().is_none() {
            return;
        }
        let limit = Instant::now() + END_LIMIT;
        while let Ok(None) = self.janitor.try_wait() {
            if Instant::now() > limit {
                let _ = self.janitor.kill();
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.janitor.wait();
        let _ = self.lock.unlock();
    }
}

/// A run that cannot begin is cleaned up before its error is printed, like one that ends.
impl Drop for Home {
    fn drop(&mut self) {
        self.end();
    }
}

/// Folders of runs whose process is gone and whose janitor is gone too.
pub fn dead_runs(base: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(base) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .map(|entry| entry.path())
        .filter(|folder| File::open(folder.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok()))
        .collect()
}

/// Ends every process below the folder and removes it, with the containers and volumes of its run. False when the
/// engine did not obey: the folder then stays, emptied, for another try.
pub fn clean(folder: &Path, reap: Reap) -> bool {
    crate::disk::mount::abort_below(folder);
    // A killed server's parent may be about to start another one: look again until none is found.
    let limit = Instant::now() + Duration::from_secs(10);
    loop {
        let pids = processes_below(folder);
        if pids.is_empty() || Instant::now() > limit {
            break;
        }
        for pid in pids {
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // A disk whose run is dead answers nobody; it has to go before its folder can.
    crate::disk::mount::unmount_below(folder);
    let engine = fs::read_to_string(folder.join(ENGINE_MARK));
    if engine.is_ok_and(|address| !reap(&run_id(folder), &address)) {
        empty(folder);
        return false;
    }
    let _ = fs::remove_dir_all(folder);
    true
}

/// Removes all but what another try needs.
fn empty(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn run_id(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}

fn processes_below(folder: &Path) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let cwd = fs::read_link(entry.path().join("cwd")).ok()?;
            // The janitor and the run never stand in the folder themselves; a zombie has no cwd.
            cwd.starts_with(folder).then_some(pid)
        })
        .collect()
}

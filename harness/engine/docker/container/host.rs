//! This host's side of a container: its folder, its socket, its first process.

use std::io::{Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::engine::docker::place::SOCKET;
use crate::engine::{DataFile, EngineError};

/// Most bytes of the log that are read for its tail.
const LOG_TAIL_BYTES: u64 = 64 * 1024;
/// Longest path that `sockaddr_un` holds, with its final NUL.
const SOCKET_PATH_BYTES: usize = 108;

/// The first process of a container, where it is a process of this host.
pub(super) struct Process {
    pub(super) pid: Pid,
    pub(super) handle: OwnedFd,
}

impl Process {
    /// Takes hold of a process after making sure that it belongs to the container: the number may have
    /// passed on, or mean another process where the engine lives elsewhere.
    pub(super) fn hold(pid: i64, container: &str) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", pid.as_raw_nonzero())).ok()?;
        groups.contains(container).then_some(Self { pid, handle })
    }

    /// Whether the process has ended by now.
    pub(super) fn is_gone(&self) -> bool {
        let mut poll = [PollFd::new(&self.handle, PollFlags::IN)];
        // Where the kernel gives no answer the engine has to be asked.
        rustix::event::poll(&mut poll, Some(&Timespec::default())).map_or(true, |ready| ready > 0)
    }
}

/// Where the socket's path is too long for a socket's name, an open folder is its short name.
pub(super) fn hold_if_long(folder: &Path) -> Result<Option<OwnedFd>, EngineError> {
    if folder.join(SOCKET).as_os_str().len() < SOCKET_PATH_BYTES {
        return Ok(None);
    }
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, rustix::fs::Mode::empty())
        .map(Some)
        .map_err(|error| EngineError::failed(format!("open {}", folder.display()), error))
}

pub(super) fn make_folder(path: &Path) -> Result<(), EngineError> {
    std::fs::create_dir_all(path)
        .map_err(|error| EngineError::failed(format!("make {}", path.display()), error))
}

/// Refuses paths that lead out of the data directory.
pub(super) fn inside(path: &str) -> Result<(), EngineError> {
    let plain = |part| matches!(part, std::path::Component::Normal(_));
    match Path::new(path).components().all(plain) && !path.is_empty() {
        true => Ok(()),
        false => Err(EngineError::failed(format!("reach {path}"), "it is not below the data directory")),
    }
}

/// Every regular file below a folder of this host.
pub(super) fn list(folder: &Path) -> std::io::Result<Vec<DataFile>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let entry = entry?;
            // A server renames and removes while it lives: what is gone by now is not there.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if let (true, Ok(path)) = (metadata.is_file(), entry.path().strip_prefix(folder)) {
                files.push(DataFile { path: path.to_string_lossy().into_owned(), bytes: metadata.len() });
            }
        }
    }
    Ok(files)
}

pub(super) fn read_tail(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(LOG_TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_data_directory() {
        assert!(inside("appendonlydir/a.aof").is_ok());
        for path in ["", "../conf/redis.conf", "/etc/passwd", "a/../../b"] {
            assert!(inside(path).is_err(), "{path}");
        }
    }
}

//! A thread that watches a data directory (inotify) and kills the server at the event that it waits for. The thread
//! does nothing else: the kernel wakes it while the server is still between that system call and its next ones.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch};
use rustix::io;
use tokio::sync::oneshot;

use crate::engine::Killer;
use crate::glob;

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It is there now.
    Create,
    /// Bytes were written to it, or it was truncated.
    Modify,
    /// It got this name from another one.
    Rename,
    /// It is gone.
    Delete,
}

/// Events by the words of the script language.
pub const EVENTS: &[(&str, Event)] = &[
    ("create", Event::Create),
    ("modify", Event::Modify),
    ("rename", Event::Rename),
    ("delete", Event::Delete),
];

impl Event {
    fn flags(self) -> ReadFlags {
        match self {
            Self::Create => ReadFlags::CREATE,
            Self::Modify => ReadFlags::MODIFY,
            Self::Rename => ReadFlags::MOVED_TO,
            Self::Delete => ReadFlags::DELETE,
        }
    }
}

/// A watch that kills once. It ends when it is dropped.
pub struct Watch {
    inotify: Arc<OwnedFd>,
    root: i32,
    struck: Option<oneshot::Receiver<Instant>>,
}

impl Watch {
    /// Watches a folder and its subfolders; at the `number`-th `event` of a file whose name matches, `kill` is called.
    pub fn begin(
        folder: &Path,
        pattern: String,
        event: Event,
        number: u32,
        kill: Killer,
    ) -> io::Result<Self> {
        let inotify = Arc::new(init(CreateFlags::CLOEXEC)?);
        let root = add_watch(&*inotify, folder, flags())?;
        let mut folders = HashMap::from([(root, folder.to_owned())]);
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.insert(add_watch(&*inotify, entry.path(), flags())?, entry.path());
            }
        }
        let (tell, struck) = oneshot::channel();
        let wanted = Wanted { pattern, flags: event.flags(), left: number };
        let shared = inotify.clone();
        std::thread::spawn(move || {
            if let Ok(at) = wait(&shared, root, folders, wanted, &kill) {
                let _ = tell.send(at);
            }
        });
        Ok(Self { inotify, root, struck: Some(struck) })
    }

    /// When the kill came; `None` when none came within `limit`.
    pub async fn struck(mut self, limit: Duration) -> Option<Instant> {
        let struck = self.struck.take()?;
        tokio::time::timeout(limit, struck).await.ok()?.ok()
    }
}

impl Drop for Watch {
    /// A watch that is taken away tells its reader so, which ends the thread.
    fn drop(&mut self) {
        let _ = remove_watch(&*self.inotify, self.root);
    }
}

struct Wanted {
    pattern: String,
    flags: ReadFlags,
    left: u32,
}

fn flags() -> WatchFlags {
    WatchFlags::CREATE | WatchFlags::MODIFY | WatchFlags::MOVED_TO | WatchFlags::DELETE
}

fn wait(
    inotify: &OwnedFd,
    root: i32,
    mut folders: HashMap<i32, PathBuf>,
    mut wanted: Wanted,
    kill: &Killer,
) -> io::Result<Instant> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = Reader::new(inotify, &mut buffer);
    loop {
        let event = match reader.next() {
            Err(io::Errno::INTR) => continue,
            event => event?,
        };
        if event.wd() == root && event.events().contains(ReadFlags::IGNORED) {
            return Err(io::Errno::CANCELED);
        }
        let Some(name) = event.file_name().and_then(|name| name.to_str().ok()) else { continue };
        if event.events().contains(ReadFlags::ISDIR) {
            // A folder that is new, as `appendonlydir` is when the AOF is switched on.
            if let Some(path) = folders.get(&event.wd()).map(|folder| folder.join(name))
                && let Ok(number) = add_watch(inotify, &path, flags())
            {
                folders.insert(number, path);
            }
            continue;
        }
        if !event.events().contains(wanted.flags) || !glob::matches(&wanted.pattern, name) {
            continue;
        }
        wanted.left -= 1;
        if wanted.left == 0 {
            let at = Instant::now();
            kill();
            return Ok(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn watch(pattern: &str, event: Event, number: u32, act: impl FnOnce(&Path)) -> (bool, u32) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("below")).expect("a folder below");
        let kills = Arc::new(AtomicU32::new(0));
        let counted = kills.clone();
        let kill = Box::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let watch = Watch::begin(folder.path(), pattern.into(), event, number, kill).expect("a watch");
        act(folder.path());
        let struck = watch.struck(Duration::from_millis(300)).await.is_some();
        (struck, kills.load(Ordering::SeqCst))
    }

    fn switch(folder: &Path, times: u32) {
        for _ in 0..times {
            std::fs::write(folder.join("below/temp"), "x").expect("write");
            std::fs::rename(folder.join("below/temp"), folder.join("below/a.manifest")).expect("rename");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_kill_comes_once_and_at_the_event_that_was_asked_for() {
        let two = |folder: &Path| switch(folder, 2);
        assert_eq!(watch("*.manifest", Event::Rename, 2, two).await, (true, 1));
        assert_eq!(watch("temp*", Event::Create, 1, two).await, (true, 1));
        assert_eq!(watch("temp*", Event::Modify, 2, two).await, (true, 1));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn other_events_and_too_few_kill_nobody() {
        let one = |folder: &Path| switch(folder, 1);
        assert_eq!(watch("*.manifest", Event::Rename, 2, one).await, (false, 0));
        assert_eq!(watch("*.rdb", Event::Rename, 1, one).await, (false, 0));
        assert_eq!(watch("*.manifest", Event::Create, 1, one).await, (false, 0));
    }
}

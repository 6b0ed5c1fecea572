//! `stall-fsync`: the background thread that calls fdatasync stands still, as on a disk that hangs.
//!
//! The thread is held by ptrace, which needs no special disk: requests queue up exactly as behind a
//! slow fdatasync, and the server meets its own rule for that (`everysec` postpones its writes up to 2 s).

use async_trait::async_trait;
use nix::sys::ptrace;
use nix::unistd::Pid;

use super::{Scene, Step, Trouble, Verb, nothing};

pub(super) const VERB: Verb = Verb {
    word: "stall-fsync",
    usage: "stall-fsync",
    about: "Holds the server's background fsync until its death (process engine only).",
    parse: |args| nothing(args).map(|()| Box::new(Stall) as Box<dyn Step>),
};

struct Stall;

#[async_trait(?Send)]
impl Step for Stall {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let unsupported = |reason: String| Trouble::Unsupported {
            reason,
            remedy: "run it on the process engine, as a user who may trace their own processes".into(),
        };
        if scene.engine.name() != "process" {
            return Err(unsupported("the server's threads can be held on the process engine only".into()));
        }
        let pid = scene.instance.pid().ok_or_else(|| Trouble::Lab("the server does not run".into()))?;
        let thread = fsync_thread(pid)
            .ok_or_else(|| unsupported(format!("process {pid} has no background fsync thread")))?;
        // SEIZE stops nothing by itself; INTERRUPT holds this one thread and leaves the others running.
        ptrace::seize(thread, ptrace::Options::empty())
            .and_then(|()| ptrace::interrupt(thread))
            .map_err(|error| unsupported(format!("failed to hold thread {thread}: {error}")))?;
        scene.hold(thread);
        scene.note("step", "background fsync held");
        Ok(())
    }
}

/// The thread that a server names `bio_aof` (6.2: `bio_aof_fsync`).
fn fsync_thread(pid: u32) -> Option<Pid> {
    std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten().find_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).ok()?;
        let thread = task.file_name().to_str()?.parse().ok()?;
        name.starts_with("bio_aof").then(|| Pid::from_raw(thread))
    })
}

//! `crash segfault|abort|debug`: the server ends by its own crash handler.
//!
//! The handler writes a report and tests memory before the end: it runs code that a SIGKILL never runs.

use async_trait::async_trait;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::scene::EXIT_LIMIT;
use super::{Scene, Step, Trouble, Verb, choice};
use crate::contract::Death;
use crate::engine::{Exit, Signal};

pub(super) const VERB: Verb = Verb {
    word: "crash",
    usage: "crash segfault|abort|debug",
    about: "SIGSEGV or SIGABRT by signal, or DEBUG SEGFAULT; the server's own crash handler runs.",
    parse: |args| {
        let how = match choice(args, &["segfault", "abort", "debug"], false)? {
            "segfault" => How::Signal(Signal::Segfault),
            "abort" => How::Signal(Signal::Abort),
            _ => How::Debug,
        };
        Ok(Box::new(Crash { how }))
    },
};

#[derive(Clone, Copy)]
enum How {
    Signal(Signal),
    Debug,
}

struct Crash {
    how: How,
}

#[async_trait(?Send)]
impl Step for Crash {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        // A core file would land among the data.
        if let Some(pid) = scene.instance.pid().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            let none = Rlimit { current: Some(0), maximum: Some(0) };
            let _ = prlimit(Some(pid), Resource::Core, none);
        }
        match self.how {
            How::Signal(signal) => by_signal(scene, signal).await?,
            How::Debug => by_command(scene).await?,
        }
        let exit = scene.instance.exited(EXIT_LIMIT).await?;
        match exit {
            Some(exit) if crashed(exit) => scene.died(Some(exit)).await,
            Some(exit) => Err(Trouble::Lab(format!("the server ended ({exit:?}), but not by a crash"))),
            None => Err(Trouble::Lab(format!("the server was still alive {EXIT_LIMIT:?} after its crash"))),
        }
    }
}

async fn by_signal(scene: &mut Scene, signal: Signal) -> Result<(), Trouble> {
    if scene.engine.name() != "process" {
        return Err(Trouble::Unsupported {
            reason: "the first process of a container outlives a signal that it raises at itself".into(),
            remedy: "use `crash debug`, or run it with OUTLAST_ENGINE=process".into(),
        });
    }
    scene.strike(if signal == Signal::Abort { "crash abort" } else { "crash segfault" }, Death::Kill).await?;
    Ok(scene.instance.signal(signal).await?)
}

async fn by_command(scene: &mut Scene) -> Result<(), Trouble> {
    if scene.config.get("enable-debug-command").is_some_and(|value| value == "no") {
        return Err(Trouble::Unsupported {
            reason: "the server forbids DEBUG".into(),
            remedy: "give the fault `set = { enable-debug-command = \"yes\" }`".into(),
        });
    }
    scene.strike("crash debug", Death::Kill).await?;
    // The answer to this command is a closed connection.
    let _ = scene.control()?.ask::<redis::Value>(&["DEBUG", "SEGFAULT"]).await;
    Ok(())
}

/// By the signal that a crash handler raises again, or by the exit code that stands for it.
fn crashed(exit: Exit) -> bool {
    const SIGABRT: i32 = 6;
    const SIGSEGV: i32 = 11;
    matches!(exit.signal, Some(SIGABRT | SIGSEGV)) || exit.code == Some(1)
}

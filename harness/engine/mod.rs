//! What runs a server: a local process or a container, behind one handle.
//!
//! An [`Engine`] makes an [`Instance`] of a [`Blueprint`]. What an engine cannot do it says as
//! [`EngineError::Unsupported`], with a remedy; everything else that goes wrong is the lab's trouble.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::matrix::{Directive, Launch, StorageKind};
use crate::server::Build;

pub mod docker;
mod port;
pub mod process;
pub mod tls;

/// Something that can run servers.
#[async_trait(?Send)]
pub trait Engine: Send + Sync {
    /// `process` or `docker`.
    fn name(&self) -> &'static str;

    /// Prepares one server; nothing runs yet.
    async fn create(&self, blueprint: Blueprint) -> Result<Box<dyn Instance>, EngineError>;
}

/// What an engine needs to know to run one server.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// Identifies the trial in names and labels; unique within the run, `[a-z0-9-]`.
    pub id: String,
    /// An empty folder of the host that belongs to this trial; the engine may fill it
    /// but leaves its removal to the caller.
    pub folder: PathBuf,
    /// The server.
    pub build: Arc<Build>,
    /// redis.conf lines of base files, policy and fault, in order. The engine adds where things
    /// are: `dir`, `unixsocket`, `port`, `logfile`.
    pub directives: Vec<Directive>,
    /// What holds the data directory.
    pub storage: StorageKind,
    /// How the server is launched.
    pub launch: Launch,
    /// Memory limit in bytes.
    pub memory: Option<u64>,
    /// Listen on TCP beside the unix socket (a replica needs it).
    pub tcp: bool,
    /// Listen with TLS beside the unix socket.
    pub tls: bool,
}

/// One server under test. Every method has a limit of its own: none waits for ever.
#[async_trait(?Send)]
pub trait Instance {
    /// Launches the server and returns at once; readiness is the caller's question.
    async fn start(&mut self) -> Result<(), EngineError>;

    /// Sends a signal to the first process of the server's place (PID 1 of a container, the
    /// shell under [`Launch::Shell`]). [`Signal::Kill`] reaches every process of the place.
    async fn signal(&mut self, signal: Signal) -> Result<(), EngineError>;

    /// The engine's own stop, as by `docker stop --time`: SIGTERM, wait up to `grace`, SIGKILL.
    async fn stop(&mut self, grace: Duration) -> Result<Exit, EngineError>;

    /// Waits up to `limit` for the end; `None` when the server still lives.
    async fn exited(&mut self, limit: Duration) -> Result<Option<Exit>, EngineError>;

    /// The engine's own restart, as by `docker restart --time`.
    async fn restart(&mut self, grace: Duration) -> Result<Exit, EngineError>;

    /// Removes the place of a dead server and makes a new one, with or without its volume.
    async fn recreate(&mut self, volume: Volume) -> Result<(), EngineError>;

    /// Rewrites the config file for the next start. A file that the server rewrote itself
    /// (`CONFIG REWRITE`) is replaced.
    async fn configure(&mut self, directives: &[Directive]) -> Result<(), EngineError>;

    /// Where a client connects.
    fn address(&self) -> Address;

    /// Port of the TCP listener on the host or in the place's own network, where
    /// [`Blueprint::tcp`] asked for one.
    fn tcp_port(&self) -> Option<u16> {
        None
    }

    /// Where a client connects with TLS, where [`Blueprint::tls`] asked for it.
    fn secure_address(&self) -> Option<Address> {
        None
    }

    /// Process id on this host, where the engine can tell.
    fn pid(&self) -> Option<u32>;

    /// Every file below the data directory.
    async fn files(&mut self) -> Result<Vec<DataFile>, EngineError>;

    /// Reads a file below the data directory.
    async fn read_file(&mut self, path: &str) -> Result<Vec<u8>, EngineError>;

    /// Writes a file below the data directory; the server must be dead.
    async fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), EngineError>;

    /// Removes a file below the data directory; the server must be dead.
    async fn remove_file(&mut self, path: &str) -> Result<(), EngineError> {
        Err(EngineError::Unsupported {
            reason: format!("this engine cannot remove {path}"),
            remedy: "run it with OUTLAST_ENGINE=process".into(),
        })
    }

    /// Puts another server in the dead one's place: its data stays.
    async fn replace_build(&mut self, build: Arc<Build>) -> Result<(), EngineError> {
        Err(EngineError::Unsupported {
            reason: format!("this engine cannot switch to {} {}", build.product, build.version),
            remedy: "run it with OUTLAST_ENGINE=process".into(),
        })
    }

    /// Runs the server's own check tool (`redis-check-aof`, `redis-check-rdb`) on a file below the data directory, with
    /// `yes` to every question; what it printed, and whether it ended well.
    async fn check_tool(&mut self, tool: &str, _arguments: &[&str]) -> Result<(bool, String), EngineError> {
        Err(EngineError::Unsupported {
            reason: format!("this engine cannot run redis-{tool}"),
            remedy: "run it with OUTLAST_ENGINE=process".into(),
        })
    }

    /// The data directory, where it is a folder of this host.
    fn data_folder(&self) -> Option<PathBuf> {
        None
    }

    /// Kills every process of the place at once and from any thread; `None` where only the engine can.
    fn killer(&self) -> Option<Killer> {
        None
    }

    /// Puts the place under a supervisor that starts a server again which has ended by itself.
    async fn supervise(&mut self, _restart: Restart) -> Result<(), EngineError> {
        Err(EngineError::Unsupported {
            reason: "this engine has no supervisor".into(),
            remedy: "run it with OUTLAST_ENGINE=process or docker".into(),
        })
    }

    /// Returns as soon as the supervisor has started the server again.
    async fn revived(&mut self) -> Result<(), EngineError> {
        self.start().await
    }

    /// The last lines of the server's log.
    async fn log_tail(&mut self, lines: usize) -> Vec<String>;

    /// Kills what still lives and removes everything the engine made.
    async fn remove(&mut self) -> Result<(), EngineError>;
}

/// A signal by its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Term,
    /// SIGKILL.
    Kill,
    /// SIGSTOP, or the engine's freezer.
    Pause,
    /// SIGCONT, or the engine's thaw.
    Resume,
    /// SIGABRT.
    Abort,
    /// SIGSEGV.
    Segfault,
}

/// Kills every process of a place, without waiting for anything.
pub type Killer = Box<dyn Fn() + Send>;

/// When a supervisor starts a server again that has ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Whatever the end was like.
    Always,
    /// Unless it ended with exit code 0.
    OnFailure,
}

impl Restart {
    /// Whether a server that ended like this is started again.
    pub fn wants(self, exit: Exit) -> bool {
        self == Self::Always || exit.code != Some(0)
    }
}

/// What happens to the volume when a place is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volume {
    /// The new place gets the old volume.
    Keep,
    /// The new place starts empty, where the storage goes with its container.
    Drop,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exit {
    /// Exit code, where it exited.
    pub code: Option<i32>,
    /// Signal, where it was killed.
    pub signal: Option<i32>,
    /// Killed by the kernel for want of memory.
    pub oom: bool,
    /// The grace ran out and SIGKILL ended it.
    pub forced: bool,
}

/// Where a client connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// Path of a unix socket.
    Unix(PathBuf),
    /// Host and port.
    Tcp(String, u16),
    /// Host and port behind TLS.
    Tls {
        /// Host, as the certificate has it.
        host: String,
        /// Port.
        port: u16,
        /// The certificate that the server must have (DER).
        certificate: Vec<u8>,
    },
}

/// A file below the data directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataFile {
    /// Path below the data directory, with `/`.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// What an engine could not do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine has no way to do this: the trial is unsupported.
    #[error("{reason}; {remedy}")]
    Unsupported {
        /// What is missing.
        reason: String,
        /// What the user can do.
        remedy: String,
    },
    /// The engine failed: the trial is errored.
    #[error("failed to {action}: {cause}")]
    Failed {
        /// What was tried.
        action: String,
        /// What came back.
        cause: String,
    },
}

impl EngineError {
    /// A failure of the lab, as "failed to {action}: {cause}".
    pub fn failed(action: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::Failed { action: action.into(), cause: cause.to_string() }
    }
}

/// redis.conf text of directives. An empty value is written as `""`; one with blanks is written as it
/// stands, because `save 900 1` is three words.
pub fn conf_text(directives: &[Directive]) -> String {
    directives.iter().fold(String::new(), |mut text, Directive { name, value }| {
        let value = if value.is_empty() { "\"\"" } else { value };
        text.push_str(&format!("{name} {value}\n"));
        text
    })
}

/// The last lines of a log; at most its last 64 KiB are read.
fn tail(file: &mut (impl Read + Seek), lines: usize) -> io::Result<Vec<String>> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(64 * 1024)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    Ok(all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect())
}

//! Servers as local processes: the embedded default, where no container engine is needed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Pid, Resource, Rlimit, Signal as Sig, kill_process, kill_process_group, prlimit};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::tls::Secure;
use super::{
    Address, Blueprint, DataFile, Engine, EngineError, Exit, Instance, Killer, Restart, Signal, Volume,
    conf_text, port, tail,
};
use crate::matrix::{Directive, Launch, StorageKind};
use crate::server::Build;

/// SIGKILL takes effect at once; a process that outlives it this long hangs in the kernel.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// Longest run of a check tool.
const TOOL_LIMIT: Duration = Duration::from_secs(60);

/// Runs servers as child processes of this one.
#[derive(Debug, Default)]
pub struct Process;

#[async_trait(?Send)]
impl Engine for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    async fn create(&self, blueprint: Blueprint) -> Result<Box<dyn Instance>, EngineError> {
        if blueprint.storage != StorageKind::Bind {
            return Err(unsupported("this storage needs containers"));
        }
        if blueprint.memory.is_some() && blueprint.launch == Launch::Shell {
            return Err(unsupported("a memory limit behind a shell needs containers"));
        }
        let Some(binary) = blueprint.build.binary.clone() else {
            return Err(unsupported("the server is an image only"));
        };
        let port = blueprint.tcp.then(port::free).transpose()?;
        let secure = match blueprint.tls {
            true => Some(Secure::prepare(&blueprint.folder, port::free()?)?),
            false => None,
        };
        let place = Place { binary, port, secure, child: None, last: None, blueprint };
        make_folder(&place.data())?;
        place.write_conf(&place.blueprint.directives)?;
        Ok(Box::new(place))
    }
}

fn unsupported(reason: &str) -> EngineError {
    EngineError::Unsupported { reason: reason.into(), remedy: "run it with OUTLAST_ENGINE=docker".into() }
}

fn make_folder(path: &Path) -> Result<(), EngineError> {
    fs::create_dir_all(path).map_err(|error| EngineError::failed(format!("create {}", path.display()), error))
}

struct Place {
    blueprint: Blueprint,
    binary: PathBuf,
    port: Option<u16>,
    secure: Option<Secure>,
    child: Option<Child>,
    last: Option<Exit>,
}

impl Place {
    fn data(&self) -> PathBuf {
        self.blueprint.folder.join("data")
    }

    fn conf(&self) -> PathBuf {
        self.blueprint.folder.join("redis.conf")
    }

    fn socket(&self) -> PathBuf {
        self.blueprint.folder.join("s")
    }

    fn log(&self) -> PathBuf {
        self.blueprint.folder.join("log")
    }

    /// Where things are, below the directives that are under test.
    fn placement(&self) -> Vec<Directive> {
        let line = |name: &str, value: String| Directive { name: name.into(), value };
        let mut lines = vec![
            line("dir", self.data().display().to_string()),
            line("unixsocket", self.socket().display().to_string()),
            line("port", self.port.unwrap_or(0).to_string()),
            line("daemonize", "no".into()),
        ];
        lines.extend(
            self.secure.iter().flat_map(|secure| secure.lines(&self.blueprint.folder.display().to_string())),
        );
        if self.port.is_some() || self.secure.is_some() {
            lines.push(line("bind", "127.0.0.1".into()));
        }
        lines
    }

    fn write_conf(&self, directives: &[Directive]) -> Result<(), EngineError> {
        let lines: Vec<_> = directives.iter().cloned().chain(self.placement()).collect();
        fs::write(self.conf(), conf_text(&lines))
            .map_err(|error| EngineError::failed(format!("write {}", self.conf().display()), error))
    }

    fn command(&self) -> io::Result<Command> {
        let binary = self.binary.display().to_string();
        let mut words = vec![binary];
        match self.blueprint.launch {
            Launch::Direct | Launch::Shell => words.push(self.conf().display().to_string()),
            Launch::WithoutConfig => {
                for Directive { name, value } in self.placement() {
                    words.extend([format!("--{name}"), value]);
                }
            }
        }
        let mut command = if self.blueprint.launch == Launch::Shell {
            // As PID 1 of a container a shell has no default action for SIGTERM; here it has to be told.
            let mut command = Command::new("sh");
            command.args(["-c", "trap '' TERM; \"$@\"; exit $?", "sh"]).args(&words);
            command
        } else {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            command
        };
        self.add_libraries(&mut command)?;
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        command
            // The janitor finds what a killed run leaves behind by this folder.
            .current_dir(&self.blueprint.folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        Ok(command)
    }

    fn add_libraries(&self, command: &mut Command) -> io::Result<()> {
        if !self.blueprint.build.libraries.is_empty() {
            let paths = std::env::join_paths(&self.blueprint.build.libraries).map_err(io::Error::other)?;
            command.env("LD_LIBRARY_PATH", paths);
        }
        Ok(())
    }

    fn leader(&self) -> Result<Pid, EngineError> {
        self.pid()
            .and_then(|pid| Pid::from_raw(pid as i32))
            .ok_or_else(|| EngineError::failed("signal the server", "it does not run"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.data().join(path)
    }

    /// Limits what the server may allocate, stacks included: beyond it `malloc` fails, and the server sees to its own
    /// end. Address space would count what is reserved and never used.
    fn limit_memory(&self, bytes: u64) -> Result<(), EngineError> {
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        prlimit(Some(self.leader()?), Resource::Data, limit)
            .map(drop)
            .map_err(|error| EngineError::failed("limit the server's memory", error))
    }
}

#[async_trait(?Send)]
impl Instance for Place {
    async fn start(&mut self) -> Result<(), EngineError> {
        let failed = |error| EngineError::failed(format!("start {}", self.binary.display()), error);
        // A data directory that a fault took away is made again, as an operator would.
        make_folder(&self.data())?;
        let child = self.command().and_then(|mut command| command.spawn()).map_err(failed)?;
        self.child = Some(child);
        self.last = None;
        self.blueprint.memory.map_or(Ok(()), |bytes| self.limit_memory(bytes))
    }

    async fn signal(&mut self, signal: Signal) -> Result<(), EngineError> {
        let leader = self.leader()?;
        let sent = match signal {
            Signal::Term => kill_process(leader, Sig::TERM),
            Signal::Kill => kill_process_group(leader, Sig::KILL),
            Signal::Pause => kill_process_group(leader, Sig::STOP),
            Signal::Resume => kill_process_group(leader, Sig::CONT),
            Signal::Abort => kill_process(leader, Sig::ABORT),
            Signal::Segfault => kill_process(leader, Sig::SEGV),
        };
        match sent {
            // It died by itself in the meantime, which is what a caller of kill wants to see.
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(EngineError::failed(format!("send {signal:?} to the server"), error)),
        }
    }

    async fn stop(&mut self, grace: Duration) -> Result<Exit, EngineError> {
        self.signal(Signal::Term).await?;
        if let Some(exit) = self.exited(grace).await? {
            return Ok(exit);
        }
        self.signal(Signal::Kill).await?;
        match self.exited(KILL_LIMIT).await? {
            Some(exit) => Ok(Exit { forced: true, ..exit }),
            None => Err(EngineError::failed("kill the server", "it outlives SIGKILL")),
        }
    }

    async fn exited(&mut self, limit: Duration) -> Result<Option<Exit>, EngineError> {
        let Some(child) = &mut self.child else { return Ok(self.last) };
        let status = if limit.is_zero() {
            child.try_wait().map_err(|error| EngineError::failed("wait for the server", error))?
        } else {
            match timeout(limit, child.wait()).await {
                Err(_) => None,
                Ok(status) => {
                    Some(status.map_err(|error| EngineError::failed("wait for the server", error))?)
                }
            }
        };
        let Some(status) = status else { return Ok(None) };
        self.child = None;
        self.last = Some(exit_of(status));
        Ok(self.last)
    }

    async fn restart(&mut self, grace: Duration) -> Result<Exit, EngineError> {
        let exit = self.stop(grace).await?;
        self.start().await?;
        Ok(exit)
    }

    async fn recreate(&mut self, volume: Volume) -> Result<(), EngineError> {
        if volume == Volume::Drop {
            fs::remove_dir_all(self.data())
                .map_err(|error| EngineError::failed("remove the data folder", error))?;
            make_folder(&self.data())?;
        }
        Ok(())
    }

    async fn configure(&mut self, directives: &[Directive]) -> Result<(), EngineError> {
        self.write_conf(directives)
    }

    fn address(&self) -> Address {
        Address::Unix(self.socket())
    }

    fn tcp_port(&self) -> Option<u16> {
        self.port
    }

    fn secure_address(&self) -> Option<Address> {
        self.secure.as_ref().map(Secure::address)
    }

    fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    async fn files(&mut self) -> Result<Vec<DataFile>, EngineError> {
        let mut files = Vec::new();
        walk(&self.data(), &self.data(), &mut files)
            .map_err(|error| EngineError::failed("list the data folder", error))?;
        files.sort();
        Ok(files)
    }

    async fn read_file(&mut self, path: &str) -> Result<Vec<u8>, EngineError> {
        fs::read(self.path(path)).map_err(|error| EngineError::failed(format!("read {path}"), error))
    }

    async fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), EngineError> {
        fs::write(self.path(path), bytes).map_err(|error| EngineError::failed(format!("write {path}"), error))
    }

    async fn remove_file(&mut self, path: &str) -> Result<(), EngineError> {
        fs::remove_file(self.path(path)).map_err(|error| EngineError::failed(format!("remove {path}"), error))
    }

    async fn replace_build(&mut self, build: Arc<Build>) -> Result<(), EngineError> {
        let Some(binary) = build.binary.clone() else {
            return Err(unsupported("the server is an image only"));
        };
        (self.binary, self.blueprint.build) = (binary, build);
        Ok(())
    }

    async fn check_tool(&mut self, tool: &str, arguments: &[&str]) -> Result<(bool, String), EngineError> {
        // One program under several names decides by its own name what it is.
        let name = format!("{}-{tool}", self.blueprint.build.product);
        let failed = |error: io::Error| EngineError::failed(format!("run {name}"), error);
        let mut command = Command::new(&self.binary);
        self.add_libraries(&mut command).map_err(failed)?;
        command.arg0(&name).args(arguments).current_dir(self.data()).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(b"y\ny\ny\n").await;
        }
        let output = timeout(TOOL_LIMIT, child.wait_with_output())
            .await
            .map_err(|_| {
                EngineError::failed(format!("run {name}"), format!("not over after {TOOL_LIMIT:?}"))
            })?
            .map_err(failed)?;
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        Ok((output.status.success(), text.into_owned()))
    }

    fn data_folder(&self) -> Option<PathBuf> {
        Some(self.data())
    }

    fn killer(&self) -> Option<Killer> {
        let leader = self.leader().ok()?;
        Some(Box::new(move || {
            let _ = kill_process_group(leader, Sig::KILL);
        }))
    }

    /// The lab itself is the supervisor: it starts the server as soon as its end is seen.
    async fn supervise(&mut self, _restart: Restart) -> Result<(), EngineError> {
        Ok(())
    }

    async fn log_tail(&mut self, lines: usize) -> Vec<String> {
        File::open(self.log()).and_then(|mut file| tail(&mut file, lines)).unwrap_or_default()
    }

    async fn remove(&mut self) -> Result<(), EngineError> {
        if self.child.is_some() {
            self.signal(Signal::Kill).await?;
            self.exited(KILL_LIMIT).await?;
        }
        Ok(())
    }
}

impl Drop for Place {
    /// Reaches the server behind a shell too, which `kill_on_drop` would not.
    fn drop(&mut self) {
        if let Ok(leader) = self.leader() {
            let _ = kill_process_group(leader, Sig::KILL);
        }
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    Exit { code: status.code(), signal: status.signal(), oom: false, forced: false }
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<DataFile>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        // A server renames and removes while it lives, and a fault may take the folder away.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            walk(root, &entry.path(), files)?;
        } else {
            let path = entry.path();
            let path = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            files.push(DataFile { path, bytes: metadata.len() });
        }
    }
    Ok(())
}

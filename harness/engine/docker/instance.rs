//! One server in one container.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bollard::errors::Error;
use bollard::models::{ContainerState, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, EventsOptionsBuilder, KillContainerOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder, RestartContainerOptionsBuilder,
    StopContainerOptionsBuilder, WaitContainerOptionsBuilder,
};
use futures_util::StreamExt;
use rustix::process::{Pid, PidfdFlags, Signal as Posix, pidfd_open, pidfd_send_signal};

use super::archive;
use super::image::Image;
use super::link::{ACT, ASK, Link, describe, gone, limited, status};
use super::place::{BOUND_DATA, CONFIG, HOME, LOG, Place, SOCKET};
use crate::engine::{Address, Blueprint, DataFile, EngineError, Exit, Instance, Signal, Volume};
use crate::matrix::{Directive, StorageKind};

/// How long after a death the engine may still say that the container runs.
const SETTLE: Duration = Duration::from_secs(10);
/// How long after a restart the word of the death before it may still be on its way.
const SEEN: Duration = Duration::from_secs(1);
/// Most bytes of the log that are read for its tail.
const LOG_TAIL_BYTES: u64 = 64 * 1024;
/// Longest path that `sockaddr_un` holds, with its final NUL.
const SOCKET_PATH_BYTES: usize = 108;

/// A container that one server lives in.
pub(super) struct Container {
    link: Link,
    client: bollard::Docker,
    image: Image,
    blueprint: Blueprint,
    place: Place,
    folder: PathBuf,
    /// Holds the folder open where the path of the socket is too long for its name.
    folder_handle: Option<OwnedFd>,
    id: String,
    started: bool,
    paused: bool,
    process: Option<Process>,
    published_port: Option<u16>,
}

/// The first process of a container, where it is a process of this host.
struct Process {
    pid: Pid,
    handle: OwnedFd,
}

impl Process {
    /// Takes hold of a process after making sure that it belongs to the container: the number may have
    /// passed on, or mean another process where the engine lives elsewhere.
    fn hold(pid: i64, container: &str) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", pid.as_raw_nonzero())).ok()?;
        groups.contains(container).then_some(Self { pid, handle })
    }
}

impl Container {
    pub(super) async fn create(
        link: Link,
        run: &str,
        image: Image,
        blueprint: Blueprint,
    ) -> Result<Self, EngineError> {
        let folder = std::path::absolute(&blueprint.folder)
            .map_err(|error| EngineError::failed(format!("find {}", blueprint.folder.display()), error))?;
        let port = (blueprint.tcp && link.facts.local).then(free_port).transpose()?;
        let user = format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let place = Place::choose(&link.facts, run, &blueprint, port, user)?;
        let mut container = Self {
            client: link.client()?,
            folder_handle: link.facts.local.then(|| hold_if_long(&folder)).transpose()?.flatten(),
            link,
            image,
            blueprint,
            place,
            folder,
            id: String::new(),
            started: false,
            paused: false,
            process: None,
            published_port: None,
        };
        container.make_volume().await?;
        container.make().await?;
        Ok(container)
    }

    async fn make_volume(&self) -> Result<(), EngineError> {
        if let Some(name) = self.place.volume() {
            let request = VolumeCreateRequest {
                name: Some(name.into()),
                labels: Some(self.place.labels()),
                ..VolumeCreateRequest::default()
            };
            limited(&format!("create volume {name}"), ASK, self.client.create_volume(request)).await?;
        }
        if self.place.storage == StorageKind::Bind {
            make_folder(&self.folder.join(BOUND_DATA))?;
        }
        Ok(())
    }

    async fn drop_volume(&self) -> Result<(), EngineError> {
        if let Some(name) = self.place.volume() {
            let options = RemoveVolumeOptionsBuilder::default().force(true).build();
            let remove = self.client.remove_volume(name, Some(options));
            gone(&format!("remove volume {name}"), remove).await?;
        }
        Ok(())
    }

    /// Creates the container with its config file.
    async fn make(&mut self) -> Result<(), EngineError> {
        if self.link.facts.local {
            self.write_config_here()?;
        }
        let action = format!("create container {}", self.place.name);
        let create = || {
            let options = CreateContainerOptionsBuilder::default().name(&self.place.name).build();
            let body = self.place.body(&self.image, &self.blueprint, &self.folder);
            self.client.create_container(Some(options), body)
        };
        let _turn = self.link.turn().await;
        let created = match tokio::time::timeout(ACT, create()).await {
            // An attempt before this one was killed and left its container behind.
            Ok(Err(error)) if status(&error) == Some(409) => {
                let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
                gone(&action, self.client.remove_container(&self.place.name, Some(options))).await?;
                limited(&action, ACT, create()).await?
            }
            Ok(result) => result.map_err(|error| EngineError::failed(&action, describe(&error)))?,
            Err(_) => {
                return Err(EngineError::failed(action, format!("no answer from the engine within {ACT:?}")));
            }
        };
        self.id = created.id;
        self.started = false;
        self.paused = false;
        if !self.link.facts.local {
            self.write_config_there().await?;
        }
        Ok(())
    }

    fn write_config_here(&self) -> Result<(), EngineError> {
        let path = self.folder.join(CONFIG);
        make_folder(path.parent().unwrap_or(&self.folder))?;
        // A file of another owner, left by CONFIG REWRITE, can be replaced but not written to.
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, self.place.config(&self.blueprint))
            .and_then(|()| std::fs::rename(&fresh, &path))
            .map_err(|error| EngineError::failed(format!("write {}", path.display()), error))
    }

    async fn write_config_there(&self) -> Result<(), EngineError> {
        let path = format!("{}/{CONFIG}", &HOME[1..]);
        let config = self.place.config(&self.blueprint);
        archive::upload(&self.client, &self.id, "/", &path, config.as_bytes()).await
    }

    /// Folder of this host that is the data directory, where there is one.
    fn data_here(&self) -> Option<PathBuf> {
        (self.place.storage == StorageKind::Bind).then(|| self.folder.join(BOUND_DATA))
    }

    async fn inspect(&self) -> Result<(ContainerState, Option<u16>), EngineError> {
        let action = format!("look at container {}", self.place.name);
        let answer = limited(&action, ASK, self.client.inspect_container(&self.id, None)).await?;
        let ports = answer.network_settings.and_then(|network| network.ports);
        let bindings = ports.into_iter().flatten().filter_map(|(_, bindings)| bindings).flatten();
        let port = bindings.filter_map(|binding| binding.host_port?.parse().ok()).next();
        Ok((answer.state.unwrap_or_default(), port))
    }

    /// Learns what is new after every start: the process, and the port that the engine published.
    async fn look(&mut self) -> Result<(), EngineError> {
        let (state, port) = self.inspect().await?;
        self.published_port = port;
        self.process = match (self.link.facts.local, state.pid) {
            (true, Some(pid)) if pid > 0 => Process::hold(pid, &self.id),
            _ => None,
        };
        Ok(())
    }

    /// How the server ended; `None` when it has not.
    async fn ended(&mut self) -> Result<Option<Exit>, EngineError> {
        let (mut state, _) = self.inspect().await?;
        if state.running == Some(true) {
            return Ok(None);
        }
        let mut exit = exit_of(&state);
        // The kernel's word of an OOM kill comes to the engine by another way than the death itself.
        let until = Instant::now() + Duration::from_secs(1);
        while self.blueprint.memory.is_some() && exit.signal == Some(9) && !exit.oom && Instant::now() < until
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
            (state, _) = self.inspect().await?;
            exit = exit_of(&state);
        }
        self.process = None;
        self.started = false;
        self.paused = false;
        Ok(Some(exit))
    }

    /// Sends a signal: straight to the process where that is allowed, which spares the engine a
    /// helper process per signal, else through the engine.
    async fn send(&mut self, posix: Posix, name: &str) -> Result<(), EngineError> {
        let straight = match &self.process {
            // A frozen process dies when it is thawed: the engine knows how.
            Some(process) if !self.paused => pidfd_send_signal(&process.handle, posix),
            _ => Err(rustix::io::Errno::PERM),
        };
        if matches!(straight, Ok(()) | Err(rustix::io::Errno::SRCH)) {
            return Ok(());
        }
        let _turn = self.link.turn().await;
        let options = KillContainerOptionsBuilder::default().signal(name).build();
        let call = async {
            match self.client.kill_container(&self.id, Some(options)).await {
                // It died by itself in the meantime.
                Err(error) if status(&error) == Some(409) => Ok(()),
                other => other,
            }
        };
        limited(&format!("send {name} to container {}", self.place.name), ACT, call).await?;
        self.paused = false;
        Ok(())
    }

    async fn take_away(&mut self) -> Result<(), EngineError> {
        if self.started {
            self.send(Posix::KILL, "SIGKILL").await?;
        }
        let _turn = self.link.turn().await;
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let remove = self.client.remove_container(&self.id, Some(options));
        gone(&format!("remove container {}", self.place.name), remove).await?;
        self.process = None;
        self.started = false;
        Ok(())
    }

    /// A method that the engine may lack: rootless engines cannot always freeze.
    fn lacking(&self, error: EngineError) -> EngineError {
        match error {
            EngineError::Failed { action, cause } if self.link.facts.rootless => EngineError::Unsupported {
                reason: format!("a rootless engine failed to {action}: {cause}"),
                remedy: "use cgroup v2 with delegation, or an engine that runs as root".into(),
            },
            error => error,
        }
    }

    /// Stop by hand, for graces that the engine cannot count: it knows whole seconds.
    async fn stop_by_hand(&mut self, grace: Duration) -> Result<Exit, EngineError> {
        self.send(Posix::TERM, "SIGTERM").await?;
        if let Some(exit) = self.exited(grace).await? {
            return Ok(exit);
        }
        self.send(Posix::KILL, "SIGKILL").await?;
        let exit = self.exited(SETTLE).await?.ok_or_else(|| self.immortal())?;
        Ok(Exit { forced: true, ..exit })
    }

    /// Restarts by the engine; how the life before ended, and how long it all took. Afterwards the engine
    /// no longer knows that end (a pending wait may even be answered with the new life's 0), so the
    /// event of the death is listened for.
    async fn restart_and_see(&self, grace: Duration, seconds: i32) -> Result<(Exit, Duration), EngineError> {
        let action = format!("restart container {}", self.place.name);
        let filters =
            HashMap::from([("container", vec![self.id.clone()]), ("event", vec!["die".to_owned()])]);
        let mut deaths = std::pin::pin!(
            self.client.events(Some(EventsOptionsBuilder::default().filters(&filters).build()))
        );
        let restart = async {
            // The look gives the listener its head start.
            self.inspect().await?;
            let begun = Instant::now();
            let options = RestartContainerOptionsBuilder::default().t(seconds).build();
            let call = self.client.restart_container(&self.id, Some(options));
            limited(&action, grace + ACT, call).await.map(|()| begun.elapsed())
        };
        let mut restart = std::pin::pin!(restart);
        let (death, waited) = tokio::select! {
            death = deaths.next() => (death, restart.await?),
            waited = &mut restart => {
                let waited = waited?;
                (tokio::time::timeout(SEEN, deaths.next()).await.unwrap_or_default(), waited)
            }
        };
        let attributes =
            death.and_then(Result::ok).and_then(|event| event.actor?.attributes).unwrap_or_default();
        let code = attributes.get("exitCode").and_then(|code| code.parse().ok());
        Ok((code.map(|code| exit_of_code(code, false)).unwrap_or_default(), waited))
    }

    fn immortal(&self) -> EngineError {
        let action = format!("see the end of container {}", self.place.name);
        EngineError::failed(action, format!("it still runs {SETTLE:?} after SIGKILL"))
    }
}

#[async_trait(?Send)]
impl Instance for Container {
    async fn start(&mut self) -> Result<(), EngineError> {
        let action = format!("start container {}", self.place.name);
        // A start before the engine has noticed the death is answered "it runs already".
        if self.started && self.exited(SETTLE).await?.is_none() {
            return Err(EngineError::failed(action, "the server still lives"));
        }
        if self.link.facts.local {
            match std::fs::remove_file(self.folder.join(SOCKET)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(EngineError::failed("remove the last life's socket", error));
                }
                _ => {}
            }
        }
        {
            let _turn = self.link.turn().await;
            let start = limited(&action, ACT, self.client.start_container(&self.id, None)).await;
            start
                .map_err(|error| if self.blueprint.memory.is_some() { self.lacking(error) } else { error })?;
        }
        self.started = true;
        self.look().await
    }

    async fn signal(&mut self, signal: Signal) -> Result<(), EngineError> {
        let action = |verb: &str| format!("{verb} container {}", self.place.name);
        match signal {
            Signal::Term => self.send(Posix::TERM, "SIGTERM").await,
            Signal::Kill => self.send(Posix::KILL, "SIGKILL").await,
            Signal::Pause => {
                let pause = limited(&action("pause"), ACT, self.client.pause_container(&self.id)).await;
                pause.map_err(|error| self.lacking(error))?;
                self.paused = true;
                Ok(())
            }
            Signal::Resume => {
                limited(&action("unpause"), ACT, self.client.unpause_container(&self.id)).await?;
                self.paused = false;
                Ok(())
            }
        }
    }

    async fn stop(&mut self, grace: Duration) -> Result<Exit, EngineError> {
        let Some(seconds) = whole_seconds(grace) else { return self.stop_by_hand(grace).await };
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        let begun = Instant::now();
        let stop = self.client.stop_container(&self.id, Some(options));
        limited(&format!("stop container {}", self.place.name), grace + ACT, stop).await?;
        let waited = begun.elapsed();
        let exit = self.exited(SETTLE).await?.ok_or_else(|| self.immortal())?;
        Ok(Exit { forced: was_forced(exit, waited, grace), ..exit })
    }

    async fn exited(&mut self, limit: Duration) -> Result<Option<Exit>, EngineError> {
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let mut wait = std::pin::pin!(self.client.wait_container(&self.id, Some(options)));
        match tokio::time::timeout(limit, wait.next()).await {
            // An exit code other than 0 is an error to the client, not to us.
            Ok(Some(Err(error))) if !matches!(error, Error::DockerContainerWaitError { .. }) => {
                let action = format!("wait for the end of container {}", self.place.name);
                Err(EngineError::failed(action, describe(&error)))
            }
            _ => self.ended().await,
        }
    }

    async fn restart(&mut self, grace: Duration) -> Result<Exit, EngineError> {
        let Some(seconds) = whole_seconds(grace) else {
            let exit = self.stop_by_hand(grace).await?;
            self.start().await?;
            return Ok(exit);
        };
        let (exit, waited) = self.restart_and_see(grace, seconds).await?;
        self.started = true;
        self.paused = false;
        self.look().await?;
        Ok(Exit { forced: was_forced(exit, waited, grace), ..exit })
    }

    async fn recreate(&mut self, volume: Volume) -> Result<(), EngineError> {
        self.take_away().await?;
        if volume == Volume::Drop {
            self.drop_volume().await?;
            if let Some(folder) = self.data_here() {
                std::fs::remove_dir_all(&folder)
                    .map_err(|error| EngineError::failed(format!("empty {}", folder.display()), error))?;
            }
            self.make_volume().await?;
        }
        self.make().await
    }

    async fn configure(&mut self, directives: &[Directive]) -> Result<(), EngineError> {
        self.blueprint.directives = directives.to_vec();
        if self.link.facts.local { self.write_config_here() } else { self.write_config_there().await }
    }

    fn address(&self) -> Address {
        if !self.link.facts.local {
            // Before the first start there is no port; nobody can connect then.
            return Address::Tcp(self.link.endpoint.host().into(), self.published_port.unwrap_or_default());
        }
        Address::Unix(match &self.folder_handle {
            Some(handle) => PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", handle.as_raw_fd())),
            None => self.folder.join(SOCKET),
        })
    }

    fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.pid.as_raw_nonzero().get().unsigned_abs())
    }

    async fn files(&mut self) -> Result<Vec<DataFile>, EngineError> {
        let mut files = match self.data_here() {
            Some(folder) => list(&folder)
                .map_err(|error| EngineError::failed(format!("list {}", folder.display()), error))?,
            None => {
                let members = archive::download(&self.client, &self.id, self.place.data(), false).await?;
                members.into_iter().map(|member| member.file).collect()
            }
        };
        files.sort();
        Ok(files)
    }

    async fn read_file(&mut self, path: &str) -> Result<Vec<u8>, EngineError> {
        inside(path)?;
        if let Some(folder) = self.data_here() {
            let path = folder.join(path);
            return std::fs::read(&path)
                .map_err(|error| EngineError::failed(format!("read {}", path.display()), error));
        }
        let path = format!("{}/{path}", self.place.data());
        let members = archive::download(&self.client, &self.id, &path, true).await?;
        let file = members.into_iter().next();
        file.map(|member| member.bytes)
            .ok_or_else(|| EngineError::failed(format!("read {path}"), "not a file"))
    }

    async fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), EngineError> {
        inside(path)?;
        if let Some(folder) = self.data_here() {
            let path = folder.join(path);
            make_folder(path.parent().unwrap_or(&folder))?;
            return std::fs::write(&path, bytes)
                .map_err(|error| EngineError::failed(format!("write {}", path.display()), error));
        }
        archive::upload(&self.client, &self.id, self.place.data(), path, bytes).await
    }

    async fn log_tail(&mut self, lines: usize) -> Vec<String> {
        let bytes = if self.link.facts.local {
            read_tail(&self.folder.join(LOG)).unwrap_or_default()
        } else {
            let log = archive::download(&self.client, &self.id, &format!("{HOME}/{LOG}"), true).await;
            log.unwrap_or_default().into_iter().next().map(|member| member.bytes).unwrap_or_default()
        };
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<_> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].iter().map(|&line| line.to_owned()).collect()
    }

    async fn remove(&mut self) -> Result<(), EngineError> {
        self.take_away().await?;
        self.drop_volume().await
    }
}

/// Whole seconds of a grace, where it has no others.
fn whole_seconds(grace: Duration) -> Option<i32> {
    (grace.subsec_nanos() == 0).then(|| i32::try_from(grace.as_secs()).unwrap_or(i32::MAX))
}

fn was_forced(exit: Exit, waited: Duration, grace: Duration) -> bool {
    exit.signal == Some(9) && !exit.oom && waited >= grace
}

fn exit_of(state: &ContainerState) -> Exit {
    exit_of_code(state.exit_code.unwrap_or_default(), state.oom_killed == Some(true))
}

/// Engines report death by signal N as code 128 + N, like shells.
fn exit_of_code(code: i64, oom: bool) -> Exit {
    let code = i32::try_from(code).unwrap_or(-1);
    match code {
        129..=192 => Exit { signal: Some(code - 128), oom, ..Exit::default() },
        _ => Exit { code: Some(code), oom, ..Exit::default() },
    }
}

fn free_port() -> Result<u16, EngineError> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| EngineError::failed("find a free port", error))
}

/// Where the socket's path is too long for a socket's name, an open folder is its short name.
fn hold_if_long(folder: &Path) -> Result<Option<OwnedFd>, EngineError> {
    if folder.join(SOCKET).as_os_str().len() < SOCKET_PATH_BYTES {
        return Ok(None);
    }
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, rustix::fs::Mode::empty())
        .map(Some)
        .map_err(|error| EngineError::failed(format!("open {}", folder.display()), error))
}

fn make_folder(path: &Path) -> Result<(), EngineError> {
    std::fs::create_dir_all(path)
        .map_err(|error| EngineError::failed(format!("make {}", path.display()), error))
}

/// Refuses paths that lead out of the data directory.
fn inside(path: &str) -> Result<(), EngineError> {
    let plain = |part| matches!(part, std::path::Component::Normal(_));
    match Path::new(path).components().all(plain) && !path.is_empty() {
        true => Ok(()),
        false => Err(EngineError::failed(format!("reach {path}"), "it is not below the data directory")),
    }
}

/// Every regular file below a folder of this host.
fn list(folder: &Path) -> std::io::Result<Vec<DataFile>> {
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

fn read_tail(path: &Path) -> std::io::Result<Vec<u8>> {
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
    fn exit_codes_above_128_are_signals() {
        assert_eq!(exit_of_code(137, true), Exit { signal: Some(9), oom: true, ..Exit::default() });
        assert_eq!(exit_of_code(0, false), Exit { code: Some(0), ..Exit::default() });
        assert_eq!(exit_of_code(128, false).code, Some(128));
        assert_eq!(exit_of_code(255, false).code, Some(255));
    }

    #[test]
    fn paths_stay_below_the_data_directory() {
        assert!(inside("appendonlydir/a.aof").is_ok());
        for path in ["", "../conf/redis.conf", "/etc/passwd", "a/../../b"] {
            assert!(inside(path).is_err(), "{path}");
        }
    }

    #[test]
    fn graces_below_a_second_are_not_the_engines() {
        assert_eq!(whole_seconds(Duration::from_secs(10)), Some(10));
        assert_eq!(whole_seconds(Duration::ZERO), Some(0));
        assert_eq!(whole_seconds(Duration::from_millis(1500)), None);
    }
}

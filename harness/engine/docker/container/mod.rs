//! One server in one container.

mod exit;
mod host;
mod instance;
mod supervised;
mod tool;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bollard::models::{ContainerState, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, EventsOptionsBuilder, KillContainerOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder, RestartContainerOptionsBuilder,
};
use futures_util::{StreamExt, TryStreamExt};
use rustix::process::{Signal as Posix, pidfd_send_signal};

use self::exit::{exit_of, exit_of_code};
use self::host::{Process, hold_if_long, make_folder};
use super::Images;
use super::archive;
use super::image::{Image, image_of};
use super::link::{ACT, ASK, Link, describe, gone, is_taken, limited, status};
use super::place::{BOUND_DATA, CONFIG, HOME, Place};
use crate::engine::tls::Secure;
use crate::engine::{Blueprint, EngineError, Exit, Instance, port};
use crate::matrix::StorageKind;

/// How long after a death the engine may still say that the container runs.
const SETTLE: Duration = Duration::from_secs(10);
/// How long after a restart the word of the death before it may still be on its way.
const SEEN: Duration = Duration::from_secs(1);

/// A container that one server lives in.
pub(super) struct Container {
    link: Link,
    client: bollard::Docker,
    images: Images,
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
    supervised: Option<supervised::Supervised>,
}

impl Container {
    pub(super) async fn create(
        link: Link,
        run: &str,
        images: Images,
        blueprint: Blueprint,
    ) -> Result<Self, EngineError> {
        let image = image_of(&images, &blueprint.build)?;
        let folder = std::path::absolute(&blueprint.folder)
            .map_err(|error| EngineError::failed(format!("find {}", blueprint.folder.display()), error))?;
        let port = (blueprint.tcp && link.facts.local).then(port::free).transpose()?;
        let secure = match blueprint.tls && link.facts.local {
            true => Some(Secure::prepare(&folder, port::free()?)?),
            false => None,
        };
        let user = format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let place = Place::choose(&link.facts, run, &blueprint, port, secure, user)?;
        let mut container = Self {
            client: link.client()?,
            folder_handle: link.facts.local.then(|| hold_if_long(&folder)).transpose()?.flatten(),
            link,
            images,
            image,
            blueprint,
            place,
            folder,
            id: String::new(),
            started: false,
            paused: false,
            process: None,
            published_port: None,
            supervised: None,
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
        self.make_from_image().await
    }

    /// Creates the container; a config file on this host stays as it is.
    async fn make_from_image(&mut self) -> Result<(), EngineError> {
        let action = format!("create container {}", self.place.name);
        let create = || {
            let options = CreateContainerOptionsBuilder::default().name(&self.place.name).build();
            let body = self.place.body(&self.image, &self.blueprint, &self.folder);
            self.client.create_container(Some(options), body)
        };
        let _turn = self.link.turn().await;
        let created = match tokio::time::timeout(ACT, create()).await {
            // An attempt before this one was killed and left its container behind.
            Ok(Err(error)) if is_taken(&error) => {
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

    /// Makes sure that the data outlives its container.
    fn outlived_by_data(&self) -> Result<(), EngineError> {
        match self.place.storage {
            StorageKind::Bind | StorageKind::Volume | StorageKind::Disk => Ok(()),
            StorageKind::Anonymous | StorageKind::None => Err(EngineError::Unsupported {
                reason: "the data goes with its container, and no other one can have it".into(),
                remedy: "use the storage `bind` or `volume`".into(),
            }),
        }
    }

    /// Folder of this host that is the data directory, where there is one.
    fn data_here(&self) -> Option<PathBuf> {
        (self.place.storage == StorageKind::Bind).then(|| self.folder.join(BOUND_DATA))
    }

    async fn inspect(&self) -> Result<(ContainerState, Option<u16>), EngineError> {
        let action = format!("look at container {}", self.place.name);
        let look = async {
            loop {
                match self.client.inspect_container(&self.id, None).await {
                    // For a moment Podman calls the dead "stopped", a word that the API does not have.
                    Err(error) if describe(&error).contains("variant `stopped`") => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    answer => return answer,
                }
            }
        };
        let answer = limited(&action, ASK, look).await?;
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
            // Podman cannot remove what dies at that moment.
            self.exited(SETTLE).await?;
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
        let filters = HashMap::from([("container", vec![self.id.clone()])]);
        let events = self.client.events(Some(EventsOptionsBuilder::default().filters(&filters).build()));
        // Podman says "die" but filters by "died": the word is looked for here.
        let deaths = events.try_filter(|event| std::future::ready(event.action.as_deref() == Some("die")));
        let mut deaths = std::pin::pin!(deaths);
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

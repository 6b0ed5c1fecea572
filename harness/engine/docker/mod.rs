//! Servers in containers, by the API of Docker or Podman.
//!
//! A container per trial, as lean as the API allows: no network, a unix socket in a bind mount, no
//! namespaces that the server does not need. On an engine that does not share this host's files (a
//! remote one, a virtual machine, a socket mounted into a container) the same trial runs over a
//! published port, with archives in place of bind mounts and a named volume in place of a folder.
//!
//! Everything made here carries the label [`RUN_LABEL`], by which [`reap`] finds it again.

mod acquire;
mod archive;
mod container;
mod image;
mod link;
mod local;
mod place;
mod reap;
mod rootfs;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bollard::models::{SystemInfo, SystemVersion};

use self::container::Container;
use self::link::{Endpoint, Link};
use super::{Blueprint, Engine, EngineError, Instance};

pub use self::image::{Image, Pull};
pub use self::reap::{Reaped, reap, remove_local_images};

/// Label of containers and volumes: the run that made them.
pub const RUN_LABEL: &str = "outlast.run";
/// Label of containers and volumes: the trial that made them.
pub const TRIAL_LABEL: &str = "outlast.trial";
/// Label of images that were imported from a binary of this host.
pub const LOCAL_IMAGE_LABEL: &str = "outlast.local";
/// Containers that are created, started, killed or removed at once, unless told otherwise.
pub const DEFAULT_STARTS: usize = 4;

/// The Docker engine, or another that speaks its API.
#[derive(Debug)]
pub struct Docker {
    run: String,
    pull: Pull,
    link: Link,
    images: Images,
}

/// Images that were prepared, by the name of their server.
type Images = Arc<Mutex<HashMap<String, Image>>>;

/// What is known of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EngineFacts {
    /// For a person: `Docker 20.10.24, API 1.41, overlay2, cgroup v1, runc`.
    pub description: String,
    /// Whether it shares this host's files and processes: unix sockets, bind mounts and process ids
    /// mean the same on both sides.
    pub local: bool,
    /// Version of the kernel that the servers run on.
    pub kernel: String,
    /// Processor architecture.
    pub arch: String,
    /// Whether root in a container is an ordinary user of the host.
    pub rootless: bool,
    /// Whether it can limit a container's memory.
    pub memory_limit: bool,
}

impl Docker {
    /// Connects to the engine that `DOCKER_HOST` names, else to the first that answers among Docker's
    /// and Podman's sockets.
    ///
    /// `run` labels all that is made. At most `starts` containers are created, started, killed or
    /// removed at once, over all trials of this process.
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] when no engine answers within a few seconds.
    pub fn connect(run: &str, pull: Pull, starts: usize) -> Result<Self, EngineError> {
        let link = blocking(Link::find(starts))?;
        Ok(Self { run: run.into(), pull, link, images: Images::default() })
    }

    /// The facts of the engine that [`Docker::connect`] would use; `None` when there is none. Costs
    /// next to nothing where no socket is.
    pub fn probe() -> Option<EngineFacts> {
        if matches!(Endpoint::candidates().as_deref(), Err(_) | Ok([])) {
            return None;
        }
        blocking(Link::find(1)).ok().map(|link| EngineFacts::clone(&link.facts))
    }

    /// Treats the engine as one that shares nothing with this host.
    #[must_use]
    pub fn as_remote(mut self) -> Self {
        self.link.facts = Arc::new(EngineFacts { local: false, ..EngineFacts::clone(&self.link.facts) });
        self
    }

    /// Where the engine listens, as `DOCKER_HOST` names it.
    pub fn address(&self) -> String {
        self.link.endpoint.to_string()
    }

    /// What is known of the engine.
    pub fn facts(&self) -> &EngineFacts {
        &self.link.facts
    }
}

#[async_trait(?Send)]
impl Engine for Docker {
    fn name(&self) -> &'static str {
        "docker"
    }

    async fn create(&self, blueprint: Blueprint) -> Result<Box<dyn Instance>, EngineError> {
        let images = self.images.clone();
        let container = Container::create(self.link.clone(), &self.run, images, blueprint).await?;
        Ok(Box::new(container))
    }
}

impl EngineFacts {
    fn read(endpoint: &Endpoint, version: &SystemVersion, info: &SystemInfo) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".into());
        let podman = version.components.iter().flatten().any(|part| part.name.contains("Podman"));
        let security = info.security_options.iter().flatten();
        let mut parts = vec![
            format!("{} {}", if podman { "Podman" } else { "Docker" }, text(&version.version)),
            format!("API {}", text(&version.api_version)),
            text(&info.driver),
        ];
        parts.extend(info.cgroup_version.map(|version| format!("cgroup v{version}")));
        parts.extend(info.default_runtime.clone());
        let rootless = security.into_iter().any(|option| option.contains("rootless"));
        parts.extend(rootless.then(|| "rootless".to_owned()));
        let local = link::is_local(endpoint, info);
        parts.extend((!local).then(|| format!("at {endpoint}")));
        Self {
            description: parts.join(", "),
            local,
            kernel: text(&info.kernel_version),
            arch: text(&info.architecture),
            rootless,
            memory_limit: info.memory_limit.unwrap_or(true),
        }
    }
}

/// Removes every container and volume of a run from the engine at [`Docker::address`]; false when it does not obey.
pub fn reap_blocking(run: &str, address: &str) -> bool {
    blocking(reap::reap_at(run, address)).is_ok()
}

/// [`remove_local_images`] for callers outside of a runtime: how many were removed.
pub fn remove_local_images_blocking() -> usize {
    blocking(remove_local_images()).unwrap_or(0)
}

/// Runs a future to its end on a thread of its own, so that callers inside and outside of a runtime
/// may ask alike.
fn blocking<T: Send>(work: impl Future<Output = Result<T, EngineError>> + Send) -> Result<T, EngineError> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|error| EngineError::failed("start a runtime", error))?.block_on(work)
        });
        thread.join().unwrap_or_else(|_| Err(EngineError::failed("reach the engine", "the probe panicked")))
    })
}

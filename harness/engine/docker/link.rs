//! How the engine is reached: sockets, the version of its API, limits, and who may start what.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, ClientVersion};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::EngineFacts;
use crate::engine::EngineError;

/// Limit of a call that answers from the engine's memory.
pub(super) const ASK: Duration = Duration::from_secs(20);
/// Limit of a call that makes, starts, kills or removes something, on a busy machine.
pub(super) const ACT: Duration = Duration::from_secs(60);
/// Limit of a probe: an engine that is there answers within milliseconds.
const PROBE: Duration = Duration::from_secs(2);

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// Path of a unix socket.
    Unix(PathBuf),
    /// `host:port`.
    Tcp(String),
}

impl Endpoint {
    /// Every place where an engine may listen, best first. `DOCKER_HOST` is the user's word: it
    /// stands alone.
    pub(super) fn candidates() -> Result<Vec<Self>, EngineError> {
        if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
            return Ok(vec![Self::parse(&host, std::env::var_os("DOCKER_TLS_VERIFY").is_some())?]);
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let sockets = [
            Some(PathBuf::from("/var/run/docker.sock")),
            runtime.as_ref().map(|folder| folder.join("docker.sock")),
            home.map(|folder| folder.join(".docker/run/docker.sock")),
            runtime.map(|folder| folder.join("podman/podman.sock")),
            Some(PathBuf::from("/run/podman/podman.sock")),
        ];
        Ok(sockets.into_iter().flatten().filter(|path| path.exists()).map(Self::Unix).collect())
    }

    /// Reads a `DOCKER_HOST`.
    pub(super) fn parse(host: &str, tls: bool) -> Result<Self, EngineError> {
        let unsupported = |reason: String| EngineError::Unsupported {
            reason,
            remedy:
                "forward the engine's socket (ssh -L /tmp/engine.sock:/var/run/docker.sock HOST) and set \
                     DOCKER_HOST=unix:///tmp/engine.sock"
                    .into(),
        };
        match host.split_once("://") {
            Some(("unix", path)) => Ok(Self::Unix(path.into())),
            Some(("tcp" | "http", _)) if tls => {
                Err(unsupported(format!("DOCKER_HOST={host} asks for TLS, which is not built in")))
            }
            Some(("tcp" | "http", address)) => Ok(Self::Tcp(address.trim_end_matches('/').into())),
            None if host.starts_with('/') => Ok(Self::Unix(host.into())),
            _ => Err(unsupported(format!("DOCKER_HOST={host} is neither unix:// nor tcp://"))),
        }
    }

    /// Host under which ports that this engine publishes are reached.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Unix(_) => "127.0.0.1",
            Self::Tcp(address) => address.rsplit_once(':').map_or(address, |(host, _)| host),
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix://{}", path.display()),
            Self::Tcp(address) => write!(out, "tcp://{address}"),
        }
    }
}

/// A recipe for clients of one engine. Connections belong to the tokio runtime that made them and
/// every trial has a runtime of its own, so the recipe is shared and clients are not.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) endpoint: Endpoint,
    version: (usize, usize),
    pub(super) facts: Arc<EngineFacts>,
    starts: Arc<Semaphore>,
}

impl Link {
    /// The first engine that answers.
    pub(super) async fn find(starts: usize) -> Result<Self, EngineError> {
        let mut tried = Vec::new();
        for endpoint in Endpoint::candidates()? {
            match Self::open(endpoint.clone(), starts).await {
                Ok(link) => return Ok(link),
                Err(error) => tried.push(error.to_string()),
            }
        }
        if tried.is_empty() {
            tried.push("no socket of Docker or Podman is there".into());
        }
        Err(EngineError::Unsupported {
            reason: format!("no container engine answers: {}", tried.join("; ")),
            remedy: "start Docker or Podman, set DOCKER_HOST, or choose OUTLAST_ENGINE=process".into(),
        })
    }

    /// Asks one engine for its version and its facts.
    pub(super) async fn open(endpoint: Endpoint, starts: usize) -> Result<Self, EngineError> {
        let newest = (API_DEFAULT_VERSION.major_version, API_DEFAULT_VERSION.minor_version);
        let action = format!("reach the engine at {endpoint}");
        let client = client(&endpoint, newest)?;
        let client = limited(&action, PROBE, client.negotiate_version()).await?;
        let agreed = client.client_version();
        let version = limited(&action, PROBE, client.version()).await?;
        let info = limited(&action, PROBE, client.info()).await?;
        let facts = EngineFacts::read(&endpoint, &version, &info);
        Ok(Self {
            endpoint,
            version: (agreed.major_version, agreed.minor_version),
            facts: Arc::new(facts),
            starts: Arc::new(Semaphore::new(starts.max(1))),
        })
    }

    /// A client for the runtime of the caller.
    pub(super) fn client(&self) -> Result<bollard::Docker, EngineError> {
        client(&self.endpoint, self.version)
    }

    /// A turn to create, start, kill or remove a container. These calls are bound by the processor:
    /// beyond a few at once, more in flight only makes each slower.
    pub(super) async fn turn(&self) -> SemaphorePermit<'_> {
        self.starts.acquire().await.expect("the semaphore is never closed")
    }
}

/// A client with no limit of its own that matters: [`limited`] sets one per call.
fn client(endpoint: &Endpoint, version: (usize, usize)) -> Result<bollard::Docker, EngineError> {
    const NEVER_S: u64 = 24 * 3600;
    let version = ClientVersion { major_version: version.0, minor_version: version.1 };
    match endpoint {
        Endpoint::Unix(path) => {
            bollard::Docker::connect_with_unix(&path.to_string_lossy(), NEVER_S, &version)
        }
        Endpoint::Tcp(address) => bollard::Docker::connect_with_http(address, NEVER_S, &version),
    }
    .map_err(|error| EngineError::failed(format!("reach the engine at {endpoint}"), describe(&error)))
}

/// Awaits a call for at most `limit`.
pub(super) async fn limited<T>(
    action: &str,
    limit: Duration,
    call: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<T, EngineError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(EngineError::failed(action, describe(&error))),
        Err(_) => Err(EngineError::failed(action, format!("no answer from the engine within {limit:?}"))),
    }
}

/// Like [`limited`], where the thing being gone already is what was wanted.
pub(super) async fn gone(
    action: &str,
    call: impl Future<Output = Result<(), bollard::errors::Error>>,
) -> Result<(), EngineError> {
    let call = async {
        match call.await {
            Err(error) if matches!(status(&error), Some(404)) || in_removal(&error) => Ok(()),
            other => other,
        }
    };
    limited(action, ACT, call).await
}

/// HTTP status of an answer that is an error.
pub(super) fn status(error: &bollard::errors::Error) -> Option<u16> {
    match error {
        bollard::errors::Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Whether a container's name is taken: 409 to Docker, 500 to Podman.
pub(super) fn is_taken(error: &bollard::errors::Error) -> bool {
    status(error) == Some(409) || describe(error).contains("is already in use")
}

fn in_removal(error: &bollard::errors::Error) -> bool {
    status(error) == Some(409) && error.to_string().contains("already in progress")
}

/// The engine's own words, or why there was no talking to it.
pub(super) fn describe(error: &bollard::errors::Error) -> String {
    use bollard::errors::Error;
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::HyperLegacyError { .. } | Error::HyperResponseError { .. } | Error::IOError { .. } => {
            // The outer causes speak of the client's own parts.
            let mut inner: &dyn std::error::Error = error;
            while let Some(cause) = inner.source() {
                inner = cause;
            }
            format!("the connection to the engine broke ({inner}); see whether it still runs")
        }
        _ => error.to_string(),
    }
}

/// Whether the engine sees the same files and processes as this program. A socket alone proves
/// nothing: it may be forwarded, belong to a virtual machine, or be mounted into a container.
pub(super) fn is_local(endpoint: &Endpoint, info: &bollard::models::SystemInfo) -> bool {
    let here = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).ok();
    matches!(endpoint, Endpoint::Unix(_))
        && info.kernel_version.is_some()
        && info.kernel_version == here("/proc/sys/kernel/osrelease")
        && info.name == here("/proc/sys/kernel/hostname")
        && info.docker_root_dir.as_deref().is_some_and(|folder| Path::new(folder).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_host_is_read_as_the_docker_command_does() {
        let unix = Endpoint::Unix("/run/x.sock".into());
        let tcp = Endpoint::Tcp("10.0.0.7:2375".into());
        assert_eq!(Endpoint::parse("unix:///run/x.sock", false).unwrap(), unix);
        assert_eq!(Endpoint::parse("tcp://10.0.0.7:2375", false).unwrap(), tcp);
        assert_eq!(tcp.host(), "10.0.0.7");
        assert_eq!(unix.host(), "127.0.0.1");
        for (host, tls) in [("tcp://10.0.0.7:2376", true), ("ssh://me@host", false), ("nonsense", false)] {
            let error = Endpoint::parse(host, tls).unwrap_err();
            assert!(matches!(error, EngineError::Unsupported { .. }), "{host}: {error}");
            assert!(error.to_string().contains("DOCKER_HOST"), "{error}");
        }
    }
}

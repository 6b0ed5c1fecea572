//! The image of a server: found or pulled, and asked what is in it.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, ImageInspect};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptionsBuilder, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    WaitContainerOptionsBuilder,
};
use futures_util::{StreamExt, TryStreamExt};

use super::link::{ACT, ASK, describe, gone, limited, status};
use super::{Docker, Images, RUN_LABEL};
use crate::engine::EngineError;
use crate::record::Origin;
use crate::server::Build;

/// Longest silence during a pull.
const PULL_SILENCE: Duration = Duration::from_secs(60);
/// Limit of a pull.
const PULL: Duration = Duration::from_secs(15 * 60);
/// When images are pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pull {
    /// When the engine does not have them.
    #[default]
    Missing,
    /// Not at all.
    Never,
    /// Once per run, even when the engine has them.
    Always,
}

impl FromStr for Pull {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "missing" => Ok(Self::Missing),
            "never" => Ok(Self::Never),
            "always" => Ok(Self::Always),
            _ => Err(format!("`{word}` is not a pull policy: use missing, never or always")),
        }
    }
}

/// An image that a server can be run from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What containers are made from: the image's id, so that a tag that moves in mid-run moves no trial.
    pub reference: String,
    /// The server's command in the image.
    pub server: String,
    /// Version of the server.
    pub version: String,
    /// `redis` or `valkey`.
    pub product: String,
    /// For the records: `image`, or `local-image` for one made from a binary.
    pub origin: Origin,
}

impl Docker {
    /// Makes sure that the engine has an image for `build`, as the pull policy says, and remembers it for
    /// the trials to come. Called once per server and run.
    ///
    /// Without an image to be had, one is made from [`Build::binary`] and its libraries, and named
    /// `outlast/local-<server>:<content hash>`. It stays on the engine for the next run, until
    /// [`remove_local_images`](super::remove_local_images).
    ///
    /// # Errors
    /// [`EngineError::Unsupported`] when there is neither an image nor a binary, or no server in the image.
    pub async fn ensure_image(&self, build: &Build, reference: Option<&str>) -> Result<Image, EngineError> {
        let client = self.link.client()?;
        let fetched = match reference {
            Some(reference) => self.fetch(&client, reference).await,
            None => Err(EngineError::Unsupported {
                reason: format!("{} has no image", build.name),
                remedy: "name an image for it in matrix.toml".into(),
            }),
        };
        let image = match (fetched, &build.binary) {
            (Ok(inspect), _) => self.describe_image(&client, reference.unwrap_or_default(), inspect).await?,
            (Err(_), Some(binary)) => self.import(&client, build, binary).await?,
            (Err(error), None) => return Err(error),
        };
        let mut images = self.images.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        images.insert(build.name.clone(), image.clone());
        Ok(image)
    }

    async fn fetch(&self, client: &bollard::Docker, reference: &str) -> Result<ImageInspect, EngineError> {
        let reference = &with_tag(reference);
        if self.pull != Pull::Always {
            let found = tokio::time::timeout(ASK, client.inspect_image(reference)).await;
            match found {
                Ok(Ok(inspect)) => return Ok(inspect),
                Ok(Err(error)) if status(&error) == Some(404) => {}
                Ok(Err(error)) => {
                    return Err(EngineError::failed(format!("look for image {reference}"), describe(&error)));
                }
                Err(_) => {
                    return Err(EngineError::failed(format!("look for image {reference}"), "no answer"));
                }
            }
        }
        let cause = match self.pull {
            Pull::Never => "the pull policy is `never`".to_owned(),
            _ => match tokio::time::timeout(PULL, pull(client, reference)).await {
                Ok(Ok(())) => {
                    let action = format!("look at image {reference}");
                    return limited(&action, ASK, client.inspect_image(reference)).await;
                }
                Ok(Err(cause)) => cause,
                Err(_) => format!("the pull did not end within {PULL:?}"),
            },
        };
        Err(EngineError::Unsupported {
            reason: format!("the engine cannot have image {reference}: {cause}"),
            remedy: format!("check the name and the network, or load it by hand: docker pull {reference}"),
        })
    }

    async fn describe_image(
        &self,
        client: &bollard::Docker,
        source: &str,
        inspect: ImageInspect,
    ) -> Result<Image, EngineError> {
        let config = inspect.config.unwrap_or_default();
        let reference = inspect.id.unwrap_or_else(|| source.to_owned());
        let digest = inspect.repo_digests.and_then(|digests| digests.into_iter().next());
        let origin = Origin {
            kind: "image".into(),
            source: source.into(),
            digest: digest.unwrap_or_else(|| reference.clone()),
        };
        let command = config.cmd.iter().flatten().next().filter(|command| command.ends_with("-server"));
        // What official images say of themselves saves a container per image.
        let declared = config.env.iter().flatten().find_map(|variable| {
            variable.strip_prefix("REDIS_VERSION=").or_else(|| variable.strip_prefix("VALKEY_VERSION="))
        });
        if let (Some(server), Some(version)) = (command, declared) {
            let product = if server.contains("valkey") { "valkey" } else { "redis" }.into();
            return Ok(Image { reference, server: server.clone(), version: version.into(), product, origin });
        }
        let mut candidates: Vec<&str> = command.map(String::as_str).into_iter().collect();
        candidates.extend(["valkey-server", "redis-server"]);
        for server in candidates {
            if let Some((product, version)) = self.ask_version(client, &reference, server).await? {
                return Ok(Image { reference, server: server.into(), version, product, origin });
            }
        }
        Err(EngineError::Unsupported {
            reason: format!("image {source} has neither valkey-server nor redis-server in its PATH"),
            remedy: "name an image that has one".into(),
        })
    }

    /// Product and version by `SERVER --version`; `None` when the image has no such server.
    pub(super) async fn ask_version(
        &self,
        client: &bollard::Docker,
        image: &str,
        server: &str,
    ) -> Result<Option<(String, String)>, EngineError> {
        let body = ContainerCreateBody {
            image: Some(image.into()),
            entrypoint: Some(vec![server.into(), "--version".into()]),
            network_disabled: Some(true),
            labels: Some(HashMap::from([(RUN_LABEL.into(), self.run.clone())])),
            host_config: Some(HostConfig {
                log_config: Some(HostConfigLogConfig { typ: Some("json-file".into()), config: None }),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let action = format!("ask {server} of image {image:.19} for its version");
        let _turn = self.link.turn().await;
        let create = client.create_container(None::<CreateContainerOptions>, body);
        let id = limited(&action, ACT, create).await?.id;
        let answer = tokio::time::timeout(ACT, run_to_end(client, &id)).await;
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        gone(&action, client.remove_container(&id, Some(options))).await?;
        match answer {
            // The code does not matter: a server that fails says no version.
            Ok(Ok((_, output))) => Ok(parse_version(&output)),
            // 400 and 404 say that the program is not there.
            Ok(Err(error)) if matches!(status(&error), Some(400 | 404)) => Ok(None),
            Ok(Err(error)) => Err(EngineError::failed(action, describe(&error))),
            Err(_) => Err(EngineError::failed(action, format!("no end within {ACT:?}"))),
        }
    }
}

/// The image of a server, as [`Docker::ensure_image`] found it.
pub(super) fn image_of(images: &Images, build: &Build) -> Result<Image, EngineError> {
    let images = images.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    images.get(&build.name).cloned().ok_or_else(|| EngineError::Unsupported {
        reason: format!("no image was prepared for {}", build.name),
        remedy: "see why when the run began".into(),
    })
}

/// Runs a container to its end: its exit code, and what it said.
pub(super) async fn run_to_end(
    client: &bollard::Docker,
    id: &str,
) -> Result<(i64, String), bollard::errors::Error> {
    client.start_container(id, None).await?;
    let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
    let code = match client.wait_container(id, Some(options)).next().await {
        Some(Ok(end)) => end.status_code,
        // An exit code other than 0 is an error to the client, not to us.
        Some(Err(Error::DockerContainerWaitError { code, .. })) => code,
        Some(Err(error)) => return Err(error),
        None => -1,
    };
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).build();
    let said = client.logs(id, Some(options));
    let text = said.try_fold(String::new(), |text, line| async move { Ok(text + &line.to_string()) }).await?;
    Ok((code, text))
}

/// Reads `Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=...`.
fn parse_version(output: &str) -> Option<(String, String)> {
    let line = output.lines().find(|line| line.contains(" v="))?;
    let version = line.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let product = line.split_whitespace().next()?.to_lowercase();
    Some((product, version.to_owned()))
}

async fn pull(client: &bollard::Docker, reference: &str) -> Result<(), String> {
    let options = CreateImageOptionsBuilder::default().from_image(reference).build();
    let mut progress = client.create_image(Some(options), None, None);
    loop {
        match tokio::time::timeout(PULL_SILENCE, progress.next()).await {
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(error))) => return Err(describe(&error)),
            Ok(None) => return Ok(()),
            Err(_) => return Err(format!("the registry was silent for {PULL_SILENCE:?}")),
        }
    }
}

/// A name without a tag would pull every tag.
fn with_tag(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    if last.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") }
}

/// A name that is valid in image and container names.
pub(super) fn sanitize(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-");
    if name.is_empty() { "server".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_always_have_a_tag() {
        assert_eq!(with_tag("redis"), "redis:latest");
        assert_eq!(with_tag("registry:5000/redis"), "registry:5000/redis:latest");
        assert_eq!(with_tag("redis:7.0-alpine"), "redis:7.0-alpine");
        assert_eq!(with_tag("redis@sha256:00"), "redis@sha256:00");
    }

    #[test]
    fn versions_are_read_from_either_product() {
        let line = "Valkey server v=8.1.8 sha=00000000:1 malloc=libc bits=64 build=7eb4ebc9d7e91f4e\n";
        assert_eq!(parse_version(line), Some(("valkey".into(), "8.1.8".into())));
        assert_eq!(parse_version("error while loading shared libraries: libssl.so.1.1"), None);
    }

    #[test]
    fn names_become_valid() {
        assert_eq!(sanitize("Redis 7.0_x"), "redis-7-0-x");
        assert_eq!(sanitize("--"), "server");
    }
}

//! Removes what earlier runs left behind, by label.

use std::collections::HashMap;
use std::time::Duration;

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptionsBuilder,
};

use super::link::{ASK, Endpoint, Link, gone, limited};
use super::{LOCAL_IMAGE_LABEL, RUN_LABEL};
use crate::engine::EngineError;

/// Most looks for what a killed run left.
const LOOKS: usize = 10;

/// Pause after a look at something that would not go.
const PAUSE: Duration = Duration::from_millis(300);

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reaped {
    /// Containers, and with each its anonymous volumes.
    pub containers: usize,
    /// Named volumes.
    pub volumes: usize,
}

/// Removes every container and volume of one run, or of all runs: those that still go on included.
///
/// # Errors
/// [`EngineError::Unsupported`] when no engine answers; [`EngineError::Failed`] naming the first
/// thing that could not be removed, after the rest has been.
pub async fn reap(run: Option<&str>) -> Result<Reaped, EngineError> {
    sweep(&Link::find(1).await?.client()?, run).await
}

/// Removes every container and volume of one run from the engine at this address.
pub(super) async fn reap_at(run: &str, address: &str) -> Result<(), EngineError> {
    let client = Link::open(Endpoint::parse(address, false)?, 1).await?.client()?;
    // What a killed run asked for last may still be in the making, and refuses to go until it is made: look until there
    // is nothing.
    let mut outcome = Ok(());
    for _ in 0..LOOKS {
        match sweep(&client, Some(run)).await {
            Ok(reaped) if reaped == Reaped::default() => return Ok(()),
            Ok(_) => outcome = Ok(()),
            Err(error) => {
                outcome = Err(error);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    outcome
}

async fn sweep(client: &bollard::Docker, run: Option<&str>) -> Result<Reaped, EngineError> {
    let mut reaped = Reaped::default();
    let mut first = None;

    let all = ListContainersOptionsBuilder::default().all(true).filters(&by_run(run)).build();
    for container in limited("list containers", ASK, client.list_containers(Some(all))).await? {
        let Some(id) = container.id else { continue };
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let action = format!("remove container {id:.12}");
        match gone(&action, client.remove_container(&id, Some(options))).await {
            Ok(()) => reaped.containers += 1,
            Err(error) => first = first.or(Some(error)),
        }
    }

    let all = ListVolumesOptionsBuilder::default().filters(&by_run(run)).build();
    let volumes = limited("list volumes", ASK, client.list_volumes(Some(all))).await?.volumes;
    for volume in volumes.into_iter().flatten() {
        let options = RemoveVolumeOptionsBuilder::default().force(true).build();
        let action = format!("remove volume {}", volume.name);
        match gone(&action, client.remove_volume(&volume.name, Some(options))).await {
            Ok(()) => reaped.volumes += 1,
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(reaped), Err)
}

/// Removes the images that were imported from binaries of this host, and says how many there were.
///
/// # Errors
/// [`EngineError::Unsupported`] when no engine answers; [`EngineError::Failed`] when an image cannot
/// be removed, mostly because a container uses it.
pub async fn remove_local_images() -> Result<usize, EngineError> {
    let client = Link::find(1).await?.client()?;
    let filters = HashMap::from([("label", vec![LOCAL_IMAGE_LABEL.to_owned()])]);
    let all = ListImagesOptionsBuilder::default().all(true).filters(&filters).build();
    let images = limited("list images", ASK, client.list_images(Some(all))).await?;
    for image in &images {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        let remove = async { client.remove_image(&image.id, Some(options), None).await.map(drop) };
        gone(&format!("remove image {}", image.id), remove).await?;
    }
    Ok(images.len())
}

fn by_run(run: Option<&str>) -> HashMap<&'static str, Vec<String>> {
    let label = run.map_or_else(|| RUN_LABEL.to_owned(), |run| format!("{RUN_LABEL}={run}"));
    HashMap::from([("label", vec![label])])
}

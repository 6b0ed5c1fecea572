//! Files of a container by tar archives: the only way that works on every engine.

use std::io::Read;
use std::time::Duration;

use bollard::body_full;
use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use futures_util::TryStreamExt;

use super::link::limited;
use crate::engine::{DataFile, EngineError};

/// Limit of a transfer; data directories under test are megabytes, not terabytes.
const TRANSFER: Duration = Duration::from_secs(300);

/// A regular file below a folder of the container.
pub(super) struct Member {
    pub(super) file: DataFile,
    pub(super) bytes: Vec<u8>,
}

/// Every regular file at or below `path`, named relative to it.
pub(super) async fn download(
    client: &bollard::Docker,
    container: &str,
    path: &str,
    contents: bool,
) -> Result<Vec<Member>, EngineError> {
    let action = format!("read {path} from container {container:.12}");
    let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
    let stream = client.download_from_container(container, Some(options));
    let tar = stream.try_fold(Vec::new(), |mut tar, chunk| async move {
        tar.extend_from_slice(&chunk);
        Ok(tar)
    });
    let tar = limited(&action, TRANSFER, tar).await?;
    unpack(&tar, contents).map_err(|error| EngineError::failed(action, error))
}

/// Names in the archive start with the last part of the path that was asked for.
fn unpack(tar: &[u8], contents: bool) -> std::io::Result<Vec<Member>> {
    let mut members = Vec::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = entry.path()?.to_string_lossy().into_owned();
        let path = name.split_once('/').map_or(name.as_str(), |(_, rest)| rest).to_owned();
        let mut bytes = Vec::new();
        if contents {
            entry.read_to_end(&mut bytes)?;
        }
        members.push(Member { file: DataFile { path, bytes: entry.size() }, bytes });
    }
    Ok(members)
}

/// Writes one file of the container, making the folders below `root` that it needs.
pub(super) async fn upload(
    client: &bollard::Docker,
    container: &str,
    root: &str,
    path: &str,
    bytes: &[u8],
) -> Result<(), EngineError> {
    let action = format!("write {root}/{path} into container {container:.12}");
    let tar = pack(path, bytes).map_err(|error| EngineError::failed(&action, error))?;
    let options = UploadToContainerOptionsBuilder::default().path(root).build();
    limited(&action, TRANSFER, client.upload_to_container(container, Some(options), body_full(tar.into())))
        .await
}

fn pack(path: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (at, _) in path.match_indices('/') {
        append(&mut tar, &path[..at], 0o777, tar::EntryType::Directory, &[])?;
    }
    append(&mut tar, path, 0o666, tar::EntryType::Regular, bytes)?;
    tar.into_inner()
}

/// Adds an entry that belongs to root and has no date, so that equal content makes equal archives.
pub(super) fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    mode: u32,
    kind: tar::EntryType,
    bytes: &[u8],
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    header.set_mtime(0);
    tar.append_data(&mut header, path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let tar = pack("data/appendonlydir/a.aof", b"*1").unwrap();
        let members = unpack(&tar, true).unwrap();
        assert_eq!(members.len(), 1);
        assert_eq!(members[0].file, DataFile { path: "appendonlydir/a.aof".into(), bytes: 2 });
        assert_eq!(members[0].bytes, b"*1");
    }
}

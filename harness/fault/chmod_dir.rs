//! `chmod-dir read-only|writable`: the data directory takes no new files for a while.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, choice};

pub(super) const VERB: Verb = Verb {
    word: "chmod-dir",
    usage: "chmod-dir read-only|writable",
    about: "Takes the permission to write from the data directory, or gives it back (process engine, not as root).",
    parse: |args| {
        let writable = choice(args, &["read-only", "writable"], false)? == "writable";
        Ok(Box::new(ChmodDir { writable }))
    },
};

const WRITABLE: u32 = 0o755;

struct ChmodDir {
    writable: bool,
}

#[async_trait(?Send)]
impl Step for ChmodDir {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let folder = folder(scene)?;
        if rustix::process::geteuid().is_root() {
            return Err(Trouble::Unsupported {
                reason: "root writes to read-only directories too".into(),
                remedy: "run it as another user".into(),
            });
        }
        let mode = if self.writable { WRITABLE } else { 0o555 };
        set_mode(&folder, mode)
            .map_err(|error| Trouble::Lab(format!("failed to chmod {}: {error}", folder.display())))?;
        scene.note("step", if self.writable { "the data directory is writable" } else { "it is read-only" });
        if !self.writable {
            scene.draft.excuse = Some("its data directory is read-only");
        }
        Ok(())
    }
}

fn set_mode(folder: &Path, mode: u32) -> std::io::Result<()> {
    let below = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    below
        .chain([folder.to_owned()])
        .try_for_each(|folder| std::fs::set_permissions(folder, PermissionsExt::from_mode(mode)))
}

/// Gives the permission back at the end of a trial: what cannot be written cannot be removed.
pub(super) fn give_back(scene: &Scene) {
    if let Ok(folder) = folder(scene) {
        let _ = set_mode(&folder, WRITABLE);
    }
}

/// The data directory of a server that runs as this user's own process.
pub(super) fn folder(scene: &Scene) -> Result<PathBuf, Trouble> {
    scene.instance.data_folder().filter(|_| scene.engine.name() == "process").ok_or_else(|| {
        Trouble::Unsupported {
            reason: "a container holds its data directory fast".into(),
            remedy: "run it with OUTLAST_ENGINE=process".into(),
        }
    })
}

//! `remove-dir`: the data directory is deleted under a running server.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::chmod_dir::folder;
use super::{Scene, Step, Trouble, Verb, nothing};

/// The server may put files into the folder while it is emptied.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) const VERB: Verb = Verb {
    word: "remove-dir",
    usage: "remove-dir",
    about: "Deletes the data directory of the running server (process engine only); the next start makes a new one.",
    parse: |args| nothing(args).map(|()| Box::new(RemoveDir) as Box<dyn Step>),
};

struct RemoveDir;

#[async_trait(?Send)]
impl Step for RemoveDir {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let folder = folder(scene)?;
        let limit = Instant::now() + LIMIT;
        while let Err(error) = std::fs::remove_dir_all(&folder) {
            let racing = matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound);
            if folder.exists() && (!racing || Instant::now() > limit) {
                return Err(Trouble::Lab(format!("failed to remove {}: {error}", folder.display())));
            }
            if !folder.exists() {
                break;
            }
        }
        scene.note("step", "the data directory is gone");
        scene.draft.data_dropped = true;
        scene.draft.excuse = Some("its data directory is gone");
        Ok(())
    }
}

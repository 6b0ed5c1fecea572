//! `backup` and `restore`: the data directory copied file by file while the server writes, and put back later.

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, nothing};
use crate::contract::table::EVERYSEC_WINDOW;

pub(super) const BACKUP: Verb = Verb {
    word: "backup",
    usage: "backup",
    about: "Copies the data directory of a running server, file by file, as a careless backup does.",
    parse: |args| nothing(args).map(|()| Box::new(Backup) as Box<dyn Step>),
};

pub(super) const RESTORE: Verb = Verb {
    word: "restore",
    usage: "restore",
    about: "Replaces a dead server's files by those of the backup.",
    parse: |args| nothing(args).map(|()| Box::new(Restore) as Box<dyn Step>),
};

struct Backup;
struct Restore;

#[async_trait(?Send)]
impl Step for Backup {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.look_at_fsync().await;
        // With an fsync in flight, or where it cannot be known, the newest writes may not have reached the file yet.
        let postponed_us = if scene.syncs_every_second() { EVERYSEC_WINDOW.as_micros() as u64 } else { 0 };
        let at_us = scene.draft.settled_us.unwrap_or(scene.now_us().saturating_sub(postponed_us));
        let saved_until_us = scene.saved_until_us();
        let mut files = Vec::new();
        for file in scene.instance.files().await? {
            // A file that goes away between the list and the copy is one that a backup misses, too.
            if let Ok(bytes) = scene.instance.read_file(&file.path).await {
                files.push((file.path, bytes));
            }
        }
        scene.note("step", &format!("{} files copied", files.len()));
        scene.backup = Some(super::scene::Copy { files, at_us, saved_until_us });
        Ok(())
    }
}

#[async_trait(?Send)]
impl Step for Restore {
    fn mends(&self) -> bool {
        true
    }

    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let Some(copy) = scene.backup.take() else {
            return Err(Trouble::Lab("there is no backup to restore; use the step `backup` first".into()));
        };
        for file in scene.instance.files().await? {
            scene.instance.remove_file(&file.path).await?;
        }
        for (path, bytes) in &copy.files {
            scene.instance.write_file(path, bytes).await?;
        }
        scene.note("step", &format!("{} files put back", copy.files.len()));
        scene.draft.restored = Some((copy.at_us, copy.saved_until_us));
        Ok(())
    }
}

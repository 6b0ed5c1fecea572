//! `recreate keep-volume|drop-volume`: a new container, as an upgrade or a careless `rm` makes it.

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, choice};
use crate::engine::Volume;
use crate::matrix::StorageKind;

pub(super) const VERB: Verb = Verb {
    word: "recreate",
    usage: "recreate keep-volume|drop-volume",
    about: "Removes the dead server's container and makes a new one, with or without its volume.",
    parse: |args| {
        let keep = choice(args, &["keep-volume", "drop-volume"], false)? == "keep-volume";
        Ok(Box::new(Recreate { volume: if keep { Volume::Keep } else { Volume::Drop } }))
    },
};

struct Recreate {
    volume: Volume,
}

#[async_trait(?Send)]
impl Step for Recreate {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let kept = self.volume == Volume::Keep
            && matches!(scene.plan.storage.kind, StorageKind::Bind | StorageKind::Volume);
        scene.note("step", if kept { "made again with its data" } else { "made again without its data" });
        scene.instance.recreate(self.volume).await?;
        scene.draft.data_dropped |= !kept;
        Ok(())
    }
}

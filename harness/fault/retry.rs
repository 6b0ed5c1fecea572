//! `retry`: what a supervisor does with a server that refused to start: it starts it again.

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, nothing};

pub(super) const VERB: Verb = Verb {
    word: "retry",
    usage: "retry",
    about: "Starts a server once more that has just refused to start; nothing where it runs.",
    parse: |args| nothing(args).map(|()| Box::new(Retry) as Box<dyn Step>),
};

struct Retry;

#[async_trait(?Send)]
impl Step for Retry {
    fn mends(&self) -> bool {
        true
    }

    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        if scene.is_up() {
            return Ok(());
        }
        // What the refused start did to the files is the server's doing too.
        let dead = std::mem::take(&mut scene.draft.files_dead);
        scene.before_start().await?;
        if !dead.is_empty() {
            scene.draft.files_dead = dead;
        }
        scene.draft.retried |= scene.draft.refusals > 0;
        scene.instance.start().await?;
        scene.recover().await
    }
}

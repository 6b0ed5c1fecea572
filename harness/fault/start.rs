//! `start`: starts a dead server and waits until it has loaded its files.

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, nothing};

pub(super) const VERB: Verb = Verb {
    word: "start",
    usage: "start",
    about: "Starts the server, waits until it answers, and reads everything back.",
    parse: |args| nothing(args).map(|()| Box::new(Start) as Box<dyn Step>),
};

struct Start;

#[async_trait(?Send)]
impl Step for Start {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        if scene.was_restarted() {
            return Ok(());
        }
        scene.before_start().await?;
        scene.instance.start().await?;
        scene.recover().await
    }
}

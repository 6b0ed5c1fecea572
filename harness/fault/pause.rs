//! `pause` and `resume`: the server stops between two instructions while its clients wait.

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, nothing};
use crate::engine::Signal;

pub(super) const PAUSE: Verb = Verb {
    word: "pause",
    usage: "pause",
    about: "Freezes the server (SIGSTOP, or the engine's freezer).",
    parse: |args| nothing(args).map(|()| Box::new(Freeze(Signal::Pause)) as Box<dyn Step>),
};

pub(super) const RESUME: Verb = Verb {
    word: "resume",
    usage: "resume",
    about: "Lets a frozen server go on.",
    parse: |args| nothing(args).map(|()| Box::new(Freeze(Signal::Resume)) as Box<dyn Step>),
};

struct Freeze(Signal);

#[async_trait(?Send)]
impl Step for Freeze {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let paused = self.0 == Signal::Pause;
        if paused {
            // A frozen server answers no question any more.
            scene.look_at_fsync().await;
        }
        scene.note("step", if paused { "paused" } else { "resumed" });
        scene.instance.signal(self.0).await?;
        scene.paused(paused);
        Ok(())
    }
}

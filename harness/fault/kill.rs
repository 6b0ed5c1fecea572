//! `kill`: SIGKILL, at a moment that the seed chooses.

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, nothing};
use crate::contract::Death;

pub(super) const VERB: Verb = Verb {
    word: "kill",
    usage: "kill",
    about: "SIGKILL: the process ends between two instructions, the machine lives on.",
    parse: |args| nothing(args).map(|()| Box::new(Kill) as Box<dyn Step>),
};

struct Kill;

#[async_trait(?Send)]
impl Step for Kill {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.strike("kill", Death::Kill).await?;
        scene.kill().await
    }
}

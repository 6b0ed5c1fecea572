//! `term`: SIGTERM and nothing else; the server takes the time it takes.

use async_trait::async_trait;

use super::scene::{EXIT_LIMIT, Scene};
use super::{Step, Trouble, Verb, nothing};
use crate::contract::Death;
use crate::engine::Signal;

pub(super) const VERB: Verb = Verb {
    word: "term",
    usage: "term",
    about: "SIGTERM, then wait until the server has ended.",
    parse: |args| nothing(args).map(|()| Box::new(Term) as Box<dyn Step>),
};

struct Term;

#[async_trait(?Send)]
impl Step for Term {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.strike("term", Death::Term).await?;
        scene.instance.signal(Signal::Term).await?;
        let exit = scene.instance.exited(EXIT_LIMIT).await?;
        scene.died(exit).await
    }
}

//! `term [GRACE]`: SIGTERM and nothing else; the server takes the time it takes. One that is still there after the
//! grace has refused to end.

use std::time::Duration;

use async_trait::async_trait;

use super::scene::{EXIT_LIMIT, Scene};
use super::{Step, Trouble, Verb, duration};
use crate::contract::Death;
use crate::engine::Signal;

pub(super) const VERB: Verb = Verb {
    word: "term",
    usage: "term [GRACE]",
    about: "SIGTERM, then wait until the server has ended; one that has not within GRACE (30s) is a finding.",
    parse: |args| {
        let grace = if args.is_empty() { EXIT_LIMIT } else { duration(args)? };
        Ok(Box::new(Term { grace }))
    },
};

struct Term {
    grace: Duration,
}

#[async_trait(?Send)]
impl Step for Term {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.strike("term", Death::Term).await?;
        scene.instance.signal(Signal::Term).await?;
        let exit = scene.instance.exited(self.grace).await?;
        scene.died(exit).await
    }
}

//! `neighbour PERIOD`: another program on the same file system writes and syncs a file of its own, once in a period.

use std::time::Duration;

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, duration};

pub(super) const VERB: Verb = Verb {
    word: "neighbour",
    usage: "neighbour PERIOD",
    about: "Another program on the same file system writes and syncs once in a period, which commits the journal early; needs storage kind = \"disk\".",
    parse: |args| duration(args).map(|period| Box::new(Neighbour { period }) as Box<dyn Step>),
};

struct Neighbour {
    period: Duration,
}

#[async_trait(?Send)]
impl Step for Neighbour {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.let_in_neighbour(self.period)?;
        scene.note("step", &format!("a neighbour syncs every {:?}", self.period));
        Ok(())
    }

    fn needs_disk(&self) -> bool {
        true
    }
}

//! `stop GRACE`: what `docker stop` and service managers do: SIGTERM, wait, SIGKILL.

use std::time::Duration;

use async_trait::async_trait;

use super::scene::Scene;
use super::{Step, Trouble, Verb, duration};
use crate::contract::Death;

pub(super) const VERB: Verb = Verb {
    word: "stop",
    usage: "stop GRACE",
    about: "SIGTERM, then SIGKILL when the grace has run out.",
    parse: |args| duration(args).map(|grace| Box::new(Stop { grace }) as Box<dyn Step>),
};

struct Stop {
    grace: Duration,
}

#[async_trait(?Send)]
impl Step for Stop {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.strike(&format!("stop {:?}", self.grace), Death::Stop).await?;
        let exit = scene.instance.stop(self.grace).await?;
        scene.died(Some(exit)).await
    }
}

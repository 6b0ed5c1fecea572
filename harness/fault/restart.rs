//! `restart GRACE`: the engine's own restart, as by `docker restart`.

use std::time::Duration;

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, duration};
use crate::contract::Death;

pub(super) const VERB: Verb = Verb {
    word: "restart",
    usage: "restart GRACE",
    about: "The engine's own restart: SIGTERM, SIGKILL when the grace has run out, start.",
    parse: |args| duration(args).map(|grace| Box::new(Restart { grace }) as Box<dyn Step>),
};

struct Restart {
    grace: Duration,
}

#[async_trait(?Send)]
impl Step for Restart {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.strike(&format!("restart {:?}", self.grace), Death::Stop).await?;
        let exit = scene.instance.restart(self.grace).await?;
        scene.died(Some(exit)).await?;
        scene.recover().await
    }
}

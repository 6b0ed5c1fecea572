//! `kill-after D`: SIGKILL at a moment within D that the seed chooses.

use std::time::Duration;

use async_trait::async_trait;

use super::{Mistake, Scene, Step, Trouble, Verb, duration};
use crate::contract::Death;
use crate::workload::mix;

pub(super) const VERB: Verb = Verb {
    word: "kill-after",
    usage: "kill-after DURATION",
    about: "SIGKILL at a moment within DURATION that the seed chooses; writers go on until then.",
    parse: |args| match duration(args)? {
        Duration::ZERO => Err(Mistake::new(args[0], "there is no moment within nothing", &[])),
        within => Ok(Box::new(KillAfter { within })),
    },
};

struct KillAfter {
    within: Duration,
}

#[async_trait(?Send)]
impl Step for KillAfter {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let within_us = u64::try_from(self.within.as_micros()).unwrap_or(u64::MAX);
        let roll = mix(scene.plan.seed, u16::MAX - 2, scene.events.len() as u32) % within_us.max(1);
        tokio::time::sleep(Duration::from_micros(roll)).await;
        scene.strike(&format!("kill-after {:?}", self.within), Death::Kill).await?;
        scene.kill().await
    }
}

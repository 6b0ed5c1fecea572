//! `wait D`: time goes by, under whatever pressure there is.

use std::time::Duration;

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, duration};

pub(super) const VERB: Verb = Verb {
    word: "wait",
    usage: "wait DURATION",
    about: "Lets time go by; writers go on.",
    parse: |args| duration(args).map(|time| Box::new(Wait { time }) as Box<dyn Step>),
};

struct Wait {
    time: Duration,
}

#[async_trait(?Send)]
impl Step for Wait {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.note("step", &format!("wait {:?}", self.time));
        tokio::time::sleep(self.time).await;
        scene.notice_end(Duration::ZERO).await
    }
}

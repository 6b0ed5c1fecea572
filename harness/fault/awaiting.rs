//! `await save|rewrite`: lets a background child finish.

use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::scene::PHASE_LIMIT;
use super::{Scene, Step, Trouble, Verb, choice, lab};

pub(super) const VERB: Verb = Verb {
    word: "await",
    usage: "await save|rewrite",
    about: "Waits until a snapshot or an AOF rewrite that is scheduled or under way has ended.",
    parse: |args| {
        let field = match choice(args, &["save", "rewrite"], false)? {
            "save" => "rdb_bgsave_in_progress",
            _ => "aof_rewrite_in_progress",
        };
        Ok(Box::new(Await { field }))
    },
};

struct Await {
    field: &'static str,
}

#[async_trait(?Send)]
impl Step for Await {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let mut control = scene.control()?;
        let limit = Instant::now() + PHASE_LIMIT;
        loop {
            let info = control.info("persistence").await.map_err(lab("read INFO persistence"))?;
            let busy = info.get(self.field).is_some_and(|value| value != "0")
                || info.get("aof_rewrite_scheduled").is_some_and(|value| value != "0");
            if !busy {
                if self.field == "aof_rewrite_in_progress" {
                    scene.draft.first_rewrite_pending = false;
                }
                // What comes next is not aimed at that phase any more.
                scene.draft.phase = None;
                scene.note("step", &format!("{} is over", self.field.trim_end_matches("_in_progress")));
                return Ok(());
            }
            if Instant::now() > limit {
                return Err(Trouble::Lab(format!("{} stayed on for {PHASE_LIMIT:?}", self.field)));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

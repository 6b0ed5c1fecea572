//! `busy-script`: a script that never ends; the server answers BUSY and no SIGTERM can complete.

use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::control::Control;
use super::scene::PHASE_LIMIT;
use super::{Scene, Step, Trouble, Verb, lab, nothing};

/// Milliseconds after which a server begins to answer BUSY; until then it answers nothing.
const PATIENCE_MS: &str = "20";

pub(super) const VERB: Verb = Verb {
    word: "busy-script",
    usage: "busy-script",
    about: "EVAL of an endless loop, from a connection of its own; goes on when the server answers BUSY.",
    parse: |args| nothing(args).map(|()| Box::new(BusyScript) as Box<dyn Step>),
};

struct BusyScript;

#[async_trait(?Send)]
impl Step for BusyScript {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let mut control = scene.control()?;
        control
            .ask::<()>(&["CONFIG", "SET", "lua-time-limit", PATIENCE_MS])
            .await
            .map_err(lab("set lua-time-limit"))?;
        let mut runner = Control::connect(&scene.instance.address(), scene.plan.workload.user.as_ref())
            .await
            .map_err(lab("connect"))?;
        scene.look_at_fsync().await;
        tokio::task::spawn_local(async move {
            // It ends with the server.
            let _ = runner.ask::<redis::Value>(&["EVAL", "while true do end", "0"]).await;
        });
        let limit = Instant::now() + PHASE_LIMIT;
        loop {
            match control.ask::<redis::Value>(&["PING"]).await {
                Err(error) if error.code() == Some("BUSY") => break,
                _ if Instant::now() > limit => {
                    return Err(Trouble::Lab(format!("the server was not BUSY after {PHASE_LIMIT:?}")));
                }
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
        scene.note("step", "an endless script runs");
        scene.draft.excuse = Some("an endless script runs");
        scene.draft.muted = true;
        Ok(())
    }
}

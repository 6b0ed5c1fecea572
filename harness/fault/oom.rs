//! `oom`: the kernel kills the server for want of memory.

use async_trait::async_trait;

use super::scene::{EXIT_LIMIT, Scene};
use super::{Step, Trouble, Verb, nothing};
use crate::contract::Death;

/// Memory that no file ever sees: a script's own, so that recovery does not meet it again.
const GREED: &str = "local t = {} for i = 1, 1000000 do t[i] = string.rep(tostring(i), 200000) end return #t";

pub(super) const VERB: Verb = Verb {
    word: "oom",
    usage: "oom",
    about: "A script takes memory until the kernel kills the server; the fault needs a `memory` limit.",
    parse: |args| nothing(args).map(|()| Box::new(Oom) as Box<dyn Step>),
};

struct Oom;

#[async_trait(?Send)]
impl Step for Oom {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        if scene.plan.fault.memory.is_none() {
            return Err(Trouble::Unsupported {
                reason: "without a memory limit the whole machine would run out".into(),
                remedy: "give the fault `memory = \"64MB\"`".into(),
            });
        }
        let mut control = scene.control()?;
        scene.strike("oom", Death::Kill).await?;
        let greedy = tokio::task::spawn_local(async move {
            let _: Result<redis::Value, _> = control.ask(&["EVAL", GREED, "0"]).await;
        });
        let exit = scene.instance.exited(EXIT_LIMIT).await?;
        greedy.abort();
        if let Some(exit) = exit
            && !exit.oom
            && exit.signal != Some(9)
            && exit.code != Some(137)
        {
            return Err(Trouble::Lab(format!("the server ended ({exit:?}), but not for want of memory")));
        }
        scene.died(exit).await
    }
}

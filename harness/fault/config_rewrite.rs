//! `config-rewrite`: the running configuration becomes the file.

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, lab, nothing};

pub(super) const VERB: Verb = Verb {
    word: "config-rewrite",
    usage: "config-rewrite",
    about: "CONFIG REWRITE: what was set lives on after a restart.",
    parse: |args| nothing(args).map(|()| Box::new(Rewrite) as Box<dyn Step>),
};

struct Rewrite;

#[async_trait(?Send)]
impl Step for Rewrite {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.note("step", "CONFIG REWRITE");
        scene.control()?.ask::<()>(&["CONFIG", "REWRITE"]).await.map_err(lab("CONFIG REWRITE"))?;
        scene.adopt_running_config();
        Ok(())
    }
}

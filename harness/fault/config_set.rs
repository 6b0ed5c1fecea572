//! `config-set k=v …`: a change of the running server, gone at its end unless it is rewritten.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, assignments, lab};

pub(super) const VERB: Verb = Verb {
    word: "config-set",
    usage: "config-set DIRECTIVE=VALUE ...",
    about: "CONFIG SET on the running server; the config file stays as it was.",
    parse: |args| assignments(args).map(|pairs| Box::new(ConfigSet { pairs }) as Box<dyn Step>),
};

struct ConfigSet {
    pairs: BTreeMap<String, String>,
}

#[async_trait(?Send)]
impl Step for ConfigSet {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let mut control = scene.control()?;
        for (name, value) in &self.pairs {
            scene.knows(name)?;
            scene.note("step", &format!("CONFIG SET {name} {value}"));
            control
                .ask::<()>(&["CONFIG", "SET", name, value])
                .await
                .map_err(lab(&format!("CONFIG SET {name} {value}")))?;
        }
        let switched_on = self.pairs.get("appendonly").is_some_and(|value| value == "yes");
        scene.draft.first_rewrite_pending |= switched_on;
        scene.read_config().await
    }
}

//! `reconfigure k=v …`: another config file for the next start.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, assignments};

pub(super) const VERB: Verb = Verb {
    word: "reconfigure",
    usage: "reconfigure DIRECTIVE=VALUE ...",
    about: "Changes the config file for the next start.",
    parse: |args| assignments(args).map(|pairs| Box::new(Reconfigure { pairs }) as Box<dyn Step>),
};

struct Reconfigure {
    pairs: BTreeMap<String, String>,
}

#[async_trait(?Send)]
impl Step for Reconfigure {
    fn mends(&self) -> bool {
        true
    }

    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        for (name, value) in &self.pairs {
            scene.knows(name)?;
            scene.note("step", &format!("config file: {name} {value}"));
            scene.set_directive(name, value);
        }
        scene.write_config().await
    }
}

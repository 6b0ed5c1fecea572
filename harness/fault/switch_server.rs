//! `switch-server NAME`: an upgrade, a downgrade, or a move to another product, on the data of the dead server.

use async_trait::async_trait;

use super::{Mistake, Scene, Step, Trouble, Verb};

pub(super) const VERB: Verb = Verb {
    word: "switch-server",
    usage: "switch-server NAME",
    about: "Puts another server of matrix.toml in the dead one's place; the data directory and redis.conf stay.",
    parse: |args| match args {
        [name] => Ok(Box::new(Switch { name: (*name).to_owned() })),
        _ => Err(Mistake::new("", "one server is needed", &[])),
    },
};

struct Switch {
    name: String,
}

#[async_trait(?Send)]
impl Step for Switch {
    fn mends(&self) -> bool {
        true
    }

    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let build = match scene.plan.builds.get(&self.name) {
            Some(Ok(build)) => build.clone(),
            Some(Err(missing)) => {
                let (reason, remedy) = (missing.to_string(), missing.remedy.clone());
                return Err(Trouble::Unsupported { reason, remedy });
            }
            None => return Err(Trouble::Lab(format!("matrix.toml has no server {}", self.name))),
        };
        if let Some(line) = scene.directives.iter().find(|line| !build.knows(&line.name)) {
            return Err(Trouble::Unsupported {
                reason: format!(
                    "{} {} does not know the directive {}",
                    build.product, build.version, line.name
                ),
                remedy: "change the config file first with `reconfigure`".into(),
            });
        }
        scene.note("step", &format!("switched to {} {}", build.product, build.version));
        scene.instance.replace_build(build).await?;
        scene.draft.switched_server = true;
        Ok(())
    }
}

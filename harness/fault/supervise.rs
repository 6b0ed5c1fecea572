//! `supervise always|on-failure`: a supervisor that starts the server again, as service managers and engines do.

use async_trait::async_trait;

use super::{Scene, Step, Trouble, Verb, choice};
use crate::engine::Restart;

pub(super) const VERB: Verb = Verb {
    word: "supervise",
    usage: "supervise always|on-failure",
    about: "From now on the server is started at once when it has ended by itself; `on-failure` not after exit code 0.",
    parse: |args| {
        let word = choice(args, &["always", "on-failure"], false)?;
        let restart = if word == "always" { Restart::Always } else { Restart::OnFailure };
        Ok(Box::new(Supervise { restart }))
    },
};

struct Supervise {
    restart: Restart,
}

#[async_trait(?Send)]
impl Step for Supervise {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.note("step", &format!("a supervisor restarts it: {:?}", self.restart));
        scene.supervise(self.restart).await
    }
}

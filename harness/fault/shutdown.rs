//! `shutdown [save|nosave|now|force]`: the command, as an operator types it.

use async_trait::async_trait;

use super::scene::{EXIT_LIMIT, Scene};
use super::{Step, Trouble, Verb, choice};
use crate::contract::Death;

pub(super) const VERB: Verb = Verb {
    word: "shutdown",
    usage: "shutdown [save|nosave|now|force]",
    about: "The SHUTDOWN command; `now` and `force` need Redis 7.0 or Valkey.",
    parse: |args| {
        let mode = choice(args, &["", "save", "nosave", "now", "force"], true)?;
        Ok(Box::new(Shutdown { mode: mode.into() }))
    },
};

struct Shutdown {
    mode: String,
}

#[async_trait(?Send)]
impl Step for Shutdown {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let death = match self.mode.as_str() {
            "save" => Death::ShutdownSave,
            "nosave" => Death::ShutdownNosave,
            _ => Death::Shutdown,
        };
        scene.strike(format!("shutdown {}", self.mode).trim_end(), death).await?;
        let mut words = vec!["SHUTDOWN"];
        if !self.mode.is_empty() {
            words.push(&self.mode);
        }
        // A server that shuts down answers with a closed connection; one that refuses, with an error.
        let mut control = scene.control()?;
        if let Err(error) = control.ask::<redis::Value>(&words).await
            && let Some(code) = error.code()
        {
            let reason = format!("the server answered {code} {}", error.detail().unwrap_or_default());
            return Err(Trouble::Unsupported {
                reason,
                remedy: "use a form of SHUTDOWN that this version knows".into(),
            });
        }
        let exit = scene.instance.exited(EXIT_LIMIT).await?;
        scene.died(exit).await
    }
}

//! `routine [N] [long]`: a small life that is the same every time, for what has to be repeated call by call.

use async_trait::async_trait;

use super::{Mistake, Scene, Step, Trouble, Verb, count};
use crate::exhaust::routine::{self, Routine};

pub(super) const VERB: Verb = Verb {
    word: "routine",
    usage: "routine [N] [long]",
    about: "One connection writes N writes (8) one at a time, again after a rewrite and after a snapshot where the policy has them; `long` lasts until everysec has synced twice. Without other writers beside it.",
    parse: |args| {
        let mut routine = Routine::default();
        for word in args {
            match *word {
                "long" => routine.long = true,
                word if word.starts_with(|c: char| c.is_ascii_digit()) => {
                    routine.writes = count(word, "writes")?
                }
                word => return Err(Mistake::new(word, format!("`{word}` is no count of writes"), &["long"])),
            }
        }
        Ok(Box::new(Play { routine }))
    },
};

struct Play {
    routine: Routine,
}

#[async_trait(?Send)]
impl Step for Play {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        if scene.has_writers() {
            return Err(Trouble::Lab(
                "`routine` is the first step of a life: writers are at work already".into(),
            ));
        }
        let lived = routine::play(scene, self.routine).await?;
        scene.note("step", &lived.words());
        Ok(())
    }

    fn begins_the_life(&self) -> bool {
        true
    }
}

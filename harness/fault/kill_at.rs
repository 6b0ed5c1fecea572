//! `kill-at N`: SIGKILL the moment that the N-th acknowledged write of this life has arrived.

use async_trait::async_trait;

use super::{Mistake, Scene, Step, Trouble, Verb, count};

pub(super) const VERB: Verb = Verb {
    word: "kill-at",
    usage: "kill-at N",
    about: "SIGKILL as soon as the N-th acknowledgement of this life has been read; as first step it begins the writes.",
    parse: |args| {
        let [word] = args else { return Err(Mistake::new("", "one count is needed", &[])) };
        Ok(Box::new(KillAt { write: count(word, "writes")? }))
    },
};

struct KillAt {
    write: u64,
}

#[async_trait(?Send)]
impl Step for KillAt {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.kill_at(&format!("kill-at {}", self.write), self.write).await
    }

    fn begins_the_life(&self) -> bool {
        true
    }
}

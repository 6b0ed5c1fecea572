//! `write N`: at least N more acknowledged writes; the writers go on until the server dies.

use async_trait::async_trait;

use super::{Mistake, Scene, Step, Trouble, Verb, count};

pub(super) const VERB: Verb = Verb {
    word: "write",
    usage: "write N",
    about: "Waits for N more acknowledged writes; writers go on until the server dies.",
    parse: |args| {
        let [word] = args else { return Err(Mistake::new("", "one count is needed", &[])) };
        Ok(Box::new(Write { writes: count(word, "writes")? }))
    },
};

struct Write {
    writes: u32,
}

#[async_trait(?Send)]
impl Step for Write {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.write(self.writes).await
    }
}

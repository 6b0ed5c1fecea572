//! `write N`: at least N more acknowledged writes; the writers go on until the server dies.

use async_trait::async_trait;

use super::{Mistake, Scene, Step, Trouble, Verb};

pub(super) const VERB: Verb = Verb {
    word: "write",
    usage: "write N",
    about: "Waits for N more acknowledged writes; writers go on until the server dies.",
    parse: |args| {
        let [word] = args else { return Err(Mistake::new("", "one count is needed", &[])) };
        match word.replace('_', "").parse() {
            Ok(0) | Err(_) => Err(Mistake::new(word, format!("`{word}` is no count of writes"), &[])),
            Ok(writes) => Ok(Box::new(Write { writes })),
        }
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

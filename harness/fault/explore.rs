//! `explore MODEL... [fresh] [states N] [recoveries N]`: the power goes, and the server is started on every state that any moment of
//! its life may have left.

use async_trait::async_trait;

use super::{Mistake, Scene, Step, Trouble, Verb, count};
use crate::disk::Model;
use crate::explore::{DEFAULT_STATES, Request, model_words};

pub(super) const VERB: Verb = Verb {
    word: "explore",
    usage: "explore MODEL... [fresh] [states N] [recoveries N]",
    about: "Ends the life with a power cut and starts the server on every state that a cut at any moment of it may leave; the last step of a script. Needs storage kind = \"disk\".",
    parse,
};

fn parse(args: &[&str]) -> Result<Box<dyn Step>, Mistake> {
    let mut request = Request { models: Vec::new(), states: DEFAULT_STATES, fresh: false, recoveries: 0 };
    let mut words = args.iter();
    while let Some(&word) = words.next() {
        match word {
            "fresh" => request.fresh = true,
            "states" => {
                let number = words.next().copied().unwrap_or_default();
                request.states = count::<u32>(number, "states")? as usize;
            }
            "recoveries" => {
                let number = words.next().copied().unwrap_or_default();
                request.recoveries = count::<u32>(number, "recoveries")? as usize;
            }
            word => {
                let mut candidates = model_words();
                candidates.extend(["fresh", "states", "recoveries"]);
                let model = Model::from_word(word)
                    .ok_or_else(|| Mistake::new(word, format!("`{word}` is no model"), &candidates))?;
                request.models.push(model);
            }
        }
    }
    if request.models.is_empty() {
        return Err(Mistake::new("", "at least one model is needed, such as fsync-only", &model_words()));
    }
    let words = format!("explore {}", args.join(" "));
    Ok(Box::new(Explore { words, request }))
}

struct Explore {
    words: String,
    request: Request,
}

#[async_trait(?Send)]
impl Step for Explore {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.record_until_now(&self.words, self.request.clone()).await
    }

    fn needs_disk(&self) -> bool {
        true
    }
}

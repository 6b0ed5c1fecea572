//! `explore MODEL...|real [fresh] [states N] [recoveries N]`: the power goes, and the server is started on every state that any moment of
//! its life may have left.

use async_trait::async_trait;

use super::{Mistake, Scene, Step, Trouble, Verb, count};
use crate::disk::Model;
use crate::explore::{DEFAULT_STATES, Request, model_words};

/// The file system that the storage names.
const REAL: &str = "real";

pub(super) const VERB: Verb = Verb {
    word: "explore",
    usage: "explore MODEL...|real [fresh] [states N] [recoveries N]",
    about: "Ends the life with a power cut and starts the server on every state that a cut at any moment of it may leave; the last step of a script. Needs storage kind = \"disk\".",
    parse,
};

fn parse(args: &[&str]) -> Result<Box<dyn Step>, Mistake> {
    let mut request = Request { models: Vec::new(), states: DEFAULT_STATES, fresh: false, recoveries: 0 };
    let mut real = false;
    let mut words = args.iter();
    while let Some(&word) = words.next() {
        match word {
            "fresh" => request.fresh = true,
            REAL => real = true,
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
                candidates.extend([REAL, "fresh", "states", "recoveries"]);
                let model = Model::from_word(word)
                    .filter(|model| model.filesystem().is_none())
                    .ok_or_else(|| Mistake::new(word, format!("`{word}` is no model"), &candidates))?;
                request.models.push(model);
            }
        }
    }
    if real && !request.models.is_empty() {
        return Err(Mistake::new(REAL, "a real file system stands alone: it is the storage's own", &[]));
    }
    if real && request.recoveries > 0 {
        return Err(Mistake::new("recoveries", "cuts in recoveries are not made on real file systems", &[]));
    }
    if !real && request.models.is_empty() {
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
        match self.request.models.is_empty() {
            true => drop(scene.filesystem()?),
            false => drop(scene.plain_disk("explore")?),
        }
        if scene.failures() > 0 {
            return Err(Trouble::Unsupported {
                reason:
                    "a call of the disk has failed: what it owes is not known for every moment of the life"
                        .into(),
                remedy: "end the script with `power-cut` instead of `explore`".into(),
            });
        }
        scene.record_until_now(&self.words, self.request.clone()).await
    }

    fn needs_disk(&self) -> bool {
        true
    }
}

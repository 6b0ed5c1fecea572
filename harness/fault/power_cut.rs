//! `power-cut [MODEL] [VARIANT] [at EVENT [PATTERN] [N] [bgsave|rewrite]]`: the power goes, and with it what was not durable.

use async_trait::async_trait;

use super::scene::PHASE_LIMIT;
use super::{Mistake, Scene, Step, Trouble, Verb, choice, count};
use crate::disk::Model;

/// Operations of a disk that a cut can be aimed at.
const EVENTS: [&str; 8] = ["create", "write", "rename", "delete", "fsync", "fsync-dir", "truncate", "mkdir"];

pub(super) const VERB: Verb = Verb {
    word: "power-cut",
    usage: "power-cut [MODEL] [VARIANT] [at EVENT [PATTERN] [N] [bgsave|rewrite]]",
    about: "The machine loses power: the disk keeps what is durable, by the rules of a model; needs storage kind = \"disk\".",
    parse,
};

fn parse(args: &[&str]) -> Result<Box<dyn Step>, Mistake> {
    let models: Vec<_> = Model::ALL.iter().map(|model| model.as_str()).collect();
    let (before, at) = match args.iter().position(|word| *word == "at") {
        Some(here) => (&args[..here], Some(&args[here + 1..])),
        None => (args, None),
    };
    let (model, variant) = match before {
        [] => (None, 0),
        [model] => (Some(choice(&[model], &models, false)?), 0),
        [model, variant] => {
            let number = variant.parse();
            let number = number.map_err(|_| {
                Mistake::new(variant, format!("`{variant}` is no number of a variant"), &["at"])
            })?;
            (Some(choice(&[model], &models, false)?), number)
        }
        [_, _, extra, ..] => {
            return Err(Mistake::new(extra, format!("`{extra}` is one word too many"), &["at"]));
        }
    };
    let model = model.and_then(Model::from_word);
    let words = format!("power-cut {}", args.join(" ")).trim_end().to_owned();
    let at = at.map(target).transpose()?;
    Ok(Box::new(PowerCut { words, model, variant, at }))
}

fn target(words: &[&str]) -> Result<Target, Mistake> {
    let [event, rest @ ..] = words else {
        return Err(Mistake::new("at", "an event is needed after `at`", &EVENTS));
    };
    let event = choice(&[event], &EVENTS, false)?;
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let (order, rest) = match rest {
        [rest @ .., "bgsave"] => (Some("BGSAVE"), rest),
        [rest @ .., "rewrite"] => (Some("BGREWRITEAOF"), rest),
        rest => (None, rest),
    };
    let (pattern, number) = match rest {
        [] => ("*", 1),
        [number] if is_number(number) => ("*", count(number, "events")?),
        [pattern] => (*pattern, 1),
        [pattern, number] => (*pattern, count(number, "events")?),
        [_, _, extra, ..] => {
            return Err(Mistake::new(
                extra,
                format!("`{extra}` is one word too many"),
                &["bgsave", "rewrite"],
            ));
        }
    };
    Ok(Target { event, pattern: pattern.into(), number, order })
}

struct PowerCut {
    words: String,
    /// Absent: the one that the storage calls for.
    model: Option<Model>,
    variant: u32,
    at: Option<Target>,
}

struct Target {
    event: &'static str,
    pattern: String,
    number: u32,
    order: Option<&'static str>,
}

#[async_trait(?Send)]
impl Step for PowerCut {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let model = scene.model(self.model)?;
        let Some(at) = &self.at else {
            return scene.power_cut(&self.words, model, self.variant).await;
        };
        let event = (at.event, at.pattern.as_str(), at.number);
        scene.power_cut_at(&self.words, event, at.order, PHASE_LIMIT, (model, self.variant)).await
    }

    fn needs_disk(&self) -> bool {
        true
    }
}

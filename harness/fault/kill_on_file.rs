//! `kill-on-file PATTERN EVENT [N] [bgsave|rewrite]`: SIGKILL as soon as something happens to a data file, so that it
//! meets a rename or a switch of manifests.

use async_trait::async_trait;

use super::file_events::{EVENTS, Event, Watch};
use super::scene::PHASE_LIMIT;
use super::{Mistake, Scene, Step, Trouble, Verb, choice, count, lab};
use crate::contract::Death;

pub(super) const VERB: Verb = Verb {
    word: "kill-on-file",
    usage: "kill-on-file PATTERN create|modify|rename|delete [N] [bgsave|rewrite]",
    about: "SIGKILL at the N-th such event of a file whose name matches; the last word orders what makes it.",
    parse: |args| {
        let [pattern, event, rest @ ..] = args else {
            return Err(Mistake::new("", "a file name pattern and an event are needed", &[]));
        };
        let words: Vec<_> = EVENTS.iter().map(|(word, _)| *word).collect();
        let word = choice(&[event], &words, false)?;
        let event = EVENTS.iter().find(|(name, _)| *name == word).map_or(Event::Create, |(_, event)| *event);
        let (number, rest) = match rest {
            [number, rest @ ..] if number.starts_with(|c: char| c.is_ascii_digit()) => {
                (count(number, "events")?, rest)
            }
            rest => (1, rest),
        };
        let order = match choice(rest, &["", "bgsave", "rewrite"], true)? {
            "bgsave" => Some("BGSAVE"),
            "rewrite" => Some("BGREWRITEAOF"),
            _ => None,
        };
        let words = format!("kill-on-file {}", args.join(" "));
        Ok(Box::new(KillOnFile { words, pattern: (*pattern).into(), event, number, order }))
    },
};

struct KillOnFile {
    words: String,
    pattern: String,
    event: Event,
    number: u32,
    order: Option<&'static str>,
}

#[async_trait(?Send)]
impl Step for KillOnFile {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let Some(folder) = scene.instance.data_folder() else {
            return Err(Trouble::Unsupported {
                reason: "the data directory is no folder of this host".into(),
                remedy: "use `storage = bind`, or run it with OUTLAST_ENGINE=process".into(),
            });
        };
        let mut control = scene.control()?;
        let watch = Watch::begin(&folder, self.pattern.clone(), self.event, self.number, scene.killer()?)
            .map_err(|error| Trouble::Lab(format!("failed to watch {}: {error}", folder.display())))?;
        if let Some(order) = self.order {
            control.order(order).await.map_err(lab(order))?;
        }
        if scene.killed_by(&self.words, Death::Kill, watch.struck(PHASE_LIMIT)).await? {
            return Ok(());
        }
        Err(Trouble::NoPressure(format!("`{}` met no such event within {PHASE_LIMIT:?}", self.words)))
    }
}

//! `exhaust [CALL...] [EIO] [ENOSPC] [from N] [at most N] [fresh] [kill|power-cut]`: a small life again and again, with the
//! first call failing, then the second, until none is left.

use async_trait::async_trait;

use super::sick_disk::call_of;
use super::{Mistake, Scene, Step, Trouble, Verb, count};
use crate::disk::ills::{Call, Error};
use crate::exhaust::{self, Ending, Request};

pub(super) const VERB: Verb = Verb {
    word: "exhaust",
    usage: "exhaust [CALL...] [EIO] [ENOSPC] [from N] [at most N] [fresh] [kill|power-cut]",
    about: "Lives a `routine` again and again, each time with another CALL of the disk failing (every kind when none is named), the first, the second, until none is left; then the disk is healed, the server ended and started again. The last step of a script; without other writers. Needs storage kind = \"disk\".",
    parse,
};

fn parse(args: &[&str]) -> Result<Box<dyn Step>, Mistake> {
    let (mut calls, mut errors) = (Vec::new(), Vec::new());
    let mut request = Request { from: 1, ..Request::default() };
    let mut words = args.iter();
    while let Some(&word) = words.next() {
        match word {
            "fresh" => request.fresh = true,
            "kill" => request.ending = Ending::Kill,
            "power-cut" => request.ending = Ending::PowerCut,
            "from" => request.from = number(words.next())?,
            "at" if words.next() == Some(&"most") => request.at_most = Some(number(words.next())?),
            "at" => return Err(Mistake::new("at", "`at` is followed by `most N`", &["most"])),
            word => match Error::ALL.iter().find(|(name, _)| *name == word) {
                Some((_, error)) => errors.push(*error),
                None => calls.push(call_of(word)?),
            },
        }
    }
    if calls.is_empty() {
        calls.extend(Call::ALL.iter().map(|(_, call)| *call));
    }
    if errors.is_empty() {
        errors.push(Error::Io);
    }
    request.failures =
        calls.iter().flat_map(|&call| errors.iter().map(move |&error| (call, error))).collect();
    Ok(Box::new(Exhaust { words: format!("exhaust {}", args.join(" ")).trim_end().to_owned(), request }))
}

fn number(word: Option<&&str>) -> Result<u64, Mistake> {
    let word = word.copied().unwrap_or_default();
    count::<u32>(word, "calls").map(u64::from)
}

struct Exhaust {
    words: String,
    request: Request,
}

#[async_trait(?Send)]
impl Step for Exhaust {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.plain_disk("exhaust")?;
        if scene.has_writers() {
            return Err(Trouble::Lab(
                "`exhaust` is the first step of a life: writers are at work already".into(),
            ));
        }
        scene.note("step", &self.words);
        let prepared = exhaust::prepare(scene, &self.request).await?;
        scene.exhaustion = Some(prepared);
        Ok(())
    }

    fn needs_disk(&self) -> bool {
        true
    }

    fn begins_the_life(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_cannot_read_it_says() {
        for (words, wrong) in [
            (&["writ"][..], "writ"),
            (&["write", "from", "x"], "x"),
            (&["at", "5"], "at"),
            (&["write", "ENOENT"], "ENOENT"),
        ] {
            assert_eq!(parse(words).err().map(|mistake| mistake.word), Some(wrong.to_owned()), "{words:?}");
        }
        let all = ["write", "fsync", "EIO", "ENOSPC", "from", "3", "at", "most", "7", "fresh", "kill"];
        assert!(parse(&all).is_ok());
        assert!(parse(&[]).is_ok());
    }
}

//! Verbs that make a disk sick: slow, failing, full, lying. What is wrong stays so until `heal-disk`, also beyond a power
//! cut.

use std::time::Duration;

use async_trait::async_trait;

use super::{Mistake, Scene, Step, Trouble, Verb, choice, count, duration, nothing};
use crate::disk::ills::{Call, Error, Failure, Ills};
use crate::matrix::value;

pub(super) const SLOW_FSYNC: Verb = Verb {
    word: "slow-fsync",
    usage: "slow-fsync D [RATE]",
    about: "Every fsync takes so much longer, and the time that the dirty bytes need at RATE a second; needs storage kind = \"disk\".",
    parse: |args| {
        let (time, rate) = match args {
            [time, rate] => (time, Some(size(rate)?)),
            [time] => (time, None),
            _ => return Err(Mistake::new("", "one duration is needed, such as 200ms", &[])),
        };
        let delay = duration(&[time])?;
        ill(args, "slow-fsync", move |ills| (ills.fsync_delay, ills.bandwidth) = (Some(delay), rate))
    },
};

pub(super) const SLOW_WRITE: Verb = Verb {
    word: "slow-write",
    usage: "slow-write D",
    about: "Every write() takes so much longer, as on a device that stalls; needs storage kind = \"disk\".",
    parse: |args| {
        let delay: Duration = duration(args)?;
        ill(args, "slow-write", move |ills| ills.write_delay = Some(delay))
    },
};

pub(super) const FAIL_FSYNC: Verb = Verb {
    word: "fail-fsync",
    usage: "fail-fsync [once|on] [clean|dirty]",
    about: "The next fsync, or every one from now on, fails with EIO; its pages are then clean, as on Linux, or still dirty. Needs storage kind = \"disk\".",
    parse: |args| {
        let (once, rest) = once_or_on(args)?;
        let clean = choice(rest, &["clean", "dirty"], true)? == "clean";
        let failure = Failure { once, clean, ..Failure::new(Call::Fsync, Error::Io) };
        ill(args, "fail-fsync", move |ills| ills.failures.push(failure))
    },
};

pub(super) const FAIL_WRITE: Verb = Verb {
    word: "fail-write",
    usage: "fail-write [once|on] [EIO|ENOSPC]",
    about: "The next write(), or every one from now on, fails; needs storage kind = \"disk\".",
    parse: |args| {
        let (once, rest) = once_or_on(args)?;
        let failure = Failure { once, ..Failure::new(Call::Write, error(rest)?) };
        ill(args, "fail-write", move |ills| ills.failures.push(failure))
    },
};

pub(super) const FAIL_IO: Verb = Verb {
    word: "fail-io",
    usage: "fail-io CALL N [EIO|ENOSPC]",
    about: "The N-th call from now on fails: write, fsync, fsync-dir, create, open, mkdir, rename, unlink or truncate. Needs storage kind = \"disk\".",
    parse: |args| {
        let [call, number, rest @ ..] = args else {
            return Err(Mistake::new("", "a call and a number are needed, such as `rename 2`", &[]));
        };
        let call = call_of(call)?;
        let number: u32 = count(number, "calls")?;
        let failure = Failure { from: u64::from(number), once: true, ..Failure::new(call, error(rest)?) };
        ill(args, "fail-io", move |ills| ills.failures.push(failure))
    },
};

pub(super) const FILL_DISK: Verb = Verb {
    word: "fill-disk",
    usage: "fill-disk [SIZE]",
    about: "The disk has room for so many bytes and no more (ENOSPC, and short writes); without a size, which a real file system needs, it is full now. Needs storage kind = \"disk\".",
    parse: |args| match args {
        [] => Ok(Box::new(FillNow)),
        [word] => {
            let room = size(word)?;
            ill(args, "fill-disk", move |ills| ills.capacity = Some(room))
        }
        [_, extra, ..] => Err(Mistake::new(extra, format!("`{extra}` is one word too many"), &[])),
    },
};

pub(super) const LYING_FSYNC: Verb = Verb {
    word: "lying-fsync",
    usage: "lying-fsync",
    about: "Every fsync returns at once and keeps nothing, as on a disk that lies; needs storage kind = \"disk\".",
    parse: |args| {
        nothing(args)?;
        ill(args, "lying-fsync", |ills| ills.lying = true)
    },
};

pub(super) const HEAL_DISK: Verb = Verb {
    word: "heal-disk",
    usage: "heal-disk",
    about: "Nothing is wrong with the disk any more.",
    parse: |args| nothing(args).map(|()| Box::new(Heal) as Box<dyn Step>),
};

fn ill(
    args: &[&str],
    verb: &str,
    change: impl Fn(&mut Ills) + Send + Sync + 'static,
) -> Result<Box<dyn Step>, Mistake> {
    let words = format!("{verb} {}", args.join(" ")).trim_end().to_owned();
    Ok(Box::new(Ill { words, change: Box::new(change) }))
}

/// A call by its word.
pub(super) fn call_of(word: &str) -> Result<Call, Mistake> {
    let words: Vec<_> = Call::ALL.iter().map(|(word, _)| *word).collect();
    let word = choice(&[word], &words, false)?;
    Ok(Call::ALL.iter().find(|(name, _)| *name == word).map_or(Call::Write, |(_, call)| *call))
}

fn once_or_on<'a>(args: &'a [&'a str]) -> Result<(bool, &'a [&'a str]), Mistake> {
    match args {
        ["once", rest @ ..] => Ok((true, rest)),
        ["on", rest @ ..] => Ok((false, rest)),
        rest => Ok((false, rest)),
    }
}

fn error(words: &[&str]) -> Result<Error, Mistake> {
    let names: Vec<_> = Error::ALL.iter().map(|(word, _)| *word).collect();
    let word = choice(words, &names, true)?;
    Ok(Error::ALL.iter().find(|(name, _)| *name == word).map_or(Error::Io, |(_, error)| *error))
}

fn size(word: &str) -> Result<u64, Mistake> {
    value::size(word).map_err(|_| Mistake::new(word, format!("`{word}` is no size, such as 64KB"), &[]))
}

struct Ill {
    words: String,
    change: Box<dyn Fn(&mut Ills) + Send + Sync>,
}

#[async_trait(?Send)]
impl Step for Ill {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let mut ills = Ills::default();
        (self.change)(&mut ills);
        let disk = if ills.is_about_files() { scene.plain_disk(&self.words)? } else { scene.disk()? };
        disk.sicken(&self.change);
        // What is armed while the server is dead is met by its next life, whose pressure it is not.
        scene.draft.told_to_fail |= scene.is_up() && !ills.failures.is_empty();
        scene.note("step", &self.words);
        Ok(())
    }

    fn needs_disk(&self) -> bool {
        true
    }

    fn prepares(&self) -> bool {
        true
    }
}

/// `heal-disk`. Somebody does so when a server refuses to start, too.
struct Heal;

#[async_trait(?Send)]
impl Step for Heal {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.heal_disk()?;
        scene.note("step", "heal-disk");
        Ok(())
    }

    fn needs_disk(&self) -> bool {
        true
    }

    fn mends(&self) -> bool {
        true
    }
}

/// `fill-disk` without a size: what is there now is all that there is room for.
struct FillNow;

#[async_trait(?Send)]
impl Step for FillNow {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        scene.fill_disk()?;
        scene.note("step", "the disk is full");
        Ok(())
    }

    fn needs_disk(&self) -> bool {
        true
    }

    fn prepares(&self) -> bool {
        true
    }
}

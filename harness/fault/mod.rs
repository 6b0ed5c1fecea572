//! What happens to a server: a short script of steps, one verb each.
//!
//! Every verb is one file: its grammar, and what it does to the [`Scene`]. A new one is a file and a line
//! in [`VERBS`].

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

mod awaiting;
mod backup;
mod busy_script;
mod check;
mod chmod_dir;
mod config_rewrite;
mod config_set;
pub mod control;
mod crash;
mod damage;
mod during;
mod exhaust;
mod explore;
mod file_events;
mod kill;
mod kill_after;
mod kill_at;
mod kill_on_file;
mod neighbour;
mod oom;
pub mod order;
mod pause;
pub mod policy;
mod power_cut;
mod reconfigure;
mod recreate;
mod remove_dir;
mod replica;
mod restart;
mod retry;
mod routine;
pub mod saves;
pub mod scene;
mod shutdown;
mod sick_disk;
pub mod sightings;
mod stall_fsync;
mod start;
mod stop;
pub mod storm;
mod supervise;
mod switch_server;
mod term;
mod wait;
mod write;

pub use scene::Scene;

/// One step of a fault, ready to run.
#[async_trait(?Send)]
pub trait Step: Send + Sync {
    /// Does it.
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble>;

    /// Whether it is what people do when a server refuses to start: then the trial goes on after a refusal.
    fn mends(&self) -> bool {
        false
    }

    /// Whether it is done to a disk of Outlast's own, and to no other storage.
    fn needs_disk(&self) -> bool {
        false
    }

    /// Whether it only sets the scene, so that a life may begin after it.
    fn prepares(&self) -> bool {
        false
    }

    /// Whether the step sees to the writes before its fault itself: as the first of a script, beside those that set the scene, it begins with the life.
    fn begins_the_life(&self) -> bool {
        false
    }
}

/// Why a trial cannot go on. None of these says anything about the server's promise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The engine or the server has no way to do this.
    #[error("{reason}; {remedy}")]
    Unsupported {
        /// What is missing.
        reason: String,
        /// What the user can do.
        remedy: String,
    },
    /// The lab failed.
    #[error("{0}")]
    Lab(String),
    /// The fault met no pressure.
    #[error("{0}")]
    NoPressure(String),
    /// The server has ended by itself, because its disk failed: what is done to a running one cannot be done.
    #[error("the server has ended by itself, because its disk failed")]
    Ended,
}

impl From<crate::engine::EngineError> for Trouble {
    fn from(error: crate::engine::EngineError) -> Self {
        match error {
            crate::engine::EngineError::Unsupported { reason, remedy } => {
                Self::Unsupported { reason, remedy }
            }
            failed => Self::Lab(failed.to_string()),
        }
    }
}

/// Names what was tried when a client call fails.
pub(crate) fn lab(action: &str) -> impl Fn(redis::RedisError) -> Trouble + '_ {
    move |error| Trouble::Lab(format!("failed to {action}: {error}"))
}

/// Makes a step of the words after its verb.
type Parse = fn(&[&str]) -> Result<Box<dyn Step>, Mistake>;

/// A verb of the script language.
pub struct Verb {
    /// The first word of a step.
    pub word: &'static str,
    /// Grammar, for messages and docs.
    pub usage: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    parse: Parse,
}

/// Every verb, in alphabetical order.
pub const VERBS: &[Verb] = &[
    awaiting::VERB,
    backup::BACKUP,
    busy_script::VERB,
    check::AOF,
    check::RDB,
    chmod_dir::VERB,
    config_rewrite::VERB,
    config_set::VERB,
    crash::VERB,
    damage::drop::DROP,
    damage::duplicate::VERB,
    during::VERB,
    damage::drop::EMPTY,
    exhaust::VERB,
    explore::VERB,
    sick_disk::FAIL_FSYNC,
    sick_disk::FAIL_IO,
    sick_disk::FAIL_WRITE,
    sick_disk::FILL_DISK,
    damage::flip::VERB,
    damage::garble::VERB,
    sick_disk::HEAL_DISK,
    kill::VERB,
    damage::lengthen::VERB,
    kill_after::VERB,
    kill_at::VERB,
    kill_on_file::VERB,
    sick_disk::LYING_FSYNC,
    neighbour::VERB,
    oom::VERB,
    pause::PAUSE,
    replica::PROMOTE,
    power_cut::VERB,
    reconfigure::VERB,
    recreate::VERB,
    remove_dir::VERB,
    replica::VERB,
    restart::VERB,
    retry::VERB,
    backup::RESTORE,
    pause::RESUME,
    routine::VERB,
    shutdown::VERB,
    sick_disk::SLOW_FSYNC,
    sick_disk::SLOW_WRITE,
    stall_fsync::VERB,
    start::VERB,
    stop::VERB,
    switch_server::VERB,
    supervise::VERB,
    term::VERB,
    damage::truncate::VERB,
    wait::VERB,
    write::VERB,
    damage::zero::VERB,
];

/// A mistake in a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// The offending word, as it stands in the step.
    pub word: String,
    /// What is wrong with it.
    pub message: String,
    /// Words that would do.
    pub candidates: Vec<String>,
}

impl Mistake {
    fn new(word: &str, message: impl Into<String>, candidates: &[&str]) -> Self {
        Self {
            word: word.into(),
            message: message.into(),
            candidates: candidates.iter().map(|&word| word.into()).collect(),
        }
    }
}

/// Parses one step: a verb and its arguments.
pub fn parse(step: &str) -> Result<Box<dyn Step>, Mistake> {
    let words: Vec<_> = step.split_whitespace().collect();
    let Some((&first, args)) = words.split_first() else {
        return Err(Mistake::new(step, "a step needs a verb", &[]));
    };
    match VERBS.iter().find(|verb| verb.word == first) {
        Some(verb) => (verb.parse)(args).map_err(|mistake| Mistake {
            word: if mistake.word.is_empty() { first.into() } else { mistake.word },
            message: format!("{}; usage: `{}`", mistake.message, verb.usage),
            candidates: mistake.candidates,
        }),
        None => {
            let verbs: Vec<_> = VERBS.iter().map(|verb| verb.word).collect();
            Err(Mistake::new(first, format!("unknown verb `{first}`"), &verbs))
        }
    }
}

/// Exactly one word out of `choices`, or the first of them when `optional` and none is given.
fn choice<'a>(args: &[&str], choices: &[&'a str], optional: bool) -> Result<&'a str, Mistake> {
    match args {
        [] if optional => Ok(choices[0]),
        [word] => choices.iter().find(|choice| *choice == word).copied().ok_or_else(|| {
            Mistake::new(word, format!("`{word}` is not one of {}", choices.join(", ")), choices)
        }),
        [] => Err(Mistake::new("", format!("one of {} is missing", choices.join(", ")), choices)),
        [_, extra, ..] => Err(Mistake::new(extra, format!("`{extra}` is one word too many"), &[])),
    }
}

/// A count of at least one; `_` may stand between digits.
fn count<N: std::str::FromStr + PartialEq + From<u8>>(word: &str, what: &str) -> Result<N, Mistake> {
    word.replace('_', "")
        .parse()
        .ok()
        .filter(|number| *number != N::from(0))
        .ok_or_else(|| Mistake::new(word, format!("`{word}` is no count of {what}"), &[]))
}

/// No word at all.
fn nothing(args: &[&str]) -> Result<(), Mistake> {
    match args.first() {
        None => Ok(()),
        Some(extra) => Err(Mistake::new(extra, format!("`{extra}` is one word too many"), &[])),
    }
}

/// Exactly one duration.
fn duration(args: &[&str]) -> Result<Duration, Mistake> {
    let [word] = args else { return Err(Mistake::new("", "one duration is needed, such as 10s", &[])) };
    crate::matrix::value::duration(word)
        .map_err(|_| Mistake::new(word, format!("`{word}` is no duration, such as 500ms or 10s"), &[]))
}

/// `directive=value` pairs; words without `=` belong to the value before them, so that
/// `save=900 1` needs no quotes.
fn assignments(args: &[&str]) -> Result<BTreeMap<String, String>, Mistake> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for word in args {
        match (word.split_once('='), pairs.last_mut()) {
            (Some((name, value)), _) if !name.is_empty() => {
                pairs.push((name.to_lowercase(), value.trim_matches('"').to_owned()));
            }
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(word);
            }
            _ => return Err(Mistake::new(word, format!("`{word}` is not directive=value"), &[])),
        }
    }
    if pairs.is_empty() {
        return Err(Mistake::new("", "at least one directive=value is needed", &[]));
    }
    Ok(pairs.into_iter().collect())
}

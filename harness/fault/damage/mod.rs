//! What can happen to the files of a dead server, one file per verb. All of them say where: which file, and which place
//! in it.

use std::ops::Range;

use super::{Mistake, Scene, Trouble, choice};
use crate::contract::Damage;
use crate::workload::mix;

pub mod drop;
pub mod duplicate;
pub mod flip;
pub mod garble;
pub mod lengthen;
mod resp;
pub mod truncate;
pub mod zero;

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The newest file that commands are appended to.
    Aof,
    /// The snapshot (or rewritten AOF) that it builds on.
    Base,
    /// The list of AOF files.
    Manifest,
    /// `dump.rdb`.
    Rdb,
}

const TARGETS: &[&str] = &["aof", "base", "manifest", "rdb"];

impl Target {
    fn parse(word: &str) -> Result<Self, Mistake> {
        Ok(match choice(&[word], TARGETS, false)? {
            "aof" => Self::Aof,
            "base" => Self::Base,
            "manifest" => Self::Manifest,
            _ => Self::Rdb,
        })
    }

    fn word(self) -> &'static str {
        TARGETS[self as usize]
    }

    fn is(self, path: &str) -> bool {
        match self {
            Self::Aof => path.ends_with(".incr.aof") || (path.ends_with(".aof") && !path.contains('/')),
            Self::Base => path.ends_with(".base.rdb") || path.ends_with(".base.aof"),
            Self::Manifest => path.ends_with(".manifest"),
            Self::Rdb => path.ends_with(".rdb") && !path.contains('/') && !path.starts_with("temp-"),
        }
    }
}

/// Where in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the first command, or the first bytes.
    Head,
    /// In the command, or at the byte, half-way.
    Middle,
    /// In the last command, or the last bytes.
    Tail,
    /// In a command between MULTI and EXEC, half-way among those.
    Multi,
}

const PLACES: &[&str] = &["head", "middle", "tail", "multi"];

impl Place {
    fn parse(word: &str) -> Result<Self, Mistake> {
        Ok(match choice(&[word], PLACES, false)? {
            "head" => Self::Head,
            "middle" => Self::Middle,
            "multi" => Self::Multi,
            _ => Self::Tail,
        })
    }

    /// One of `count` things.
    fn of(self, count: usize) -> usize {
        match self {
            Self::Head => 0,
            Self::Middle | Self::Multi => count / 2,
            Self::Tail => count.saturating_sub(1),
        }
    }
}

/// A file of the dead server that is about to be changed.
struct Victim {
    target: Target,
    path: String,
    bytes: Vec<u8>,
}

impl Victim {
    /// Reads the newest file of that kind.
    async fn find(scene: &mut Scene, target: Target) -> Result<Self, Trouble> {
        let path = newest(scene, target).await?;
        let bytes = scene.instance.read_file(&path).await?;
        Ok(Self { target, path, bytes })
    }

    /// The command at a place; `None` in a file without commands.
    fn command(&self, place: Place) -> Result<Option<Range<usize>>, Trouble> {
        let mut commands = resp::commands(&self.bytes);
        if place == Place::Multi {
            commands = resp::blocks(&self.bytes, &commands).into_iter().flatten().collect();
            if commands.is_empty() {
                return Err(Trouble::NoPressure(format!("{} holds no whole MULTI block", self.path)));
            }
        }
        Ok(commands.get(place.of(commands.len())).cloned())
    }

    /// `size` bytes at a place, or as many as there are.
    fn stretch(&self, place: Place, size: usize) -> Result<Range<usize>, Trouble> {
        let length = self.bytes.len();
        let size = size.min(length);
        if size == 0 {
            return Err(Trouble::NoPressure(format!("{} is empty", self.path)));
        }
        let command = if place == Place::Multi { self.command(place)? } else { None };
        let start = command.map_or_else(
            || place.of(length - size + 1),
            |command| usize::midpoint(command.start, command.end).min(length - size),
        );
        Ok(start..start + size)
    }

    /// The range of the word that a person would call the value, in the command at `place`; in a file of another form
    /// `size` bytes there.
    fn range(&self, place: Place, size: usize) -> Result<Range<usize>, Trouble> {
        if matches!(self.target, Target::Aof | Target::Base)
            && let Some(command) = self.command(place)?
            && let Some(longest) = resp::words(&self.bytes, &command).into_iter().max_by_key(Range::len)
        {
            return Ok(longest);
        }
        self.stretch(place, size)
    }

    /// Writes it back, and tells what kind of damage it is.
    async fn save(self, scene: &mut Scene, what: &str, damage: Damage) -> Result<(), Trouble> {
        scene.instance.write_file(&self.path, &self.bytes).await?;
        scene.note("step", &format!("{}: {what}", self.path));
        scene.draft.damage = Some(damage);
        Ok(())
    }
}

/// The newest file of a kind: by the number in its name.
pub async fn newest(scene: &mut Scene, target: Target) -> Result<String, Trouble> {
    let files = scene.instance.files().await?;
    let newest =
        files.into_iter().filter(|file| target.is(&file.path)).max_by_key(|file| sequence(&file.path));
    newest
        .map(|file| file.path)
        .ok_or_else(|| Trouble::NoPressure(format!("the dead server left no {} file", target.word())))
}

/// The number in `appendonly.aof.<number>.incr.aof`.
fn sequence(path: &str) -> u64 {
    path.split('.').rev().find_map(|part| part.parse().ok()).unwrap_or(0)
}

/// A number below `bound` that the seed chooses.
fn roll(scene: &Scene, bound: usize) -> usize {
    (mix(scene.plan.seed, u16::MAX - 2, scene.events.len() as u32) % (bound as u64).max(1)) as usize
}

/// A target and a place.
fn target_and_place(args: &[&str]) -> Result<(Target, Place), Mistake> {
    match args {
        [target, place] => Ok((Target::parse(target)?, Place::parse(place)?)),
        _ => Err(Mistake::new("", "a file and a place are needed", TARGETS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_increment_has_the_highest_number() {
        assert!(
            sequence("appendonlydir/appendonly.aof.10.incr.aof")
                > sequence("appendonlydir/appendonly.aof.9.incr.aof")
        );
    }

    #[test]
    fn every_file_is_known_by_its_name() {
        for (path, target) in [
            ("appendonly.aof", Target::Aof),
            ("appendonlydir/appendonly.aof.1.incr.aof", Target::Aof),
            ("appendonlydir/appendonly.aof.1.base.rdb", Target::Base),
            ("appendonlydir/appendonly.aof.manifest", Target::Manifest),
            ("dump.rdb", Target::Rdb),
        ] {
            for other in [Target::Aof, Target::Base, Target::Manifest, Target::Rdb] {
                assert_eq!(other.is(path), other == target, "{path} as {}", other.word());
            }
        }
    }
}

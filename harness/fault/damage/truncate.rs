//! `truncate FILE SIZE|PLACE`: the end of a file is missing, as after a torn write or a careless copy.

use async_trait::async_trait;

use super::{Place, Target, Victim, resp};
use crate::contract::Damage;
use crate::fault::{Mistake, Scene, Step, Trouble, Verb};

pub(in crate::fault) const VERB: Verb = Verb {
    word: "truncate",
    usage: "truncate aof|base|manifest|rdb SIZE|middle|boundary|multi|multi-boundary",
    about: "Cuts SIZE bytes off the end of a dead server's file, all from half-way on, whole commands only, or all from within the last MULTI block on.",
    parse: |args| {
        let [file, cut] = args else {
            return Err(Mistake::new("", "a file and a size are needed", super::TARGETS));
        };
        let target = Target::parse(file)?;
        let cut = match *cut {
            "middle" => Cut::Middle,
            "boundary" => Cut::Boundary,
            "multi" => Cut::Multi,
            "multi-boundary" => Cut::MultiBoundary,
            size => Cut::Bytes(crate::matrix::value::size(size).map_err(|_| {
                Mistake::new(
                    size,
                    format!("`{size}` is no size, such as 64B or 4KiB"),
                    &["middle", "boundary", "multi", "multi-boundary"],
                )
            })? as usize),
        };
        Ok(Box::new(Truncate { target, cut }))
    },
};

enum Cut {
    Bytes(usize),
    /// Half of the file, inside a command.
    Middle,
    /// The last three whole commands, to the byte.
    Boundary,
    /// All from within a command of the last MULTI block on.
    Multi,
    /// All from after the first command of the last MULTI block on.
    MultiBoundary,
}

/// Commands that [`Cut::Boundary`] takes off.
const COMMANDS: usize = 3;

struct Truncate {
    target: Target,
    cut: Cut,
}

#[async_trait(?Send)]
impl Step for Truncate {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let mut victim = Victim::find(scene, self.target).await?;
        let length = victim.bytes.len();
        let keep = match self.cut {
            Cut::Bytes(bytes) => length.checked_sub(bytes),
            Cut::Middle => {
                let commands = resp::commands(&victim.bytes);
                // Inside a command where there are any: a cut between two is another case.
                let inside = commands.get(Place::Middle.of(commands.len()));
                Some(inside.map_or(length / 2, |command| (command.start + command.end) / 2))
            }
            Cut::Boundary => {
                let commands = resp::commands(&victim.bytes);
                commands.len().checked_sub(COMMANDS).map(|first| commands[first].start)
            }
            Cut::Multi | Cut::MultiBoundary => {
                let commands = resp::commands(&victim.bytes);
                let Some(block) = resp::blocks(&victim.bytes, &commands).pop() else {
                    return Err(Trouble::NoPressure(format!("{} holds no whole MULTI block", victim.path)));
                };
                let inside = block.get(Place::Middle.of(block.len()));
                match self.cut {
                    Cut::Multi => inside.map(|command| usize::midpoint(command.start, command.end)),
                    _ => block.first().map(|command| command.end),
                }
            }
        };
        let Some(keep) = keep.filter(|keep| *keep > 0) else {
            return Err(Trouble::NoPressure(format!("{} holds only {length} bytes", victim.path)));
        };
        let damage = match self.target {
            Target::Aof => Damage::AofTail { commands: resp::beyond(&victim.bytes, keep) },
            _ => Damage::Elsewhere,
        };
        victim.bytes.truncate(keep);
        let what = format!("{} bytes cut off its end ({damage:?})", length - keep);
        victim.save(scene, &what, damage).await
    }
}

//! `duplicate FILE PLACE`: something is there twice, as after a copy that was taken up again.

use async_trait::async_trait;

use super::{Place, Target, Victim, target_and_place};
use crate::contract::Damage;
use crate::fault::{Scene, Step, Trouble, Verb};

/// Bytes that are doubled in a file without commands.
const BYTES: usize = 32;

pub(in crate::fault) const VERB: Verb = Verb {
    word: "duplicate",
    usage: "duplicate aof|base|manifest|rdb head|middle|tail|multi",
    about: "Writes a command of a dead server's AOF twice; in another file, a line or a few bytes.",
    parse: |args| {
        let (target, place) = target_and_place(args)?;
        Ok(Box::new(Duplicate { target, place }))
    },
};

struct Duplicate {
    target: Target,
    place: Place,
}

#[async_trait(?Send)]
impl Step for Duplicate {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let mut victim = Victim::find(scene, self.target).await?;
        let part = match victim.command(self.place)? {
            Some(command) => command,
            None if self.target == Target::Manifest => {
                let text = String::from_utf8_lossy(&victim.bytes).into_owned();
                let lines: Vec<_> = text.split_inclusive('\n').collect();
                let line = self.place.of(lines.len());
                let start = lines[..line].iter().map(|line| line.len()).sum::<usize>();
                start..start + lines.get(line).map_or(0, |line| line.len())
            }
            None => victim.range(self.place, BYTES)?,
        };
        let copy = victim.bytes[part.clone()].to_vec();
        victim.bytes.splice(part.end..part.end, copy);
        let what = format!("{} bytes from byte {} on written twice", part.len(), part.start);
        victim.save(scene, &what, Damage::Elsewhere).await
    }
}

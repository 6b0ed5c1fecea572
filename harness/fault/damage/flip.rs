//! `flip FILE PLACE`: one bit is wrong, as on a disk or in memory that decays.

use async_trait::async_trait;

use super::{Place, Target, Victim, roll, target_and_place};
use crate::contract::Damage;
use crate::fault::{Scene, Step, Trouble, Verb};

pub(in crate::fault) const VERB: Verb = Verb {
    word: "flip",
    usage: "flip aof|base|manifest|rdb head|middle|tail|multi",
    about: "Flips one bit of a dead server's file: in an AOF, within a value.",
    parse: |args| {
        let (target, place) = target_and_place(args)?;
        Ok(Box::new(Flip { target, place }))
    },
};

struct Flip {
    target: Target,
    place: Place,
}

#[async_trait(?Send)]
impl Step for Flip {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let mut victim = Victim::find(scene, self.target).await?;
        let range = victim.range(self.place, 64)?;
        let at = range.start + roll(scene, range.len());
        victim.bytes[at] ^= 1 << (at % 8);
        victim.save(scene, &format!("a bit flipped at byte {at}"), Damage::Elsewhere).await
    }
}

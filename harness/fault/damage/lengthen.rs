//! `lengthen PLACE`: a length in the AOF is wrong by one.

use async_trait::async_trait;

use super::{Place, Target, Victim, resp};
use crate::contract::Damage;
use crate::fault::{Mistake, Scene, Step, Trouble, Verb};

pub(in crate::fault) const VERB: Verb = Verb {
    word: "lengthen",
    usage: "lengthen head|middle|tail|multi",
    about: "Makes the length of a value in a dead server's AOF wrong by one.",
    parse: |args| match args {
        [place] => Ok(Box::new(Lengthen { place: Place::parse(place)? })),
        _ => Err(Mistake::new("", "one place is needed", super::PLACES)),
    },
};

struct Lengthen {
    place: Place,
}

#[async_trait(?Send)]
impl Step for Lengthen {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let mut victim = Victim::find(scene, Target::Aof).await?;
        let Some(command) = victim.command(self.place)? else {
            return Err(Trouble::NoPressure(format!("{} holds no command", victim.path)));
        };
        let words = resp::words(&victim.bytes, &command);
        let Some(word) = words.last() else {
            return Err(Trouble::NoPressure(format!("{} holds no words", victim.path)));
        };
        // The last digit of the length stands before the line end before the word.
        let digit = word.start - 3;
        victim.bytes[digit] = if victim.bytes[digit] == b'9' { b'8' } else { victim.bytes[digit] + 1 };
        victim.save(scene, &format!("a wrong length at byte {digit}"), Damage::Elsewhere).await
    }
}

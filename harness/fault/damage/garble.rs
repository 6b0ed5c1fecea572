//! `garble FILE PLACE SIZE`: bytes of something else, as after a write that went astray.

use async_trait::async_trait;

use super::{Place, Target, Victim};
use crate::contract::Damage;
use crate::fault::{Mistake, Scene, Step, Trouble, Verb};
use crate::workload::mix;

pub(in crate::fault) const VERB: Verb = Verb {
    word: "garble",
    usage: "garble aof|base|manifest|rdb head|middle|tail|multi SIZE",
    about: "Overwrites SIZE bytes of a dead server's file with random ones.",
    parse: |args| {
        let [file, place, size] = args else {
            return Err(Mistake::new("", "a file, a place and a size are needed", super::TARGETS));
        };
        let bytes = crate::matrix::value::size(size)
            .map_err(|_| Mistake::new(size, format!("`{size}` is no size, such as 64B or 4KiB"), &[]))?;
        Ok(Box::new(Garble {
            target: Target::parse(file)?,
            place: Place::parse(place)?,
            bytes: bytes as usize,
        }))
    },
};

struct Garble {
    target: Target,
    place: Place,
    bytes: usize,
}

#[async_trait(?Send)]
impl Step for Garble {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let mut victim = Victim::find(scene, self.target).await?;
        let stretch = victim.stretch(self.place, self.bytes)?;
        let (start, size) = (stretch.start, stretch.len());
        let seed = scene.plan.seed;
        for (number, byte) in (0..).zip(&mut victim.bytes[stretch]) {
            *byte = mix(seed, u16::MAX - 3, number) as u8;
        }
        victim.save(scene, &format!("{size} random bytes from byte {start} on"), Damage::Elsewhere).await
    }
}

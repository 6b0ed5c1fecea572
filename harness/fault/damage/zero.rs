//! `zero FILE PLACE SIZE`: bytes that were allocated and never written, as file systems leave them after a power cut.

use async_trait::async_trait;

use super::{Place, Target, Victim};
use crate::contract::Damage;
use crate::fault::{Mistake, Scene, Step, Trouble, Verb};

pub(in crate::fault) const VERB: Verb = Verb {
    word: "zero",
    usage: "zero aof|base|manifest|rdb head|middle|tail|multi|after SIZE",
    about: "Overwrites SIZE bytes of a dead server's file with zeros; `after` appends them to its end.",
    parse: |args| {
        let [file, place, size] = args else {
            return Err(Mistake::new("", "a file, a place and a size are needed", super::TARGETS));
        };
        let target = Target::parse(file)?;
        let place = if *place == "after" { None } else { Some(Place::parse(place)?) };
        let bytes = crate::matrix::value::size(size)
            .map_err(|_| Mistake::new(size, format!("`{size}` is no size, such as 64B or 4KiB"), &[]))?;
        Ok(Box::new(Zero { target, place, bytes: bytes as usize }))
    },
};

struct Zero {
    target: Target,
    place: Option<Place>,
    bytes: usize,
}

#[async_trait(?Send)]
impl Step for Zero {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let mut victim = Victim::find(scene, self.target).await?;
        let length = victim.bytes.len();
        let Some(place) = self.place else {
            victim.bytes.resize(length + self.bytes, 0);
            // Nothing that was written is touched.
            let what = format!("{} zeros appended", self.bytes);
            return victim.save(scene, &what, Damage::Elsewhere).await;
        };
        if length < self.bytes {
            return Err(Trouble::NoPressure(format!("{} holds only {length} bytes", victim.path)));
        }
        let stretch = victim.stretch(place, self.bytes)?;
        let what = format!("{} bytes zeroed from byte {} on", stretch.len(), stretch.start);
        victim.bytes[stretch].fill(0);
        victim.save(scene, &what, Damage::Elsewhere).await
    }
}

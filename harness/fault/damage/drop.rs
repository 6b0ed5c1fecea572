//! `drop FILE` and `empty FILE`: a file that was forgotten in a copy, or that a full disk left without content.

use async_trait::async_trait;

use super::{Target, newest};
use crate::contract::Damage;
use crate::fault::{Mistake, Scene, Step, Trouble, Verb};

pub(in crate::fault) const DROP: Verb = Verb {
    word: "drop",
    usage: "drop aof|base|manifest|rdb",
    about: "Removes a dead server's file.",
    parse: |args| Ok(Box::new(Gone { target: only(args)?, file_stays: false })),
};

pub(in crate::fault) const EMPTY: Verb = Verb {
    word: "empty",
    usage: "empty aof|base|manifest|rdb",
    about: "Leaves a dead server's file there without a byte in it.",
    parse: |args| Ok(Box::new(Gone { target: only(args)?, file_stays: true })),
};

struct Gone {
    target: Target,
    file_stays: bool,
}

fn only(args: &[&str]) -> Result<Target, Mistake> {
    match args {
        [target] => Target::parse(target),
        _ => Err(Mistake::new("", "one file is needed", super::TARGETS)),
    }
}

#[async_trait(?Send)]
impl Step for Gone {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let path = newest(scene, self.target).await?;
        if self.file_stays {
            scene.instance.write_file(&path, &[]).await?;
        } else {
            scene.instance.remove_file(&path).await?;
        }
        scene.note("step", &format!("{path}: {}", if self.file_stays { "emptied" } else { "removed" }));
        scene.draft.damage = Some(Damage::Elsewhere);
        Ok(())
    }
}

//! `check-aof [fix]` and `check-rdb`: the tools that people reach for when a server refuses to start.

use async_trait::async_trait;

use super::damage::{Target, newest};
use super::{Scene, Step, Trouble, Verb, choice, nothing};

pub(super) const AOF: Verb = Verb {
    word: "check-aof",
    usage: "check-aof [fix]",
    about: "Runs redis-check-aof on a dead server's AOF; with `fix` it cuts off what it cannot read.",
    parse: |args| {
        let fix = choice(args, &["", "fix"], true)? == "fix";
        Ok(Box::new(CheckAof { fix }))
    },
};

pub(super) const RDB: Verb = Verb {
    word: "check-rdb",
    usage: "check-rdb",
    about: "Runs redis-check-rdb on a dead server's RDB file.",
    parse: |args| nothing(args).map(|()| Box::new(CheckRdb) as Box<dyn Step>),
};

struct CheckAof {
    fix: bool,
}

struct CheckRdb;

#[async_trait(?Send)]
impl Step for CheckAof {
    fn mends(&self) -> bool {
        true
    }

    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        // From 7.0 on the tool wants the manifest and finds the files itself.
        let path = match newest(scene, Target::Manifest).await {
            Ok(manifest) => manifest,
            Err(_) => newest(scene, Target::Aof).await?,
        };
        let arguments: &[&str] = if self.fix { &["--fix", &path] } else { &[&path] };
        run(scene, "check-aof", arguments).await?;
        scene.draft.repaired |= self.fix;
        Ok(())
    }
}

#[async_trait(?Send)]
impl Step for CheckRdb {
    fn mends(&self) -> bool {
        true
    }

    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let path = newest(scene, Target::Rdb).await?;
        run(scene, "check-rdb", &[&path]).await
    }
}

/// Runs the tool and notes its last words.
async fn run(scene: &mut Scene, tool: &str, arguments: &[&str]) -> Result<(), Trouble> {
    let (well, text) = scene.instance.check_tool(tool, arguments).await?;
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim();
    let outcome = if well { "content" } else { "not content" };
    scene.note("step", &format!("{tool} {}: {outcome}: {last}", arguments.join(" ")));
    Ok(())
}

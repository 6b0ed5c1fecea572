//! `replica following|lagging|cut` and `promote`: a replica that stands by, and one that has stopped to listen.

use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::control::{Control, Pulse, ping};
use super::{Scene, Step, Trouble, Verb, choice, lab, nothing};
use crate::engine::{Blueprint, Signal};
use crate::matrix::{Directive, Launch};

/// The directive, and the first words of the command, that make a server a replica.
const REPLICAOF: &str = "replicaof";

/// A first copy takes a fork, a transfer and a load, and then a rewrite: on a busy machine that is long.
const SYNC_LIMIT: Duration = Duration::from_secs(60);

pub(super) const VERB: Verb = Verb {
    word: "replica",
    usage: "replica following|lagging|cut",
    about: "Attaches a replica under the same policy; `lagging` freezes it at once, `cut` freezes one that followed and ends its connection.",
    parse: |args| {
        let how = match choice(args, &["following", "lagging", "cut"], false)? {
            "following" => How::Following,
            "lagging" => How::Lagging,
            _ => How::Cut,
        };
        Ok(Box::new(Replica { how }))
    },
};

pub(super) const PROMOTE: Verb = Verb {
    word: "promote",
    usage: "promote",
    about: "Puts the replica in the dead server's place, as a failover does, and reads everything back from it.",
    parse: |args| nothing(args).map(|()| Box::new(Promote) as Box<dyn Step>),
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Following,
    Lagging,
    Cut,
}

struct Replica {
    how: How,
}

struct Promote;

#[async_trait(?Send)]
impl Step for Replica {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        if self.how != How::Cut {
            attach(scene).await?;
        }
        if self.how == How::Following {
            scene.note("step", "a replica is attached");
            return Ok(());
        }
        scene.freeze_attached(Signal::Pause).await?;
        scene.note("step", "the replica is frozen");
        if self.how == How::Cut {
            // What is written from now on does not even wait in a socket for the replica to go on.
            let ended: Result<redis::Value, _> =
                scene.control()?.ask(&["CLIENT", "KILL", "TYPE", "replica"]).await;
            ended.map_err(lab("end the replica's connection"))?;
        }
        scene.draft.excuse = Some("a replica lags");
        // The lag has to be real: more is written than the replica ever read.
        scene.write(scene.plan.workload.writes / 10 + 1).await
    }
}

/// Starts a replica and waits until it is in step.
async fn attach(scene: &mut Scene) -> Result<(), Trouble> {
    let Some(port) = scene.instance.tcp_port() else {
        return Err(Trouble::Unsupported {
            reason: "a replica needs a TCP port of the server".into(),
            remedy: "run it on the process engine".into(),
        });
    };
    // The first copy would wait 5 s for further replicas.
    let delay: Result<redis::Value, _> =
        scene.control()?.ask(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]).await;
    delay.map_err(lab("set repl-diskless-sync-delay"))?;
    let line = |name: &str, value: &str| Directive { name: name.into(), value: value.into() };
    let folder = scene.plan.folder.join("r");
    std::fs::create_dir_all(&folder)
        .map_err(|error| Trouble::Lab(format!("failed to create {}: {error}", folder.display())))?;
    let mut directives = scene.directives.clone();
    directives.push(line(REPLICAOF, &format!("127.0.0.1 {port}")));
    let login = scene.plan.workload.user.clone();
    if let Some(login) = &login {
        directives.extend([line("masteruser", &login.name), line("masterauth", &login.password)]);
    }
    let blueprint = Blueprint {
        id: format!("{}-r", scene.plan.id),
        folder,
        build: scene.plan.build.clone(),
        directives,
        storage: scene.plan.storage.kind,
        launch: Launch::Direct,
        memory: None,
        tcp: true,
        tls: scene.plan.workload.tls,
    };
    let mut replica = scene.engine.create(blueprint).await?;
    replica.start().await?;
    let address = replica.address();
    scene.attach(replica);
    let limit = Instant::now() + SYNC_LIMIT;
    while ping(&address, Duration::from_secs(1)).await != Pulse::Ready {
        in_time(limit)?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut control =
        Control::connect(&address, login.as_ref()).await.map_err(lab("connect to the replica"))?;
    loop {
        let info = control.info("replication").await.map_err(lab("read INFO replication"))?;
        let linked = info.get("master_link_status").is_some_and(|status| status == "up");
        // It begins a new AOF with what it was sent, and refuses to end until that is there.
        if linked && !rewrites(&mut control).await? {
            return Ok(());
        }
        in_time(limit)?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a rewrite of the AOF is under way or about to begin.
async fn rewrites(control: &mut Control) -> Result<bool, Trouble> {
    let info = control.info("persistence").await.map_err(lab("read INFO persistence"))?;
    let fields = ["aof_rewrite_in_progress", "aof_rewrite_scheduled"];
    Ok(fields.iter().any(|field| info.get(*field).is_some_and(|value| value == "1")))
}

#[async_trait(?Send)]
impl Step for Promote {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let address = scene.take_replicas_place().await?;
        let limit = Instant::now() + SYNC_LIMIT;
        while ping(&address, Duration::from_secs(1)).await != Pulse::Ready {
            in_time(limit)?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let login = scene.plan.workload.user.as_ref();
        let mut control = Control::connect(&address, login).await.map_err(lab("connect to the replica"))?;
        let _: redis::Value =
            control.ask(&[REPLICAOF, "NO", "ONE"]).await.map_err(lab("promote the replica"))?;
        // The next start is not to look for its master again.
        scene.write_config().await?;
        scene.note("step", "the replica is promoted");
        scene.recover().await
    }
}

fn in_time(limit: Instant) -> Result<(), Trouble> {
    if Instant::now() > limit {
        return Err(Trouble::Lab(format!("the replica was not in step after {SYNC_LIMIT:?}")));
    }
    Ok(())
}

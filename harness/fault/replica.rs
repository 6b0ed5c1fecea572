//! `replica lagging`: a replica that has stopped to listen, so that SIGTERM waits for it.

use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::control::{Control, Pulse, ping};
use super::scene::PHASE_LIMIT;
use super::{Scene, Step, Trouble, Verb, choice, lab};
use crate::engine::{Blueprint, Signal};
use crate::matrix::{Directive, Launch};

pub(super) const VERB: Verb = Verb {
    word: "replica",
    usage: "replica lagging",
    about: "Attaches a replica and freezes it: from 7.0 on a stop waits for it up to `shutdown-timeout`.",
    parse: |args| choice(args, &["lagging"], false).map(|_| Box::new(Replica) as Box<dyn Step>),
};

struct Replica;

#[async_trait(?Send)]
impl Step for Replica {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        let Some(port) = scene.instance.tcp_port() else {
            return Err(Trouble::Unsupported {
                reason: "a replica needs a TCP port of the server".into(),
                remedy: "run it on the process engine".into(),
            });
        };
        let line = |name: &str, value: &str| Directive { name: name.into(), value: value.into() };
        let folder = scene.plan.folder.join("r");
        std::fs::create_dir_all(&folder)
            .map_err(|error| Trouble::Lab(format!("failed to create {}: {error}", folder.display())))?;
        let mut directives = vec![line("save", ""), line("replicaof", &format!("127.0.0.1 {port}"))];
        if let Some(login) = &scene.plan.workload.user {
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
        };
        let mut replica = scene.engine.create(blueprint).await?;
        replica.start().await?;
        let address = replica.address();
        scene.attach(replica);
        let limit = Instant::now() + PHASE_LIMIT;
        while ping(&address, Duration::from_secs(1)).await == Pulse::Silent {
            in_time(limit)?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut control = Control::connect(&address, None).await.map_err(lab("connect to the replica"))?;
        loop {
            let info = control.info("replication").await.map_err(lab("read INFO replication"))?;
            if info.get("master_link_status").is_some_and(|status| status == "up") {
                break;
            }
            in_time(limit)?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        scene.freeze_attached(Signal::Pause).await?;
        scene.note("step", "a replica is attached and frozen");
        scene.draft.excuse = Some("a replica lags");
        // The lag has to be real: more is written than the replica ever read.
        scene.write(scene.plan.workload.writes / 10 + 1).await
    }
}

fn in_time(limit: Instant) -> Result<(), Trouble> {
    if Instant::now() > limit {
        return Err(Trouble::Lab(format!("the replica was not in sync after {PHASE_LIMIT:?}")));
    }
    Ok(())
}

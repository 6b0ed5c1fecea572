//! `during bgsave|rewrite|load`: brings the server into a phase, so that the next step meets it there.

use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::control::{Pulse, ping};
use super::scene::{PHASE_LIMIT, Phase};
use super::{Scene, Step, Trouble, Verb, choice, lab};

/// Microseconds that a snapshot or a rewrite child rests at each key (`rdb-key-save-delay`), and that loading
/// rests at each key (`key-load-delay`): without them the phase is over before anything can be aimed at it.
const REST_US: &str = "200";
/// The phase has to be this long in sight of the control connection.
const POLL: Duration = Duration::from_millis(2);

pub(super) const VERB: Verb = Verb {
    word: "during",
    usage: "during bgsave|rewrite|load",
    about: "Starts a snapshot, an AOF rewrite, or a dead server, and goes on as soon as that is under way.",
    parse: |args| {
        let phase = match choice(args, &["bgsave", "rewrite", "load"], false)? {
            "bgsave" => Phase::Bgsave,
            "rewrite" => Phase::Rewrite,
            _ => Phase::Load,
        };
        Ok(Box::new(During { phase }))
    },
};

struct During {
    phase: Phase,
}

#[async_trait(?Send)]
impl Step for During {
    async fn run(&self, scene: &mut Scene) -> Result<(), Trouble> {
        match self.phase {
            Phase::Bgsave => child(scene, self.phase, "BGSAVE").await,
            Phase::Rewrite => child(scene, self.phase, "BGREWRITEAOF").await,
            Phase::Load => load(scene).await,
        }
    }
}

async fn child(scene: &mut Scene, phase: Phase, command: &str) -> Result<(), Trouble> {
    let mut control = scene.control()?;
    control
        .ask::<()>(&["CONFIG", "SET", "rdb-key-save-delay", REST_US])
        .await
        .map_err(lab("set rdb-key-save-delay"))?;
    let limit = Instant::now() + PHASE_LIMIT;
    while !phase.under_way(&mut control).await {
        // An automatic save may be in the way; the order is repeated until the phase is there.
        let _: Result<redis::Value, _> = control.ask(&[command]).await;
        if Instant::now() > limit {
            return Err(Trouble::NoPressure(format!("{command} never got under way in {PHASE_LIMIT:?}")));
        }
        tokio::time::sleep(POLL).await;
    }
    scene.note("step", &format!("{command} under way"));
    scene.sightings.begin(phase.child(), &format!("{command}, slowed down"));
    scene.draft.phase = Some(phase);
    Ok(())
}

async fn load(scene: &mut Scene) -> Result<(), Trouble> {
    scene.before_start().await?;
    let slow = [
        ("key-load-delay", REST_US),
        // Answer clients while loading after every KiB instead of every 2 MiB.
        ("loading-process-events-interval-bytes", "1024"),
    ];
    let normal = scene.directives.clone();
    for (name, value) in slow.into_iter().filter(|(name, _)| scene.plan.build.knows(name)).collect::<Vec<_>>()
    {
        scene.set_directive(name, value);
    }
    scene.write_config().await?;
    scene.instance.start().await?;
    let limit = Instant::now() + PHASE_LIMIT;
    let met = loop {
        match ping(&scene.instance.address(), Duration::from_millis(500)).await {
            Pulse::Loading => break true,
            // Nobody who is at his files answers; one who has read them says so.
            Pulse::Mute => {
                let last = scene.instance.log_tail(1).await.pop().unwrap_or_default();
                break !last.contains("Ready to accept connections");
            }
            Pulse::Ready => break false,
            Pulse::Silent if Instant::now() > limit => break false,
            Pulse::Silent => tokio::time::sleep(POLL).await,
        }
        if scene.instance.exited(Duration::ZERO).await?.is_some() {
            break false;
        }
    };
    scene.directives = normal;
    scene.write_config().await?;
    if !met {
        return Err(Trouble::NoPressure("the server was never seen loading: too little data".into()));
    }
    scene.note("step", "loading");
    scene.draft.phase = Some(Phase::Load);
    scene.draft.met_phase = Some("load");
    Ok(())
}

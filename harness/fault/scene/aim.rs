//! Kills that meet one moment exactly: everything is made ready beforehand, and the kill itself waits for nobody.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{LOOK_LIMIT, Scene, WRITE_LIMIT};
use crate::contract::Death;
use crate::engine::Killer;
use crate::fault::Trouble;
use crate::fault::control::Control;

/// Between two looks at the fsync of a server that waits for its kill.
const LOOK_PERIOD: Duration = Duration::from_millis(5);

/// Asks a server again and again whether an fsync is in flight.
pub(super) struct Look {
    control: Control,
    began: Instant,
}

impl Look {
    /// When it was asked, where no fsync was in flight.
    pub(super) async fn once(mut self) -> Option<u64> {
        self.ask().await
    }

    async fn ask(&mut self) -> Option<u64> {
        let asked_us = micros(self.began);
        let answer = timeout(LOOK_LIMIT, self.control.info("persistence")).await;
        let idle =
            matches!(&answer, Ok(Ok(info)) if info.get("aof_pending_bio_fsync").is_some_and(|n| n == "0"));
        idle.then_some(asked_us)
    }
}

impl Scene {
    /// A look at the server's fsync, where its policy makes that matter and it can answer.
    pub(super) fn look(&self) -> Option<Look> {
        let everysec =
            self.syncs_every_second() && self.config.get("appendonly").is_some_and(|value| value == "yes");
        let control = self.control.clone().filter(|_| everysec && !self.paused)?;
        Some(Look { control, began: self.began })
    }

    /// Whether the server leaves its fsyncs to a thread, once a second.
    pub fn syncs_every_second(&self) -> bool {
        self.config.get("appendfsync").is_some_and(|value| value == "everysec")
    }

    /// Kills the server at exactly the `at`-th acknowledged write of this life.
    pub async fn kill_at(&mut self, words: &str, at: u64) -> Result<(), Trouble> {
        let killer = self.killer()?;
        let look = self.look();
        let began = self.began;
        let struck = Rc::new(Cell::new(None));
        let driver = self.writers().await?;
        if driver.acked() >= at {
            let acked = driver.acked();
            return Err(Trouble::Lab(format!(
                "{acked} writes of this life were acknowledged before `{words}` began; name a later one"
            )));
        }
        let moment = struck.clone();
        driver.set_trap(
            at,
            Box::new(move || {
                moment.set(Some(micros(began)));
                killer();
            }),
        );
        let (reached, settled_us) = looking(look, driver.reach(at, WRITE_LIMIT)).await;
        if let Err(stalled) = reached {
            return Err(self.explain(&stalled).await);
        }
        let fault_us =
            struck.get().ok_or_else(|| Trouble::Lab(format!("`{words}` missed its write: {at} is past")))?;
        self.draft.settled_us = settled_us.or(self.draft.settled_us);
        self.mark(words, Death::Kill, fault_us, at);
        self.kill().await
    }

    /// Waits until somebody else has killed the server, and puts down when that was; `None` means that it lives on.
    pub async fn killed_by(
        &mut self,
        words: &str,
        death: Death,
        killing: impl Future<Output = Option<Instant>>,
    ) -> Result<bool, Trouble> {
        let (struck, settled_us) = looking(self.look(), killing).await;
        let Some(struck) = struck else { return Ok(false) };
        self.draft.settled_us = settled_us.or(self.draft.settled_us);
        self.draft.met_phase = self.draft.phase.map(super::Phase::word);
        let fault_us = struck.saturating_duration_since(self.began).as_micros();
        let acked = self.driver.as_ref().map_or(0, |driver| driver.acked());
        self.mark(words, death, u64::try_from(fault_us).unwrap_or(u64::MAX), acked);
        self.kill().await?;
        Ok(true)
    }

    /// What kills the server at once and from any thread.
    pub fn killer(&self) -> Result<Killer, Trouble> {
        self.instance.killer().ok_or_else(|| Trouble::Unsupported {
            reason: "the server is no process of this host, so it cannot be killed to the microsecond".into(),
            remedy: "run it with OUTLAST_ENGINE=process, or with an engine on this host".into(),
        })
    }
}

/// Waits for something, and asks meanwhile; also returns the last moment at which no fsync was in flight.
async fn looking<T>(look: Option<Look>, awaited: impl Future<Output = T>) -> (T, Option<u64>) {
    let settled_us = Cell::new(None);
    let asking = async {
        let Some(mut look) = look else { return std::future::pending::<()>().await };
        loop {
            settled_us.set(look.ask().await.or(settled_us.get()));
            tokio::time::sleep(LOOK_PERIOD).await;
        }
    };
    let outcome = tokio::select! {
        biased;
        outcome = awaited => outcome,
        () = asking => unreachable!("it asks for ever"),
    };
    (outcome, settled_us.get())
}

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

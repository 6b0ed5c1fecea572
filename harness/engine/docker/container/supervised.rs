//! A container under the engine's own restart policy: the engine starts a server again before anybody can ask how it
//! ended, so its end is read from the engine's events.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bollard::models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum};
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;

use super::exit::exit_of_code;
use super::{ACT, ASK, Container, SETTLE, describe, limited};
use crate::engine::{EngineError, Exit, Restart};

/// Between two looks at a container that is down.
const LOOK: Duration = Duration::from_millis(10);

/// What a container under a restart policy has to remember.
#[derive(Default)]
pub(super) struct Supervised {
    /// Time of the last death that is known, in nanoseconds since 1970.
    seen: i64,
    last: Option<Exit>,
}

impl Container {
    pub(super) async fn put_under_policy(&mut self, restart: Restart) -> Result<(), EngineError> {
        let action = format!("set the restart policy of container {}", self.place.name);
        if self.process.is_none() {
            return Err(EngineError::Unsupported {
                reason: "a restart can be followed only where the container is a process of this host".into(),
                remedy: "use an engine on this host that runs as the same user, or OUTLAST_ENGINE=process"
                    .into(),
            });
        }
        let name = match restart {
            Restart::Always => RestartPolicyNameEnum::ALWAYS,
            Restart::OnFailure => RestartPolicyNameEnum::ON_FAILURE,
        };
        let policy = RestartPolicy { name: Some(name), maximum_retry_count: None };
        let body = ContainerUpdateBody { restart_policy: Some(policy), ..ContainerUpdateBody::default() };
        limited(&action, ASK, self.client.update_container(&self.id, body)).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        self.supervised = Some(Supervised { seen: i64::try_from(now).unwrap_or(i64::MAX), last: None });
        Ok(())
    }

    /// How the life that was last looked at has ended, whether or not another one has begun.
    pub(super) async fn end_of_life(&mut self, limit: Duration) -> Result<Option<Exit>, EngineError> {
        let Some(supervised) = &self.supervised else { return Ok(None) };
        match &self.process {
            None => Ok(supervised.last),
            // A starting server is looked at every few milliseconds: that is no question for the engine.
            Some(process) if limit.is_zero() && !process.is_gone() => Ok(None),
            Some(_) if limit.is_zero() => self.next_death(SETTLE).await,
            Some(_) => self.next_death(limit).await,
        }
    }

    /// The first death that is not known yet, as soon as the engine tells of it.
    async fn next_death(&mut self, limit: Duration) -> Result<Option<Exit>, EngineError> {
        let action = format!("see the end of container {}", self.place.name);
        let Some(supervised) = &mut self.supervised else { return Ok(None) };
        let since = format!("{}.{:09}", supervised.seen / 1_000_000_000, supervised.seen % 1_000_000_000);
        let filters =
            HashMap::from([("container", vec![self.id.clone()]), ("event", vec!["die".to_owned()])]);
        let options = EventsOptionsBuilder::default().since(&since).filters(&filters).build();
        let mut deaths = std::pin::pin!(self.client.events(Some(options)));
        let until = tokio::time::Instant::now() + limit;
        let death = loop {
            let Ok(event) = tokio::time::timeout_at(until, deaths.next()).await else { return Ok(None) };
            let event = event
                .ok_or_else(|| EngineError::failed(&action, "the engine stopped to tell events"))?
                .map_err(|error| EngineError::failed(&action, describe(&error)))?;
            let at = event.time_nano.unwrap_or_default();
            if at > supervised.seen {
                supervised.seen = at;
                break event;
            }
        };
        let attributes = death.actor.and_then(|actor| actor.attributes).unwrap_or_default();
        let code = attributes.get("exitCode").and_then(|code| code.parse().ok()).unwrap_or_default();
        supervised.last = Some(exit_of_code(code, false));
        self.process = None;
        self.paused = false;
        Ok(supervised.last)
    }

    /// Waits until the engine has started the container again. A server that refuses may be gone, and started once
    /// more, before anybody could look at it: then this start has ended already, and its end is known.
    pub(super) async fn started_again(&mut self) -> Result<(), EngineError> {
        let until = Instant::now() + ACT;
        loop {
            let (state, _) = self.inspect().await?;
            if state.running == Some(true) && state.restarting != Some(true) {
                self.look().await?;
                if self.process.is_some() {
                    return Ok(());
                }
            }
            if self.next_death(LOOK).await?.is_some() {
                return Ok(());
            }
            if Instant::now() > until {
                let action = format!("see container {} started again", self.place.name);
                return Err(EngineError::failed(action, format!("it was down for {ACT:?}")));
            }
        }
    }
}

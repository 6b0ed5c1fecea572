//! Starts: what has to be there before one, how it goes, and the configuration that comes of it.

use std::time::{Duration, Instant};

use super::power::Explored;
use super::{Recovery, Scene, describe};
use crate::fault::control::{Control, Pulse, ping};
use crate::fault::saves::Saves;
use crate::fault::{Trouble, lab};
use crate::matrix::{Directive, Login};
use crate::plan::Plan;

/// The directive that makes a user: one of the few that stand in a file more than once, line by line.
const USER: &str = "user";

/// What a server says that knows the directives of TLS and was built without it.
const NO_TLS: &str = "Failed finding TLS support";

/// Between two looks at a server that starts.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl Scene {
    /// Looks at the dead server's files, once per start.
    pub async fn before_start(&mut self) -> Result<(), Trouble> {
        self.file_system_must_live()?;
        self.draft.files_dead = self.instance.files().await?;
        self.draft.failed_before_start = self.failures();
        if self.explores() == Some(Explored::FromTheStart) {
            self.sync_disk();
        }
        self.note("start", "started again");
        Ok(())
    }

    /// Waits for the first start of the trial. A server that does not come up on an empty folder is the
    /// lab's trouble, not a finding.
    pub async fn first_start(&mut self) -> Result<(), Trouble> {
        self.note("start", &format!("{} {}", self.plan.build.product, self.plan.build.version));
        self.instance.start().await?;
        self.recover().await?;
        match self.recovery.take() {
            Some(Recovery::Ready { .. }) => {
                // What a start makes is explored on its own; everything else begins with it on the disk.
                if self.explores() != Some(Explored::FromTheStart) {
                    self.sync_disk();
                }
                self.check_needs().await
            }
            other => {
                let log = self.instance.log_tail(3).await.join(" | ");
                if self.plan.workload.tls && log.contains(NO_TLS) {
                    return Err(without_tls(&self.plan));
                }
                Err(Trouble::Lab(format!(
                    "the server did not start on an empty folder: {other:?}; log: {log}"
                )))
            }
        }
    }

    /// Asks whether the server knows the commands of the workload.
    async fn check_needs(&mut self) -> Result<(), Trouble> {
        let needs = self.ledger.workload.needs();
        if needs.is_empty() {
            return Ok(());
        }
        let question: Vec<_> =
            ["COMMAND", "INFO"].into_iter().chain(needs.iter().map(|n| n.command)).collect();
        let known: Vec<redis::Value> =
            self.control()?.ask(&question).await.map_err(lab("ask for COMMAND INFO"))?;
        let missing = needs.iter().zip(known).find(|(_, known)| *known == redis::Value::Nil);
        missing.map_or(Ok(()), |(need, _)| {
            let build = &self.plan.build;
            Err(Trouble::Unsupported {
                reason: format!("{} {} does not know {}", build.product, build.version, need.command),
                remedy: format!("it came with {}", need.since),
            })
        })
    }

    /// Waits until a started server answers, ends, or neither; then reads its configuration back.
    pub async fn recover(&mut self) -> Result<(), Trouble> {
        let started = Instant::now();
        let address = self.instance.address();
        let recovery = loop {
            // A look at the process comes between two looks at the socket: a dead server never answers.
            if let Some(exit) = self.instance.exited(Duration::ZERO).await? {
                break Recovery::Refused { exit };
            }
            if ping(&address, Duration::from_secs(5)).await == Pulse::Ready {
                break Recovery::Ready { ms: started.elapsed().as_secs_f64() * 1000.0 };
            }
            if started.elapsed() > self.plan.ready {
                break Recovery::Stuck;
            }
            // The measured time is a sixteenth too long at most, and nobody waits for a server that is long ready.
            tokio::time::sleep((started.elapsed() / 16).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)).await;
        };
        match &recovery {
            Recovery::Ready { ms } => {
                let ms = *ms;
                let login = self.plan.workload.user.as_ref();
                let control =
                    Control::connect(&address, login).await.map_err(lab("connect to the server"))?;
                self.control = Some(control);
                self.note("ready", &format!("answers after {ms:.0} ms"));
                self.running = self.directives.clone();
                self.read_config().await?;
                let rdb_only = self.config.get("appendonly").is_none_or(|value| value != "yes");
                if rdb_only {
                    self.saves = Some(Saves::watch(self.control()?, self.began, self.sightings.clone()));
                }
            }
            Recovery::Refused { exit } => {
                self.file_system_must_live()?;
                self.note("exit", &format!("refused to start: {}", describe(*exit)))
            }
            Recovery::Stuck => self.note("note", "neither ready nor dead"),
        }
        self.recovery = Some(recovery);
        Ok(())
    }

    /// Reads the effective configuration.
    pub async fn read_config(&mut self) -> Result<(), Trouble> {
        self.config = self.control()?.config().await.map_err(lab("read CONFIG GET *"))?;
        Ok(())
    }

    /// Whether the server knows a directive: one that does not would refuse to start.
    pub fn knows(&self, directive: &str) -> Result<(), Trouble> {
        knows(&self.plan, directive)
    }

    /// Changes the config file of the next start, in memory.
    pub fn set_directive(&mut self, name: &str, value: &str) {
        self.directives.retain(|line| line.name != name);
        self.directives.push(Directive { name: name.into(), value: value.into() });
    }

    /// Writes the config file of the next start.
    pub async fn write_config(&mut self) -> Result<(), Trouble> {
        Ok(self.instance.configure(&self.directives).await?)
    }

    /// The running configuration has become the file (`CONFIG REWRITE`).
    pub fn adopt_running_config(&mut self) {
        for line in &mut self.directives {
            if let Some(value) = self.config.get(&line.name) {
                line.value.clone_from(value);
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        self.directives.retain(|line| line.name == USER || seen.insert(line.name.clone()));
        for name in ["appendonly", "save"] {
            if let (false, Some(value)) = (seen.contains(name), self.config.get(name)) {
                self.directives.push(Directive { name: name.into(), value: value.clone() });
            }
        }
    }
}

/// Lines that make a user, beside whom the server's own one may say no more than who is there.
pub(super) fn login_lines(login: &Login) -> [Directive; 2] {
    let line = |value: String| Directive { name: USER.into(), value };
    [
        line("default on nopass resetkeys resetchannels -@all +ping +auth +hello".into()),
        line(format!("{} on >{} ~* &* +@all", login.name, login.password)),
    ]
}

/// The trial's writers cannot connect as they are told to.
pub(super) fn without_tls(plan: &Plan) -> Trouble {
    Trouble::Unsupported {
        reason: format!("{} {} was built without TLS", plan.build.product, plan.build.version),
        remedy: "use a build with TLS, such as an official image".into(),
    }
}

pub(super) fn knows(plan: &Plan, directive: &str) -> Result<(), Trouble> {
    if plan.build.knows(directive) {
        return Ok(());
    }
    Err(Trouble::Unsupported {
        reason: format!("{} does not know the directive {directive}", plan.build.version),
        remedy: "list the servers that know it under `servers` of the policy".into(),
    })
}

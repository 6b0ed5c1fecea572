//! The scene a fault is played on: one server, its writers, and what is known so far.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod aim;
mod ending;

use super::control::{Control, Pulse, ping};
use super::saves::Saves;
use super::storm::{Ended, Storm};
use super::{Trouble, lab};
use crate::contract::{Damage, Death};
use crate::engine::{Blueprint, DataFile, Engine, Exit, Instance, Restart, Signal};
use crate::matrix::{Directive, Login, Workload};
use crate::oracle::History;
use crate::plan::Plan;
use crate::record::Event;
use crate::workload::driver::{Done, Driver, Stalled};
use crate::workload::ledger::Ledger;
use crate::workload::{self, make, mix, preload};

/// Longest wait for a server to end by itself.
pub const EXIT_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for a server to answer after its start, when matrix.toml does not say.
pub const READY_LIMIT: Duration = Duration::from_secs(30);
/// Longest wait for a phase to begin or end.
pub const PHASE_LIMIT: Duration = Duration::from_secs(15);
/// Longest wait for the writes before a fault.
const WRITE_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for a last look before a fault: a server that is busy with itself is not waited for.
const LOOK_LIMIT: Duration = Duration::from_millis(500);
/// Longest wait for writers to notice that their server is gone.
const WRITERS_LIMIT: Duration = Duration::from_secs(2);

/// The directive that makes a user: one of the few that stand in a file more than once, line by line.
const USER: &str = "user";

/// A stretch of a server's life that a fault can be aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A snapshot child is at work.
    Bgsave,
    /// A rewrite child is at work.
    Rewrite,
    /// Files are being read.
    Load,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Bgsave => "bgsave",
            Self::Rewrite => "rewrite",
            Self::Load => "load",
        }
    }

    /// Whether the server says that it is in this phase now.
    pub async fn under_way(self, control: &mut Control) -> bool {
        let field = match self {
            Self::Bgsave => "rdb_bgsave_in_progress",
            Self::Rewrite => "aof_rewrite_in_progress",
            Self::Load => "loading",
        };
        control.info("persistence").await.is_ok_and(|info| info.get(field).is_some_and(|value| value == "1"))
    }
}

/// One way the server was made to die, and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeathFact {
    /// The step, as written.
    pub words: String,
    /// Its class.
    pub death: Death,
    /// When it struck, in microseconds since the trial began.
    pub fault_us: u64,
    /// How the server ended.
    pub exit: Option<Exit>,
}

/// What is known of the epoch that is being lived.
#[derive(Debug, Default)]
pub struct Draft {
    /// Deaths so far; the first is the one that the writes met.
    pub deaths: Vec<DeathFact>,
    /// What happened to the files.
    pub damage: Option<Damage>,
    /// The place was made again without its data.
    pub data_dropped: bool,
    /// The AOF was switched on and its first rewrite is not known to have ended.
    pub first_rewrite_pending: bool,
    /// The phase that the next death is aimed at.
    pub phase: Option<Phase>,
    /// That phase, once a death met it.
    pub met_phase: Option<&'static str>,
    /// Effective configuration at the death.
    pub config: BTreeMap<String, String>,
    /// Acknowledgements up to here are in a completed snapshot.
    pub saved_until_us: Option<u64>,
    /// The last snapshot failed.
    pub save_failed: bool,
    /// Starts that were refused before somebody mended the files.
    pub refusals: u32,
    /// A check tool was told to mend the files.
    pub repaired: bool,
    /// Another server was put in the dead one's place.
    pub switched_server: bool,
    /// A backup was put back: when it was begun, and up to when its snapshot holds everything.
    pub restored: Option<(u64, Option<u64>)>,
    /// When the server last said that no fsync was in flight: what it had acknowledged by then is written.
    pub settled_us: Option<u64>,
    /// The server was told to end and did not, so that it had to be killed.
    pub outlived: bool,
    /// Why it may refuse to end.
    pub excuse: Option<&'static str>,
    /// The fault itself keeps writes away: that none is near it is no lack of pressure.
    pub muted: bool,
    /// Acknowledged in this epoch when the fault struck.
    pub acked_before_fault: u64,
    /// What the writers had done in the end.
    pub done: Option<Done>,
    /// What of a storm had ended when the fault struck.
    pub storm: Option<Ended>,
    /// How long they wrote.
    pub wrote_for: Duration,
    /// The files of the dead server, just before it was started again.
    pub files_dead: Vec<DataFile>,
}

/// A backup.
#[derive(Debug, Default)]
pub struct Copy {
    /// Every file by its path below the data directory.
    pub files: Vec<(String, Vec<u8>)>,
    /// What was acknowledged by then had been written, in microseconds since the trial began.
    pub at_us: u64,
    /// Acknowledgements up to here were in a completed snapshot by then.
    pub saved_until_us: Option<u64>,
}

/// How a start went.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    /// The server answers.
    Ready {
        /// From the start to the first answer that is not "loading", in milliseconds.
        ms: f64,
    },
    /// The server ended by itself instead.
    Refused {
        /// How it ended.
        exit: Exit,
    },
    /// The server neither answered nor ended within [`Plan::ready`](crate::plan::Plan::ready).
    Stuck,
}

/// One server, its writers, and what is known so far.
pub struct Scene {
    /// What is played.
    pub plan: Arc<Plan>,
    /// What runs servers.
    pub engine: Arc<dyn Engine>,
    /// The server.
    pub instance: Box<dyn Instance>,
    /// Every op.
    pub ledger: Ledger,
    /// The config file, without the placement that the engine adds.
    pub directives: Vec<Directive>,
    /// What the running server was asked to be: the file, and `CONFIG SET` on top.
    pub running: Vec<Directive>,
    /// The current epoch.
    pub draft: Draft,
    /// How the last start went, until the trial has judged it.
    pub recovery: Option<Recovery>,
    /// What happened.
    pub events: Vec<Event>,
    /// The backup that was made, until it is put back.
    pub backup: Option<Copy>,
    /// Effective configuration of the running server.
    pub config: BTreeMap<String, String>,
    began: Instant,
    driver: Option<Driver>,
    control: Option<Control>,
    saves: Option<Saves>,
    storm: Option<Storm>,
    attached: Vec<Box<dyn Instance>>,
    held: Vec<nix::unistd::Pid>,
    paused: bool,
    supervisor: Option<Restart>,
}

impl Scene {
    /// Prepares the server; nothing runs yet.
    pub async fn new(plan: Arc<Plan>, engine: Arc<dyn Engine>, began: Instant) -> Result<Self, Trouble> {
        let workload = make(&plan.workload, plan.seed)
            .ok_or_else(|| Trouble::Lab(format!("unknown workload kind {}", plan.workload.kind)))?;
        let mut directives = plan.directives();
        directives.iter().try_for_each(|line| knows(&plan, &line.name))?;
        directives.extend(plan.workload.user.iter().flat_map(login_lines));
        let blueprint = Blueprint {
            id: plan.id.clone(),
            folder: plan.folder.clone(),
            build: plan.build.clone(),
            directives: directives.clone(),
            storage: plan.storage.kind,
            launch: plan.fault.launch,
            memory: plan.fault.memory,
            tcp: plan.fault.steps.iter().any(|step| step.starts_with("replica")),
        };
        let instance = engine.create(blueprint).await?;
        let ledger = Ledger::new(workload, workload::lanes(&plan.workload));
        Ok(Self {
            running: directives.clone(),
            directives,
            plan,
            engine,
            instance,
            ledger,
            draft: Draft::default(),
            recovery: None,
            events: Vec::new(),
            backup: None,
            config: BTreeMap::new(),
            began,
            driver: None,
            control: None,
            saves: None,
            storm: None,
            attached: Vec::new(),
            held: Vec::new(),
            paused: false,
            supervisor: None,
        })
    }

    /// Microseconds since the trial began.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// When the trial began.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Notes that something happened.
    pub fn note(&mut self, kind: &str, text: &str) {
        let at_ms = self.now_us() as f64 / 1000.0;
        self.events.push(Event { at_ms, kind: kind.into(), text: text.into() });
    }

    /// The control connection of the running server.
    pub fn control(&self) -> Result<Control, Trouble> {
        self.control.clone().ok_or_else(|| Trouble::Lab("this step needs a running server".into()))
    }

    /// Writes what comes before the fault: so many ops, or for so long.
    pub async fn press(&mut self) -> Result<(), Trouble> {
        let Some(duration) = self.plan.workload.duration else {
            return self.write(self.plan.workload.writes).await;
        };
        let driver = self.writers().await?;
        driver.last(duration).await;
        // At least one write, and an explanation where there is none.
        self.write(1).await
    }

    /// Writes `more` acknowledged ops; the writers go on until the server dies.
    pub async fn write(&mut self, more: u32) -> Result<(), Trouble> {
        let more = u64::from(more);
        let roll = mix(self.plan.seed, u16::MAX, self.events.len() as u32);
        let target = more + roll % (more / 8 + 1);
        let driver = self.writers().await?;
        let reached = driver.reach(driver.acked() + target, WRITE_LIMIT).await;
        if let Err(stalled) = reached {
            return Err(self.explain(&stalled).await);
        }
        match &self.storm {
            Some(storm) => storm.gather(PHASE_LIMIT).await,
            None => Ok(()),
        }
    }

    /// The writers of this life; they begin with the first call.
    async fn writers(&mut self) -> Result<&Driver, Trouble> {
        if self.driver.is_none() {
            self.preload().await?;
            let plan = self.plan.clone();
            let driver = self.drive(&plan.workload, 0..plan.workload.connections).await?;
            self.note("writes", &format!("{} connections", self.plan.workload.connections));
            if self.plan.workload.storm {
                let rewrites = self.config.get("appendonly").is_some_and(|value| value == "yes");
                self.storm = Some(Storm::begin(self.control()?, rewrites));
            }
            self.driver = Some(driver);
        }
        Ok(self.driver.as_ref().expect("a driver was just made"))
    }

    /// Writes the keys that are there before the pressure begins, once.
    async fn preload(&mut self) -> Result<(), Trouble> {
        let lanes = self.plan.workload.connections..self.ledger.lanes();
        if self.ledger.lanes[usize::from(lanes.start)..].iter().all(|lane| lane.ops() > 0) {
            return Ok(());
        }
        let shape = preload::load_shape(&self.plan.workload);
        let driver = self.drive(&shape, lanes).await?;
        let limit = WRITE_LIMIT + preload::patience(&self.plan.workload);
        let reached = driver.reach(u64::from(shape.writes), limit).await;
        let done = driver.finish(&mut self.ledger, WRITERS_LIMIT).await;
        self.note("writes", &format!("{} keys before the pressure", done.acked));
        match reached {
            Ok(()) => Ok(()),
            Err(stalled) => Err(self.explain(&stalled).await),
        }
    }

    async fn drive(&mut self, spec: &Workload, lanes: std::ops::Range<u16>) -> Result<Driver, Trouble> {
        Driver::start(&self.instance.address(), spec, self.began, &mut self.ledger, lanes)
            .await
            .map_err(|error| Trouble::Lab(format!("failed to connect the writers: {error}")))
    }

    /// Why writes stalled: a server that ends by itself or refuses writes is the lab's trouble (a full disk, say), a
    /// slow one has met too little pressure.
    async fn explain(&mut self, stalled: &Stalled) -> Trouble {
        let exit = match stalled.alive {
            0 => self.instance.exited(EXIT_LIMIT / 10).await.ok().flatten(),
            _ => None,
        };
        match exit {
            Some(exit) => {
                let log = self.instance.log_tail(2).await.join(" | ");
                Trouble::Lab(format!(
                    "the server ended by itself while it was written to ({}); log: {log}",
                    describe(exit)
                ))
            }
            None if stalled.refusal.is_some() => Trouble::Lab(stalled.to_string()),
            None => Trouble::NoPressure(stalled.to_string()),
        }
    }

    /// Marks the moment of a fault, at a moment that the seed chooses within the next milliseconds.
    pub async fn strike(&mut self, words: &str, death: Death) -> Result<(), Trouble> {
        if let Some(phase) = self.draft.phase.filter(|phase| *phase != Phase::Load) {
            let mut control = self.control()?;
            if phase.under_way(&mut control).await {
                self.draft.met_phase = Some(phase.word());
            }
        } else if self.driver.is_some() && !self.paused {
            let roll = mix(self.plan.seed, u16::MAX - 1, self.events.len() as u32);
            tokio::time::sleep(Duration::from_micros(roll % 4_000)).await;
        }
        self.look_at_fsync().await;
        let acked = self.driver.as_ref().map_or(0, Driver::acked);
        self.mark(words, death, self.now_us(), acked);
        Ok(())
    }

    /// Puts down that a fault struck at `fault_us`, after `acked` acknowledgements of this life.
    fn mark(&mut self, words: &str, death: Death, fault_us: u64, acked: u64) {
        if self.draft.deaths.is_empty() {
            self.draft.config = self.config.clone();
            self.draft.acked_before_fault = acked;
            self.draft.storm = self.storm.as_ref().map(Storm::ended);
        }
        if let Some(saves) = &self.saves {
            self.draft.saved_until_us = saves.saved_until_us();
            self.draft.save_failed = saves.failed();
        }
        self.note("fault", words);
        self.draft.deaths.push(DeathFact { words: words.into(), death, fault_us, exit: None });
    }

    /// Asks whether an fsync is in flight. Without one, everything that was acknowledged before the question has been
    /// written: a write is postponed only while an fsync is pending, and only the thread that answers begins one.
    pub async fn look_at_fsync(&mut self) {
        if let Some(look) = self.look() {
            let settled_us = look.once().await;
            // An earlier look stays true: what it found written has not gone from the file.
            self.draft.settled_us = settled_us.or(self.draft.settled_us);
        }
    }

    /// Acknowledgements up to here are in a completed snapshot of this life.
    pub fn saved_until_us(&self) -> Option<u64> {
        self.saves.as_ref().and_then(Saves::saved_until_us)
    }

    /// Notes how the server ended, and collects the writers. `None` means that it lives on past the limit.
    pub async fn died(&mut self, exit: Option<Exit>) -> Result<(), Trouble> {
        let told = self.draft.deaths.last().map(|fact| fact.death);
        let exit = match exit {
            Some(exit) => exit,
            None => self.put_down().await?,
        };
        self.note("exit", &describe(exit));
        if let Some(fact) = self.draft.deaths.last_mut() {
            fact.exit = Some(exit);
        }
        self.control = None;
        self.saves = None;
        self.storm = None;
        self.paused = false;
        for mut other in std::mem::take(&mut self.attached) {
            other.remove().await?;
        }
        if let Some(driver) = self.driver.take() {
            self.draft.wrote_for = driver.elapsed();
            self.draft.done = Some(driver.finish(&mut self.ledger, WRITERS_LIMIT).await);
        }
        self.revive(told, exit).await
    }

    /// Looks at the dead server's files, once per start.
    pub async fn before_start(&mut self) -> Result<(), Trouble> {
        self.draft.files_dead = self.instance.files().await?;
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
            Some(Recovery::Ready { .. }) => self.check_needs().await,
            other => {
                let log = self.instance.log_tail(3).await.join(" | ");
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
        let mut pause = Duration::from_millis(1);
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
            tokio::time::sleep(pause).await;
            pause = (pause * 5 / 4).min(Duration::from_millis(50));
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
                    self.saves = Some(Saves::watch(self.control()?, self.began));
                }
            }
            Recovery::Refused { exit } => {
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

    /// Notes that the server is frozen or not: a frozen one answers no question.
    pub fn paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Takes another server of this trial into care: it is removed with the main one's death.
    pub fn attach(&mut self, other: Box<dyn Instance>) {
        self.attached.push(other);
    }

    /// Notes a thread that this one holds by ptrace.
    pub fn hold(&mut self, thread: nix::unistd::Pid) {
        self.held.push(thread);
    }

    /// Takes leave of held threads that were just killed: a traced thread is not gone, nor is its process, before
    /// the tracer has looked at it.
    pub fn let_go(&mut self) {
        use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
        for thread in self.held.drain(..) {
            let limit = Instant::now() + Duration::from_secs(5);
            while Instant::now() < limit {
                match waitpid(thread, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
                    Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(_) => break,
                    Ok(_) => std::thread::sleep(Duration::from_micros(200)),
                }
            }
        }
    }

    /// Signals the attached servers.
    pub async fn freeze_attached(&mut self, signal: Signal) -> Result<(), Trouble> {
        for other in &mut self.attached {
            other.signal(signal).await?;
        }
        Ok(())
    }

    /// Begins the next epoch: what was observed is its baseline.
    pub fn begin_epoch(&mut self) {
        self.draft = Draft::default();
        self.ledger.begin_epoch();
    }

    /// Whether the server runs.
    pub fn is_up(&self) -> bool {
        self.control.is_some()
    }

    /// Ends everything that runs and removes what the engine made.
    pub async fn close(&mut self) -> Result<(), Trouble> {
        if !self.held.is_empty() {
            let _ = self.instance.signal(Signal::Kill).await;
            self.let_go();
        }
        super::chmod_dir::give_back(self);
        self.saves = None;
        self.storm = None;
        self.control = None;
        if let Some(driver) = self.driver.take() {
            driver.finish(&mut self.ledger, Duration::ZERO).await;
        }
        let mut outcome = Ok(());
        for mut other in std::mem::take(&mut self.attached) {
            outcome = outcome.and(other.remove().await);
        }
        Ok(outcome.and(self.instance.remove().await)?)
    }

    /// Ops sent so far, over all lanes.
    pub fn sent(&self) -> u64 {
        (0..self.ledger.lanes()).map(|lane| u64::from(self.ledger.span(lane).end)).sum()
    }
}

/// Lines that make a user, beside whom the server's own one may say no more than who is there.
fn login_lines(login: &Login) -> [Directive; 2] {
    let line = |value: String| Directive { name: USER.into(), value };
    [
        line("default on nopass resetkeys resetchannels -@all +ping +auth +hello".into()),
        line(format!("{} on >{} ~* &* +@all", login.name, login.password)),
    ]
}

fn knows(plan: &Plan, directive: &str) -> Result<(), Trouble> {
    if plan.build.knows(directive) {
        return Ok(());
    }
    Err(Trouble::Unsupported {
        reason: format!("{} does not know the directive {directive}", plan.build.version),
        remedy: "list the servers that know it under `servers` of the policy".into(),
    })
}

/// An exit in words.
pub fn describe(exit: Exit) -> String {
    let cause = match (exit.code, exit.signal) {
        (_, Some(signal)) => format!("ended by signal {signal}"),
        (Some(code), None) => format!("exit code {code}"),
        (None, None) => "ended".into(),
    };
    let forced = if exit.forced { ", after its grace had run out" } else { "" };
    let oom = if exit.oom { ", out of memory" } else { "" };
    format!("{cause}{forced}{oom}")
}

//! The scene a fault is played on: one server, its writers, and what is known so far.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

mod aim;
mod draft;
mod ending;
mod power;
mod sick;
mod starting;
mod writing;

use starting::{knows, login_lines, without_tls};

pub use draft::{Copy, DeathFact, Draft, Phase, Recovery};

use super::Trouble;
use super::control::Control;
use super::saves::Saves;
use super::sightings::Sightings;
use super::storm::Storm;
use crate::contract::Death;
use crate::disk::Drive;
use crate::engine::{Blueprint, Engine, Exit, Instance, Restart, Signal};
use crate::exhaust::Prepared;
use crate::explore::Request;
use crate::explore::states::Trace;
use crate::matrix::{Directive, StorageKind};
use crate::oracle::History;
use crate::plan::Plan;
use crate::record::Event;
use crate::turns::{self, Turn};
use crate::workload::driver::Driver;
use crate::workload::ledger::Ledger;
use crate::workload::{self, make, mix};

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
    /// What was seen of the server's children.
    pub sightings: Sightings,
    /// The backup that was made, until it is put back.
    pub backup: Option<Copy>,
    /// Effective configuration of the running server.
    pub config: BTreeMap<String, String>,
    /// Milliseconds that the trial waited for its turn: they do not count against its limit.
    pub waited_ms: Arc<AtomicU64>,
    began: Instant,
    driver: Option<Driver>,
    control: Option<Control>,
    saves: Option<Saves>,
    storm: Option<Storm>,
    attached: Vec<Box<dyn Instance>>,
    held: Vec<nix::unistd::Pid>,
    paused: bool,
    supervisor: Option<Restart>,
    drive: Option<Drive>,
    /// What is to be explored, until the trial has done it.
    pub exploration: Option<(Request, Trace)>,
    /// What is to be failed call by call, until the trial has done it.
    pub exhaustion: Option<Prepared>,
}

impl Scene {
    /// Prepares the server; nothing runs yet.
    pub async fn new(plan: Arc<Plan>, engine: Arc<dyn Engine>, began: Instant) -> Result<Self, Trouble> {
        let workload = make(&plan.workload, plan.seed)
            .ok_or_else(|| Trouble::Lab(format!("unknown workload kind {}", plan.workload.kind)))?;
        let mut directives = plan.directives();
        directives.iter().try_for_each(|line| knows(&plan, &line.name))?;
        if plan.workload.tls && !plan.build.knows("tls-port") {
            return Err(without_tls(&plan));
        }
        directives.extend(plan.workload.user.iter().flat_map(login_lines));
        let drive = power::drive(&plan, began)?;
        let blueprint = Blueprint {
            id: plan.id.clone(),
            folder: plan.folder.clone(),
            build: plan.build.clone(),
            directives: directives.clone(),
            // The disk lies below a folder of the host.
            storage: if drive.is_some() { StorageKind::Bind } else { plan.storage.kind },
            launch: plan.fault.launch,
            memory: plan.fault.memory,
            tcp: plan.fault.steps.iter().any(|step| step.starts_with("replica")),
            tls: plan.workload.tls,
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
            sightings: Sightings::new(began),
            backup: None,
            config: BTreeMap::new(),
            waited_ms: Arc::default(),
            began,
            driver: None,
            control: None,
            saves: None,
            storm: None,
            attached: Vec::new(),
            held: Vec::new(),
            paused: false,
            supervisor: None,
            drive,
            exploration: None,
            exhaustion: None,
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

    /// Waits for the trial's turn to start many servers at once.
    pub fn take_turn(&self) -> Turn {
        let turn = turns::take();
        self.waited_ms.fetch_add(turn.waited.as_millis() as u64, Ordering::Relaxed);
        turn
    }

    /// How long the trial may still take, if it may take a share of its limit in all.
    pub fn time_left(&self, share: f64) -> Duration {
        let waited = Duration::from_millis(self.waited_ms.load(Ordering::Relaxed));
        (self.plan.limit.mul_f64(share) + waited).saturating_sub(self.began.elapsed())
    }

    /// Notes that something happened.
    pub fn note(&mut self, kind: &str, text: &str) {
        let at_ms = self.now_us() as f64 / 1000.0;
        self.events.push(Event { at_ms, until_ms: None, kind: kind.into(), text: text.into() });
    }

    /// The control connection of the running server.
    pub fn control(&self) -> Result<Control, Trouble> {
        if self.was_ended_by_disk() {
            return Err(Trouble::Ended);
        }
        self.control.clone().ok_or_else(|| Trouble::Lab("this step needs a running server".into()))
    }

    /// Marks the moment of a fault, at a moment that the seed chooses within the next milliseconds.
    pub async fn strike(&mut self, words: &str, death: Death) -> Result<(), Trouble> {
        self.must_live().await?;
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
            self.draft.saves = saves.ended();
            self.draft.save_failed = saves.failed();
        }
        self.note("fault", words);
        self.draft.deaths.push(DeathFact { words: words.into(), death, fault_us, exit: None, exit_us: None });
    }

    /// Asks whether an fsync is in flight. Without one, everything that was acknowledged before the question has been
    /// written: a write is postponed only while an fsync is pending, and only the thread that answers begins one.
    pub async fn look_at_fsync(&mut self) {
        if let Some(look) = self.look() {
            let settled_us = look.once().await;
            if settled_us.is_some() {
                self.note("fsync", "none in flight");
            }
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
        self.note_owed();
        let exit_us = self.now_us();
        if let Some(fact) = self.draft.deaths.last_mut() {
            fact.exit = Some(exit);
            fact.exit_us = Some(exit_us);
        }
        self.sightings.end_all();
        self.control = None;
        self.saves = None;
        self.storm = None;
        self.paused = false;
        if !self.plan.fault.steps.iter().any(|step| step == "promote") {
            for mut other in std::mem::take(&mut self.attached) {
                other.remove().await?;
            }
        }
        if let Some(driver) = self.driver.take() {
            self.draft.wrote_for = driver.elapsed();
            if let (Some(refusal), 1..) = (driver.refusal(), self.draft.owed.failures) {
                self.note("note", &format!("writes were answered with: {refusal}"));
            }
            self.draft.done = Some(driver.finish(&mut self.ledger, WRITERS_LIMIT).await);
        }
        self.revive(told, exit).await
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

    /// Begins the next epoch: what was observed is its baseline, and safe where cuts in this life are to be explored.
    pub fn begin_epoch(&mut self) {
        if self.explores() == Some(power::Explored::FromTheFirstWrite) {
            self.sync_disk();
        }
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
        outcome = outcome.and(self.instance.remove().await);
        let unmounted = self.drive.take().map_or(Ok(()), Drive::unmount);
        outcome.map_err(Trouble::from).and(unmounted.map_err(Trouble::from))
    }

    /// Ops sent so far, over all lanes.
    pub fn sent(&self) -> u64 {
        (0..self.ledger.lanes()).map(|lane| u64::from(self.ledger.span(lane).end)).sum()
    }
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

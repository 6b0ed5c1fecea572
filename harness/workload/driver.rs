//! Connections that write until the server dies, and note every answer.

use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Workload;
use super::connection::{self, Stream};
use super::ledger::{Lane, Ledger};
use super::reply::{self, Reply};
use crate::engine::Address;
use crate::lateness;
use crate::matrix;

/// Writers that are not steady stop pacing themselves from this share of the target on, so that the fault meets a server that is
/// busy, and take it up again past the second share, so that a slow death costs no endless ledger.
const SPRINT_FROM_PERCENT: u64 = 70;
const SPRINT_TO_PERCENT: u64 = 150;
/// A server that acknowledges nothing for this long will not begin to.
const SILENCE_LIMIT: Duration = Duration::from_secs(15);
/// Rest of a lane whose whole batch was refused.
const REFUSED_REST: Duration = Duration::from_millis(2);
/// Pace past the sprint when the workload has none, in writes per second.
const CRUISE: u32 = 5_000;

/// What all lanes share. One thread drives a trial, so cells do.
struct Shared {
    workload: Arc<dyn Workload>,
    /// Number of the first lane that is driven.
    first: u16,
    lanes: Vec<RefCell<Lane>>,
    began: Instant,
    pipeline: u32,
    rate: Option<u32>,
    steady: bool,
    acked: Cell<u64>,
    last_ack_us: Cell<u64>,
    /// The newest error reply.
    refusal: RefCell<Option<String>>,
    target: Cell<u64>,
    reached: Notify,
    stop: Cell<bool>,
    alive: Cell<u16>,
    /// The acknowledgement of this life that springs the trap.
    trap_at: Cell<u64>,
    trap: RefCell<Option<Trap>>,
}

impl Shared {
    fn lane(&self, lane: u16) -> &RefCell<Lane> {
        &self.lanes[usize::from(lane - self.first)]
    }
}

/// What is done the moment that an awaited acknowledgement has been read, before anything else is.
pub type Trap = Box<dyn FnOnce()>;

/// Writers at work on one life of a server.
pub struct Driver {
    shared: Rc<Shared>,
    tasks: Vec<JoinHandle<()>>,
    in_flight_from: Instant,
}

/// What the writers had done when they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Acknowledged in this life.
    pub acked: u64,
    /// Time of the last acknowledgement, in microseconds since the trial began.
    pub last_ack_us: u64,
}

/// The writers stopped making progress.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{acked} of {target} writes were acknowledged within {} s, {alive} connections alive{}", waited.as_secs(),
    refusal.as_ref().map(|text| format!("; the server answered: {text}")).unwrap_or_default())]
pub struct Stalled {
    /// Acknowledged so far.
    pub acked: u64,
    /// Asked for.
    pub target: u64,
    /// Connections that still write.
    pub alive: u16,
    /// How long was waited.
    pub waited: Duration,
    /// The newest error reply, where writes were refused.
    pub refusal: Option<String>,
}

impl Driver {
    /// Connects some lanes and begins to write. Must run inside a `LocalSet`. `began` is the start of the trial.
    pub async fn start(
        address: &Address,
        spec: &matrix::Workload,
        began: Instant,
        ledger: &mut Ledger,
        lanes: Range<u16>,
    ) -> io::Result<Self> {
        let workload = ledger.workload.clone();
        let mut streams = Vec::new();
        for lane in lanes.clone() {
            let greeting = connection::greeting(spec, &*workload, lane);
            let worker = connection::open(address, spec, &greeting).await?;
            let waiter = match workload.has_waiter(lane) {
                true => Some(connection::open(address, spec, &greeting).await?),
                false => None,
            };
            streams.push((lane, worker, waiter));
        }
        let driven = &mut ledger.lanes[usize::from(lanes.start)..usize::from(lanes.end)];
        for (lane, own) in lanes.clone().zip(driven.iter_mut()) {
            own.align(workload.unit_of_lane(lane), micros(began));
        }
        let shared = Rc::new(Shared {
            workload,
            first: lanes.start,
            lanes: driven.iter_mut().map(|lane| RefCell::new(std::mem::take(lane))).collect(),
            began,
            pipeline: spec.pipeline.max(1),
            rate: spec.rate,
            steady: spec.steady || spec.open,
            acked: Cell::new(0),
            last_ack_us: Cell::new(0),
            refusal: RefCell::new(None),
            target: Cell::new(u64::MAX),
            reached: Notify::new(),
            stop: Cell::new(false),
            alive: Cell::new(streams.len() as u16),
            trap_at: Cell::new(u64::MAX),
            trap: RefCell::new(None),
        });
        let tasks = streams
            .into_iter()
            .map(|(lane, worker, waiter)| {
                let writer = Writer { shared: shared.clone(), lane };
                tokio::task::spawn_local(writer.write(worker, waiter, spec.open))
            })
            .collect();
        Ok(Self { shared, tasks, in_flight_from: Instant::now() })
    }

    /// Acknowledged in this life.
    pub fn acked(&self) -> u64 {
        self.shared.acked.get()
    }

    /// The newest error reply.
    pub fn refusal(&self) -> Option<String> {
        self.shared.refusal.borrow().clone()
    }

    /// Sets a trap for the `at`-th acknowledgement of this life, which must be yet to come.
    pub fn set_trap(&self, at: u64, trap: Trap) {
        self.shared.trap.replace(Some(trap));
        self.shared.trap_at.set(at);
    }

    /// Waits until `target` writes of this life are acknowledged; writers go on afterwards.
    pub async fn reach(&self, target: u64, limit: Duration) -> Result<(), Stalled> {
        self.shared.target.set(target);
        let began = Instant::now();
        let mut acked = self.acked();
        let mut progress = Instant::now();
        while acked < target && self.shared.alive.get() > 0 && began.elapsed() < limit {
            // A notice comes with the last write of the target; the time-out is a look in between.
            let _ = timeout(SILENCE_LIMIT / 5, self.shared.reached.notified()).await;
            if self.acked() > acked {
                (acked, progress) = (self.acked(), Instant::now());
            } else if progress.elapsed() > SILENCE_LIMIT {
                break;
            }
        }
        if acked >= target {
            return Ok(());
        }
        let (alive, refusal) = (self.shared.alive.get(), self.shared.refusal.borrow().clone());
        Err(Stalled { acked, target, alive, waited: began.elapsed(), refusal })
    }

    /// Writes for so long; writers go on afterwards.
    pub async fn last(&self, duration: Duration) {
        let until = Instant::now() + duration;
        while self.shared.alive.get() > 0 && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            let _ = timeout(left, self.shared.reached.notified()).await;
        }
        // What comes later is no more than a slow death needs.
        self.shared.target.set(self.acked());
    }

    /// Ends every writer and puts the lanes back. Writers whose connection broke have ended
    /// already; the others finish the batch in flight, within `limit`.
    pub async fn finish(mut self, ledger: &mut Ledger, limit: Duration) -> Done {
        self.shared.stop.set(true);
        let all = async {
            for task in &mut self.tasks {
                let _ = task.await;
            }
        };
        if timeout(limit, all).await.is_err() {
            for task in &self.tasks {
                task.abort();
            }
        }
        let workload = &self.shared.workload;
        for (lane, own) in (self.shared.first..).zip(&self.shared.lanes) {
            let mut own = own.take();
            own.drop_spoiled(workload.unit_of_lane(lane));
            ledger.lanes[usize::from(lane)] = own;
        }
        Done { acked: self.shared.acked.get(), last_ack_us: self.shared.last_ack_us.get() }
    }

    /// How long the writers have been at it.
    pub fn elapsed(&self) -> Duration {
        self.in_flight_from.elapsed()
    }
}

/// One lane at work.
struct Writer {
    shared: Rc<Shared>,
    lane: u16,
}

impl Writer {
    async fn write(self, worker: Box<dyn Stream>, waiter: Option<Box<dyn Stream>>, open: bool) {
        // Why a writer ended is plain from the ledger: what has no answer is in doubt.
        let _ = match waiter {
            Some(waiter) => self.pairs(worker, waiter).await,
            None if open => self.open(worker).await,
            None => self.batches(worker).await,
        };
        let shared = self.shared;
        shared.alive.set(shared.alive.get() - 1);
        shared.reached.notify_waiters();
        shared.reached.notify_one();
    }

    /// One batch after the other: the next one is sent when the one before is answered.
    async fn batches(&self, mut stream: Box<dyn Stream>) -> io::Result<()> {
        let started = Instant::now();
        let mut answers = self.answers(false);
        let mut out = Vec::new();
        let mut written = 0;
        while !self.shared.stop.get() {
            pace(&self.shared, started, written).await;
            out.clear();
            let batch = self.batch(self.shared.pipeline, &mut out, &mut Vec::new());
            written += u64::from(self.shared.pipeline);
            // What TLS holds back until it has a whole record goes out with the flush.
            stream.write_all(&out).await?;
            stream.flush().await?;
            if answers.read(&mut stream, batch.end).await? == 0 {
                tokio::time::sleep(REFUSED_REST).await;
            }
        }
        Ok(())
    }

    /// Batches over two connections: first the commands that wait, then those that they wait for.
    async fn pairs(&self, mut worker: Box<dyn Stream>, mut waiter: Box<dyn Stream>) -> io::Result<()> {
        let started = Instant::now();
        let (mut given, mut taken) = (self.answers(false), self.answers(true));
        let (mut out, mut waiting) = (Vec::new(), Vec::new());
        let pipeline = self.shared.pipeline.max(2);
        let mut written = 0;
        while !self.shared.stop.get() {
            pace(&self.shared, started, written).await;
            out.clear();
            waiting.clear();
            let batch = self.batch(pipeline, &mut out, &mut waiting);
            written += u64::from(pipeline);
            waiter.write_all(&waiting).await?;
            waiter.flush().await?;
            worker.write_all(&out).await?;
            worker.flush().await?;
            let (given, taken) =
                tokio::join!(given.read(&mut worker, batch.end), taken.read(&mut waiter, batch.end));
            if given? + taken? == 0 {
                tokio::time::sleep(REFUSED_REST).await;
            }
        }
        Ok(())
    }

    /// On schedule, whether or not answers came. A socket that is full still stops the sender.
    async fn open(&self, stream: Box<dyn Stream>) -> io::Result<()> {
        let started = Instant::now();
        let (mut from, mut to) = tokio::io::split(stream);
        let send = async {
            let (mut out, mut written) = (Vec::new(), 0);
            while !self.shared.stop.get() {
                pace(&self.shared, started, written).await;
                out.clear();
                self.batch(self.shared.pipeline, &mut out, &mut Vec::new());
                written += u64::from(self.shared.pipeline);
                to.write_all(&out).await?;
                to.flush().await?;
            }
            Ok::<_, io::Error>(())
        };
        let mut answers = self.answers(false);
        let receive = answers.read(&mut from, u32::MAX);
        tokio::pin!(send, receive);
        tokio::select! {
            received = &mut receive => received.map(drop),
            sent = &mut send => match sent {
                Ok(()) => Ok(()),
                // What a dead server had answered can still be read.
                Err(_) => receive.await.map(drop),
            },
        }
    }

    /// Encodes the next ops and notes that they are sent.
    fn batch(&self, ops: u32, out: &mut Vec<u8>, waiting: &mut Vec<u8>) -> Range<u32> {
        let workload = &self.shared.workload;
        let mut ledger = self.shared.lane(self.lane).borrow_mut();
        let batch = ledger.ops()..ledger.ops() + ops;
        for seq in batch.clone() {
            let out = if workload.waits(self.lane, seq) { &mut *waiting } else { &mut *out };
            workload.encode(self.lane, seq, out);
        }
        let now = micros(self.shared.began);
        for _ in batch.clone() {
            ledger.sent(now);
        }
        batch
    }

    /// The first op from `next` to `end` that goes out on one of the lane's connections.
    fn following(&self, next: u32, end: u32, waits: bool) -> u32 {
        (next..end).find(|&seq| self.shared.workload.waits(self.lane, seq) == waits).unwrap_or(end)
    }

    fn answers(&self, waits: bool) -> Answers<'_> {
        let next = self.shared.lane(self.lane).borrow().ops();
        Answers { writer: self, waits, next, replies: 0, input: Vec::with_capacity(4096) }
    }
}

/// The answers that one connection of a lane gets, in order.
struct Answers<'a> {
    writer: &'a Writer,
    /// Whether it is the connection that waits.
    waits: bool,
    /// The op that the next reply is for, and how many replies it got so far.
    next: u32,
    replies: u32,
    input: Vec<u8>,
}

impl Answers<'_> {
    /// Reads the answers to all ops before `end`; how many of them acknowledge.
    async fn read(&mut self, stream: &mut (impl AsyncRead + Unpin), end: u32) -> io::Result<u64> {
        let mut total = 0;
        self.next = self.writer.following(self.next, end, self.waits);
        while self.next < end {
            if stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            total += self.note(end)?;
        }
        Ok(total)
    }

    /// Notes what was read so far.
    fn note(&mut self, end: u32) -> io::Result<u64> {
        let Writer { shared, lane } = self.writer;
        let workload = &shared.workload;
        let now = micros(shared.began);
        let (mut used, mut acked) = (0, 0);
        while let Some((reply, length)) = reply::next(&self.input[used..]).map_err(io::Error::other)? {
            used += length;
            if let Reply::Error(text) = reply {
                shared.refusal.replace(Some(String::from_utf8_lossy(text).into_owned()));
            }
            self.replies += 1;
            if self.replies < workload.replies(*lane, self.next) {
                continue;
            }
            let mut ledger = shared.lane(*lane).borrow_mut();
            if workload.acknowledges(*lane, self.next, reply) {
                ledger.acknowledged(self.next, now);
                acked += 1;
                if shared.acked.get() + acked == shared.trap_at.get()
                    && let Some(trap) = shared.trap.take()
                {
                    trap();
                }
            } else if workload.is_fragile(*lane) {
                ledger.spoiled(self.next, workload.unit_of_lane(*lane));
            } else {
                ledger.refused(self.next);
            }
            (self.next, self.replies) = (self.writer.following(self.next + 1, end, self.waits), 0);
        }
        self.input.drain(..used);
        if acked > 0 {
            shared.last_ack_us.set(now);
            shared.acked.set(shared.acked.get() + acked);
            if shared.acked.get() >= shared.target.get() {
                shared.reached.notify_one();
            }
        }
        Ok(acked)
    }
}

/// Waits until the lane may send its next batch.
async fn pace(shared: &Shared, started: Instant, written: u64) {
    let (acked, target) = (shared.acked.get(), shared.target.get());
    let share = acked.saturating_mul(100) / target.max(1);
    let rate = match shared.rate {
        Some(rate) if shared.steady => Some(rate),
        _ if (SPRINT_FROM_PERCENT..SPRINT_TO_PERCENT).contains(&share) => None,
        None if share < SPRINT_FROM_PERCENT => None,
        rate => Some(rate.unwrap_or(CRUISE).max(1)),
    };
    let Some(rate) = rate else { return tokio::task::yield_now().await };
    let lane_rate = f64::from(rate) / shared.lanes.len() as f64;
    // Past the sprint a lane is ahead of its schedule by far: wait one batch, not until the clock has caught up.
    let due = Duration::from_secs_f64(written as f64 / lane_rate).saturating_sub(started.elapsed());
    let batch = Duration::from_secs_f64(f64::from(shared.pipeline) / lane_rate);
    let wait = due.min(batch);
    let until = Instant::now() + wait;
    tokio::time::sleep(wait).await;
    lateness::woke(until);
}

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

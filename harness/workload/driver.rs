//! Connections that write until the server dies, and note every answer.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::ledger::{Lane, Ledger};
use super::reply::{self, Reply};
use super::{Workload, command};
use crate::engine::Address;
use crate::matrix;

/// Longest wait for a connection to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
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

/// A connected stream of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Connects to a server, within [`CONNECT_LIMIT`].
pub async fn connect(address: &Address) -> io::Result<Box<dyn Stream>> {
    let connecting = async {
        Ok::<Box<dyn Stream>, io::Error>(match address {
            Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Address::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    };
    timeout(CONNECT_LIMIT, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// What all lanes share. One thread drives a trial, so cells do.
struct Shared {
    workload: Arc<dyn Workload>,
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
    /// Connects every lane and begins to write. Must run inside a `LocalSet`. `began` is the start of the trial.
    pub async fn start(
        address: &Address,
        spec: &matrix::Workload,
        began: Instant,
        ledger: &mut Ledger,
    ) -> io::Result<Self> {
        let mut streams = Vec::new();
        for lane in 0..ledger.lanes.len() {
            let mut stream = connect(address).await?;
            greet(&*ledger.workload, lane as u16, &mut stream).await?;
            streams.push(stream);
        }
        let unit = ledger.workload.unit();
        ledger.lanes.iter_mut().for_each(|lane| lane.align(unit, micros(began)));
        let lanes = ledger.lanes.iter_mut().map(|lane| RefCell::new(std::mem::take(lane))).collect();
        let shared = Rc::new(Shared {
            workload: ledger.workload.clone(),
            lanes,
            began,
            pipeline: spec.pipeline.max(1),
            rate: spec.rate,
            steady: spec.steady,
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
            .enumerate()
            .map(|(lane, stream)| tokio::task::spawn_local(write(shared.clone(), lane as u16, stream)))
            .collect();
        Ok(Self { shared, tasks, in_flight_from: Instant::now() })
    }

    /// Acknowledged in this life.
    pub fn acked(&self) -> u64 {
        self.shared.acked.get()
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
        for (slot, lane) in ledger.lanes.iter_mut().zip(&self.shared.lanes) {
            *slot = lane.take();
        }
        Done { acked: self.shared.acked.get(), last_ack_us: self.shared.last_ack_us.get() }
    }

    /// How long the writers have been at it.
    pub fn elapsed(&self) -> Duration {
        self.in_flight_from.elapsed()
    }
}

/// Sends what a connection says before its first op, and reads the answers.
async fn greet(workload: &dyn Workload, lane: u16, stream: &mut Box<dyn Stream>) -> io::Result<()> {
    let mut out = Vec::new();
    let greeting = workload.greeting(lane);
    for words in &greeting {
        command(&mut out, &words.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    stream.write_all(&out).await?;
    let mut input = Vec::new();
    for words in &greeting {
        let first = String::from_utf8_lossy(&words[0]).into_owned();
        let length = loop {
            match reply::next(&input).map_err(io::Error::other)? {
                Some((Reply::Error(text), _)) => {
                    let text = String::from_utf8_lossy(text);
                    return Err(io::Error::other(format!("{first} was answered with {text}")));
                }
                Some((_, length)) => break length,
                None => {}
            }
            if timeout(CONNECT_LIMIT, stream.read_buf(&mut input)).await?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        input.drain(..length);
    }
    Ok(())
}

async fn write(shared: Rc<Shared>, lane: u16, stream: Box<dyn Stream>) {
    // Why a writer ended is plain from the ledger: what has no answer is in doubt.
    let _ = batches(&shared, lane, stream).await;
    shared.alive.set(shared.alive.get() - 1);
    shared.reached.notify_waiters();
    shared.reached.notify_one();
}

async fn batches(shared: &Shared, lane: u16, mut stream: Box<dyn Stream>) -> io::Result<()> {
    let started = Instant::now();
    let ledger = &shared.lanes[usize::from(lane)];
    let mut out = Vec::new();
    let mut input = Vec::with_capacity(4096);
    let mut written = 0_u64;
    while !shared.stop.get() {
        pace(shared, started, written).await;
        out.clear();
        let first = ledger.borrow().ops();
        for offset in 0..shared.pipeline {
            shared.workload.encode(lane, first + offset, &mut out);
        }
        let now = micros(shared.began);
        {
            let mut ledger = ledger.borrow_mut();
            for _ in 0..shared.pipeline {
                ledger.sent(now);
            }
        }
        written += u64::from(shared.pipeline);
        stream.write_all(&out).await?;
        if answers(shared, lane, first, &mut stream, &mut input).await? == 0 {
            tokio::time::sleep(REFUSED_REST).await;
        }
    }
    Ok(())
}

/// Reads the answers to one batch; how many of them acknowledge.
async fn answers(
    shared: &Shared,
    lane: u16,
    first: u32,
    stream: &mut Box<dyn Stream>,
    input: &mut Vec<u8>,
) -> io::Result<u64> {
    let (mut next, mut total) = (first, 0);
    let mut awaited = shared.workload.replies(lane, next);
    while next < first + shared.pipeline {
        if stream.read_buf(input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let now = micros(shared.began);
        let mut ledger = shared.lanes[usize::from(lane)].borrow_mut();
        let mut used = 0;
        let mut acked = 0;
        while let Some((reply, length)) = reply::next(&input[used..]).map_err(io::Error::other)? {
            used += length;
            if let Reply::Error(text) = reply {
                shared.refusal.replace(Some(String::from_utf8_lossy(text).into_owned()));
            }
            awaited -= 1;
            if awaited > 0 {
                continue;
            }
            if shared.workload.acknowledges(lane, next, reply) {
                ledger.acknowledged(next, now);
                acked += 1;
                if shared.acked.get() + acked == shared.trap_at.get()
                    && let Some(trap) = shared.trap.take()
                {
                    trap();
                }
            } else {
                ledger.refused(next);
            }
            next += 1;
            awaited = shared.workload.replies(lane, next);
        }
        input.drain(..used);
        total += acked;
        if acked > 0 {
            shared.last_ack_us.set(now);
            shared.acked.set(shared.acked.get() + acked);
            if shared.acked.get() >= shared.target.get() {
                shared.reached.notify_one();
            }
        }
    }
    Ok(total)
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
    tokio::time::sleep(due.min(batch)).await;
}

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

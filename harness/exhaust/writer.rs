//! One connection, one write at a time.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::fault::{Scene, Trouble};
use crate::workload::connection::{self, Stream};
use crate::workload::ledger::Ledger;
use crate::workload::reply::{self, Reply};

/// The lane that it writes.
const LANE: u16 = 0;
/// Longest wait for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// It is done.
    Acked,
    /// It is not, and why.
    Refused(String),
}

/// A connection that writes the ops of the first lane.
pub(super) struct Writer {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
}

impl Writer {
    /// Connects.
    pub(super) async fn open(scene: &mut Scene) -> Result<Self, Trouble> {
        let workload = scene.ledger.workload.clone();
        if workload.has_waiter(LANE) {
            return Err(Trouble::Unsupported {
                reason: "the workload needs two connections, and this fault writes over one".into(),
                remedy: "use a workload such as single or churn".into(),
            });
        }
        let spec = &scene.plan.workload;
        let greeting = connection::greeting(spec, &*workload, LANE);
        let stream = connection::open(&scene.instance.address(), spec, &greeting)
            .await
            .map_err(|error| Trouble::Lab(format!("failed to connect a writer: {error}")))?;
        let now_us = scene.now_us();
        scene.ledger.lanes[usize::from(LANE)].align(workload.unit_of_lane(LANE), now_us);
        Ok(Self { stream, input: Vec::new() })
    }

    /// Sends the next op and waits for its answer. An error leaves it in doubt.
    pub(super) async fn write(&mut self, ledger: &mut Ledger, began: Instant) -> io::Result<Answered> {
        let workload = ledger.workload.clone();
        let lane = &mut ledger.lanes[usize::from(LANE)];
        let mut out = Vec::new();
        workload.encode(LANE, lane.ops(), &mut out);
        let seq = lane.sent(micros(began));
        self.stream.write_all(&out).await?;
        self.stream.flush().await?;
        let mut left = workload.replies(LANE, seq);
        loop {
            if let Some((reply, length)) = reply::next(&self.input).map_err(io::Error::other)? {
                left -= 1;
                let refused = (left == 0 && !workload.acknowledges(LANE, seq, reply)).then(|| text(reply));
                self.input.drain(..length);
                match refused {
                    Some(text) if workload.is_fragile(LANE) => {
                        lane.spoiled(seq, workload.unit_of_lane(LANE));
                        return Ok(Answered::Refused(text));
                    }
                    Some(text) => {
                        lane.refused(seq);
                        return Ok(Answered::Refused(text));
                    }
                    None if left == 0 => {
                        lane.acknowledged(seq, micros(began));
                        return Ok(Answered::Acked);
                    }
                    None => continue,
                }
            }
            let reading = self.stream.read_buf(&mut self.input);
            if timeout(ANSWER_LIMIT, reading).await.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Leaves out what is not claimed.
    pub(super) fn close(self, ledger: &mut Ledger) {
        let unit = ledger.workload.unit_of_lane(LANE);
        ledger.lanes[usize::from(LANE)].drop_spoiled(unit);
    }
}

fn text(reply: Reply<'_>) -> String {
    match reply {
        Reply::Error(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

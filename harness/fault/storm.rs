//! A storm of rewrites and snapshots while writers write: each is ordered when the one before has ended.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::Trouble;
use super::control::Control;
use super::scene::Phase;
use super::sightings::Sightings;

/// Between two looks at a child, and after an order that the server would not take.
const POLL: Duration = Duration::from_millis(2);

/// What has ended so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// AOF rewrites.
    pub rewrites: u64,
    /// Snapshots.
    pub saves: u64,
}

/// A storm over one life of a server.
pub struct Storm {
    ended: Rc<Cell<Ended>>,
    rewrites: bool,
    task: JoinHandle<()>,
}

impl Storm {
    /// Rages until it is dropped or the server dies; a server without an AOF has nothing to rewrite. Must run inside a
    /// `LocalSet`.
    pub fn begin(control: Control, rewrites: bool, sightings: Sightings) -> Self {
        let ended = Rc::new(Cell::default());
        let task = tokio::task::spawn_local(rage(control, rewrites, sightings, ended.clone()));
        Self { ended, rewrites, task }
    }

    /// What has ended so far.
    pub fn ended(&self) -> Ended {
        self.ended.get()
    }

    /// Waits until one of each has ended.
    pub async fn gather(&self, limit: Duration) -> Result<(), Trouble> {
        let began = Instant::now();
        loop {
            let Ended { rewrites, saves } = self.ended();
            if saves > 0 && (rewrites > 0 || !self.rewrites) {
                return Ok(());
            }
            if began.elapsed() > limit {
                let text = format!("{rewrites} rewrites and {saves} snapshots ended within {limit:?}");
                return Err(Trouble::NoPressure(text));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn rage(mut control: Control, rewrites: bool, sightings: Sightings, ended: Rc<Cell<Ended>>) {
    loop {
        if rewrites && one(&mut control, &sightings, "BGREWRITEAOF", Phase::Rewrite).await.is_some() {
            ended.set(Ended { rewrites: ended.get().rewrites + 1, ..ended.get() });
        }
        if one(&mut control, &sightings, "BGSAVE", Phase::Bgsave).await.is_some() {
            ended.set(Ended { saves: ended.get().saves + 1, ..ended.get() });
        }
        // An order can fail while another child is at work; a dead server is noticed by whoever killed it.
        tokio::time::sleep(POLL).await;
    }
}

/// Orders one child and waits for its end; `None` when the server did not take the order or the child failed.
async fn one(control: &mut Control, sightings: &Sightings, order: &str, phase: Phase) -> Option<()> {
    control.ask::<redis::Value>(&[order]).await.ok()?;
    sightings.begin(phase.child(), &format!("{order} of the storm"));
    while phase.under_way(control).await {
        tokio::time::sleep(POLL).await;
    }
    sightings.end(phase.child());
    let info = control.info("persistence").await.ok()?;
    let status = match phase {
        Phase::Rewrite => "aof_last_bgrewrite_status",
        Phase::Bgsave | Phase::Load => "rdb_last_bgsave_status",
    };
    info.get(status).is_some_and(|status| status == "ok").then_some(())
}

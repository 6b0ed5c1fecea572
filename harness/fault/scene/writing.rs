//! Pressure: the writers of a life, and the keys that are there before them.

use super::{EXIT_LIMIT, PHASE_LIMIT, Scene, WRITE_LIMIT, WRITERS_LIMIT, describe};
use crate::fault::Trouble;
use crate::fault::storm::Storm;
use crate::matrix::Workload;
use crate::oracle::History;
use crate::workload::driver::{Driver, Stalled};
use crate::workload::{mix, preload};

impl Scene {
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
        match reached {
            Ok(()) => {}
            // Who refuses writes because of its disk does what it should.
            Err(Stalled { refusal: Some(refusal), alive: 1.., .. }) if self.failures() > 0 => {
                self.note("note", &format!("writes are refused: {refusal}"));
            }
            Err(stalled) => return Err(self.explain(&stalled).await),
        }
        match &self.storm {
            Some(storm) => storm.gather(PHASE_LIMIT).await,
            None => Ok(()),
        }
    }

    /// The writers of this life; they begin with the first call.
    pub(super) async fn writers(&mut self) -> Result<&Driver, Trouble> {
        if self.driver.is_none() {
            self.preload().await?;
            let plan = self.plan.clone();
            let driver = self.drive(&plan.workload, 0..plan.workload.connections).await?;
            self.note("writes", &format!("{} connections", self.plan.workload.connections));
            if self.plan.workload.storm {
                let rewrites = self.config.get("appendonly").is_some_and(|value| value == "yes");
                self.storm = Some(Storm::begin(self.control()?, rewrites, self.sightings.clone()));
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
        let address = match spec.tls {
            true => self.instance.secure_address(),
            false => Some(self.instance.address()),
        };
        let address = address.ok_or_else(|| Trouble::Lab("the server has no listener with TLS".into()))?;
        Driver::start(&address, spec, self.began, &mut self.ledger, lanes)
            .await
            .map_err(|error| Trouble::Lab(format!("failed to connect the writers: {error}")))
    }

    /// Why writes stalled: a server that ends by itself or refuses writes is the lab's trouble (a full disk, say), a
    /// slow one has met too little pressure.
    pub(super) async fn explain(&mut self, stalled: &Stalled) -> Trouble {
        let exit = match stalled.alive {
            0 => self.instance.exited(EXIT_LIMIT / 10).await.ok().flatten(),
            _ => None,
        };
        match exit {
            Some(exit) if self.failures() > 0 => match self.ended_by_disk(exit).await {
                Ok(()) => Trouble::Ended,
                Err(trouble) => trouble,
            },
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
}

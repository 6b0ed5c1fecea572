//! Power cuts: the disk keeps what is durable, and the server goes with the rest.

use std::time::{Duration, Instant};

use super::Scene;
use crate::contract::{Death, PowerCut};
use crate::disk::model::Weight;
use crate::disk::{Disk, DiskError, Drive, Model, Trap, Tree};
use crate::engine::Signal;
use crate::explore::{self, Request};
use crate::fault::{Trouble, lab};
use crate::matrix::{Filesystem, StorageKind};
use crate::plan::Plan;
use crate::record::Event;

/// Fsyncs that a record tells: the longest of one life.
const SYNCS_TOLD: usize = 60;
/// The folder that every engine binds as the data directory.
const DATA: &str = "data";

impl From<DiskError> for Trouble {
    fn from(error: DiskError) -> Self {
        match error {
            DiskError::Unsupported { reason, remedy } => Self::Unsupported { reason, remedy },
            // How many there are depends on what the server had not synced just then.
            few @ DiskError::NoVariant { .. } => Self::NoPressure(few.to_string()),
            failed @ DiskError::Failed { .. } => Self::Lab(failed.to_string()),
        }
    }
}

/// The trial's own disk, where its storage is one.
pub(super) fn drive(plan: &Plan, began: Instant) -> Result<Option<Drive>, Trouble> {
    if plan.storage.kind != StorageKind::Disk {
        return Ok(None);
    }
    let record = explored(plan).is_some();
    Ok(Some(Drive::mount(&plan.folder.join(DATA), plan.storage.filesystem, record, began)?))
}

/// Which cuts in the last life of a script are explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Explored {
    /// Also those while the server starts; what was there before is safe.
    FromTheStart,
    /// Those after it was up and all that its start had made was safe.
    FromTheFirstWrite,
}

fn explored(plan: &Plan) -> Option<Explored> {
    let step = plan.fault.steps.iter().find(|step| step.split_whitespace().next() == Some("explore"))?;
    let fresh = step.split_whitespace().any(|word| word == "fresh");
    Some(if fresh { Explored::FromTheStart } else { Explored::FromTheFirstWrite })
}

impl Scene {
    /// The disk under the data directory.
    pub fn disk(&self) -> Result<&Disk, Trouble> {
        self.drive.as_ref().map(Drive::disk).ok_or_else(|| Trouble::Unsupported {
            reason: "the storage is no disk of Outlast's own".into(),
            remedy: "give the suite a storage with kind = \"disk\"".into(),
        })
    }

    /// Which cuts are explored in the end, where any are.
    pub(super) fn explores(&self) -> Option<Explored> {
        explored(&self.plan)
    }

    /// Makes all that is on the disk durable.
    pub(super) fn sync_disk(&self) {
        if let Some(drive) = &self.drive {
            drive.sync_all();
        }
    }

    /// Puts a tree on the disk, all of it durable. Nothing may use the disk.
    pub fn load_disk(&mut self, tree: Tree) -> Result<(), Trouble> {
        self.disk()?;
        Ok(self.drive.as_mut().map_or(Ok(()), |drive| drive.load(tree))?)
    }

    /// The disk, where it is the file system itself: what is asked of files means nothing to an image.
    pub fn plain_disk(&self, what: &str) -> Result<&Disk, Trouble> {
        let filesystem = self.drive.as_ref().and_then(Drive::filesystem);
        let Some(filesystem) = filesystem else { return self.disk() };
        Err(Trouble::Unsupported {
            reason: format!(
                "`{what}` is about files, and the disk holds an image with {} on it",
                filesystem.as_str()
            ),
            remedy: "use a storage with kind = \"disk\" and no `filesystem`".into(),
        })
    }

    /// The file system on the disk.
    pub fn filesystem(&self) -> Result<Filesystem, Trouble> {
        self.disk()?;
        self.drive.as_ref().and_then(Drive::filesystem).ok_or_else(|| Trouble::Unsupported {
            reason: "the disk holds files, and no image of a file system".into(),
            remedy: "use a storage with kind = \"disk\" and a `filesystem`".into(),
        })
    }

    /// The model of a cut: the one that was asked for, if it fits the storage, or the one that the storage calls for.
    pub fn model(&self, asked: Option<Model>) -> Result<Model, Trouble> {
        self.disk()?;
        let filesystem = self.drive.as_ref().and_then(Drive::filesystem);
        let model = asked.unwrap_or(Model::default_of(filesystem));
        if model.filesystem() == filesystem {
            return Ok(model);
        }
        let wanted = model
            .filesystem()
            .map_or("no `filesystem`".into(), |fs| format!("filesystem = \"{}\"", fs.as_str()));
        Err(Trouble::Unsupported {
            reason: format!("the model {} does not fit the storage", model.as_str()),
            remedy: format!("leave the model out, or use a storage with kind = \"disk\" and {wanted}"),
        })
    }

    /// Another program begins to write and sync on the same file system.
    pub fn let_in_neighbour(&mut self, period: Duration) -> Result<(), Trouble> {
        self.disk()?;
        Ok(self.drive.as_mut().map_or(Ok(()), |drive| drive.let_in_neighbour(period))?)
    }

    /// Refuses a start on a file system that has turned itself off: a server that does not start there has broken nothing.
    pub(super) fn file_system_must_live(&self) -> Result<(), Trouble> {
        let drive = self.drive.as_ref().filter(|drive| drive.disk().seen().failures > 0);
        let Some(error) = drive.and_then(Drive::trouble) else { return Ok(()) };
        Err(Trouble::Lab(format!(
            "the file system under the data folder takes no files any more ({error}), as after an error of its device; add \
             `heal-disk` and `power-cut` before the start: it is then recovered and mounted again"
        )))
    }

    /// There is no room left on the disk, or on the file system on it.
    pub fn fill_disk(&mut self) -> Result<(), Trouble> {
        self.disk()?;
        Ok(self.drive.as_mut().map_or(Ok(()), Drive::fill)?)
    }

    /// Nothing is wrong with the disk any more.
    pub fn heal_disk(&mut self) -> Result<(), Trouble> {
        self.disk()?;
        self.drive.iter_mut().for_each(Drive::heal);
        Ok(())
    }

    /// Cuts the power now. A server that has ended before loses what it had not made durable all the same.
    pub async fn power_cut(&mut self, words: &str, model: Model, variant: u32) -> Result<(), Trouble> {
        self.disk()?;
        self.notice_end(Duration::ZERO).await?;
        if self.is_up() {
            self.strike(words, Death::PowerCut).await?;
            let at_us = self.cut();
            if let Some(fact) = self.draft.deaths.last_mut() {
                fact.fault_us = at_us;
            }
            self.kill_without_power(at_us).await?;
        } else {
            self.cut();
            self.note("fault", words);
        }
        self.lose(model, variant)
    }

    /// Cuts the power at an operation of the disk that is still to come, and orders what makes it come.
    pub async fn power_cut_at(
        &mut self,
        words: &str,
        (word, pattern, number): (&str, &str, u32),
        order: Option<&str>,
        limit: Duration,
        (model, variant): (Model, u32),
    ) -> Result<(), Trouble> {
        if !matches!(word, "write" | "fsync") || pattern != "*" {
            self.plain_disk(words)?;
        }
        let mut control = self.control()?;
        let killer = self.killer().ok();
        let (tell, sprung) = tokio::sync::oneshot::channel();
        self.disk()?.set_trap(Trap {
            word: word.into(),
            pattern: pattern.into(),
            left: number,
            spring: Box::new(move || {
                if let Some(kill) = killer {
                    kill();
                }
                let _ = tell.send(Instant::now());
            }),
        });
        if let Some(order) = order {
            control.order(order).await.map_err(lab(order))?;
        }
        let struck = async { tokio::time::timeout(limit, sprung).await.ok()?.ok() };
        if !self.killed_by(words, Death::PowerCut, struck).await? {
            return Err(Trouble::NoPressure(format!("`{words}` met no such event within {limit:?}")));
        }
        let at_us = self.cut();
        self.deafen(at_us);
        self.lose(model, variant)
    }

    /// Ends the life that was recorded with a power cut; what it may leave is explored next.
    pub async fn record_until_now(&mut self, words: &str, request: Request) -> Result<(), Trouble> {
        self.disk()?;
        self.notice_end(Duration::ZERO).await?;
        if self.is_up() {
            self.strike(words, Death::PowerCut).await?;
        } else {
            let at_us = self.now_us();
            self.mark(words, Death::PowerCut, at_us, 0);
        }
        let at_us = self.cut();
        if self.is_up() {
            self.kill_without_power(at_us).await?;
        }
        self.note_syncs();
        let trace = explore::recorded(self, at_us)?;
        self.exploration = Some((request, trace));
        Ok(())
    }

    /// When the power went, in microseconds since the trial began.
    fn cut(&self) -> u64 {
        self.drive.as_ref().map_or(0, |drive| drive.cut().at_us)
    }

    async fn kill_without_power(&mut self, at_us: u64) -> Result<(), Trouble> {
        self.instance.signal(Signal::Kill).await?;
        self.let_go();
        let exit = self.instance.exited(super::EXIT_LIMIT).await?;
        self.died(exit).await?;
        self.deafen(at_us);
        Ok(())
    }

    /// Forgets what was answered after the power went.
    fn deafen(&mut self, at_us: u64) {
        for lane in &mut self.ledger.lanes {
            lane.deafen(at_us);
        }
    }

    /// Puts down when the server waited longest for the disk.
    fn note_syncs(&mut self) {
        let Some(drive) = &self.drive else { return };
        let until_us = drive.disk().was_cut().map_or_else(|| self.now_us(), |cut| cut.at_us);
        let spans = drive.disk().syncs().longest(SYNCS_TOLD, until_us);
        let ms = |us: u64| us as f64 / 1000.0;
        self.events.extend(spans.into_iter().map(|(what, from, to)| Event {
            at_ms: ms(from),
            until_ms: Some(ms(to)),
            kind: "fsync".into(),
            text: what.words().into(),
        }));
    }

    fn lose(&mut self, model: Model, variant: u32) -> Result<(), Trouble> {
        self.note_syncs();
        let Some(drive) = &mut self.drive else { return Ok(()) };
        // A server that was dead before the cut began no sync since.
        let died_us = self.draft.deaths.first().map_or(0, |death| death.fault_us);
        self.draft.power_cut = Some(PowerCut {
            takes_unsynced: model != Model::ProcessKill,
            warns: model.weight() == Weight::Warns,
            everysec_us: drive.disk().delay(died_us).window_us(),
            child_from_us: drive.disk().child_from_us(),
        });
        Ok(drive.lose(model, variant)?)
    }
}

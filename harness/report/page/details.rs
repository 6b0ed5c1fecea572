//! The whole record of the trials that have something to tell, in packs that are opened one at a time.

use serde::Serialize;

use super::columns::shorten;
use super::pack::{json, pack};
use crate::record::{
    Attempt, Epoch, Event, Example, Exhaustion, Exploration, FileFact, KnownRef, Origin, PolicyLine, Promise,
    TrialRecord, Verdict,
};
use crate::report::statistics::worst_share;

/// Details in a pack.
pub const PACK: usize = 16;
/// All packs together, as text: what does not fit is in report.json, and the page says so.
const MOST_BYTES: usize = 1_500_000;
/// One trial before it is packed; a longer one goes without its log and files.
const MOST_OF_ONE: usize = 128 * 1024;
/// Longest line of a log.
const LINE: usize = 400;

/// What the columns do not say of a trial.
#[derive(Serialize)]
struct Detail<'a> {
    server_version: &'a str,
    origin: &'a Origin,
    started_at: &'a str,
    promise: &'a Option<Promise>,
    known: &'a Option<KnownRef>,
    policy: &'a [PolicyLine],
    epochs: &'a [Epoch],
    events: &'a [Event],
    examples: &'a [Example],
    files: &'a [FileFact],
    log_tail: Vec<String>,
    earlier: &'a [Attempt],
    exploration: &'a Option<Exploration>,
    exhaustion: &'a Option<Exhaustion>,
    /// Something was left out for its length.
    cut: bool,
}

impl<'a> Detail<'a> {
    fn of(trial: &'a TrialRecord) -> Self {
        Self {
            server_version: &trial.server_version,
            origin: &trial.origin,
            started_at: &trial.started_at,
            promise: &trial.promise,
            known: &trial.known,
            policy: &trial.policy,
            epochs: &trial.epochs,
            events: &trial.events,
            examples: &trial.examples,
            files: &trial.files,
            log_tail: trial.log_tail.iter().map(|line| shorten(line, LINE)).collect(),
            earlier: &trial.earlier,
            exploration: &trial.exploration,
            exhaustion: &trial.exhaustion,
            cut: false,
        }
    }

    fn json(mut self) -> Result<Vec<u8>, String> {
        let whole = json(&self)?;
        if whole.len() <= MOST_OF_ONE {
            return Ok(whole);
        }
        self.log_tail.clear();
        self.files = &[];
        self.events = &self.events[..self.events.len().min(50)];
        self.cut = true;
        json(&self)
    }
}

/// The packs, a line each; which trials they hold, in order; and how many telling ones they do not.
pub struct Details {
    /// Lines of packed lists.
    pub packs: String,
    /// Trials in the packs.
    pub told: Vec<usize>,
    /// Trials that failed, show a defect or lost something, and did not fit.
    pub untold: usize,
}

impl Details {
    /// Packs the trials that fail first, then known defects, then the greatest losses, then one kept trial after
    /// another, while there is room.
    pub fn of(trials: &[TrialRecord]) -> Result<Self, String> {
        let mut order: Vec<_> = (0..trials.len()).collect();
        order.sort_by_cached_key(|&at| {
            let trial = &trials[at];
            let share = (worst_share(trial) * 1e4) as u64;
            (!trial.verdict.fails(), trial.verdict != Verdict::Known, u64::MAX - share, u64::MAX - trial.lost)
        });
        let mut details = Self { packs: String::new(), told: Vec::new(), untold: 0 };
        for some in order.chunks(PACK) {
            let jsons: Vec<_> =
                some.iter().map(|&at| Detail::of(&trials[at]).json()).collect::<Result<_, _>>()?;
            let packed = pack(&[b"[", &jsons.join(&b","[..])[..], b"]"].concat())?;
            if details.packs.len() + packed.len() > MOST_BYTES {
                break;
            }
            details.packs.push_str(&packed);
            details.packs.push('\n');
            details.told.extend(some);
        }
        let rest = &order[details.told.len()..];
        details.untold =
            rest.iter().filter(|&&at| trials[at].verdict != Verdict::Kept || trials[at].lost > 0).count();
        Ok(details)
    }
}

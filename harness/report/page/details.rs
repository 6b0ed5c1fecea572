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
const MOST_BYTES: usize = 2_000_000;
/// One trial before it is packed; a longer one goes without its log and files.
const MOST_OF_ONE: usize = 128 * 1024;
/// Events of a trial whose record is too long.
const MOST_EVENTS: usize = 200;
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
    events: Vec<&'a Event>,
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
            events: trial.events.iter().collect(),
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
        self.events = fewer(self.events);
        self.cut = true;
        json(&self)
    }
}

/// The events that tell most, in their order: of the fsyncs, which may be thousands, the longest.
fn fewer(mut events: Vec<&Event>) -> Vec<&Event> {
    let length = |event: &Event| event.until_ms.map_or(f64::INFINITY, |until_ms| until_ms - event.at_ms);
    let often = |event: &Event| event.kind == "fsync" && event.until_ms.is_some();
    events.sort_by(|one, other| often(one).cmp(&often(other)).then(length(other).total_cmp(&length(one))));
    events.truncate(MOST_EVENTS);
    events.sort_by(|one, other| one.at_ms.total_cmp(&other.at_ms));
    events
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_events_the_short_fsyncs_go_first() {
        let event = |kind: &str, at_ms: f64, took_ms: Option<f64>| Event {
            kind: kind.into(),
            at_ms,
            until_ms: took_ms.map(|took_ms| at_ms + took_ms),
            ..Event::default()
        };
        let mut events: Vec<_> =
            (0..1_000).map(|n| event("fsync", f64::from(n), Some(f64::from(n % 100)))).collect();
        events.push(event("fault", 500.5, None));
        events.push(event("rewrite", 990.5, Some(3.0)));
        let kept = fewer(events.iter().collect());
        assert_eq!(kept.len(), MOST_EVENTS);
        assert!(kept.is_sorted_by(|one, other| one.at_ms <= other.at_ms));
        assert!(
            kept.iter().any(|event| event.kind == "fault")
                && kept.iter().any(|event| event.kind == "rewrite")
        );
        let least = kept
            .iter()
            .filter(|event| event.kind == "fsync")
            .map(|event| event.until_ms.unwrap_or(0.0) - event.at_ms);
        assert!(least.fold(f64::INFINITY, f64::min) >= 80.0);
    }
}

//! Ledger and surviving state in; loss, shape and anomalies out. Pure.
//!
//! A key is the smallest thing with a state of its own: a string, a field of a hash, an element of a list, a counter.
//! Every key has one writer (a lane: one connection), and what a key holds says which op of its lane wrote it.

use std::collections::{BTreeSet, HashSet};

use crate::record::Anomaly;

mod chains;
mod closure;
mod count;
mod density;
mod drift;
mod fate;
mod history;
mod loss;
mod seen;
mod shape;
mod torn;

pub use density::written;
pub use drift::DRIFT_SLACK_US;
pub use fate::EXPIRY_SLACK_US;
pub use history::{Answer, Aspect, Effect, History, Op, Touch};
pub use loss::{Instance, Loss};
pub use seen::{Cell, Clock, Survey};

use chains::Chains;
use fate::Fate;
use history::effect_on;
use loss::note;
use seen::cell;

/// Compares what the client knows with what survived.
///
/// Each key must hold the state after some prefix of its ops, on top of its `baseline`. The loss is counted in the
/// server's favour: with the longest prefixes that explain what the keys hold and fit together in time. Where no
/// prefixes fit together there is an [`Anomaly::Hole`], and each key counts for itself.
pub fn judge(history: &dyn History, baseline: &Survey, observed: &Survey, clock: &Clock) -> Loss {
    let mut lanes: Vec<_> = (0..history.lanes())
        .map(|lane| {
            let chains = Chains::build(history, lane);
            let fates = fate::of_lane(history, lane, &chains, baseline, observed, clock);
            (chains, fates)
        })
        .collect();
    let hole = closure::fit(history, &mut lanes, baseline, observed, clock);
    let (mut loss, split) = count::count(history, &lanes, observed, clock);
    if let Some((lane, key, seq)) = hole {
        note(&mut loss, Anomaly::Hole, lane, key, Some(seq), cell(observed, lane, key));
    }
    torn::find(history, &lanes, observed, &mut loss);
    drift::find(history, observed, &mut loss);
    loss.shape = shape::of(history, &lanes, &split, &loss);
    density::written(history, clock.fault_us, &mut loss);
    density::lost(history, &lanes, &split, &mut loss);
    let mut seen: BTreeSet<_> = loss.anomalies.iter().copied().collect();
    let classes = [
        (loss.lost > 0 || loss.lost_baseline > 0, Anomaly::Lost),
        (loss.rolled_back > 0, Anomaly::RolledBack),
        (loss.lost_baseline > 0, Anomaly::SecondRestartLoss),
        (loss.deleted_back + loss.baseline_back + loss.expired_back > 0, Anomaly::Resurrected),
        (loss.corrupt > 0, Anomaly::Corrupt),
        (loss.promised > 0, Anomaly::LostPromised),
    ];
    seen.extend(classes.iter().filter(|(there, _)| *there).map(|(_, anomaly)| *anomaly));
    loss.anomalies = seen.into_iter().collect();
    loss
}

/// A lane's ops by key, and what became of each key.
type Lane = (Chains, Vec<Fate>);

/// Ops of several keys that lost one of them at least, by lane: such an op is lost as a whole.
type Split = Vec<HashSet<u32>>;

//! Whether a promise was kept, and the sentence that says so.

use super::{Allow, Applied, Circumstances};
use crate::oracle::Loss;
use crate::record::{Anomaly, Shape};

/// What an epoch says of a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it was kept.
    pub kept: bool,
    /// Whether it was broken in a state that no real file system is known to leave: a warning, and no verdict.
    pub warned: bool,
    /// Why, for a person.
    pub message: String,
}

impl Judgement {
    /// Why, and how much it counts.
    pub fn words(&self) -> String {
        if self.warned { format!("warning, no verdict: {}", self.message) } else { self.message.clone() }
    }
}

/// Judges one epoch; a breach that only a state shows which no real file system is known to leave is a warning.
pub fn judge(
    applied: &Applied,
    loss: Option<&Loss>,
    refused: bool,
    stuck: bool,
    facts: &Circumstances,
) -> Judgement {
    let judgement = hold(applied, loss, refused, stuck, facts);
    if judgement.kept || !facts.power_cut.is_some_and(|cut| cut.warns) {
        return judgement;
    }
    Judgement { kept: true, warned: true, ..judgement }
}

/// Holds one epoch against its promise. `loss` is absent when the server never came back; `refused` says that it ended by itself
/// instead of starting, `stuck` that it neither answered nor ended.
fn hold(
    applied: &Applied,
    loss: Option<&Loss>,
    refused: bool,
    stuck: bool,
    facts: &Circumstances,
) -> Judgement {
    let broken = |message: String| Judgement { kept: false, warned: false, message };
    if stuck {
        return broken("the server started and never answered".into());
    }
    if refused {
        return if applied.may_refuse {
            Judgement {
                kept: true,
                warned: false,
                message: format!("refused to start, which it may: {}", applied.sentence),
            }
        } else {
            broken(format!("refused to start on its own files; the promise: {}", applied.sentence))
        };
    }
    let Some(loss) = loss else { return broken("nothing could be read back".into()) };
    if loss.corrupt > 0 {
        return broken(format!("{} keys hold bytes that nobody wrote there", loss.corrupt));
    }
    if loss.wrong_type > 0 {
        return broken(format!("{} keys are of another type than was ever written", loss.wrong_type));
    }
    if loss.duplicated > 0 {
        return broken(format!("{} keys hold the effect of a write more than once", loss.duplicated));
    }
    if loss.torn > 0 {
        return broken(format!("{} transactions survived in part", loss.torn));
    }
    // A backup holds what was promised before it was begun, which its own row sees to; later promises are void.
    let untouched =
        facts.damage.is_none() && !facts.data_dropped && !facts.switched && facts.restored.is_none();
    if loss.promised > 0 && (untouched || facts.promoted) {
        let promise = if facts.promoted { "WAIT" } else { "WAITAOF" };
        return broken(format!("lost {} writes that {promise} had answered for", loss.promised));
    }
    if loss.drifted > 0 {
        return broken(format!("{} keys will expire at another time than was asked for", loss.drifted));
    }
    if loss.expired_back > 0 {
        return broken(format!("{} expired keys are back", loss.expired_back));
    }
    if loss.baseline_back > 0 {
        return broken(format!("{} keys hold what an earlier recovery showed gone", loss.baseline_back));
    }
    let summary = summary(loss, facts);
    if !within(applied.allow, loss, facts) {
        return broken(format!("{summary}; allowed is {}: {}", applied.allow.words(), applied.sentence));
    }
    // A server that may lose everything may lose it in any order.
    let ragged = matches!(loss.shape, Shape::Hole | Shape::Scattered | Shape::Prefix)
        || loss.anomalies.contains(&Anomaly::Hole);
    if applied.suffix && loss.lost + loss.lost_baseline > 0 && ragged {
        let instead = match loss.shape {
            Shape::Hole | Shape::Scattered | Shape::Prefix => format!("as {}", loss.shape.as_str()),
            // The order of one connection tells what time alone does not.
            Shape::None | Shape::Suffix | Shape::All => "under a later write that survived".into(),
        };
        return broken(format!("{summary}, not as one tail but {instead}: {}", applied.sentence));
    }
    let allowed =
        if loss.lost == 0 { String::new() } else { format!("; allowed is {}", applied.allow.words()) };
    Judgement { kept: true, warned: false, message: format!("{summary}{allowed}") }
}

fn within(allow: Allow, loss: &Loss, facts: &Circumstances) -> bool {
    let gone = loss.lost + loss.lost_baseline;
    let since =
        |limit_us: u64| loss.lost_baseline == 0 && loss.earliest_lost_us.is_none_or(|at| at >= limit_us);
    let within_window = |window: std::time::Duration| since(facts.fault_us.saturating_sub(micros(window)));
    match allow {
        Allow::All => true,
        Allow::Nothing => gone == 0,
        Allow::Count(count) => gone <= count,
        Allow::Window(window) => within_window(window),
        Allow::Batch(window, count) => within_window(window) && gone <= count,
        Allow::SinceSave => since(facts.saved_until_us.unwrap_or(0)),
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn summary(loss: &Loss, facts: &Circumstances) -> String {
    if loss.lost == 0 && loss.lost_baseline == 0 {
        let doubt = if loss.in_doubt == 0 { String::new() } else { format!("; {} in doubt", loss.in_doubt) };
        let expired =
            if loss.expired == 0 { String::new() } else { format!("; {} expired in time", loss.expired) };
        return format!("kept all {} acknowledged writes{doubt}{expired}", loss.acknowledged);
    }
    let mut text = format!("lost {} of {} acknowledged writes", loss.lost, loss.acknowledged);
    if loss.lost > 0
        && let Some(at) = loss.earliest_lost_us.filter(|at| *at > 0)
    {
        let before = facts.fault_us.saturating_sub(at) as f64 / 1e6;
        text.push_str(&format!(", the oldest {before:.2} s before the fault"));
    }
    if loss.lost_baseline > 0 {
        text.push_str(&format!(", and {} keys that an earlier recovery still showed", loss.lost_baseline));
    }
    text
}

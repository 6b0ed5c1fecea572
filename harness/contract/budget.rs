//! What the user tolerates, on top of the promise.

use super::{Circumstances, TrialFacts, when};
use crate::matrix::Budget;
use crate::oracle::Loss;

/// The first budget that this epoch exceeds, as a sentence. `recovery_ms` is absent when the server did not
/// come back.
pub fn over_budget(
    budgets: &[Budget],
    trial: &TrialFacts<'_>,
    facts: &Circumstances,
    loss: Option<&Loss>,
    recovery_ms: Option<f64>,
) -> Option<String> {
    budgets.iter().filter(|budget| when::matches(&budget.when, trial, &facts.config)).find_map(|budget| {
        if let (Some(limit), Some(loss)) = (budget.lost, loss) {
            let lost = loss.lost + loss.lost_baseline;
            if lost > limit {
                return Some(format!("lost {lost} acknowledged writes; the budget is {limit}"));
            }
        }
        if let (Some(limit), Some(at)) = (budget.lost_window, loss.and_then(|loss| loss.earliest_lost_us)) {
            let window_s = facts.fault_us.saturating_sub(at) as f64 / 1e6;
            if window_s > limit.as_secs_f64() {
                return Some(format!("lost writes of the last {window_s:.2} s; the budget is {limit:?}"));
            }
        }
        if let (Some(limit), Some(took)) = (budget.recovery, recovery_ms)
            && took > limit.as_secs_f64() * 1000.0
        {
            return Some(format!("recovery took {took:.0} ms; the budget is {limit:?}"));
        }
        None
    })
}

//! The gate: whether a run passes, and the exit code that says so.

use super::text::count;
use crate::record::{Check, Gate, Outcome, Report, Totals, exit};

/// Judges a report that is otherwise complete.
pub fn judge(report: &Report) -> Gate {
    let rules = &report.run.gate;
    let totals = &report.totals;
    let mut checks = Vec::new();
    let mut exit_code = exit::KEPT;
    // A rule about the server outranks one about the lab, and so do their exit codes.
    let mut check = |rule: &str, sound: bool, warns: bool, code: u8, message: String| {
        let outcome = match (sound, warns) {
            (true, _) => Outcome::Passed,
            (false, true) => Outcome::Warned,
            (false, false) => Outcome::Failed,
        };
        if outcome == Outcome::Failed && exit_code == exit::KEPT {
            exit_code = code;
        }
        checks.push(Check { rule: rule.into(), outcome, message });
    };
    let interrupted = report.run.interrupted;
    if interrupted {
        let message = format!("stopped after {} of {} trials", totals.trials, report.run.selected);
        check("interrupted", false, false, exit::INTERRUPTED, message);
    }
    let trials = |number| count(number, "trial");
    let message = format!("{} broke a promise", trials(totals.broken));
    check("broken", totals.broken == 0, false, exit::BROKEN, message);
    if let Some(most) = rules.lost {
        let message = format!("{} acknowledged writes were lost; the gate allows {most}", totals.lost);
        check("lost", totals.lost <= most, false, exit::BROKEN, message);
    }
    if let Some(diff) = &report.baseline {
        let message = format!("{} worse than in {}", count(diff.regressions, "case"), diff.before.id);
        check("regressions", diff.regressions == 0, rules.regressions_warn, exit::BROKEN, message);
    }
    let message = format!("the lab failed in {}", trials(totals.errored));
    check("errored", totals.errored == 0, false, exit::LAB, message);
    let message = format!("{} met no pressure", trials(totals.inconclusive));
    check("inconclusive", totals.inconclusive == 0, rules.inconclusive_warns, exit::LAB, message);
    if totals.trials > 0 && totals.unsupported == totals.trials && !interrupted {
        let message = "no trial could run here: nothing was tested; each says what it lacks".into();
        check("nothing-tested", false, false, exit::USAGE, message);
    }
    if let Some(first) = report.missing.first() {
        let more = match report.missing.len() {
            1 => String::new(),
            count => format!("; and {} more", count - 1),
        };
        check("missing", false, false, exit::LAB, format!("{first}{more}"));
    }
    // A part of a run has a part of the trials: the whole is judged when the parts are merged.
    if let Some(least) = rules.trials.filter(|_| report.run.shard.is_none()) {
        let proven = totals.kept + totals.broken + totals.known;
        let message = format!("{} proved something; the gate asks for {least}", trials(proven));
        check("trials", proven >= least, false, exit::LAB, message);
    }
    if let Some(most) = rules.unsupported {
        let share = share(totals);
        let message = format!(
            "{} unsupported, {}; the gate allows {}",
            trials(totals.unsupported),
            percent(share),
            percent(most)
        );
        check("unsupported", share <= most, false, exit::LAB, message);
    }
    Gate { checks, exit_code }
}

fn share(totals: &Totals) -> f64 {
    if totals.trials == 0 { 0.0 } else { totals.unsupported as f64 / totals.trials as f64 }
}

fn percent(share: f64) -> String {
    format!("{}%", (share * 1000.0).round() / 10.0)
}

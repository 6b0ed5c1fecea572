//! GitHub annotations: lines that the runner turns into notes. Ten of a kind are shown and the rest vanishes, so nine are
//! written and one that counts the others.

use std::fmt::Write;

use super::text;
use crate::record::{Outcome, Report, Verdict};

/// Annotations of a kind, without the one that counts the rest.
const SHOWN: usize = 9;
/// Most characters of a message.
const MOST_TEXT: usize = 500;

/// Errors for what fails the run, warnings for the rest that a person should see.
pub fn render(report: &Report) -> String {
    let of = |verdict: Verdict| report.trials.iter().filter(move |trial| trial.verdict == verdict);
    let warns = report.run.gate.inconclusive_warns;
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for check in &report.gate.checks {
        let own = !matches!(check.rule.as_str(), "broken" | "errored" | "inconclusive");
        match check.outcome {
            Outcome::Failed if own => errors.push((format!("gate: {}", check.rule), check.message.as_str())),
            Outcome::Warned if own => {
                warnings.push((format!("gate: {}", check.rule), check.message.as_str()))
            }
            _ => {}
        }
    }
    for verdict in [Verdict::Broken, Verdict::Errored, Verdict::Inconclusive] {
        let list = if verdict == Verdict::Inconclusive && warns { &mut warnings } else { &mut errors };
        list.extend(
            of(verdict)
                .map(|trial| (format!("{}: {}", verdict.as_str(), trial.name), trial.message.as_str())),
        );
    }
    warnings
        .extend(of(Verdict::Known).map(|trial| (format!("known: {}", trial.name), trial.message.as_str())));
    let mut out = String::new();
    for (command, list) in [("error", errors), ("warning", warnings)] {
        for (title, message) in list.iter().take(SHOWN) {
            let title = property(&text::short(title, MOST_TEXT));
            let _ = writeln!(out, "::{command} title={title}::{}", data(&text::short(message, MOST_TEXT)));
        }
        if list.len() > SHOWN {
            let _ = writeln!(out, "::{command} title=and {} more::see the report", list.len() - SHOWN);
        }
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

//! `index.html`: one page that opens from a file, asks nothing of the network, and answers first.
//!
//! What matters is there without scripts: the answer, the findings, the failing trials. Everything else is drawn from
//! packed data. Only the page's own script can run, whatever a server or a log put into the data: the policy in its head
//! names it by its hash.

mod answer;
mod columns;
mod details;
mod headline;
mod pack;
mod parts;
mod past;

use askama::Template;

use self::answer::Line;
use self::headline::Highlight;
pub(super) use self::headline::headline;
use self::past::Past;
use super::findings::{self, Finding};
use super::text::{grouped, is_link};
use crate::record::{Report, TrialRecord, Verdict};

/// Trials, or findings, of a kind that are named one by one where no script is needed.
const NAMED: usize = 60;
/// Names of an axis that a finding tells one by one.
const AXIS: usize = 8;

#[derive(Template)]
#[template(path = "index.html")]
struct Page<'a> {
    report: &'a Report,
    policy: String,
    headline: String,
    tone: &'static str,
    tallies: Vec<(&'static str, u64)>,
    promises: String,
    answers: Vec<Line<'a>>,
    more_answers: usize,
    highlights: Vec<Highlight>,
    findings: Vec<Told<'a>>,
    more_findings: usize,
    untested: Vec<Told<'a>>,
    more_untested: usize,
    past: Option<Past<'a>>,
    failing: Vec<&'a TrialRecord>,
    more_failing: usize,
    interrupted: Vec<&'a str>,
    more: usize,
    retried: Vec<&'a TrialRecord>,
    more_retried: usize,
    started: String,
    /// The start to the second: nobody reads nanoseconds.
    moment: String,
    seconds: String,
    style: String,
    script: String,
    data: String,
    packs: String,
}

/// A finding in the words of the page.
struct Told<'a> {
    number: usize,
    verdict: &'static str,
    title: String,
    link: Option<&'a str>,
    remedy: String,
    fresh: Option<bool>,
    single: bool,
    trials: String,
    example: &'a TrialRecord,
    axes: Vec<(&'static str, String)>,
}

pub(super) fn render(report: &Report) -> Result<Vec<u8>, String> {
    let found = findings::of(&report.trials, report.history.as_ref());
    let details = details::Details::of(&report.trials)?;
    let columns = columns::Columns::of(report, &found, details.told, details::PACK, details.untold);
    let named = |wanted: fn(Verdict) -> bool| {
        let some = found.iter().enumerate().filter(move |(_, finding)| wanted(finding.verdict));
        some.take(NAMED).map(|(number, finding)| told(report, number, finding)).collect::<Vec<_>>()
    };
    let findings = named(|verdict| verdict != Verdict::Unsupported);
    let all = found.iter().filter(|finding| finding.verdict != Verdict::Unsupported).count();
    let interrupted: Vec<_> = report.interrupted.iter().map(String::as_str).take(NAMED).collect();
    let (answers, more_answers) = answer::lines(&report.trials, &found);
    let failing: Vec<_> = report.trials.iter().filter(|trial| trial.verdict.fails()).collect();
    let retried: Vec<_> = report.trials.iter().filter(|trial| trial.attempt > 1).collect();
    let (style, script) = (parts::STYLE.concat(), parts::SCRIPT.concat());
    let page = Page {
        report,
        policy: format!(
            "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
            pack::source_hash(&style),
            pack::source_hash(&script)
        ),
        headline: headline(report),
        tone: headline::tone(report),
        tallies: headline::tallies(report),
        promises: headline::promises(report),
        answers,
        more_answers,
        highlights: headline::highlights(report, &found),
        more_findings: all - findings.len(),
        findings,
        past: Past::of(report),
        more_untested: (found.len() - all).saturating_sub(NAMED),
        untested: named(|verdict| verdict == Verdict::Unsupported),
        more_failing: failing.len().saturating_sub(NAMED),
        failing: failing.into_iter().take(NAMED).collect(),
        more: report.interrupted.len() - interrupted.len(),
        interrupted,
        more_retried: retried.len().saturating_sub(NAMED),
        retried: retried.into_iter().take(NAMED).collect(),
        started: report.run.started_at.chars().take(16).collect::<String>().replace('T', " "),
        moment: moment(&report.run.started_at),
        seconds: format!("{:.1}", report.run.duration_ms / 1000.0),
        style,
        script,
        data: pack::pack(&pack::json(&columns)?)?,
        packs: details.packs,
    };
    page.render().map(String::into_bytes).map_err(|error| error.to_string())
}

fn told<'a>(report: &'a Report, number: usize, finding: &Finding<'a>) -> Told<'a> {
    let axis = |names: &std::collections::BTreeSet<&str>| {
        let mut text = names.iter().copied().take(AXIS).collect::<Vec<_>>().join(", ");
        if names.len() > AXIS {
            text.push_str(&format!(" and {} more", names.len() - AXIS));
        }
        text
    };
    Told {
        number,
        verdict: finding.verdict.as_str(),
        title: columns::shorten(&finding.title, 400),
        link: Some(finding.link).filter(|link| is_link(link)),
        remedy: finding.remedy.clone(),
        fresh: finding.fresh,
        single: finding.trials.len() == 1,
        trials: match finding.trials.len() as u64 {
            1 => "one trial".into(),
            many => format!("{} trials", grouped(many)),
        },
        example: &report.trials[finding.worst],
        axes: finding.axes.iter().map(|(name, names)| (*name, axis(names))).collect(),
    }
}

/// `2026-01-31 12:00:00 UTC` of a time in RFC 3339; another text stays as it is.
fn moment(time: &str) -> String {
    match (time.get(..19), time.ends_with('Z')) {
        (Some(second), true) => format!("{} UTC", second.replace('T', " ")),
        _ => time.to_owned(),
    }
}

/// For the template.
mod filters {
    use askama::Values;

    /// `11,869,988`.
    #[askama::filter_fn]
    pub fn grouped(number: &u64, _: &dyn Values) -> askama::Result<String> {
        Ok(super::grouped(*number))
    }

    /// As part of an address.
    #[askama::filter_fn]
    pub fn fragment(name: impl std::fmt::Display, _: &dyn Values) -> askama::Result<String> {
        let mut out = String::new();
        for byte in name.to_string().bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' | b'@' => {
                    out.push(char::from(byte))
                }
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_moment_is_told_to_the_second() {
        assert_eq!(moment("2026-01-31T12:00:02.123456789Z"), "2026-01-31 12:00:02 UTC");
        assert_eq!(moment("of old"), "of old");
    }
}

//! The formats beside the page: golden files of a small run, the rules of those who read them, and nothing in a run's
//! texts that could break out of them.
#![allow(clippy::unwrap_used)]

#[path = "support/junit.rs"]
mod junit;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/records.rs"]
mod records;

use std::collections::BTreeSet;

use outlast::record::{Ci, GateRules, JournalLine, Report, ReportWishes, RunFacts, TrialRecord, Verdict};
use outlast::report::{FORMATS, allure, annotations, assemble, comparison, complete, diff, history, table};
use records::{HOSTILE, lines, trial};
use serde_json::Value;

fn render(file: &str, report: &Report) -> String {
    let format = FORMATS.iter().find(|format| format.file == file).unwrap();
    String::from_utf8((format.render)(report).unwrap()).unwrap()
}

/// The run of tests/support/records.rs, with earlier runs, a baseline, and CI around it.
fn report() -> Report {
    let mut lines = lines();
    for line in &mut lines {
        if let JournalLine::Run(facts) | JournalLine::Closed(facts) = line {
            facts.ci = Some(Ci {
                system: "github".into(),
                job: "nightly".into(),
                number: "7".into(),
                url: "https://example.com/runs/7".into(),
                revision: "c0ffee".into(),
                branch: "main".into(),
            });
            facts.gate = GateRules { trials: Some(20), unsupported: Some(0.1), ..GateRules::default() };
            facts.interrupted = false;
        }
    }
    let mut report = assemble(lines);
    let earlier = earlier();
    complete(&mut report, Some(&[history::Line::of(&earlier)]), Some(&earlier));
    report
}

fn earlier() -> Report {
    let facts = RunFacts {
        id: "2026-01-30T12-00-00Z-3c4d".into(),
        started_at: "2026-01-30T12:00:00Z".into(),
        ..records::run()
    };
    let trials = [trial("kill", 2, Verdict::Kept), trial("stop", 1, Verdict::Broken)];
    assemble(trials.map(JournalLine::Finished).into_iter().chain([JournalLine::Closed(facts)]).collect())
}

fn many(verdict: Verdict, count: u64) -> Report {
    let record = |number: u64| TrialRecord {
        name: format!("core::redis-7.0::aof::single::fault-{number}::s1"),
        message: format!("{HOSTILE}{}", "long ".repeat(300)),
        ..trial("kill", 1, verdict)
    };
    let trials = (0..count).map(|number| JournalLine::Finished(record(number)));
    assemble(trials.chain([JournalLine::Closed(records::run())]).collect())
}

#[test]
fn each_format_is_as_it_was() {
    for (file, name) in [
        ("junit.xml", "junit"),
        ("summary.md", "summary"),
        ("gl-code-quality.json", "gitlab"),
        ("badge.json", "badge"),
    ] {
        insta::assert_snapshot!(name, render(file, &report()));
    }
    insta::assert_snapshot!("annotations", annotations::render(&report()));
}

#[test]
fn runs_are_shown_and_compared_as_they_were() {
    let report = report();
    let shown = [table::Axis::Fault, table::Axis::Verdict].map(|axis| table::by(&report, axis).text());
    insta::assert_snapshot!("show", shown.join("\n"));
    insta::assert_snapshot!("show_markdown", table::by(&report, table::Axis::Server).markdown());
    let diff = diff(&earlier(), &report);
    insta::assert_snapshot!("diff", comparison::text(&diff));
    insta::assert_snapshot!("diff_markdown", comparison::markdown(&diff));
    // The style is that of the page of a run, and changes with it.
    let page = comparison::page(&diff).unwrap();
    let (head, rest) = page.split_once("<style>").unwrap();
    insta::assert_snapshot!("diff_page", format!("{head}<style>{}", &rest[rest.find("</style>").unwrap()..]));
}

/// Name and content of every file for Allure.
fn allure(report: &Report) -> Vec<(String, String)> {
    let files = allure::files(report).map(Result::unwrap);
    files.map(|file| (file.name, String::from_utf8(file.bytes).unwrap())).collect()
}

#[test]
fn allure_gets_what_it_knows_how_to_show() {
    let report = report();
    let files = allure(&report);
    let golden: Vec<_> = files
        .iter()
        .filter(|(name, text)| !name.ends_with("-result.json") || text.contains("::kill::s2\""))
        .filter(|(name, _)| !name.contains("-attachment."))
        .map(|(name, text)| match serde_json::from_str::<Value>(text) {
            Ok(value) => format!("== {name}\n{value:#}\n"),
            Err(_) => format!("== {name}\n{text}\n"),
        })
        .collect();
    insta::assert_snapshot!("allure", golden.join("\n"));
    // Every attachment that a result names is there, and no other.
    let named: BTreeSet<_> = results(&files)
        .iter()
        .flat_map(|result| result["attachments"].as_array().cloned().unwrap_or_default())
        .map(|attachment| attachment["source"].as_str().unwrap().to_owned())
        .collect();
    let there: BTreeSet<_> =
        files.iter().map(|(name, _)| name.clone()).filter(|name| name.contains("-attachment.")).collect();
    assert_eq!(named, there);
    assert!(!there.is_empty());
}

fn results(files: &[(String, String)]) -> Vec<Value> {
    let results = files.iter().filter(|(name, _)| name.ends_with("-result.json"));
    results.map(|(_, text)| serde_json::from_str(text).unwrap()).collect()
}

#[test]
fn a_trial_is_the_same_one_for_allure_in_every_run() {
    let mut later = report();
    later.run.id = "another-run".into();
    later.trials.iter_mut().for_each(|trial| {
        trial.attempt += 1;
        trial.lost += 1;
        trial.server_version = "7.0.99".into();
    });
    let identity = |report: &Report| -> BTreeSet<_> {
        results(&allure(report))
            .iter()
            .map(|result| {
                let followed = result["parameters"].as_array().cloned().unwrap_or_default();
                let followed: Vec<_> =
                    followed.into_iter().filter(|parameter| parameter["excluded"] == false).collect();
                format!(
                    "{} {} {} {followed:?}",
                    result["historyId"], result["testCaseId"], result["fullName"]
                )
            })
            .collect()
    };
    assert_eq!(identity(&report()), identity(&later));
    assert_eq!(identity(&report()).len(), 7);
    let uuids = |report: &Report| -> BTreeSet<_> {
        results(&allure(report)).iter().map(|result| result["uuid"].to_string()).collect()
    };
    assert!(uuids(&report()).is_disjoint(&uuids(&later)));
    assert_eq!(uuids(&report()), uuids(&report()));
}

#[test]
fn a_trial_that_was_kept_costs_allure_one_small_file() {
    let report = many(Verdict::Kept, 100);
    let files = allure(&Report {
        trials: report
            .trials
            .iter()
            .cloned()
            .map(|trial| TrialRecord { message: "kept".into(), ..trial })
            .collect(),
        ..report.clone()
    });
    assert_eq!(files.len(), 103);
    assert!(files.iter().all(|(_, text)| text.len() < 4_000));
}

#[test]
fn junit_keeps_to_its_schema_whatever_stands_in_a_record() {
    let found = junit::check(&render("junit.xml", &report()));
    let expected = junit::Counts { tests: 7, failures: 1, errors: 3, skipped: 2 };
    assert_eq!(found, Ok(expected));
    let mut warned = report();
    warned.run.gate.inconclusive_warns = true;
    let expected = junit::Counts { tests: 7, failures: 1, errors: 2, skipped: 3 };
    assert_eq!(junit::check(&render("junit.xml", &warned)), Ok(expected));
    for text in ["]]>", "\u{0}\u{1}\u{b}\u{1b}[31m", "\u{fffe}\u{ffff}", "<&\"'>", "&#0;", "\u{202e}"] {
        let record = TrialRecord {
            name: format!("a::{text}::{text}::b::c::s1"),
            server: text.into(),
            message: text.into(),
            log_tail: vec![text.into()],
            repro: text.into(),
            ..trial("kill", 1, Verdict::Broken)
        };
        let xml = render("junit.xml", &assemble(vec![JournalLine::Finished(record)]));
        assert!(junit::check(&xml).is_ok(), "{text:?}: {:?}\n{xml}", junit::check(&xml));
    }
    // The check itself is no rubber stamp.
    let xml = render("junit.xml", &report());
    for (from, to) in [
        ("tests=\"7\"", "tests=\"6\""),
        ("<failure ", "<blunder "),
        ("</failure>", "</blunder>"),
        (" classname=", " clazz="),
        ("time=\"", "time=\"x"),
        ("<properties>", "<properties/><properties>"),
    ] {
        let spoiled = xml.replacen(from, to, 1);
        assert_ne!(spoiled, xml, "{from} is not there");
        assert!(junit::check(&spoiled).is_err(), "{from} -> {to} was not seen");
    }
}

#[test]
fn a_step_summary_stays_small_however_much_goes_wrong() {
    for verdict in Verdict::ALL {
        let report = many(verdict, 5_000);
        let summary = render("summary.md", &report);
        assert!(summary.len() < 100 * 1024, "{verdict:?}: {} bytes", summary.len());
        if verdict.fails() {
            assert!(summary.contains("and 4980 more cases"), "{summary}");
        }
    }
}

#[test]
fn at_most_ten_annotations_of_a_kind_are_written_and_none_is_smuggled_in() {
    for (verdict, kind) in [(Verdict::Broken, "error"), (Verdict::Known, "warning")] {
        let text = annotations::render(&many(verdict, 40));
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.iter().all(|line| line.starts_with("::")), "{text}");
        let own: Vec<_> = lines.iter().filter(|line| line.starts_with(&format!("::{kind} "))).collect();
        assert_eq!(own.len(), 10, "{text}");
        assert!(own[9].contains("and 31 more"), "{text}");
    }
    let record = TrialRecord {
        name: "a::b,c=d::e%0A::error::f::s1".into(),
        message: "x\n::set-output name=a::b\r::stop-commands::y %0A".into(),
        ..trial("kill", 1, Verdict::Broken)
    };
    let text = annotations::render(&assemble(vec![JournalLine::Finished(record)]));
    let hit: Vec<_> = text.lines().filter(|line| line.contains("set-output")).collect();
    assert_eq!(hit.len(), 1, "{text}");
    assert!(hit[0].starts_with("::error title=broken%3A a%3A%3Ab%2Cc=d%3A%3Ae%250A"), "{text}");
    assert!(hit[0].ends_with("%250A"), "{text}");
}

#[test]
fn hostile_texts_stay_text_in_markdown() {
    let summary = render("summary.md", &report());
    for line in summary.lines() {
        assert!(!line.contains(['\u{1b}', '\u{2028}', '`']), "{line:?}");
        for tag in line.split('<').skip(1) {
            assert!(["code>", "/code>"].iter().any(|own| tag.starts_with(own)), "{line:?}");
        }
    }
    // Rows of one table have as many cells as its head.
    let mut cells = 0;
    for line in summary.lines() {
        let here = line.matches('|').count();
        assert!(here == 0 || cells == 0 || here == cells, "{line:?}");
        cells = here;
    }
    assert!(!summary.contains("javascript:") && summary.contains("([listed](https://example.com/1))"));
}

#[test]
fn hostile_texts_stay_text_on_the_page_of_a_difference() {
    let report = report();
    let page = comparison::page(&diff(&earlier(), &report)).unwrap();
    assert!(page.contains("&#60;img src=x onerror=alert(1)&#62;"), "the hostile case is on the page");
    assert!(!page.contains("<img") && page.matches("<script").count() == 0);
    for text in [comparison::text(&diff(&earlier(), &report)), table::by(&report, table::Axis::Case).text()] {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{2028}'));
    }
}

#[test]
fn columns_are_chosen_and_ordered() {
    let mut report = report();
    report.run.report =
        ReportWishes { columns: ["verdict", "name"].map(String::from).into(), ..ReportWishes::default() };
    let text = render("trials.csv", &report);
    // A name in it is not ASCII, so a spreadsheet has to be told what it reads.
    let text = text.strip_prefix('\u{feff}').unwrap();
    assert_eq!(text.split("\r\n").next(), Some("verdict,name"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 7);
    assert!(
        rows.iter().any(|row| &row[0] == "broken" && &row[1] == "core::redis-7.0::aof::single::kill::s2")
    );
    assert!(rows.iter().any(|row| &row[0] == "interrupted"));
    report.run.report.columns = vec!["verdikt".into()];
    let format = FORMATS.iter().find(|format| format.file == "trials.csv").unwrap();
    assert!((format.render)(&report).unwrap_err().contains("there is no column `verdikt`"));
}

#[test]
fn a_badge_says_the_worst_in_a_word() {
    let badge = |verdicts: &[Verdict]| {
        let trials =
            (1..).zip(verdicts).map(|(seed, verdict)| JournalLine::Finished(trial("kill", seed, *verdict)));
        let report = assemble(trials.chain([JournalLine::Closed(records::run())]).collect());
        let value: Value = serde_json::from_str(&render("badge.json", &report)).unwrap();
        assert_eq!((&value["schemaVersion"], &value["label"]), (&1.into(), &"persistence".into()));
        format!("{} {}", value["message"].as_str().unwrap(), value["color"].as_str().unwrap())
    };
    use Verdict::{Broken, Errored, Kept, Known, Unsupported};
    assert_eq!(badge(&[Kept, Kept, Unsupported]), "2 kept brightgreen");
    assert_eq!(badge(&[Kept, Known]), "1 kept, 1 known green");
    assert_eq!(badge(&[Kept, Errored, Broken]), "1 broken red");
    assert_eq!(badge(&[Kept, Errored]), "1 unproven yellow");
    assert_eq!(badge(&[Unsupported]), "nothing tested lightgrey");
}

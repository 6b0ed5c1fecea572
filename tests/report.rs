//! Reports: golden files of a small run, and nothing in a run's texts that could break out of them.
#![allow(clippy::unwrap_used)]

#[path = "support/records.rs"]
mod records;

use std::fs;

use outlast::record::{JournalLine, Report, TrialRecord, Verdict};
use outlast::report::{FORMATS, assemble, complete, write};
use proptest::prelude::*;
use proptest::test_runner::Config;
use records::{HOSTILE, lines, trial};

/// A file of the report of these lines.
fn rendered(file: &str, lines: Vec<JournalLine>) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &assemble(lines)).unwrap();
    fs::read_to_string(folder.path().join(file)).unwrap()
}

/// The lines with another text for the hostile one.
fn with_text(text: &str) -> Vec<JournalLine> {
    let json = |text: &str| {
        let quoted = serde_json::to_string(text).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let all = serde_json::to_string(&lines()).unwrap();
    serde_json::from_str(&all.replace(&json(HOSTILE), &json(text))).unwrap()
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("{from} is not there"));
    let end = start + text[start..].find(to).unwrap();
    &text[start..end + to.len()]
}

/// What the page's script unpacks from an element.
fn embedded<'a>(page: &'a str, id: &str) -> impl Iterator<Item = serde_json::Value> + 'a {
    use base64::Engine;
    let start = format!("<script type=\"text/plain\" id=\"{id}\">");
    let text = between(page, &start, "</script>");
    let packs = text[start.len()..text.len() - "</script>".len()].lines();
    packs.map(|pack| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(pack).unwrap();
        serde_json::from_reader(flate2::read::DeflateDecoder::new(&bytes[..])).unwrap()
    })
}

/// The columns of the page.
fn columns(page: &str) -> serde_json::Value {
    embedded(page, "data").next().unwrap()
}

/// Every tag as a browser would see it, in no order: in a script or a style only its own end counts. Which trial a link
/// leads to is left out.
fn tags(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let tag = &rest[..=rest.find('>').unwrap()];
        rest = &rest[tag.len()..];
        for raw in ["script", "style"] {
            if tag.starts_with(&format!("<{raw}")) {
                rest = &rest[rest.find(&format!("</{raw}")).unwrap()..];
            }
        }
        tags.push(match tag.split_once("href=\"#trial=") {
            Some((before, target)) => before.to_owned() + target.split_once('"').unwrap().1,
            None => tag.to_owned(),
        });
    }
    tags.sort();
    tags
}

#[test]
fn the_csv_has_a_row_for_every_trial_even_one_that_never_ended() {
    insta::assert_snapshot!("csv", rendered("trials.csv", with_text("harmless")));
}

#[test]
fn the_json_is_the_record_as_it_is() {
    let json: serde_json::Value =
        serde_json::from_str(&rendered("report.json", with_text("harmless"))).unwrap();
    insta::assert_json_snapshot!("json", json);
    let back: Report = serde_json::from_value(json).unwrap();
    assert_eq!(back, assemble(with_text("harmless")));
}

#[test]
fn the_page_answers_first_and_reads_without_scripts() {
    let page = rendered("index.html", with_text("harmless"));
    let header = between(&page, "<header", "</header>");
    let plain = between(&page, "<noscript>", "</noscript>");
    let findings = between(&page, "<section id=\"findings\"", "<section id=\"trials\"");
    let run = between(&page, "<section id=\"run\"", "</main>");
    insta::assert_snapshot!("page", format!("{header}\n\n{plain}\n\n{findings}\n\n{run}"));
}

#[test]
fn the_pages_data_is_columns_with_a_dictionary_each() {
    let page = rendered("index.html", with_text("harmless"));
    insta::assert_json_snapshot!("page_data", columns(&page));
    // The details are those of the trials that `told` names, in that order.
    let told = columns(&page)["told"].as_array().unwrap().clone();
    let packed: Vec<_> = embedded(&page, "packs").flat_map(|pack| pack.as_array().unwrap().clone()).collect();
    let trials = assemble(with_text("harmless")).trials;
    assert_eq!(packed.len(), trials.len());
    for (detail, number) in packed.iter().zip(told) {
        let trial = &trials[number.as_u64().unwrap() as usize];
        assert_eq!(detail["epochs"], serde_json::to_value(&trial.epochs).unwrap());
        assert_eq!(detail["started_at"], trial.started_at.as_str());
    }
}

#[test]
fn the_first_line_of_the_page_is_the_answer() {
    let headline = |verdicts: &[Verdict]| {
        let trials =
            (1..).zip(verdicts).map(|(seed, &verdict)| JournalLine::Finished(trial("kill", seed, verdict)));
        let closed = JournalLine::Closed(records::run());
        let page = rendered("index.html", trials.chain([closed]).collect());
        let title = between(&page, "<title>", " ·").strip_prefix("<title>").unwrap();
        title.strip_suffix(" ·").unwrap().to_owned()
    };
    use Verdict as V;
    // Nothing was lost, and so nothing is said of a loss.
    const BROKEN: &str = "aof on redis-7.0 breaks its promise under kill: went over the budget";
    for (verdicts, expected) in [
        (&[V::Kept, V::Unsupported][..], "Every promise was kept"),
        (&[V::Unsupported], "Nothing could be put to the test"),
        (&[V::Kept, V::Broken, V::Errored], BROKEN),
        (&[V::Broken, V::Broken, V::Kept], BROKEN),
        (
            &[V::Kept, V::Known],
            "No new breach, but a known defect: aof on redis-7.0 went over the budget under kill",
        ),
        (&[V::Known, V::Inconclusive], "No promise was broken, but 1 trial proved nothing"),
        (&[V::Errored, V::Inconclusive], "No promise was broken, but 2 trials proved nothing"),
    ] {
        assert_eq!(headline(verdicts), expected, "{verdicts:?}");
    }
    let unclosed =
        |verdict| vec![JournalLine::Run(records::run()), JournalLine::Finished(trial("kill", 1, verdict))];
    assert!(rendered("index.html", unclosed(V::Kept)).contains("<title>Interrupted after 1 of 8 trials ·"));
    let broken = format!("<title>Interrupted after 1 of 8 trials. {BROKEN} ·");
    assert!(rendered("index.html", unclosed(V::Broken)).contains(&broken));
}

#[test]
fn a_run_that_lacks_a_part_or_fails_its_gate_is_not_called_well() {
    let opening = |change: fn(&mut Report)| {
        let trial = JournalLine::Finished(TrialRecord { lost: 3, ..trial("kill", 1, Verdict::Kept) });
        let mut report = assemble(vec![trial, JournalLine::Closed(records::run())]);
        change(&mut report);
        complete(&mut report, None, None);
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &report).unwrap();
        let file = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let (page, summary) = (file("index.html"), file("summary.md"));
        let heading = between(&page, "<h1 class=\"", "</h1>").to_owned();
        assert!(summary.starts_with("## ") && heading.contains(summary.lines().next().unwrap()[3..].trim()));
        heading
    };
    let well = opening(|_| {});
    assert!(well.contains("tone-kept") && well.contains("Every promise was kept"), "{well}");
    let part = opening(|report| report.missing.push("part 2/2 left no journal".into()));
    assert!(part.contains("tone-inconclusive") && part.contains("Incomplete: part 2/2 left no"), "{part}");
    let shut = opening(|report| report.run.gate.lost = Some(2));
    assert!(shut.contains("tone-broken") && shut.contains("but the gate failed: 3 acknowledged"), "{shut}");
}

#[test]
fn hostile_texts_stay_text_on_the_page() {
    let page = rendered("index.html", lines());
    assert!(tags(&page) == tags(&rendered("index.html", with_text("harmless"))));
    assert!(!page.contains("<img") && !page.contains("href=\"javascript:"));
    // ... and none of it is lost on the way.
    assert_eq!(columns(&page)["suite"]["words"][0], HOSTILE);
    assert!(embedded(&page, "packs").any(|pack| pack.to_string().contains("onerror=alert(1)")));
    assert!(page.contains("&#60;img src=x onerror=alert(1)"));
}

#[test]
fn no_cell_of_the_csv_is_a_formula() {
    let text = rendered("trials.csv", lines());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap().clone();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 7);
    for cell in rows.iter().flatten() {
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
        assert!(!formula || cell.parse::<f64>().is_ok(), "{cell:?}");
    }
    let hostile = rows.iter().find(|row| row.iter().any(|cell| cell == "'=cmd()")).unwrap();
    let cell = |name: &str| &hostile[columns.iter().position(|column| column == name).unwrap()];
    assert_eq!((cell("server"), cell("persistence")), ("'=cmd()", "'+1+1"));
    assert_eq!((cell("workload"), cell("fault")), ("'@SUM(A1)", "'-2+3"));
    assert_eq!((cell("message"), cell("lost"), cell("verdict")), (HOSTILE, "1", "errored"));
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn no_text_can_add_a_tag_to_the_page_or_a_formula_to_the_csv(
        parts in prop::collection::vec(prop_oneof![
            Just("</script>".to_owned()), Just("<!--".to_owned()), Just("<script".to_owned()), Just("{{ x }}".to_owned()),
            Just("]]>".to_owned()), Just("&lt;".to_owned()), Just("\" onload=\"".to_owned()), Just("=1".to_owned()),
            Just("\r\n-".to_owned()), Just("\\u003c".to_owned()), any::<String>(),
        ], 0..4),
    ) {
        let text = parts.concat();
        let page = rendered("index.html", with_text(&text));
        let harmless = rendered("index.html", with_text("harmless"));
        prop_assert!(tags(&page) == tags(&harmless));
        let data = columns(&page);
        prop_assert_eq!(data["suite"]["words"].as_array().unwrap().iter().filter(|word| **word == text).count(), 1);
        let csv = rendered("trials.csv", with_text(&text));
        for row in csv::Reader::from_reader(csv.as_bytes()).records() {
            for cell in &row.unwrap() {
                let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
                prop_assert!(!formula || cell.parse::<f64>().is_ok(), "{:?}", cell);
            }
        }
        let back: Report = serde_json::from_str(&rendered("report.json", with_text(&text))).unwrap();
        let kept = |trial: &TrialRecord| trial.repro == text;
        prop_assert!(back.trials.iter().any(kept));
    }
}

#[test]
fn the_policy_of_the_page_names_the_scripts_that_may_run() {
    use base64::Engine;
    use sha2::Digest;
    let page = rendered("index.html", lines());
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\">");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for (element, open) in [("script", "\n<script>"), ("style", "<style>")] {
        let text = between(&page, open, &format!("</{element}>"));
        let text = &text[open.len()..text.len() - element.len() - 3];
        let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text));
        assert!(policy.contains(&format!("{element}-src 'sha256-{hash}'")), "{element}");
    }
}

#[test]
fn the_page_tells_what_other_runs_tell() {
    use outlast::record::{CaseHistory, Change, History, PastRun};
    let mut report = assemble(with_text("harmless"));
    let page = |report: &Report| {
        let format = FORMATS.iter().find(|format| format.file == "index.html").unwrap();
        String::from_utf8((format.render)(report).unwrap()).unwrap()
    };
    assert!(!page(&report).contains("id=\"history\""), "without a history there is nothing to tell");
    report.history = Some(History {
        runs: vec![
            PastRun { id: "monday".into(), ..PastRun::default() },
            PastRun { id: "today".into(), ..PastRun::default() },
        ],
        cases: vec![CaseHistory {
            name: "core::redis-7.0::aof::single::kill".into(),
            change: Change::New,
            verdicts: vec![Some(Verdict::Kept), Some(Verdict::Broken)],
            ..CaseHistory::default()
        }],
        cut: 3,
    });
    let page = page(&report);
    let told = between(&page, "<section id=\"history\"", "</section>");
    for expected in ["1 new.", "monday", "aria-label=\"kept broken \">✓ ✕ <", "and 3 more cases"] {
        assert!(told.contains(expected), "{expected} is missing in {told}");
    }
}

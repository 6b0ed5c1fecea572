//! The documentation does not rot: every example is read by the code that it is about, and every word that the code
//! knows is explained.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use outlast::matrix::{self, Matrix, Mistakes};
use outlast::record::{Anomaly, JournalLine, Report, Shape, Verdict};
use outlast::settings::Flags;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of all pages.
fn pages() -> Vec<String> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().flatten();
    let docs = docs.map(|entry| format!("docs/{}", entry.file_name().display()));
    let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned);
    top.into_iter().chain(docs.filter(|name| name.ends_with(".md"))).collect()
}

/// A fenced block.
struct Block {
    /// Page and line, for messages.
    place: String,
    /// What stands behind the fence.
    info: String,
    text: String,
}

fn blocks(info: impl Fn(&str) -> bool) -> Vec<Block> {
    let mut found = Vec::new();
    for name in pages() {
        let text = page(&name);
        let mut lines = (1..).zip(text.lines());
        while let Some((number, line)) = lines.next() {
            let Some(info) = line.strip_prefix("```") else { continue };
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            let text = inside.map(|line| format!("{line}\n")).collect();
            found.push(Block { place: format!("{name}:{number}"), info: info.into(), text });
        }
    }
    found.retain(|block| info(&block.info));
    assert!(!found.is_empty(), "no page has such a block any more");
    found
}

/// Parses a matrix in a folder with the files that examples name.
fn parse(text: &str) -> Result<Matrix, Mistakes> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("redis.conf"), "save 900 1\n").unwrap();
    matrix::parse(text, &folder.path().join("matrix.toml"), Some("full"), &outlast::vocabulary())
}

/// The matrix that the fragments are additions to.
fn base() -> String {
    let whole = blocks(|info| info == "toml").into_iter();
    whole.filter(|block| block.place.starts_with("docs/matrix.md")).map(|block| block.text).next().unwrap()
}

/// The part of a page below the heading that begins with `title`, up to the next one of its level.
fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let start = page.find(&format!("\n{title}")).unwrap_or_else(|| panic!("there is no section {title}"));
    let level = format!("\n{} ", title.split(' ').next().unwrap());
    let text = &page[start + 1..];
    text.find(&level).map_or(text, |end| &text[..end])
}

#[test]
fn every_whole_matrix_is_one() {
    for block in blocks(|info| info == "toml") {
        let matrix = parse(&block.text).unwrap_or_else(|mistakes| panic!("{}: {mistakes}", block.place));
        assert!(matrix.count() > 0, "{} has no trial", block.place);
    }
    assert_eq!(parse(&base()).unwrap().count(), 16, "docs/matrix.md counts the trials of its first matrix");
}

#[test]
fn every_fragment_fits_the_first_matrix() {
    let base = base();
    for block in blocks(|info| info == "toml fragment") {
        let parsed = parse(&format!("{base}\n{}", block.text));
        assert!(parsed.is_ok(), "{}: {}", block.place, parsed.unwrap_err());
    }
}

#[test]
fn every_key_of_the_matrix_is_explained() {
    let reference = page("docs/matrix.md");
    let schema = outlast::schema::matrix();
    let tables = [
        ("# matrix.toml", "/properties"),
        ("## [run]", "/definitions/run/properties"),
        ("## [server.NAME]", "/definitions/server/properties"),
        ("## [server.NAME]", "/definitions/package/properties"),
        ("## [storage.NAME]", "/definitions/storage/properties"),
        ("## [workload.NAME]", "/definitions/workload/properties"),
        ("## [fault.NAME]", "/definitions/fault/properties"),
        ("## [[suite]]", "/definitions/suite/properties"),
        ("### [[rule]]", "/definitions/rule/properties"),
        ("### [[contract]]", "/definitions/contract/properties"),
        ("### [[budget]]", "/definitions/budget/properties"),
        ("### [[known]]", "/definitions/known/properties"),
        ("## [gate]", "/definitions/gate/properties"),
        ("## [report]", "/definitions/report/properties"),
    ];
    for (title, place) in tables {
        let keys = schema.pointer(place).and_then(Value::as_object).unwrap_or_else(|| panic!("no {place}"));
        assert!(!keys.is_empty(), "{place} is empty");
        let text = if title.starts_with("# ") { reference.as_str() } else { section(&reference, title) };
        for key in keys.keys() {
            let explains = |line: &str| match line.strip_prefix("| ") {
                Some(row) => row.split('|').next().unwrap().contains(&format!("`{key}`")),
                None => line.starts_with('#') && line.contains(&format!("[{key}")),
            };
            assert!(text.lines().any(explains), "{title} does not explain `{key}`");
        }
    }
}

#[test]
fn every_step_and_every_workload_is_explained_and_shown() {
    let reference = page("docs/matrix.md");
    let (steps, workloads) = (section(&reference, "### Steps"), section(&reference, "## [workload.NAME]"));
    for verb in outlast::fault::VERBS {
        let usage = format!("`{}`", verb.usage);
        assert!(steps.contains(&usage), "docs/matrix.md does not give the usage {usage}");
        let shown = [format!("\"{}\"", verb.word), format!("\"{} ", verb.word)];
        assert!(shown.iter().any(|step| steps.contains(step)), "no example has a step {}", verb.word);
    }
    for (kind, _) in outlast::workload::KINDS {
        assert!(workloads.contains(&format!("| `{kind}` |")), "docs/matrix.md does not explain {kind}");
    }
}

#[test]
fn every_promise_is_told_as_it_stands_in_the_table() {
    let reference = page("docs/verdicts.md");
    let told: Vec<_> = section(&reference, "## The promises").lines().collect();
    let rows = outlast::contract::table::ROWS;
    let at = |id: &str| told.iter().position(|line| line.starts_with(&format!("| `{id}` |")));
    for row in rows {
        let line = told[at(row.id).unwrap_or_else(|| panic!("docs/verdicts.md has no row {}", row.id))];
        let tail = if row.suffix { "| yes |" } else { "| no |" };
        for text in [row.sentence, &format!("| {} |", row.source), tail] {
            assert!(line.contains(text), "the row {} of docs/verdicts.md lacks {text:?}", row.id);
        }
    }
    assert!(
        rows.iter().map(|row| at(row.id)).is_sorted(),
        "the first row that fits counts: keep their order"
    );
}

#[test]
fn every_verdict_shape_and_anomaly_is_explained_and_can_be_expected() {
    let reference = page("docs/verdicts.md");
    let [verdicts, shapes, anomalies] =
        [schemars::schema_for!(Verdict), schemars::schema_for!(Shape), schemars::schema_for!(Anomaly)].map(
            |schema| {
                let mut words = BTreeSet::new();
                collect(schema.as_value(), "const", &mut words);
                words
            },
        );
    let tables = [("## Verdicts", &verdicts), ("## Shapes", &shapes), ("## Anomalies", &anomalies)];
    for (title, words) in tables {
        assert!(words.len() >= 6, "{title}: {words:?}");
        for word in words {
            let row = format!("\n| `{word}` |");
            assert!(section(&reference, title).contains(&row), "docs/verdicts.md does not explain {word}");
        }
    }
    for anomaly in Anomaly::ALL {
        let row = section(&reference, "## Anomalies")
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", anomaly.as_str())));
        let tells = row.is_some_and(|row| row.ends_with(&format!("| {} |", anomaly.meaning())));
        assert!(tells, "report and docs/verdicts.md say different things of {}", anomaly.as_str());
    }
    for word in shapes.union(&anomalies) {
        let known = format!("{}\n[[known]]\nwhen = {{ server = \"*\" }}\nexpect = \"{word}\"", base());
        assert!(parse(&known).is_ok(), "[[known]] cannot expect {word}");
    }
}

#[test]
fn every_field_of_the_reports_is_explained() {
    let reference = page("docs/report.md");
    let mut names = BTreeSet::new();
    for schema in [schemars::schema_for!(Report), schemars::schema_for!(JournalLine)] {
        collect(schema.as_value(), "properties", &mut names);
    }
    let csv = outlast::report::FORMATS.iter().find(|format| format.file == "trials.csv").unwrap();
    let header = String::from_utf8((csv.render)(&Report::default()).unwrap()).unwrap();
    names.extend(header.trim().split(',').map(str::to_owned));
    names.extend(outlast::report::FORMATS.iter().map(|format| format.file.to_owned()));
    names.insert(outlast::record::SCHEMA.into());
    assert!(names.len() > 90, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !reference.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/report.md does not explain {missing:?}");
}

/// Names of all `properties`, or all texts under `const`, anywhere in a schema.
fn collect(value: &Value, key: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            match map.get(key) {
                Some(Value::Object(properties)) => into.extend(properties.keys().cloned()),
                Some(Value::String(text)) => drop(into.insert(text.clone())),
                _ => {}
            }
            map.values().for_each(|value| collect(value, key, into));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, key, into)),
        _ => {}
    }
}

#[test]
fn every_command_is_understood_and_names_trials_that_exist() {
    let default = matrix::load(&root().join("matrix.toml"), Some("full"), &outlast::vocabulary()).unwrap();
    let mut seen = 0;
    for block in blocks(|info| info == "sh") {
        for line in block.text.lines() {
            let Some((_, line)) = line.split_once("cargo test --test persistence -- ") else { continue };
            let words = line.split(" # ").next().unwrap().split_whitespace();
            let words = words.map(|word| word.trim_matches('\'').into());
            let flags = match Flags::parse_from_args(std::iter::once("persistence".into()).chain(words)) {
                Ok(flags) => flags,
                Err(help) if help.exit_code() == 0 => continue,
                Err(error) => panic!("{}: {line}: {error}", block.place),
            };
            for name in flags.names().unwrap_or_default() {
                assert!(default.find(name).is_some(), "{}: there is no trial {name}", block.place);
            }
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} commands are left");
}

#[test]
fn code_that_is_quoted_stands_in_the_file_that_is_named() {
    for block in blocks(|info| info.starts_with("rust harness/")) {
        let file = block.info.strip_prefix("rust ").unwrap();
        assert!(page(file).contains(&block.text), "{}: {file} reads otherwise", block.place);
    }
}

#[test]
fn links_lead_somewhere() {
    for name in pages() {
        let text = page(&name);
        for (before, after) in text.match_indices("](").map(|(at, _)| text.split_at(at)) {
            let target = after[2..].split(')').next().unwrap();
            let image = before.rfind('[').is_some_and(|at| before[..at].ends_with('!'));
            if image || target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = root().join(&name).parent().unwrap().to_owned();
            let file = if file.is_empty() { root().join(&name) } else { folder.join(file) };
            assert!(file.exists(), "{name}: {target} leads nowhere");
            assert!(
                anchor.is_empty() || anchors(&file).contains(anchor),
                "{name}: {target} has no such heading"
            );
        }
    }
}

/// Anchors of a page's headings, as GitHub makes them.
fn anchors(file: &PathBuf) -> BTreeSet<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let titles = text.lines().filter(|line| line.starts_with('#'));
    let slug = |title: &str| {
        let title = title.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        title.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    titles.map(slug).collect()
}

//! The JSON Schemas: as the code has them, and of one mind with it.
#![allow(clippy::unwrap_used)]

#[path = "support/json_schema.rs"]
mod json_schema;
#[path = "support/mistakes.rs"]
mod mistakes;
#[path = "support/records.rs"]
mod records;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use json_schema::errors;
use outlast::matrix::keys::{Key, Kind, Others, ROOT, Table};
use outlast::matrix::{self, value};
use outlast::record::SCHEMA;
use outlast::{report, schema};
use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

/// A file of TOML as a schema sees it.
fn seen(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

#[test]
fn the_schemas_that_are_checked_in_are_those_of_the_code() {
    for (file, what, schema) in [
        ("matrix.schema.json", "matrix", schema::matrix()),
        ("docs/report.schema.json", "report", schema::report()),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let there = std::fs::read_to_string(path).unwrap();
        assert!(
            there == schema::text(&schema),
            "{file} is old: cargo run --bin outlast -- schema {what} > {file}"
        );
        let mut command = assert_cmd::Command::cargo_bin("outlast").unwrap();
        command.args(["schema", what]).assert().success().stdout(there);
    }
}

#[test]
fn the_matrices_that_are_checked_in_name_their_schema_and_fit_it() {
    let schema = schema::matrix();
    let default = include_str!("../matrix.toml");
    assert_eq!(default.lines().next(), Some("#:schema ./matrix.schema.json"));
    for text in [default, include_str!("../examples/elsewhere/matrix.toml"), mistakes::SOUND] {
        assert_eq!(errors(&schema, &seen(text)), Vec::<String>::new());
    }
}

#[test]
fn a_mistake_that_a_schema_can_see_is_seen_and_nothing_else_is_taken_for_one() {
    let schema = schema::matrix();
    for sample in mistakes::SAMPLES {
        let Ok(table) = toml::from_str::<toml::Table>(&mistakes::spoiled(sample)) else {
            assert!(!sample.3, "{} is no TOML", sample.0);
            continue;
        };
        let errors = errors(&schema, &serde_json::to_value(table).unwrap());
        assert_eq!(!errors.is_empty(), sample.3, "{}: {errors:#?}", sample.0);
    }
}

/// Something that a key may hold.
fn example(key: &Key) -> Value {
    match (&key.kind, key.name) {
        (_, "config") => json!("examples/elsewhere/redis.conf"),
        (_, "sha256") => json!("ab".repeat(32)),
        (_, "user") => json!("app:secret"),
        (Kind::Texts, "engine") => json!("docker"),
        (Kind::Texts, "deb") => json!(["a", "b"]),
        (Kind::Texts, _) => json!(["it"]),
        (Kind::Text, _) => json!("it"),
        (Kind::Truth, _) => json!(true),
        (Kind::Count(limits), _) => json!(limits.start() + 1),
        (Kind::CountByProfile(_, table), _) | (Kind::Table(table), _) => everything(table),
        (Kind::Duration, _) => json!("10s"),
        (Kind::Size(most), _) => json!(most),
        (Kind::Share, _) => json!("10%"),
        (Kind::Word(words), _) => json!(words[0]),
        (Kind::Words(words), _) => json!([words[0]]),
        (Kind::Workload, _) => json!("single"),
        (Kind::Steps, _) => json!(["kill", "start"]),
        (Kind::Named(table), _) => json!({ "it": everything(table) }),
        (Kind::Tables(table), _) => json!([everything(table)]),
    }
}

/// A table with every key that it may have.
fn everything(table: &Table) -> Value {
    let mut keys: serde_json::Map<_, _> =
        table.keys.iter().map(|key| (key.name.to_owned(), example(key))).collect();
    if matches!(table.others, Others::Directives | Others::Conditions) {
        keys.insert("appendonly".into(), "yes".into());
    }
    match table.name {
        "package" => drop(keys.remove("deb")),
        // What excludes one another, and what goes together.
        "workload" => {
            keys.remove("writes");
            keys.insert("kind".into(), "mixed".into());
        }
        // Only a disk has a file system.
        "storage" => drop(keys.insert("kind".into(), "disk".into())),
        "mix" => drop(keys.insert("single".into(), 1.into())),
        _ => {}
    }
    keys.into()
}

fn parse(value: &Value) -> Result<matrix::Matrix, matrix::Mistakes> {
    let text = toml::to_string(value).unwrap();
    matrix::parse(
        &text,
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix.toml"),
        None,
        &outlast::vocabulary(),
    )
}

#[test]
fn every_key_of_the_schema_is_read_and_every_key_that_is_read_is_in_the_schema() {
    let schema = schema::matrix();
    let mut whole = everything(&ROOT);
    // A rule about everything would leave nothing.
    whole["rule"][0]["skip"]["appendonly"] = json!("no");
    whole["run"]["engine"] = json!("docker");
    let workload = whole["workload"]["it"].as_object_mut().unwrap();
    workload.remove("writes");
    workload.insert("kind".into(), json!("mixed"));
    workload.insert("mix".into(), json!({ "churn": 1 }));
    workload.insert("user".into(), json!("app:secret"));
    if let Err(mistakes) = parse(&whole) {
        panic!("{mistakes}");
    }
    assert_eq!(errors(&schema, &whole), Vec::<String>::new());
    // The reader fails, where it is built to be tested, on a key that its tables lack and on one that nobody reads;
    // what is left is that the schema has no key of its own.
    let mut names: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let root: BTreeSet<_> = ROOT.keys.iter().map(|key| key.name.to_owned()).collect();
    assert_eq!(names, root);
    names.clear();
    let mut tables = vec![&ROOT];
    while let Some(table) = tables.pop() {
        for key in table.keys {
            if let Kind::Table(inner)
            | Kind::Named(inner)
            | Kind::Tables(inner)
            | Kind::CountByProfile(_, inner) = key.kind
            {
                let there = schema["definitions"][inner.name]["properties"].as_object().unwrap();
                for name in inner.keys.iter().map(|key| key.name) {
                    assert!(
                        there[name]["description"].as_str().is_some_and(|about| about.len() > 9),
                        "{name}"
                    );
                }
                if inner.others == Others::Unknown {
                    assert_eq!(there.len(), inner.keys.len(), "{}", inner.name);
                }
                tables.push(inner);
            }
        }
    }
}

#[test]
fn the_words_that_other_modules_own_are_theirs() {
    let (matrix, report) = (schema::matrix(), schema::report());
    let words = |name: &str| -> BTreeSet<String> {
        let list = report["$defs"][name]["oneOf"].as_array().unwrap().iter();
        list.map(|word| word["const"].as_str().unwrap().to_owned()).collect()
    };
    let expect = &matrix["definitions"]["known"]["properties"]["expect"]["anyOf"][0]["enum"];
    let expect: BTreeSet<String> = serde_json::from_value(expect.clone()).unwrap();
    assert_eq!(expect, words("Shape").union(&words("Anomaly")).cloned().collect());
    let step = &matrix["definitions"]["step"];
    for verb in outlast::fault::VERBS {
        assert_eq!(errors(step, &json!(format!("{} x", verb.word))), Vec::<String>::new());
        assert!(step["description"].as_str().unwrap().contains(verb.usage));
    }
    assert!(!errors(step, &json!("startle")).is_empty());
}

#[test]
fn a_report_fits_its_schema_and_every_field_is_there() {
    let schema = schema::report();
    let folder = tempfile::tempdir().unwrap();
    report::write(folder.path(), &report::assemble(records::lines())).unwrap();
    let text = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(errors(&schema, &value), Vec::<String>::new());
    assert_eq!(value["schema"], SCHEMA);
    for spoil in ["verdict", "lost", "anomalies", "epochs"] {
        let mut less = value.clone();
        less["trials"][0].as_object_mut().unwrap().remove(spoil);
        assert!(!errors(&schema, &less).is_empty(), "{spoil} may be missing");
        let mut other = value.clone();
        other["trials"][0][spoil] = json!("something else");
        assert!(!errors(&schema, &other).is_empty(), "{spoil} may be anything");
    }
    let mut other = value;
    other["schema"] = json!("outlast-report/0");
    assert!(!errors(&schema, &other).is_empty());
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn editors_and_the_reader_agree_on_durations_sizes_and_save_points(
        text in "[_0-9]{0,4}[ ]{0,2}(ms|s|m|min|h|d|B|b|kb|KiB|MB|gIb|X|)[ ]{0,1}",
        save in "( ?[0-9]{1,3}){0,5} ?",
    ) {
        static SCHEMA: LazyLock<Value> = LazyLock::new(schema::matrix);
        let fits = |name: &str, text: &str| errors(&SCHEMA["definitions"][name], &json!(text)).is_empty();
        prop_assert_eq!(fits("duration", &text), value::duration(&text).is_ok(), "{}", text);
        prop_assert_eq!(fits("size-in-words", &text), value::size(&text).is_ok(), "{}", text);
        let file = mistakes::SOUND.replacen("save = \"\"", &format!("save = {save:?}"), 1);
        let read = matrix::parse(&file, Path::new("matrix.toml"), None, &outlast::vocabulary()).is_ok();
        prop_assert_eq!(fits("save-points", &save), read, "{}", save);
    }
}

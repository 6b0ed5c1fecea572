//! JSON Schemas: of matrix.toml for editors, of report.json for whoever reads it.
//!
//! The schema of the matrix is made of the tables that the file is read by ([`keys`](crate::matrix::keys)), and lists the words that other
//! modules own. It is draft 7, which editors know best.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::matrix::directive::{CHOICES, OWNED, SAVE, SAVE_PATTERN, WELL_KNOWN};
use crate::matrix::keys::{Key, Kind, Others, ROOT, Table};
use crate::matrix::value::{DURATION_PATTERN, SHARE_PATTERN, SIZE_PATTERN};
use crate::matrix::workload::{MIXED, MOST_WEIGHT};
use crate::record::{Report, SCHEMA};
use crate::{fault, workload};

/// The schema of matrix.toml.
pub fn matrix() -> Value {
    let mut definitions = values();
    let mut schema = table(&ROOT, &mut definitions);
    schema.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("title".into(), "matrix.toml".into());
    schema.insert("definitions".into(), json!(definitions));
    schema.into()
}

/// The schema of report.json, as it is written: readers may count on every field.
pub fn report() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Report>().to_value();
    schema["properties"]["schema"]["const"] = SCHEMA.into();
    schema
}

/// A schema as a file.
pub fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

/// Definitions of tables and of values, by name.
type Definitions = BTreeMap<&'static str, Value>;

/// Values that many keys have.
fn values() -> Definitions {
    let verbs: Vec<_> = fault::VERBS.iter().map(|verb| verb.word).collect();
    let usage: Vec<_> = fault::VERBS.iter().map(|verb| format!("{}: {}", verb.usage, verb.about)).collect();
    BTreeMap::from([
        ("duration", words(DURATION_PATTERN, "Such as 500ms, 10s, 30m or 2h.")),
        ("size-in-words", words(SIZE_PATTERN, "Such as 512B, 4KiB or 16MB.")),
        ("share", words(SHARE_PATTERN, "Such as 10% or 2.5%.")),
        ("save-points", words(SAVE_PATTERN, "Pairs of seconds and changes, such as 900 1; empty for none.")),
        ("step", words(&format!(r"^\s*({})(\s|$)", verbs.join("|")), &usage.join("\n"))),
        ("line", json!({ "type": ["string", "integer", "boolean"] })),
        ("lines", json!({ "anyOf": [refer("line"), list(&json!({ "type": "string" }))] })),
    ])
}

fn words(pattern: &str, about: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "description": about })
}

fn list(of: &Value) -> Value {
    json!({ "type": "array", "items": of, "minItems": 1 })
}

fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn table(table: &'static Table, definitions: &mut Definitions) -> Map<String, Value> {
    let mut properties = directives(table.others);
    let mut aliases = Map::new();
    for key in table.keys {
        let mut schema = of_kind(key, definitions);
        if key.name.contains('-') {
            aliases.insert(format!("^{}$", key.name.replace('-', "_")), schema.clone().into());
        }
        schema.insert("description".into(), key.about.into());
        properties.insert(key.name.into(), schema.into());
    }
    let others = match table.others {
        Others::Unknown => json!(false),
        Others::Directives | Others::Conditions => refer("lines"),
        Others::Weights => json!(false),
    };
    let mut schema = object(&json!({
        "type": "object",
        "description": table.about,
        "properties": properties,
        "additionalProperties": others,
    }));
    if !aliases.is_empty() {
        schema.insert("patternProperties".into(), aliases.into());
    }
    match needs(table.needs).as_slice() {
        [] => {}
        [all] => drop(schema.insert("required".into(), json!(all))),
        any => {
            let any: Vec<_> = any.iter().map(|keys| json!({ "required": keys })).collect();
            schema.insert("anyOf".into(), any.into());
        }
    }
    schema
}

/// Sets of keys that must be there, in every spelling.
fn needs(sets: &[&[&str]]) -> Vec<Vec<String>> {
    let mut needs: Vec<Vec<String>> = Vec::new();
    for set in sets {
        needs.push(set.iter().map(ToString::to_string).collect());
        if set.iter().any(|key| key.contains('-')) {
            needs.push(set.iter().map(|key| key.replace('-', "_")).collect());
        }
    }
    needs
}

fn of_kind(key: &Key, definitions: &mut Definitions) -> Map<String, Value> {
    object(&match &key.kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Texts => one_or_more(&json!({ "type": "string" })),
        Kind::Truth => json!({ "type": "boolean" }),
        Kind::Count(limits) => count(limits),
        Kind::CountByProfile(limits, keys) => json!({ "anyOf": [count(limits), define(keys, definitions)] }),
        Kind::Duration => json!({ "allOf": [refer("duration")] }),
        Kind::Size(most) => json!({ "anyOf": [refer("size-in-words"), count(&(0..=*most))] }),
        Kind::Share => json!({ "allOf": [refer("share")] }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Words(words) => one_or_more(&json!({ "enum": words })),
        Kind::Workload => {
            json!({ "enum": workload::KINDS.iter().map(|(kind, _)| *kind).collect::<Vec<_>>() })
        }
        Kind::Steps => json!({ "anyOf": [refer("step"), list(&refer("step"))] }),
        Kind::Table(keys) => json!({ "allOf": [define(keys, definitions)] }),
        Kind::Named(keys) => json!({ "type": "object", "additionalProperties": define(keys, definitions) }),
        Kind::Tables(keys) => json!({ "type": "array", "items": define(keys, definitions) }),
    })
}

/// A reference to a table, which is defined when it is met for the first time.
fn define(keys: &'static Table, definitions: &mut Definitions) -> Value {
    if !definitions.contains_key(keys.name) {
        let schema = table(keys, definitions);
        definitions.insert(keys.name, schema.into());
    }
    refer(keys.name)
}

fn count(limits: &RangeInclusive<u64>) -> Value {
    let mut schema = json!({ "type": "integer", "minimum": limits.start() });
    if *limits.end() < u64::MAX {
        schema["maximum"] = json!(limits.end());
    }
    schema
}

/// One of something, or a list of it.
fn one_or_more(one: &Value) -> Value {
    json!({ "anyOf": [one, { "type": "array", "items": one }] })
}

/// The lines of redis.conf that the reader knows something of.
fn directives(others: Others) -> Map<String, Value> {
    let mut properties = Map::new();
    match others {
        Others::Unknown => {}
        Others::Weights => {
            let weight = json!({ "type": "integer", "minimum": 1, "maximum": MOST_WEIGHT });
            let kinds = workload::KINDS.iter().map(|(kind, _)| *kind).filter(|kind| *kind != MIXED);
            properties.extend(kinds.map(|kind| (kind.to_owned(), weight.clone())));
        }
        Others::Conditions => {
            properties.extend(WELL_KNOWN.iter().map(|name| (name.to_string(), refer("lines"))));
        }
        Others::Directives => {
            for name in WELL_KNOWN {
                let choices = CHOICES.iter().find(|(known, _)| known == name);
                let schema = match choices {
                    Some((_, words)) => one_of_few(words),
                    None if *name == SAVE => {
                        json!({ "anyOf": [refer("save-points"), list(&refer("save-points"))] })
                    }
                    None => refer("line"),
                };
                properties.insert(name.to_string(), schema);
            }
            let owned = json!({ "not": {}, "description": "Set by Outlast: leave it out." });
            properties.extend(OWNED.iter().map(|name| (name.to_string(), owned.clone())));
        }
    }
    properties
}

/// `yes` and `no` may be written as truth values.
fn one_of_few(words: &[&str]) -> Value {
    let mut values: Vec<Value> = words.iter().map(|&word| word.into()).collect();
    for (word, truth) in [("yes", true), ("no", false)] {
        if words.contains(&word) {
            values.push(truth.into());
        }
    }
    json!({ "enum": values })
}

/// The keys of an object.
fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

//! As much of JSON Schema as the project's own schemas use. A word that it does not know is an error: nothing is
//! taken for valid that was not looked at.

use regex_lite::Regex;
use serde_json::{Map, Value};

/// What is wrong with a value, by where it stands; empty when nothing is.
pub fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(schema, schema, value, "", &mut errors);
    errors
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    let empty = Map::new();
    let words = match schema {
        Value::Bool(true) => &empty,
        Value::Bool(false) => return errors.push(format!("{at}: nothing may be here")),
        Value::Object(words) => words,
        other => panic!("{other} is no schema"),
    };
    let fits = |schema: &Value| {
        let mut inner = Vec::new();
        check(root, schema, value, at, &mut inner);
        inner.is_empty()
    };
    for (word, rule) in words {
        let holds = match word.as_str() {
            // What a format says of a number, minimum says as well.
            "$schema" | "title" | "description" | "default" | "format" | "definitions" | "$defs" => true,
            "$ref" => {
                let path = rule.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(path).unwrap_or_else(|| panic!("{rule}")), value, at, errors);
                true
            }
            "allOf" => {
                list(rule).iter().for_each(|schema| check(root, schema, value, at, errors));
                true
            }
            "anyOf" => list(rule).iter().any(fits),
            "oneOf" => list(rule).iter().filter(|schema| fits(schema)).count() == 1,
            "not" => !fits(rule),
            "const" => value == rule,
            "enum" => list(rule).contains(value),
            "type" => match rule {
                Value::Array(types) => types.iter().any(|kind| is_of(kind.as_str().unwrap(), value)),
                kind => is_of(kind.as_str().unwrap(), value),
            },
            "pattern" => {
                value.as_str().is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text))
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
            "required" => value
                .as_object()
                .is_none_or(|keys| list(rule).iter().all(|key| keys.contains_key(key.as_str().unwrap()))),
            "items" => {
                for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{at}/{number}"), errors);
                }
                true
            }
            "properties" | "patternProperties" | "additionalProperties" => {
                if word == "properties" || !words.contains_key("properties") {
                    members(root, words, value, at, errors);
                }
                true
            }
            other => panic!("{other} is not looked at"),
        };
        if !holds {
            errors.push(format!("{at}: {word} {rule} does not hold for {value}"));
        }
    }
}

fn members(root: &Value, words: &Map<String, Value>, value: &Value, at: &str, errors: &mut Vec<String>) {
    let Some(members) = value.as_object() else { return };
    for (key, member) in members {
        let at = format!("{at}/{key}");
        let own = words.get("properties").and_then(|own| own.get(key));
        let patterns = words.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
        let fitting = patterns.filter(|(pattern, _)| Regex::new(pattern).unwrap().is_match(key));
        let mut known = false;
        for schema in own.into_iter().chain(fitting.map(|(_, schema)| schema)) {
            known = true;
            check(root, schema, member, &at, errors);
        }
        if let Some(others) = words.get("additionalProperties").filter(|_| !known) {
            check(root, others, member, &at, errors);
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

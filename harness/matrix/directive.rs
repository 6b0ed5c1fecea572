//! Lines of redis.conf, as keys of a table.

use std::ops::Range;

use toml::de::DeValue;

use super::Directive;
use super::diagnose::nearest;
use super::keys::AXES;
use super::sheet::{Notes, Sheet, Value, integer, strings};

/// Directives that say where things are: Outlast sets them.
pub const OWNED: &[&str] = &[
    "dir",
    "port",
    "tls-port",
    "unixsocket",
    "unixsocketperm",
    "logfile",
    "daemonize",
    "pidfile",
    "bind",
    "supervised",
];

/// Directives that decide what survives. A name close to one of these, but not the same, is a misspelling.
pub const WELL_KNOWN: &[&str] = &[
    "appendonly",
    "appendfsync",
    "appendfilename",
    "appenddirname",
    "save",
    "dbfilename",
    "no-appendfsync-on-rewrite",
    "auto-aof-rewrite-percentage",
    "auto-aof-rewrite-min-size",
    "aof-load-truncated",
    "aof-use-rdb-preamble",
    "aof-rewrite-incremental-fsync",
    "aof-timestamp-enabled",
    "rdb-save-incremental-fsync",
    "rdbcompression",
    "rdbchecksum",
    "stop-writes-on-bgsave-error",
    "shutdown-timeout",
    "shutdown-on-sigterm",
    "shutdown-on-sigint",
    "io-threads",
    "maxmemory",
    "maxmemory-policy",
    "rdb-key-save-delay",
    "key-load-delay",
    "hz",
];

const YES_NO: &[&str] = &["yes", "no"];
/// Directives whose values are few.
pub const CHOICES: &[(&str, &[&str])] = &[
    ("appendonly", YES_NO),
    ("appendfsync", &["always", "everysec", "no"]),
    ("no-appendfsync-on-rewrite", YES_NO),
    ("aof-load-truncated", YES_NO),
    ("aof-use-rdb-preamble", YES_NO),
    ("stop-writes-on-bgsave-error", YES_NO),
    ("rdbcompression", YES_NO),
    ("rdbchecksum", YES_NO),
];
/// Limits per class of client, a class to a line.
pub const LIMITS: &str = "client-output-buffer-limit";
/// Directives whose lines add up; of all others the server takes the last line.
pub const ADDITIVE: &[&str] = &[SAVE, LIMITS, "user", "rename-command", "loadmodule", "include"];
/// Save points: the one directive of the policy that is more than one line.
pub const SAVE: &str = "save";
/// Values of `save`: pairs of seconds and changes, or nothing.
pub const SAVE_PATTERN: &str = r"^\s*([0-9]*[1-9][0-9]*\s+[0-9]*[1-9][0-9]*(\s+|$))*$";

/// Every key of a table that is not Outlast's own, as lines of redis.conf.
pub fn read(sheet: &Sheet<'_, '_>, notes: &Notes) -> Vec<Directive> {
    let mut lines: Vec<Directive> = Vec::new();
    for (key, span, value) in sheet.rest() {
        let name = key.to_lowercase();
        if OWNED.contains(&name.as_str()) {
            notes.add(span, format!("`{name}` is set by Outlast"), Some("leave it out".into()));
        } else if lines.iter().any(|line| line.name == name) {
            let help = "redis.conf knows no upper and lower case: leave one out";
            notes.add(span, format!("`{name}` is given twice"), Some(help.into()));
        } else {
            check_name(&name, span, notes);
            let values = checked_values(&name, value, notes);
            lines.extend(values.into_iter().map(|(value, _)| Directive { name: name.clone(), value }));
        }
    }
    lines
}

fn checked_values(name: &str, value: &Value<'_>, notes: &Notes) -> Vec<(String, Range<usize>)> {
    let values = values(name, value, notes);
    if let Some(list) = value.get_ref().as_array() {
        if name != SAVE && WELL_KNOWN.contains(&name) {
            let help = format!("of several lines the server takes the last: {name} = \"...\"");
            notes.add(value.span(), format!("`{name}` has one value"), Some(help));
        } else if list.is_empty() {
            notes.add(value.span(), format!("`{name}` has no value"), Some("\"\" stands for none".into()));
        }
    }
    if name == SAVE {
        check_saves(&values, value.span(), notes);
    }
    if let Some((_, choices)) = CHOICES.iter().find(|(known, _)| *known == name) {
        for (text, span) in values.iter().filter(|(text, _)| !choices.contains(&text.as_str())) {
            notes.add(span.clone(), format!("`{name}` cannot be `{text}`"), nearest(text, choices));
        }
    }
    values
}

fn check_saves(values: &[(String, Range<usize>)], span: Range<usize>, notes: &Notes) {
    let is_save = |text: &str| {
        let words: Vec<_> = text.split_whitespace().collect();
        words.len() % 2 == 0 && words.iter().all(|word| word.parse::<u64>().is_ok_and(|number| number > 0))
    };
    for (text, span) in values.iter().filter(|(text, _)| !is_save(text)) {
        let help = "pairs of seconds and changes, such as \"900 1\", or \"\" for none";
        notes.add(span.clone(), format!("`save` cannot be `{text}`"), Some(help.into()));
    }
    let empty = values.iter().filter(|(text, _)| text.is_empty()).count();
    if empty > 0 && values.len() > empty {
        notes.add(span, "`save \"\"` switches save points off and conflicts with the others", None);
    }
}

/// A directive is any line of redis.conf; one that is nearly a word that matters here is a misspelling of it.
fn check_name(name: &str, span: Range<usize>, notes: &Notes) {
    if WELL_KNOWN.contains(&name) {
        return;
    }
    let respelled = name.replace('_', "-");
    let close = |known: &&&str| {
        **known == respelled || (known.len() > 4 && strsim::damerau_levenshtein(name, known) <= 2)
    };
    if let Some(known) = WELL_KNOWN.iter().find(close) {
        let help = format!("did you mean `{known}`?");
        notes.add(span, format!("unknown directive `{name}`"), Some(help));
    }
}

/// A directive as a condition, where axes are meant more often than directives.
pub fn check_condition(name: &str, span: Range<usize>, notes: &Notes) {
    let close = |axis: &&&str| strsim::damerau_levenshtein(name, axis) <= 2;
    match AXES.iter().find(close) {
        Some(axis) if !WELL_KNOWN.contains(&name) => {
            let help = format!("did you mean `{axis}`?");
            notes.add(span, format!("`{name}` is neither an axis nor a directive"), Some(help));
        }
        _ => check_name(name, span, notes),
    }
}

/// The lines of a directive: a list is several of them.
pub fn values(name: &str, value: &Value<'_>, notes: &Notes) -> Vec<(String, Range<usize>)> {
    let one = match value.get_ref() {
        DeValue::Boolean(truth) => Some(if *truth { "yes" } else { "no" }.to_owned()),
        number => integer(number).map(|number| number.to_string()),
    };
    match one {
        Some(text) => vec![(text, value.span())],
        None => strings(value, name, notes),
    }
}

//! The axes of the matrix: servers, policies, storages, workloads, faults.

use std::ops::Range;
use std::path::Path;

use toml::de::DeValue;

use super::diagnose::nearest;
use super::keys::AXES;
use super::sheet::{Notes, Sheet, Value, integer, strings};
use super::{
    Directive, Fault, Launch, Package, Persistence, Server, Storage, StorageKind, Vocabulary, Workload, conf,
};
use crate::glob;

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
const WELL_KNOWN: &[&str] = &[
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
const CHOICES: &[(&str, &[&str])] = &[
    ("appendonly", YES_NO),
    ("appendfsync", &["always", "everysec", "no"]),
    ("no-appendfsync-on-rewrite", YES_NO),
    ("aof-load-truncated", YES_NO),
    ("aof-use-rdb-preamble", YES_NO),
    ("stop-writes-on-bgsave-error", YES_NO),
    ("rdbcompression", YES_NO),
    ("rdbchecksum", YES_NO),
];

/// Reads the axes out of the file's root table.
pub struct Axes<'a> {
    /// Where mistakes go.
    pub notes: &'a Notes,
    /// Folder of the file, for paths in it.
    pub folder: &'a Path,
    /// Words of other modules.
    pub vocabulary: &'a Vocabulary<'a>,
}

impl Axes<'_> {
    /// `[server.NAME]`.
    pub fn servers(&self, root: &Sheet<'_, '_>) -> Vec<Server> {
        let mut servers = Vec::new();
        for (name, span, sheet) in root.named("server") {
            self.check_name(&name, span.clone());
            let server = Server {
                image: sheet.string("image"),
                binary: sheet.string("binary"),
                version: sheet.string("version"),
                package: sheet.table("package").and_then(|table| self.package(&table)),
                config: self.config(&sheet),
                directives: self.directives_of(&sheet, "set"),
                name,
            };
            if server.image.is_none() && server.binary.is_none() && server.package.is_none() {
                let help = "give it an `image`, a `binary` or a `package`";
                self.notes.add(
                    span,
                    format!("server `{}` comes from nowhere", server.name),
                    Some(help.into()),
                );
            }
            sheet.end();
            servers.push(server);
        }
        servers
    }

    fn package(&self, sheet: &Sheet<'_, '_>) -> Option<Package> {
        let file = sheet.required("file");
        let debs = sheet.words("deb");
        let (wheel, sha256) = (sheet.string("wheel"), sheet.string("sha256").unwrap_or_default());
        let package = match (wheel, debs.is_empty()) {
            (Some(requirement), true) => {
                if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    self.notes.add(sheet.span_of("sha256"), "`sha256` must be 64 hex digits", None);
                }
                Some(Package::Wheel { requirement, file, sha256 })
            }
            (None, false) => {
                Some(Package::Deb { packages: debs.into_iter().map(|(name, _)| name).collect(), file })
            }
            _ => {
                self.notes.add(sheet.span.clone(), "a package is either a `wheel` or a `deb`", None);
                None
            }
        };
        sheet.end();
        package
    }

    /// `[persistence.NAME]`: all but two keys are lines of redis.conf.
    pub fn persistences(&self, root: &Sheet<'_, '_>, known: &[&str]) -> Vec<Persistence> {
        let mut policies = Vec::new();
        for (name, span, sheet) in root.named("persistence") {
            self.check_name(&name, span);
            let config = self.config(&sheet);
            let servers = patterns(&sheet, "servers", known, self.notes);
            let directives = self.directives(&sheet);
            sheet.end();
            policies.push(Persistence { name, config, directives, servers });
        }
        policies
    }

    /// `[storage.NAME]`; a plain folder when the file has none.
    pub fn storages(&self, root: &Sheet<'_, '_>) -> Vec<Storage> {
        let mut storages = Vec::new();
        for (name, span, sheet) in root.named("storage") {
            self.check_name(&name, span);
            let kind = match sheet.word("kind") {
                Some("volume") => StorageKind::Volume,
                Some("anonymous") => StorageKind::Anonymous,
                Some("none") => StorageKind::None,
                _ => StorageKind::Bind,
            };
            sheet.end();
            storages.push(Storage { name, kind });
        }
        if storages.is_empty() {
            storages.push(Storage { name: "bind".into(), kind: StorageKind::Bind });
        }
        storages
    }

    /// `[workload.NAME]`.
    pub fn workloads(&self, root: &Sheet<'_, '_>) -> Vec<Workload> {
        let mut workloads = Vec::new();
        for (name, span, sheet) in root.named("workload") {
            self.check_name(&name, span.clone());
            let kind = sheet.string("kind").unwrap_or_else(|| name.clone());
            if !self.vocabulary.workloads.contains(&kind.as_str()) {
                let span = if sheet.value("kind").is_none() { span } else { sheet.span_of("kind") };
                self.notes.add(
                    span,
                    format!("unknown workload kind `{kind}`"),
                    nearest(&kind, self.vocabulary.workloads),
                );
            }
            let workload = Workload {
                connections: sheet.small("connections").unwrap_or(1),
                pipeline: sheet.small("pipeline").unwrap_or(1),
                writes: sheet.small("writes").unwrap_or(1_000),
                value: sheet.size("value").and_then(|bytes| bytes.try_into().ok()).unwrap_or(64),
                ttl: sheet.duration("ttl"),
                keys: sheet.small("keys"),
                rate: sheet.small("rate"),
                steady: sheet.truth("steady").unwrap_or(false),
                name,
                kind,
            };
            sheet.end();
            workloads.push(workload);
        }
        workloads
    }

    /// `[fault.NAME]`.
    pub fn faults(&self, root: &Sheet<'_, '_>) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (name, span, sheet) in root.named("fault") {
            self.check_name(&name, span.clone());
            let steps = sheet.words("steps");
            let list = sheet.value("steps").map(|value| value.get_ref().as_array());
            if list.is_none() || list.flatten().is_some_and(|list| list.is_empty()) {
                let help = Some("steps = [\"kill\", \"start\"]".to_owned());
                self.notes.add(span, format!("fault `{name}` has no steps"), help);
            }
            for (step, span) in &steps {
                self.check_step(step, span.clone());
            }
            let launch = match sheet.word("launch") {
                Some("shell") => Launch::Shell,
                Some("without-config") => Launch::WithoutConfig,
                _ => Launch::Direct,
            };
            let fault = Fault {
                name,
                steps: steps.into_iter().map(|(step, _)| step).collect(),
                launch,
                directives: self.directives_of(&sheet, "set"),
                needs: sheet.some_of("needs"),
                engines: sheet.some_of("engines"),
                memory: sheet.size("memory"),
            };
            sheet.end();
            faults.push(fault);
        }
        faults
    }

    fn check_step(&self, step: &str, span: Range<usize>) {
        let Err(mistake) = (self.vocabulary.step)(step) else { return };
        // The text between the quotes begins one byte in; an escaped string is underlined as a whole.
        let inside = step.find(&mistake.word).filter(|_| span.len() == step.len() + 2);
        let span = inside.map_or(span.clone(), |at| {
            let start = span.start + 1 + at;
            start..start + mistake.word.len()
        });
        let candidates: Vec<_> = mistake.candidates.iter().map(String::as_str).collect();
        self.notes.add(span, mistake.message, nearest(&mistake.word, &candidates));
    }

    fn check_name(&self, name: &str, span: Range<usize>) {
        check_name(name, span, self.notes);
    }

    fn config(&self, sheet: &Sheet<'_, '_>) -> Option<std::path::PathBuf> {
        let path = self.folder.join(sheet.string("config")?);
        let span = sheet.value("config").map_or(sheet.span.clone(), |value| value.span());
        match std::fs::read_to_string(&path) {
            Err(error) => self.notes.add(span, format!("failed to read {}: {error}", path.display()), None),
            Ok(text) => {
                if let Err(error) = conf::parse(&text) {
                    self.notes.add(span, format!("{}: {error}", path.display()), None);
                }
            }
        }
        Some(path)
    }

    fn directives_of(&self, sheet: &Sheet<'_, '_>, key: &'static str) -> Vec<Directive> {
        sheet.table(key).map(|table| self.directives(&table)).unwrap_or_default()
    }

    /// Every key that nobody asked for yet, as lines of redis.conf.
    fn directives(&self, sheet: &Sheet<'_, '_>) -> Vec<Directive> {
        let mut lines: Vec<Directive> = Vec::new();
        for (key, span, value) in sheet.rest() {
            let name = key.to_lowercase();
            if OWNED.contains(&name.as_str()) {
                self.notes.add(span, format!("`{name}` is set by Outlast"), Some("leave it out".into()));
                continue;
            }
            if lines.iter().any(|line| line.name == name) {
                let help = "redis.conf knows no upper and lower case: leave one out";
                self.notes.add(span, format!("`{name}` is given twice"), Some(help.into()));
                continue;
            }
            check_directive(&name, span, self.notes);
            let values = self.checked_values(&name, value);
            let empty = values.iter().filter(|(value, _)| value.is_empty()).count();
            if name == "save" && empty > 0 && values.len() > empty {
                let message = "`save \"\"` switches save points off and conflicts with the others";
                self.notes.add(value.span(), message, None);
            }
            lines.extend(values.into_iter().map(|(value, _)| Directive { name: name.clone(), value }));
        }
        lines
    }

    fn checked_values(&self, name: &str, value: &Value<'_>) -> Vec<(String, Range<usize>)> {
        let values = directive_values(name, value, self.notes);
        if value.get_ref().is_array() && name != "save" && WELL_KNOWN.contains(&name) {
            let help = format!("of several lines the server takes the last: {name} = \"...\"");
            self.notes.add(value.span(), format!("`{name}` has one value"), Some(help));
        }
        let choices = CHOICES.iter().find(|(known, _)| *known == name).map(|(_, choices)| *choices);
        for (text, span) in &values {
            if let Some(choices) = choices
                && !choices.contains(&text.as_str())
            {
                self.notes.add(span.clone(), format!("`{name}` cannot be `{text}`"), nearest(text, choices));
            }
            if name == "save" && !is_save(text) {
                let help =
                    Some("pairs of seconds and changes, such as \"900 1\", or \"\" for none".to_owned());
                self.notes.add(span.clone(), format!("`save` cannot be `{text}`"), help);
            }
        }
        values
    }
}

/// Names become parts of trial names, of command lines and of patterns.
pub fn check_name(name: &str, span: Range<usize>, notes: &Notes) {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '*' | '"' | '\'' | '`');
    if name.is_empty()
        || name.contains("::")
        || name.contains(odd)
        || name.starts_with(['!', '-', ':'])
        || name.ends_with(':')
    {
        let help = "names become parts of trial names: no blanks, no quotes, no `@`, `*` or `::`, \
                    and no `!`, `-` or `:` at an end";
        notes.add(span, format!("`{name}` cannot be a name"), Some(help.into()));
    }
}

/// Names or patterns, each of which must fit something.
pub fn patterns(sheet: &Sheet<'_, '_>, key: &'static str, names: &[&str], notes: &Notes) -> Vec<String> {
    let patterns = sheet.words(key);
    for (pattern, span) in &patterns {
        if !names.iter().any(|name| glob::matches(pattern, name)) {
            let axis = key.strip_suffix('s').unwrap_or(key);
            notes.add(span.clone(), format!("no {axis} is called `{pattern}`"), nearest(pattern, names));
        }
    }
    patterns.into_iter().map(|(pattern, _)| pattern).collect()
}

/// A directive is any line of redis.conf; one that is nearly a word that matters here is a misspelling of it.
pub fn check_directive(name: &str, span: Range<usize>, notes: &Notes) {
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

/// As [`check_directive`], where axes are meant more often than directives.
pub fn check_condition(name: &str, span: Range<usize>, notes: &Notes) {
    let close = |axis: &&&str| strsim::damerau_levenshtein(name, axis) <= 2;
    match AXES.iter().find(close) {
        Some(axis) if !WELL_KNOWN.contains(&name) => {
            let help = format!("did you mean `{axis}`?");
            notes.add(span, format!("`{name}` is neither an axis nor a directive"), Some(help));
        }
        _ => check_directive(name, span, notes),
    }
}

/// The lines of a directive: a list is several of them.
pub fn directive_values(name: &str, value: &Value<'_>, notes: &Notes) -> Vec<(String, Range<usize>)> {
    let one = match value.get_ref() {
        DeValue::Boolean(truth) => Some(if *truth { "yes" } else { "no" }.to_owned()),
        number => integer(number).map(|number| number.to_string()),
    };
    match one {
        Some(text) => vec![(text, value.span())],
        None => strings(value, name, notes),
    }
}

fn is_save(text: &str) -> bool {
    let words: Vec<_> = text.split_whitespace().collect();
    words.len() % 2 == 0 && words.iter().all(|word| word.parse::<u64>().is_ok_and(|number| number > 0))
}

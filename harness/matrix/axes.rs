//! The axes of the matrix: servers, policies, storages, workloads, faults.

use std::ops::Range;
use std::path::Path;

use toml::de::DeValue;

use super::diagnose::nearest;
use super::sheet::{Notes, Sheet, Value, integer, strings};
use super::{
    Directive, Fault, Launch, Package, Persistence, Server, Storage, StorageKind, Vocabulary, Workload, conf,
};

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

/// A script that is played more often outlasts every limit of a trial.
const REPEAT_MOST: u32 = 1_000;
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

/// What a policy can be asked to have.
pub const NEEDS: &[&str] = &["aof", "rdb", "save", "no-aof", "no-rdb"];
/// What runs servers.
pub const ENGINES: &[&str] = &["docker", "process"];

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
                name,
                image: sheet.string("image"),
                binary: sheet.string("binary"),
                version: sheet.string("version"),
                package: sheet.table("package").and_then(|table| self.package(&table)),
                config: self.config(&sheet),
                directives: self.directives_of(&sheet, "set"),
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
        let wheel = sheet.string("wheel");
        let package = match (wheel, debs.is_empty()) {
            (Some(requirement), true) => {
                let sha256 = sheet.required("sha256");
                if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    let span = sheet.value("sha256").map_or(sheet.span.clone(), |value| value.span());
                    self.notes.add(span, "`sha256` must be 64 hex digits", None);
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
    pub fn persistences(&self, root: &Sheet<'_, '_>) -> Vec<Persistence> {
        let mut policies = Vec::new();
        for (name, span, sheet) in root.named("persistence") {
            self.check_name(&name, span);
            let config = self.config(&sheet);
            let servers = sheet.words("servers").into_iter().map(|(pattern, _)| pattern).collect();
            let directives = self.directives(&sheet);
            policies.push(Persistence { name, config, directives, servers });
        }
        policies
    }

    /// `[storage.NAME]`; a plain folder when the file has none.
    pub fn storages(&self, root: &Sheet<'_, '_>) -> Vec<Storage> {
        let mut storages = Vec::new();
        for (name, span, sheet) in root.named("storage") {
            self.check_name(&name, span);
            let kind = match sheet.word("kind", &["bind", "volume", "anonymous", "none"]) {
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
                let span = sheet.value("kind").map_or(span, |value| value.span());
                self.notes.add(
                    span,
                    format!("unknown workload kind `{kind}`"),
                    nearest(&kind, self.vocabulary.workloads),
                );
            }
            let small = |key, default: u64| {
                let number = sheet.count(key, 1).unwrap_or(default);
                u32::try_from(number).unwrap_or(u32::MAX)
            };
            let limited = |key, most: u32, default: u64| {
                let number = small(key, default);
                if number > most {
                    let span = sheet.value(key).map_or(sheet.span.clone(), |value| value.span());
                    self.notes.add(span, format!("`{key}` must be at most {most}"), None);
                }
                number.min(most)
            };
            let workload = Workload {
                connections: limited("connections", 1_000, 1) as u16,
                pipeline: limited("pipeline", 100_000, 1),
                writes: limited("writes", 100_000_000, 1_000),
                value: u32::try_from(sheet.size("value").unwrap_or(64)).unwrap_or(u32::MAX),
                ttl: sheet.duration("ttl"),
                keys: sheet.count("keys", 1).map(|keys| u32::try_from(keys).unwrap_or(u32::MAX)),
                rate: sheet.count("rate", 1).map(|rate| u32::try_from(rate).unwrap_or(u32::MAX)),
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
            if steps.is_empty() {
                let help = Some("steps = [\"kill\", \"start\"]".to_owned());
                self.notes.add(span, format!("fault `{name}` has no steps"), help);
            }
            for (step, span) in &steps {
                self.check_step(step, span.clone());
            }
            let launch = match sheet.word("launch", &["direct", "shell", "without-config"]) {
                Some("shell") => Launch::Shell,
                Some("without-config") => Launch::WithoutConfig,
                _ => Launch::Direct,
            };
            let fault = Fault {
                name,
                steps: steps.into_iter().map(|(step, _)| step).collect(),
                launch,
                directives: self.directives_of(&sheet, "set"),
                needs: self.among(&sheet, "needs", NEEDS),
                engines: self.among(&sheet, "engines", ENGINES),
                memory: sheet.size("memory"),
                repeat: u32::try_from(sheet.count("repeat", 1).unwrap_or(1))
                    .unwrap_or(u32::MAX)
                    .min(REPEAT_MOST),
            };
            sheet.end();
            faults.push(fault);
        }
        faults
    }

    fn among(&self, sheet: &Sheet<'_, '_>, key: &'static str, valid: &[&str]) -> Vec<String> {
        let words = sheet.words(key);
        for (word, span) in &words {
            if !valid.contains(&word.as_str()) {
                self.notes.add(
                    span.clone(),
                    format!("unknown word `{word}` in `{key}`"),
                    nearest(word, valid),
                );
            }
        }
        words.into_iter().map(|(word, _)| word).collect()
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
        if name.is_empty()
            || name.contains("::")
            || name.contains(|c: char| c.is_whitespace() || c == '@' || c == '*')
        {
            let help = "names become parts of trial names: no blanks, no `::`, `@` or `*`";
            self.notes.add(span, format!("`{name}` cannot be a name"), Some(help.into()));
        }
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
                self.notes.add(span, format!("`{name}` is given twice"), None);
                continue;
            }
            self.check_directive(&name, span);
            let values = self.directive_values(&name, value);
            let empty = values.iter().filter(|(value, _)| value.is_empty()).count();
            if name == "save" && empty > 0 && values.len() > empty {
                let message = "`save \"\"` switches save points off and conflicts with the others";
                self.notes.add(value.span(), message, None);
            }
            lines.extend(values.into_iter().map(|(value, _)| Directive { name: name.clone(), value }));
        }
        lines
    }

    fn check_directive(&self, name: &str, span: Range<usize>) {
        if WELL_KNOWN.contains(&name) {
            return;
        }
        let near =
            WELL_KNOWN.iter().find(|known| strsim::damerau_levenshtein(name, known) <= 2 && known.len() > 4);
        let respelled = name.replace('_', "-");
        let near = near.or_else(|| WELL_KNOWN.iter().find(|known| **known == respelled));
        if let Some(known) = near {
            self.notes.add(
                span,
                format!("unknown directive `{name}`"),
                Some(format!("did you mean `{known}`?")),
            );
        }
    }

    fn directive_values(&self, name: &str, value: &Value<'_>) -> Vec<(String, Range<usize>)> {
        let values = match value.get_ref() {
            DeValue::Boolean(truth) => vec![(if *truth { "yes" } else { "no" }.to_owned(), value.span())],
            number @ DeValue::Integer(_) => {
                integer(number).map(|number| (number.to_string(), value.span())).into_iter().collect()
            }
            _ => strings(value, name, self.notes),
        };
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

fn is_save(text: &str) -> bool {
    let words: Vec<_> = text.split_whitespace().collect();
    words.len() % 2 == 0 && words.iter().all(|word| word.parse::<u64>().is_ok_and(|number| number > 0))
}

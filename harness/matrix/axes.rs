//! The axes of the matrix: servers, policies, storages, workloads, faults.

use std::ops::Range;
use std::path::Path;

use super::diagnose::nearest;
use super::sheet::{Notes, Sheet};
use super::{
    Directive, Fault, Filesystem, Launch, Package, Persistence, Server, Storage, StorageKind, Vocabulary,
    conf, directive,
};
use crate::glob;

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
                base: self.config(&sheet),
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
            let base = self.config(&sheet);
            let servers = patterns(&sheet, "servers", known, self.notes);
            let directives = directive::read(&sheet, self.notes);
            sheet.end();
            policies.push(Persistence { name, base, directives, servers });
        }
        policies
    }

    /// `[storage.NAME]`; a plain folder when the file has none.
    pub fn storages(&self, root: &Sheet<'_, '_>) -> Vec<Storage> {
        let mut storages = Vec::new();
        for (name, span, sheet) in root.named("storage") {
            self.check_name(&name, span.clone());
            let kind = match sheet.word("kind") {
                Some("volume") => StorageKind::Volume,
                Some("anonymous") => StorageKind::Anonymous,
                Some("none") => StorageKind::None,
                Some("disk") => StorageKind::Disk,
                _ => StorageKind::Bind,
            };
            let word = sheet.word("filesystem");
            let filesystem = word.and_then(|word| Filesystem::ALL.into_iter().find(|fs| fs.as_str() == word));
            if filesystem.is_some() && kind != StorageKind::Disk {
                let help = Some("kind = \"disk\"".to_owned());
                self.notes.add(
                    span,
                    format!("only a disk can have a file system, and storage `{name}` is none"),
                    help,
                );
            }
            sheet.end();
            storages.push(Storage { name, kind, filesystem });
        }
        if storages.is_empty() {
            storages.push(Storage { name: "bind".into(), ..Storage::default() });
        }
        storages
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
            let words: Vec<_> = steps.iter().map(|(step, _)| step.as_str()).collect();
            let understood = words.iter().all(|step| (self.vocabulary.step)(step).is_ok());
            if let Some((number, why)) = (self.vocabulary.misplaced)(&words).filter(|_| understood) {
                self.notes.add(steps[number].1.clone(), why, None);
            }
            let launch = match sheet.word("launch") {
                Some("shell") => Launch::Shell,
                Some("without-config") => Launch::WithoutConfig,
                _ => Launch::Direct,
            };
            let fault = Fault {
                name,
                needs_disk: steps.iter().any(|(step, _)| (self.vocabulary.needs_disk)(step)),
                steps: steps.into_iter().map(|(step, _)| step).collect(),
                launch,
                directives: self.directives_of(&sheet, "set"),
                needs: sheet.some_of("needs"),
                engines: sheet.some_of("engines"),
                memory: sheet.size("memory"),
                repeat: sheet.small("repeat").unwrap_or(1),
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

    pub(super) fn check_name(&self, name: &str, span: Range<usize>) {
        check_name(name, span, self.notes);
    }

    /// The lines of the redis.conf that a table names.
    fn config(&self, sheet: &Sheet<'_, '_>) -> Vec<Directive> {
        let Some(file) = sheet.string("config") else { return Vec::new() };
        let path = self.folder.join(file);
        let lines = match std::fs::read_to_string(&path) {
            Err(error) => Err(vec![format!("failed to read {}: {error}", path.display())]),
            Ok(text) => conf::parse(&text).map_err(|bad| {
                bad.iter().map(|line| format!("{}: {line}", path.display())).collect::<Vec<_>>()
            }),
        };
        lines.unwrap_or_else(|messages| {
            let span = sheet.value("config").map_or(sheet.span.clone(), |value| value.span());
            for message in messages {
                self.notes.add(span.clone(), message, None);
            }
            Vec::new()
        })
    }

    fn directives_of(&self, sheet: &Sheet<'_, '_>, key: &'static str) -> Vec<Directive> {
        sheet.table(key).map(|table| directive::read(&table, self.notes)).unwrap_or_default()
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
    check_list(sheet, key, notes);
    for (pattern, span) in &patterns {
        if !names.iter().any(|name| glob::matches(pattern, name)) {
            let axis = key.strip_suffix('s').unwrap_or(key);
            notes.add(span.clone(), format!("no {axis} is called `{pattern}`"), nearest(pattern, names));
        }
    }
    patterns.into_iter().map(|(pattern, _)| pattern).collect()
}

/// A list that names nothing is a mistake: without the key it would be everything.
pub fn check_list(sheet: &Sheet<'_, '_>, key: &'static str, notes: &Notes) {
    if sheet.value(key).and_then(|value| value.get_ref().as_array()).is_some_and(|list| list.is_empty()) {
        let help = Some("leave it out: that means all of them".to_owned());
        notes.add(sheet.span_of(key), format!("`{key}` names nothing"), help);
    }
}

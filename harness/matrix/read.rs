//! A matrix file from its first key to its last.

use std::path::Path;

use toml::de::DeTable;

use super::axes::Axes;
use super::keys::{ENGINES, ROOT};
use super::sheet::{Notes, Sheet};
use super::{Gate, Matrix, Mistakes, Report, Run, Vocabulary, suites};

/// Parses the text of a matrix file; `path` is for messages and for paths in it.
pub fn parse(
    text: &str,
    path: &Path,
    profile: Option<&str>,
    vocabulary: &Vocabulary<'_>,
) -> Result<Matrix, Mistakes> {
    let notes = Notes::default();
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut repeated = 0..0;
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let line = text.get(..span.start).map_or(0, |before| before.rfind('\n').map_or(0, |at| at + 1));
        if error.message() != "duplicate key" {
            notes.add(span, error.message(), None);
        } else if text[line..].starts_with('[') {
            repeated = span.end..text[span.end..].find("\n[").map_or(text.len(), |at| span.end + at);
            notes.add(span, "this table is there twice", None);
        } else if !repeated.contains(&span.start) {
            notes.add(span, "this key is there twice", None);
        }
    }
    // What a syntax error leaves of the tables would only be told as further mistakes that are none.
    let matrix = if errors.is_empty() {
        let root = Sheet::new(root.get_ref(), &ROOT, 0..0, &notes);
        resolve(&root, text, path, profile, vocabulary, &notes)
    } else {
        Matrix::default()
    };
    let list = notes.into_list();
    if list.is_empty() { Ok(matrix) } else { Err(Mistakes { path: path.into(), text: text.into(), list }) }
}

fn resolve(
    root: &Sheet<'_, '_>,
    text: &str,
    path: &Path,
    profile: Option<&str>,
    vocabulary: &Vocabulary<'_>,
    notes: &Notes,
) -> Matrix {
    let folder = path.parent().unwrap_or(Path::new(""));
    let axes = Axes { notes, folder, vocabulary };
    let run = root.table("run").map(|sheet| run(&sheet, folder)).unwrap_or_default();
    let profile = profile.or(run.profile.as_deref()).unwrap_or("default").to_owned();
    let mut matrix = Matrix {
        file: path.into(),
        digest: blake3::hash(text.as_bytes()).to_hex().to_string(),
        run,
        servers: axes.servers(root),
        storages: axes.storages(root),
        workloads: axes.workloads(root),
        faults: axes.faults(root),
        gate: root.table("gate").map(|sheet| gate(&sheet, folder)).unwrap_or_default(),
        report: root.table("report").map(|sheet| report(&sheet)).unwrap_or_default(),
        ..Matrix::default()
    };
    let mistakes = notes.count();
    matrix.persistences = axes.persistences(root, &names_of(&matrix.servers, |server| &server.name));
    let sound = notes.count() == mistakes;
    let suites = suites::suites(root, &matrix, &profile, notes);
    let names = [
        names_of(&suites, |read| &read.suite.name),
        names_of(&matrix.servers, |server| &server.name),
        names_of(&matrix.persistences, |policy| &policy.name),
        names_of(&matrix.storages, |storage| &storage.name),
        names_of(&matrix.workloads, |workload| &workload.name),
        names_of(&matrix.faults, |fault| &fault.name),
        ENGINES.to_vec(),
    ];
    let rules = suites::rules(root, &names, notes);
    let contracts = suites::contracts(root, &names, notes);
    let budgets = suites::budgets(root, &names, notes);
    let known = suites::known(root, &names, notes);
    (matrix.rules, matrix.contracts, matrix.budgets, matrix.known) = (rules, contracts, budgets, known);
    if root.value("suite").is_none() {
        let help = "a suite picks from the axes; see docs/matrix.md";
        notes.add(0..0, "there is no [[suite]]", Some(help.into()));
    }
    root.end();
    for read in suites.into_iter().filter(|read| read.chosen) {
        matrix.suites.push(read.suite);
        // What only follows from another mistake would lead astray.
        if sound && read.sound {
            matrix.check_suite(matrix.suites.len() as u16 - 1, read.span, notes);
        }
    }
    matrix
}

fn names_of<T>(values: &[T], name: impl Fn(&T) -> &str) -> Vec<&str> {
    values.iter().map(name).collect()
}

fn run(sheet: &Sheet<'_, '_>, folder: &Path) -> Run {
    let word = |key| sheet.word(key).map(str::to_owned);
    let run = Run {
        engine: word("engine"),
        pull: word("pull"),
        profile: word("profile"),
        reports: sheet.string("reports").map(|path| folder.join(path)),
        test_threads: sheet.small("test-threads"),
        attempts: sheet.small("attempts"),
        trial_timeout: sheet.duration("trial-timeout"),
        ready_timeout: sheet.duration("ready-timeout"),
    };
    sheet.end();
    run
}

fn gate(sheet: &Sheet<'_, '_>, folder: &Path) -> Gate {
    let warns = |key| sheet.word(key) == Some("warn");
    let gate = Gate {
        inconclusive_warns: warns("inconclusive"),
        lost: sheet.count("lost"),
        trials: sheet.count("trials"),
        unsupported: sheet.share("unsupported"),
        baseline: sheet.string("baseline").map(|path| folder.join(path)),
        regressions_warn: warns("regressions"),
    };
    sheet.end();
    gate
}

fn report(sheet: &Sheet<'_, '_>) -> Report {
    let report = Report {
        columns: sheet.some_of("columns"),
        allure: sheet.truth("allure"),
        history: sheet.small("history"),
    };
    sheet.end();
    report
}

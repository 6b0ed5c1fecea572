//! Runs that are over: written again, shown, compared.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use outlast::publish::{self, load};
use outlast::report::comparison;
use outlast::report::table::{Axis, by};
use outlast::run::exit;

/// Writes the reports of a run again.
pub fn render(run: &Path, columns: Vec<String>, allure: bool) -> ExitCode {
    let reports = run.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = publish::publish(run, reports, |report| {
        if !columns.is_empty() {
            report.run.report.columns = columns;
        }
        report.run.report.allure |= allure;
        // A baseline that is gone by now must not keep a run from being read.
        if let Some(baseline) = &report.run.gate.baseline
            && let Err(error) = load(Path::new(baseline))
        {
            eprintln!("warning: the baseline: {error}");
            report.run.gate.baseline = None;
        }
    });
    match written {
        Ok(_) => print(&format!("{}\n", run.join("index.html").display())),
        Err(error) => trouble(&error),
    }
}

/// Prints a run as a table.
pub fn show(run: &Path, axis: Axis, markdown: bool) -> ExitCode {
    match load(run) {
        Ok(report) => {
            let table = by(&report, axis);
            print(&if markdown { table.markdown() } else { table.text() })
        }
        Err(error) => usage(&error),
    }
}

/// Compares two runs.
pub fn diff(before: &Path, after: &Path, markdown: bool, html: Option<&Path>) -> ExitCode {
    let (before, after) = match (load(before), load(after)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(error), _) | (_, Err(error)) => return usage(&error),
    };
    let diff = outlast::report::diff(&before, &after);
    let told = match html {
        Some(file) => match comparison::page(&diff).and_then(|page| {
            std::fs::write(file, page).map_err(|error| format!("failed to write {}: {error}", file.display()))
        }) {
            Ok(()) => print(&format!("{}\n", file.display())),
            Err(error) => trouble(&error),
        },
        None if markdown => print(&comparison::markdown(&diff)),
        None => print(&comparison::text(&diff)),
    };
    if told == ExitCode::SUCCESS && diff.regressions > 0 { ExitCode::from(exit::BROKEN) } else { told }
}

/// A reader that has seen enough is no trouble.
pub fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => trouble(&error),
        _ => ExitCode::SUCCESS,
    }
}

pub fn trouble(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(exit::LAB)
}

pub fn usage(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(exit::USAGE)
}

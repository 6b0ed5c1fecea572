//! Reports, made from journals alone. A new format is a file and a line in [`FORMATS`].

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::record::Report;

pub mod allure;
pub mod annotations;
mod assemble;
mod badge;
mod breach;
pub mod cases;
pub mod comparison;
mod csv;
mod diff;
pub mod findings;
mod gate;
mod gitlab;
pub mod history;
mod json;
mod junit;
mod markdown;
mod page;
pub mod statistics;
pub mod table;
pub mod text;

pub use assemble::assemble;
pub use diff::diff;

/// Adds what other runs tell: earlier ones, where a history is kept, and the baseline, where there is one.
pub fn complete(report: &mut Report, past: Option<&[history::Line]>, baseline: Option<&Report>) {
    report.history = past.map(|lines| history::history(lines, report));
    report.baseline = baseline.map(|baseline| diff(baseline, report));
    report.gate = gate::judge(report);
}

/// A format: the name of its file, and how it is rendered.
pub struct Format {
    /// Name of the file below the run's folder.
    pub file: &'static str,
    /// Renders the whole file.
    pub render: fn(&Report) -> Result<Vec<u8>, String>,
}

/// Every format.
pub const FORMATS: &[Format] = &[
    Format { file: "report.json", render: json::render },
    Format { file: "trials.csv", render: csv::render },
    Format { file: "index.html", render: page::render },
    Format { file: "junit.xml", render: junit::render },
    Format { file: "summary.md", render: markdown::render },
    Format { file: "gl-code-quality.json", render: gitlab::render },
    Format { file: "badge.json", render: badge::render },
];

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write {}: {cause}", path.display())]
pub struct ReportError {
    path: PathBuf,
    cause: String,
}

/// Writes every format below the folder of a run; each file appears whole or not at all.
pub fn write(folder: &Path, report: &Report) -> Result<(), ReportError> {
    for format in FORMATS {
        let path = folder.join(format.file);
        let failed = |cause: String| ReportError { path: path.clone(), cause };
        let bytes = (format.render)(report).map_err(failed)?;
        write_whole(&path, &bytes).map_err(|error| failed(error.to_string()))?;
    }
    if report.run.report.allure { write_allure(&folder.join("allure-results"), report) } else { Ok(()) }
}

/// A folder of many files: made aside, so that it is there as a whole or as it was.
fn write_allure(folder: &Path, report: &Report) -> Result<(), ReportError> {
    let failed = |cause: String| ReportError { path: folder.into(), cause };
    let io_failed = |error: io::Error| failed(error.to_string());
    let aside = folder.with_extension(format!("new-{}", std::process::id()));
    let _ = fs::remove_dir_all(&aside);
    fs::create_dir_all(&aside).map_err(io_failed)?;
    for file in allure::files(report) {
        let file = file.map_err(failed)?;
        fs::write(aside.join(file.name), file.bytes).map_err(io_failed)?;
    }
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_failed(error)),
        _ => {}
    }
    fs::rename(&aside, folder).map_err(io_failed)
}

pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// Points `latest` at the folder of a run, in one step.
pub fn point_latest(reports: &Path, run: &Path) -> Result<(), ReportError> {
    let latest = reports.join("latest");
    let failed = |error: io::Error| ReportError { path: latest.clone(), cause: error.to_string() };
    let target = run.file_name().map_or_else(|| run.to_owned(), PathBuf::from);
    let aside = reports.join(format!(".latest-{}", std::process::id()));
    let _ = fs::remove_file(&aside);
    std::os::unix::fs::symlink(target, &aside).map_err(failed)?;
    fs::rename(&aside, &latest).map_err(failed)
}

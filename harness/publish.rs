//! From the journals of a run to its files, with what lies around them: earlier runs, a baseline, CI.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::journal::{self, JournalError};
use crate::record::{Ci, Report};
use crate::report::history::{self, Line};
use crate::report::{self, ReportError, annotations};

/// Reports that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The journals cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Another run's report cannot be read.
    #[error("failed to read the report {}: {cause}", path.display())]
    Other {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// The history cannot be read or written.
    #[error("failed to {action} {}: {cause}", path.display())]
    History {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
}

/// Makes every report of a run from its journals, adds it to the history of the reports folder, and returns it. `wish`
/// changes what the journals say was asked for.
pub fn publish(run: &Path, reports: &Path, wish: impl FnOnce(&mut Report)) -> Result<Report, PublishError> {
    let mut report = report::assemble(journal::read(run)?);
    wish(&mut report);
    let baseline = report.run.gate.baseline.as_ref().map(|path| load(Path::new(path))).transpose()?;
    let keep = report.run.report.history;
    let file = reports.join("history.jsonl");
    let past = if keep > 0 { Some(past(&file)?) } else { None };
    report::complete(&mut report, past.as_deref(), baseline.as_ref());
    report::write(run, &report)?;
    // Parts leave one line when they are merged, and so do trials that a runner gives a process each.
    let part = report.run.shard.is_some() || std::env::var_os("NEXTEST_RUN_ID").is_some();
    if let Some(past) = past.filter(|_| !part && !report.trials.is_empty()) {
        let text = history::append(past, Line::of(&report), keep);
        report::write_whole(&file, text.as_bytes()).map_err(|cause| failed("write", &file)(cause))?;
    }
    Ok(report)
}

fn past(file: &Path) -> Result<Vec<Line>, PublishError> {
    match fs::read(file) {
        Ok(bytes) => Ok(history::parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed("read", file)(error)),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PublishError {
    move |cause| PublishError::History { action, path: path.into(), cause }
}

/// The report of another run: its folder, or its report.json.
pub fn load(path: &Path) -> Result<Report, PublishError> {
    let path = if path.is_dir() { path.join("report.json") } else { path.into() };
    let read = || -> Result<Report, String> {
        let bytes = fs::read(&path).map_err(|error| error.to_string())?;
        let report: Report = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        match report.schema.split('/').next() {
            Some("outlast-report") => Ok(report),
            _ => Err("it is no report of Outlast".into()),
        }
    };
    read().map_err(|cause| PublishError::Other { path: path.clone(), cause })
}

/// Tells GitHub: the summary of the step, and annotations on standard output. Nothing elsewhere.
pub fn announce(run: &Path, report: &Report) -> io::Result<()> {
    if let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) {
        let summary = fs::read(run.join("summary.md"))?;
        File::options().create(true).append(true).open(file)?.write_all(&summary)?;
    }
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        io::stdout().lock().write_all(annotations::render(report).as_bytes())?;
    }
    Ok(())
}

/// What CI says of this run.
pub fn ci() -> Option<Ci> {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    if var("GITHUB_ACTIONS") == "true" {
        let url = format!(
            "{}/{}/actions/runs/{}",
            var("GITHUB_SERVER_URL"),
            var("GITHUB_REPOSITORY"),
            var("GITHUB_RUN_ID")
        );
        return Some(Ci {
            system: "github".into(),
            job: var("GITHUB_WORKFLOW"),
            number: var("GITHUB_RUN_NUMBER"),
            url,
            revision: var("GITHUB_SHA"),
            branch: var("GITHUB_REF_NAME"),
        });
    }
    let known = [
        (
            "gitlab",
            "GITLAB_CI",
            ["CI_JOB_NAME", "CI_PIPELINE_IID", "CI_JOB_URL", "CI_COMMIT_SHA", "CI_COMMIT_REF_NAME"],
        ),
        ("jenkins", "JENKINS_URL", ["JOB_NAME", "BUILD_NUMBER", "BUILD_URL", "GIT_COMMIT", "GIT_BRANCH"]),
    ];
    let found = known.into_iter().find(|(_, mark, _)| !var(mark).is_empty());
    found
        .map(|(system, _, names)| {
            let [job, number, url, revision, branch] = names.map(var);
            Ci { system: system.into(), job, number, url, revision, branch }
        })
        .or_else(|| (!var("CI").is_empty()).then(|| Ci { system: "ci".into(), ..Ci::default() }))
}

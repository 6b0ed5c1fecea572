//! The parts of a run, put together from wherever CI has carried them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use outlast::record::RunFacts;
use outlast::{journal, publish, report, summary};

use super::show::{print, trouble, usage};

/// Copies the journals of the parts into the folder of one run, reports it, and fails as the gate says.
pub fn merge(parts: &[PathBuf], reports: &Path, allure: bool, baseline: Option<&Path>) -> ExitCode {
    let mut folders = Vec::new();
    for part in parts {
        match runs_below(part) {
            Ok(found) if !found.is_empty() => folders.extend(found),
            Ok(_) => return usage(&format!("{}: no run with a journal is there", part.display())),
            Err(error) => return usage(&format!("failed to read {}: {error}", part.display())),
        }
    }
    if let Some(baseline) = baseline
        && let Err(error) = publish::load(baseline)
    {
        return usage(&format!("the baseline: {error}"));
    }
    let whole = match gather(&folders, reports) {
        Ok(whole) => whole,
        Err(error) => return trouble(&error),
    };
    let made = publish::publish(&whole, reports, |report| {
        report.run.id = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        report.run.report.allure |= allure;
        if let Some(baseline) = baseline {
            report.run.gate.baseline = Some(baseline.display().to_string());
        }
        // One part alone is no whole.
        if let Some((index, count)) =
            report.run.shard.take().as_deref().and_then(|shard| shard.split_once('/'))
            && count != "1"
        {
            report.missing.push(format!("of {count} parts, only part {index}/{count} is there"));
        }
    });
    let report = match made {
        Ok(report) => report,
        Err(error) => return trouble(&error),
    };
    if let Err(error) = report::point_latest(reports, &whole) {
        return trouble(&error);
    }
    let _ = print(&summary::text(&report, reports));
    if let Err(error) = publish::announce(&whole, &report) {
        eprintln!("warning: the summary could not be handed to CI: {error}");
    }
    ExitCode::from(report.gate.exit_code)
}

/// Folders with a journal: this one, or those in it.
fn runs_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if folder.join("journal").is_dir() {
        return Ok(vec![folder.into()]);
    }
    let mut found: Vec<_> = fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("journal").is_dir())
        .collect();
    // `latest` is another name of one of them.
    found.retain(|path| !path.is_symlink());
    found.sort();
    Ok(found)
}

/// A folder with all journals, named after the parts: merging the same parts again makes the same folder.
fn gather(folders: &[PathBuf], reports: &Path) -> Result<PathBuf, String> {
    let mut ids = Vec::new();
    for folder in folders {
        let lines = journal::read(folder).map_err(|error| error.to_string())?;
        let RunFacts { id, .. } = report::assemble(lines).run;
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    let (Some(first), hash) = (ids.first(), blake3::hash(ids.join("\n").as_bytes()).to_hex()) else {
        return Err("there is no part".into());
    };
    let time = first.rsplit_once('-').map_or(first.as_str(), |(time, _)| time);
    let whole = reports.join(format!("{time}-{}", &hash[..6]));
    let journals = whole.join("journal");
    let failed =
        |error: io::Error| format!("failed to gather the journals in {}: {error}", journals.display());
    fs::create_dir_all(&journals).map_err(failed)?;
    for (number, folder) in folders.iter().enumerate() {
        for entry in fs::read_dir(folder.join("journal")).map_err(failed)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            fs::copy(entry.path(), journals.join(format!("{number}-{name}"))).map_err(failed)?;
        }
    }
    Ok(whole)
}

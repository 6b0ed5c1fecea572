//! One durable record per trial, written before anything is printed.
//!
//! Each process of a run appends to a file of its own below `journal/`, a line of JSON at a time. Reports are made
//! from these files alone, so runs that were killed, split or repeated are read the same way.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::record::{JournalLine, RunFacts, TrialRecord};

/// A journal that could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} {}: {cause}", path.display())]
pub struct JournalError {
    action: &'static str,
    path: PathBuf,
    cause: io::Error,
}

/// An open journal, for all threads of a run.
pub struct Journal {
    path: PathBuf,
    file: File,
    state: Mutex<State>,
    synced: Condvar,
}

/// Lines are counted, so that one `fdatasync` serves all that were written before it began.
#[derive(Default)]
struct State {
    written: u64,
    durable: u64,
    syncing: bool,
}

impl Journal {
    /// Opens a new file below `folder/journal`, with the run's facts as its first line.
    pub fn create(folder: &Path, run: &RunFacts) -> Result<Self, JournalError> {
        let journals = folder.join("journal");
        fs::create_dir_all(&journals).map_err(failed("create", &journals))?;
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let path = journals.join(format!("{}-{nanos}.jsonl", std::process::id()));
        let file =
            File::options().create_new(true).append(true).open(&path).map_err(failed("create", &path))?;
        let journal = Self { path, file, state: Mutex::default(), synced: Condvar::new() };
        journal.append(&JournalLine::Run(run.clone()), true)?;
        Ok(journal)
    }

    /// Notes that a trial begins. Not waited for on disk: a run that is killed leaves the line to the kernel.
    pub fn started(&self, name: &str, attempt: u32) -> Result<(), JournalError> {
        let at = jiff::Timestamp::now().to_string();
        self.append(&JournalLine::Started { name: name.into(), attempt, at }, false)
    }

    /// Keeps the record of a trial; on disk when this returns.
    pub fn finished(&self, record: &TrialRecord) -> Result<(), JournalError> {
        self.append(&JournalLine::Finished(record.clone()), true)
    }

    /// Closes the journal in order, with the final facts of the run.
    pub fn close(&self, run: &RunFacts) -> Result<(), JournalError> {
        self.append(&JournalLine::Closed(run.clone()), true)
    }

    fn append(&self, line: &JournalLine, durable: bool) -> Result<(), JournalError> {
        let mut text =
            serde_json::to_vec(line).map_err(|error| failed("write", &self.path)(io::Error::other(error)))?;
        text.push(b'\n');
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (&self.file).write_all(&text).map_err(failed("write", &self.path))?;
        state.written += 1;
        let mine = state.written;
        while durable && state.durable < mine {
            if state.syncing {
                state = self.synced.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.syncing = true;
            let covers = state.written;
            drop(state);
            let outcome = self.file.sync_data();
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.syncing = false;
            if outcome.is_ok() {
                state.durable = state.durable.max(covers);
            }
            self.synced.notify_all();
            outcome.map_err(failed("sync", &self.path))?;
        }
        Ok(())
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    move |cause| JournalError { action, path: path.into(), cause }
}

/// Every line of every journal of a run. The last line of a killed run may be torn and is left out; any other line that
/// cannot be read is an error.
pub fn read(folder: &Path) -> Result<Vec<JournalLine>, JournalError> {
    let journals = folder.join("journal");
    let entries = fs::read_dir(&journals).map_err(failed("list", &journals))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut lines = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")) {
        let mut reader = BufReader::new(File::open(path).map_err(failed("open", path))?);
        let mut text = Vec::new();
        loop {
            text.clear();
            let length = reader.read_until(b'\n', &mut text).map_err(failed("read", path))?;
            if length == 0 || text.last() != Some(&b'\n') {
                break;
            }
            let line = serde_json::from_slice(&text).map_err(|error| failed("read", path)(error.into()))?;
            lines.push(line);
        }
    }
    Ok(lines)
}

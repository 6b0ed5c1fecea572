//! A trace in a file: enough to rebuild each of its states byte for byte, on any machine.
//!
//! The file is a zip of `trial.json` (what was run), `operations.jsonl` (one operation a line, with the place of its
//! bytes), `data.bin` (the bytes), `ledger.csv` (every op of the client with its times) and `judgement.json` (what else a
//! judgement needs). Recoveries that were recorded have their operations in folders of their own.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;

use super::kept::{Cells, Kept, ledger_csv};
pub use super::states::Address;
use super::states::{Token, Trace};
use crate::disk::Tree;
use crate::disk::op::{Ino, Op, Place, Rec};
use crate::oracle::Survey;
use crate::plan::Plan;
use crate::record::StateFact;
use crate::workload::ledger::Ledger;

/// What a trace was recorded of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// Name of the trial.
    pub name: String,
    /// The server, as named in matrix.toml.
    pub server: String,
    /// Its version.
    pub version: String,
    /// Lines of redis.conf.
    pub config: Vec<(String, String)>,
    /// Connections that wrote.
    pub connections: u16,
    /// Cuts are made after this many operations and later.
    pub from: usize,
    /// When the recording ended, in microseconds since the trial began.
    pub end_us: u64,
    /// Recoveries that are in the file, by their state.
    pub recoveries: Vec<Recovery>,
}

/// A recovery that was recorded: its operations are in a folder of the file that has the number of its place.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Recovery {
    /// The state that was recovered.
    pub token: String,
    /// When the recording ended, in microseconds since the trial began.
    pub end_us: u64,
    /// What the recovery showed.
    pub shown: Cells,
}

impl Eq for Recovery {}

/// A trace as it was kept.
#[derive(Debug)]
pub struct Recorded {
    /// What was run.
    pub about: About,
    /// Its operations.
    pub trace: Trace,
    /// What else a judgement needs.
    pub kept: Kept,
    /// Every op of the client, as lines.
    pub ledger: String,
    recoveries: Vec<Trace>,
}

/// A recovery to be kept.
#[derive(Debug)]
pub struct Inner {
    /// The state that was recovered.
    pub token: Token,
    /// Its operations.
    pub trace: Trace,
    /// What it showed.
    pub shown: Survey,
}

impl Recorded {
    /// A recovery by its state.
    pub fn recovery(&self, outer: Token) -> Option<&Recovery> {
        self.place(outer).map(|at| &self.about.recoveries[at])
    }

    fn place(&self, outer: Token) -> Option<usize> {
        self.about.recoveries.iter().position(|recovery| recovery.token == outer.to_string())
    }

    /// The trace that an address is about: that of the life, or that of a recovery; and the state's token in it.
    pub fn find(&self, address: Address) -> Option<(&Trace, Token)> {
        match address.inner {
            None => Some((&self.trace, address.outer)),
            Some(inner) => Some((self.recoveries.get(self.place(address.outer)?)?, inner)),
        }
    }
}

impl Address {
    /// That there is no such state, as a sentence.
    pub fn unknown(self) -> String {
        format!(
            "the trace has no state {self}: the cut, its variant or the recovery is not among those recorded"
        )
    }
}

/// Keeps a trace in the trial's place for them, with what a judgement needs; the name of the file, where there is such a
/// place.
pub fn keep(
    plan: &Plan,
    trace: &Trace,
    inner: &[Inner],
    kept: &Kept,
    ledger: &Ledger,
) -> io::Result<Option<String>> {
    let Some(folder) = &plan.traces else { return Ok(None) };
    fs::create_dir_all(folder)?;
    let name = format!("{}.zip", plan.name.replace("::", "."));
    let config = plan.directives().into_iter().map(|line| (line.name, line.value)).collect();
    let recovery = |inner: &Inner| Recovery {
        token: inner.token.to_string(),
        end_us: inner.trace.end_us,
        shown: Cells::of(&inner.shown),
    };
    let about = About {
        name: plan.name.clone(),
        server: plan.server.name.clone(),
        version: plan.build.version.clone(),
        config,
        connections: plan.workload.connections,
        from: trace.from,
        end_us: trace.end_us,
        recoveries: inner.iter().map(recovery).collect(),
    };
    let mut parts = vec![
        ("trial.json".to_owned(), serde_json::to_vec_pretty(&about)?),
        ("judgement.json".to_owned(), serde_json::to_vec(kept)?),
        ("ledger.csv".to_owned(), ledger_csv(ledger).into_bytes()),
    ];
    parts.extend(operations(trace, "")?);
    for (number, inner) in inner.iter().enumerate() {
        parts.extend(operations(&inner.trace, &format!("{number}/"))?);
    }
    write(&folder.join(&name), parts)?;
    Ok(Some(format!("traces/{name}")))
}

/// Keeps a list of all broken states beside the trace: each has its token. Its name, where there is anything to keep.
pub fn keep_broken(plan: &Plan, broken: &[StateFact]) -> io::Result<Option<String>> {
    let Some(folder) = plan.traces.as_ref().filter(|_| !broken.is_empty()) else { return Ok(None) };
    fs::create_dir_all(folder)?;
    let name = format!("{}.states.csv", plan.name.replace("::", "."));
    let mut text = "token,at_ms,lost,broken_ms,digest,message\n".to_owned();
    for state in broken {
        let message = state.message.replace('"', "\"\"");
        text.push_str(&format!(
            "{},{},{},{},{},\"{message}\"\n",
            state.token, state.at_ms, state.lost, state.broken_ms, state.digest
        ));
    }
    fs::write(folder.join(&name), text)?;
    Ok(Some(format!("traces/{name}")))
}

fn operations(trace: &Trace, folder: &str) -> io::Result<[(String, Vec<u8>); 2]> {
    let mut data = Vec::new();
    let mut lines = Vec::new();
    let mut all = base_lines(&trace.base, &mut data);
    all.extend(trace.log.iter().map(|rec| Line::of(rec, &mut data)));
    for line in all {
        serde_json::to_writer(&mut lines, &line)?;
        lines.push(b'\n');
    }
    Ok([(format!("{folder}operations.jsonl"), lines), (format!("{folder}data.bin"), data)])
}

fn write(path: &Path, parts: Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let mut zip = zip::ZipWriter::new(File::create(path)?);
    for (name, bytes) in parts {
        zip.start_file(name, SimpleFileOptions::default()).map_err(io::Error::other)?;
        zip.write_all(&bytes)?;
    }
    zip.finish().map_err(io::Error::other)?.sync_all()
}

/// Reads a trace again.
pub fn read(path: &Path) -> io::Result<Recorded> {
    let mut zip = zip::ZipArchive::new(File::open(path)?).map_err(io::Error::other)?;
    let mut part = |name: &str| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        zip.by_name(name).map_err(io::Error::other)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let about: About = serde_json::from_slice(&part("trial.json")?)?;
    let kept: Kept = serde_json::from_slice(&part("judgement.json")?)?;
    let ledger = String::from_utf8(part("ledger.csv")?).map_err(io::Error::other)?;
    let mut trace = trace_of(&part("operations.jsonl")?, &part("data.bin")?)?;
    (trace.from, trace.end_us, trace.syncs) = (about.from, about.end_us, kept.syncs.clone());
    let mut recoveries = Vec::new();
    for (number, recovery) in about.recoveries.iter().enumerate() {
        let (lines, data) = (format!("{number}/operations.jsonl"), format!("{number}/data.bin"));
        recoveries.push(Trace { end_us: recovery.end_us, ..trace_of(&part(&lines)?, &part(&data)?)? });
    }
    Ok(Recorded { about, trace, kept, ledger, recoveries })
}

fn trace_of(lines: &[u8], data: &[u8]) -> io::Result<Trace> {
    let mut trace = Trace::default();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Line = serde_json::from_slice(line)?;
        let rec = line.read(data).ok_or_else(|| io::Error::other(format!("{line:?} makes no sense")))?;
        if line.base { trace.base.apply(&rec.op) } else { trace.log.push(rec) }
    }
    Ok(trace)
}

/// One operation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Line {
    /// It made the tree that the recording began with.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    base: bool,
    asked_us: u64,
    done_us: u64,
    op: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ino: Option<Ino>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Place>,
    /// Offset, length or covered operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    /// Where the bytes are in `data.bin`: begin and length.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<(usize, usize)>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    clean: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    datasync: bool,
}

impl Line {
    fn of(rec: &Rec, data: &mut Vec<u8>) -> Self {
        let mut line = Self {
            asked_us: rec.asked_us,
            done_us: rec.done_us,
            op: rec.op.word().into(),
            ..Self::default()
        };
        match &rec.op {
            Op::Create { at, ino } | Op::Mkdir { at, ino } | Op::Link { at, ino } => {
                (line.at, line.ino) = (Some(at.clone()), Some(*ino));
            }
            Op::Rename { from, to } => (line.at, line.to) = (Some(from.clone()), Some(to.clone())),
            Op::Unlink { at } | Op::Rmdir { at } => line.at = Some(at.clone()),
            Op::Write { ino, offset, data: bytes } => {
                (line.ino, line.number) = (Some(*ino), Some(*offset));
                line.bytes = Some((data.len(), bytes.len()));
                data.extend_from_slice(bytes);
            }
            Op::Truncate { ino, len } => (line.ino, line.number) = (Some(*ino), Some(*len)),
            Op::Fsync { ino, covers, datasync } => {
                (line.ino, line.number, line.datasync) = (Some(*ino), Some(*covers as u64), *datasync);
            }
            Op::FsyncDir { ino, covers } => {
                (line.ino, line.number) = (Some(*ino), Some(*covers as u64));
            }
            Op::FsyncFailed { ino, covers, clean } => {
                (line.ino, line.number, line.clean) = (Some(*ino), Some(*covers as u64), *clean);
            }
            Op::Commit | Op::SyncAll => {}
        }
        line
    }

    fn read(&self, data: &[u8]) -> Option<Rec> {
        let (at, to) = (|| self.at.clone(), || self.to.clone());
        let covers = self.number.map(|number| number as usize);
        let op = match self.op.as_str() {
            "create" => Op::Create { at: at()?, ino: self.ino? },
            "mkdir" => Op::Mkdir { at: at()?, ino: self.ino? },
            "link" => Op::Link { at: at()?, ino: self.ino? },
            "rename" => Op::Rename { from: at()?, to: to()? },
            "delete" => Op::Unlink { at: at()? },
            "rmdir" => Op::Rmdir { at: at()? },
            "write" => {
                let (from, length) = self.bytes?;
                let data: Arc<[u8]> = data.get(from..from.checked_add(length)?)?.into();
                Op::Write { ino: self.ino?, offset: self.number?, data }
            }
            "truncate" => Op::Truncate { ino: self.ino?, len: self.number? },
            "fsync" => Op::Fsync { ino: self.ino?, covers: covers?, datasync: self.datasync },
            "fsync-dir" => Op::FsyncDir { ino: self.ino?, covers: covers? },
            "fsync-failed" => Op::FsyncFailed { ino: self.ino?, covers: covers?, clean: self.clean },
            "commit" => Op::Commit,
            "syncfs" => Op::SyncAll,
            _ => return None,
        };
        Some(Rec { asked_us: self.asked_us, done_us: self.done_us, op })
    }
}

/// Operations that make a tree.
fn base_lines(base: &Tree, data: &mut Vec<u8>) -> Vec<Line> {
    let mut ops = Vec::new();
    for (&folder, entries) in &base.folders {
        for (name, &ino) in entries {
            let at = (folder, name.clone());
            match base.files.get(&ino) {
                Some(content) => {
                    ops.push(Op::Create { at, ino });
                    // The image of a file system is mostly holes.
                    let stretches = content.stretches().into_iter();
                    ops.extend(stretches.map(|(offset, data)| Op::Write { ino, offset, data: data.into() }));
                    ops.push(Op::Truncate { ino, len: content.len() });
                }
                None => ops.push(Op::Mkdir { at, ino }),
            }
        }
    }
    ops.into_iter()
        .map(|op| Line { base: true, ..Line::of(&Rec { asked_us: 0, done_us: 0, op }, data) })
        .collect()
}

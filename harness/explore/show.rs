//! A trace for people: its operations, and its states as files.

use std::fmt::Write;
use std::path::Path;

use super::states::{Address, Token, Trace};
use super::{again, recovered, trace, words};
use crate::disk::Tree;
use crate::disk::scratch::Scratch;
use crate::matrix::Filesystem;

/// Lists the operations of a trace, or rebuilds a state: into a folder, as a list of files, or under the server of the
/// trial, whose matrix is named then. Also says whether a promise was kept, where it was put to the test.
pub fn show(
    path: &Path,
    token: Option<&str>,
    into: Option<&Path>,
    boot: Option<&Path>,
) -> Result<(String, bool), String> {
    let recorded =
        trace::read(path).map_err(|error| format!("failed to read the trace {}: {error}", path.display()))?;
    let Some(token) = token else { return Ok((operations(&recorded.about, &recorded.trace), true)) };
    let address: Address = token.parse()?;
    let (life, token) = recorded.find(address).ok_or_else(|| address.unknown())?;
    let tree = match token.model.filesystem() {
        None => life.rebuild(token),
        Some(filesystem) => recover(life, token, filesystem)?,
    };
    let tree = tree.ok_or_else(|| address.unknown())?;
    let mut text = format!("{address}: {}\ndigest {:032x}\n", life.describe(token), tree.digest());
    for (path, content) in tree.paths() {
        let _ = writeln!(text, "{:>10} bytes  {path}", content.len());
    }
    if let Some(folder) = into {
        if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(format!("{} is not empty; name a new folder", folder.display()));
        }
        tree.write_to(folder).map_err(|error| format!("failed to write {}: {error}", folder.display()))?;
        let _ = writeln!(text, "written to {}", folder.display());
    }
    let Some(matrix) = boot else { return Ok((text, true)) };
    let (kept, sentence) = again::boot(&recorded, address, &tree, matrix)?;
    let _ = writeln!(text, "{}: {sentence}", if kept { "kept" } else { "broken" });
    Ok((text, kept))
}

/// Has the kernel recover the image of a state.
fn recover(life: &Trace, token: Token, filesystem: Filesystem) -> Result<Option<Tree>, String> {
    let folder = std::env::temp_dir().join(format!("outlast-state-{}", std::process::id()));
    let scratch = Scratch::make(folder).map_err(|error| format!("failed to make a folder: {error}"))?;
    recovered::rebuild(life, token, filesystem, &scratch).map_err(|error| error.to_string())
}

fn operations(about: &trace::About, recorded: &Trace) -> String {
    let mut text = format!("{} ({} {})\n", about.name, about.server, about.version);
    let names = recorded.names(recorded.log.len());
    for (number, rec) in (1..).zip(&recorded.log) {
        let took_us = rec.done_us - rec.asked_us;
        let took =
            if took_us > 0 { format!("  (took {:.3} ms)", took_us as f64 / 1e3) } else { String::new() };
        let at_ms = rec.done_us as f64 / 1e3;
        let _ = writeln!(text, "{number:>6} {at_ms:>12.3} ms  {}{took}", words::of(&rec.op, &names));
    }
    text
}

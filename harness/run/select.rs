//! Which trials the command line means, and their list.

use std::io::{self, Write};

use super::{Stop, exit};
use crate::matrix::{Case, Matrix};
use crate::settings::{Flags, Format};

/// The trials that the command line asks for, in the order of the matrix.
pub(super) fn select(matrix: &Matrix, flags: &Flags, engine: &str) -> Result<Vec<Case>, Stop> {
    if flags.ignored_only() {
        return Ok(Vec::new());
    }
    let mut cases = Vec::new();
    if let Some(names) = flags.names() {
        for name in names {
            match matrix.find(name) {
                Some(case) => cases.push(case),
                None => {
                    let hint = matrix
                        .nearest(name)
                        .map(|near| format!("; did you mean `{near}`?"))
                        .unwrap_or_default();
                    return Err(Stop::usage(format!("there is no trial `{name}`{hint}")));
                }
            }
        }
        cases.retain(|case| flags.wants(&matrix.name(*case)));
    } else {
        let all = flags.filters.is_empty() && flags.skip.is_empty();
        cases.extend(matrix.cases(Some(engine)).filter(|case| all || flags.wants(&matrix.name(*case))));
    }
    if let Some(shard) = flags.shard {
        let mut position = 0;
        cases.retain(|_| {
            position += 1;
            shard.holds(position - 1)
        });
    }
    Ok(cases)
}

pub(super) fn list(matrix: &Matrix, flags: &Flags, cases: &[Case]) -> Result<u8, Stop> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written =
        cases.iter().try_for_each(|case| writeln!(out, "{}: test", matrix.name(*case))).and_then(|()| {
            if flags.format != Some(Format::Terse) && !flags.quiet {
                writeln!(out, "\n{} tests, 0 benchmarks", cases.len())?;
            }
            out.flush()
        });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Stop::lab(format!("failed to print the list: {error}")))
        }
        _ => Ok(exit::KEPT),
    }
}

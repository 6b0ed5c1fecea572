//! Mistakes, shown where they are: file, line, the text underlined, the nearest valid word.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Words further apart than this are no misspelling of one another.
const SIMILAR: f64 = 0.7;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Bytes of the file to underline.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Every mistake of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) list: Vec<Mistake>,
}

impl Mistakes {
    /// A file that cannot be read at all.
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let message = format!("failed to read {}: {error}", path.display());
        let help = Some("name the file with --matrix FILE or OUTLAST_MATRIX".to_owned());
        Self { path: path.into(), text: String::new(), list: vec![Mistake { span: 0..0, message, help }] }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// For a person, with or without colours.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let path = self.path.display().to_string();
        let mut out = String::new();
        for mistake in &self.list {
            let title = Level::ERROR.primary_title(mistake.message.as_str());
            let mut group = if self.text.is_empty() {
                annotate_snippets::Group::with_title(title)
            } else {
                let end = mistake.span.end.min(self.text.len());
                let span = mistake.span.start.min(end)..end;
                title.element(
                    Snippet::source(self.text.as_str())
                        .path(path.as_str())
                        .annotation(AnnotationKind::Primary.span(span)),
                )
            };
            if let Some(help) = &mistake.help {
                group = group.element(Level::HELP.message(help.as_str()));
            }
            out.push_str(&renderer.render(&[group]));
            out.push_str("\n\n");
        }
        let count = self.list.len();
        let mistakes = if count == 1 { "1 mistake".into() } else { format!("{count} mistakes") };
        out.push_str(&format!("{mistakes} in {path}: nothing was started"));
        out
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.render(false))
    }
}

impl std::error::Error for Mistakes {}

/// `did you mean "x"?` for the nearest word, or the list of words where none is near and they are few.
pub fn nearest(word: &str, candidates: &[&str]) -> Option<String> {
    let best = candidates
        .iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match best {
        Some((score, candidate)) if score >= SIMILAR => Some(format!("did you mean `{candidate}`?")),
        Some(_) if candidates.len() <= 12 => Some(format!("one of {}", candidates.join(", "))),
        _ => None,
    }
}

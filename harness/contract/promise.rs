//! Which promise applies, and what it allows.

use std::time::Duration;

use super::{Circumstances, TrialFacts, table, when};
use crate::matrix::Override;
use crate::record;

/// Most that may be lost of what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allow {
    /// Nothing.
    Nothing,
    /// What was acknowledged this long before the fault, or later.
    Window(Duration),
    /// What was acknowledged since the last completed save.
    SinceSave,
    /// So many writes.
    Count(u64),
    /// So many writes, which were acknowledged this long before the fault, or later.
    Batch(Duration, u64),
    /// Everything.
    All,
}

impl Allow {
    /// As a stretch of time before the fault; `None` where time does not bound it.
    pub fn window_ms(self) -> Option<f64> {
        match self {
            Self::Nothing => Some(0.0),
            Self::Window(window) | Self::Batch(window, _) => Some((window.as_secs_f64() * 1e5).round() / 1e2),
            Self::SinceSave | Self::Count(_) | Self::All => None,
        }
    }

    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Nothing => "nothing".into(),
            Self::Window(window) if window < Duration::from_millis(100) => {
                if window.is_zero() {
                    return "nothing, since no fsync was in flight".into();
                }
                format!("the last {:.1} ms, since no fsync was in flight", window.as_secs_f64() * 1e3)
            }
            Self::Window(window) => format!("the last {:.1} s", window.as_secs_f64()),
            Self::SinceSave => "everything since the last completed save".into(),
            Self::Count(1) => "1 write".into(),
            Self::Count(count) => format!("{count} writes"),
            Self::Batch(_, count) => {
                format!("what was answered since the last write that succeeded, {count} writes at most")
            }
            Self::All => "everything".into(),
        }
    }
}

/// A promise as it applies to one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Row of the table, or `matrix` for one of the user's own.
    pub id: String,
    /// The promise as a sentence.
    pub sentence: String,
    /// Where it is written down.
    pub source: String,
    /// Most that may be lost.
    pub allow: Allow,
    /// Most that it allows whenever the fault strikes: `allow` may be less, by the luck of the moment.
    pub bound: Allow,
    /// What kind of misfortune it is about.
    pub class: &'static str,
    /// Whether the server may refuse to start.
    pub may_refuse: bool,
    /// Whether the loss must be one contiguous tail.
    pub suffix: bool,
}

impl Applied {
    /// For the record.
    pub fn to_record(&self) -> record::Promise {
        record::Promise {
            id: self.id.clone(),
            sentence: self.sentence.clone(),
            source: self.source.clone(),
            allowed: self.allow.words(),
            window_ms: self.allow.window_ms(),
            bound_ms: self.bound.window_ms(),
            class: self.class.into(),
        }
    }
}

/// The promise for these circumstances: the last entry of matrix.toml that matches, else the built-in row.
pub fn promise(facts: &Circumstances, overrides: &[Override], trial: &TrialFacts<'_>) -> Applied {
    let mut applied = table::row(facts);
    for own in overrides.iter().filter(|own| when::matches(&own.when, trial, &facts.config)) {
        if let Some(lost) = own.lost {
            applied.allow = if lost == 0 { Allow::Nothing } else { Allow::Count(lost) };
        }
        if let Some(window) = own.lost_window {
            applied.allow = Allow::Window(window);
        }
        if own.lost.is_some() || own.lost_window.is_some() {
            applied.bound = applied.allow;
        }
        applied.may_refuse = own.may_refuse.unwrap_or(applied.may_refuse);
        applied.id = "matrix".into();
        applied.source = "matrix.toml".into();
        applied.sentence = own.why.clone().unwrap_or_else(|| format!("may lose {}", applied.allow.words()));
    }
    applied
}

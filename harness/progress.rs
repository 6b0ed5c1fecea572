//! What a person sees while trials run: how many are done, how fast, what was lost, how long it takes still.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::record::{TrialRecord, Verdict};
use crate::report::text::line;

/// A line at the bottom of the terminal; nothing where there is none.
pub struct Progress {
    bar: ProgressBar,
    lost: AtomicU64,
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

impl Progress {
    /// Shows itself on standard error when that is a terminal and `wanted`.
    pub fn new(trials: u64, wanted: bool) -> Self {
        let target =
            if wanted { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(trials), target);
        let style = ProgressStyle::with_template(
            "{bar:28.cyan/blue} {pos}/{len} trials · {per_sec:.0} · {eta} left · {msg}",
        )
        .map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("━╸─"));
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, lost: AtomicU64::new(0), acknowledged: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }

    /// Whether a person watches: standard error is a terminal and no CI runs this.
    pub fn watched() -> bool {
        std::io::stderr().is_terminal() && std::env::var_os("CI").is_none()
    }

    /// Counts a trial and tells of one that fails.
    pub fn finished(&self, record: &TrialRecord) {
        let lost = self.lost.fetch_add(record.lost, Ordering::Relaxed) + record.lost;
        let acknowledged =
            self.acknowledged.fetch_add(record.acknowledged, Ordering::Relaxed) + record.acknowledged;
        let failed = u64::from(record.verdict.fails());
        let failed = self.failed.fetch_add(failed, Ordering::Relaxed) + failed;
        if record.verdict.fails() || record.verdict == Verdict::Known {
            self.bar.suspend(|| {
                eprintln!(
                    "{:>12}  {}\n              {}",
                    record.verdict.as_str(),
                    line(&record.name),
                    line(&record.message)
                );
            });
        }
        self.bar.set_message(format!("{lost} of {acknowledged} writes lost · {failed} failed"));
        self.bar.inc(1);
    }

    /// Clears the line.
    pub fn close(&self) {
        self.bar.finish_and_clear();
    }
}

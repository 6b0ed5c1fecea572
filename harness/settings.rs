//! What the command line, the environment and matrix.toml ask for; the first of them that speaks, counts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValuesParser};
use clap::{ArgAction, Parser, ValueEnum};

use crate::matrix::keys::COLUMNS;
use crate::matrix::{Budget, Matrix};
use crate::record::{GateRules, ReportWishes};
use crate::report::history;

/// Command line of the test target: libtest's options, as far as they mean something here, and Outlast's own.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "persistence",
    about = "Runs the trials of matrix.toml against real servers and reports what was lost.",
    after_help = "Exit codes: 0 every promise kept; 1 a promise was broken, or more than the gate allows; 2 usage or \
                  matrix.toml; 3 the lab failed, put no pressure or ran too little; 130 interrupted."
)]
pub struct Flags {
    /// Run only trials whose name contains one of these.
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
    /// Names must match exactly.
    #[arg(long)]
    pub exact: bool,
    /// Leave out trials whose name contains this; may be given several times.
    #[arg(long, value_name = "FILTER", action = ArgAction::Append)]
    pub skip: Vec<String>,
    /// Run one trial again, by the name that a report shows.
    #[arg(long, value_name = "NAME", action = ArgAction::Append)]
    pub repro: Vec<String>,
    /// Print the names of the trials and run none.
    #[arg(long)]
    pub list: bool,
    /// Trials in flight.
    #[arg(long, value_name = "N", env = "RUST_TEST_THREADS")]
    pub test_threads: Option<usize>,
    /// How results are printed.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// One character per trial instead of one line.
    #[arg(short, long)]
    pub quiet: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value = "auto")]
    pub color: Color,
    /// Write the lines of the trials to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub logfile: Option<PathBuf>,

    /// The matrix file.
    #[arg(long, value_name = "FILE", env = "OUTLAST_MATRIX")]
    pub matrix: Option<PathBuf>,
    /// What runs the servers.
    #[arg(long, value_enum, env = "OUTLAST_ENGINE")]
    pub engine: Option<EngineChoice>,
    /// When images are pulled.
    #[arg(long, value_enum, env = "OUTLAST_PULL")]
    pub pull: Option<Pull>,
    /// How much of the matrix is run.
    #[arg(long, value_enum, env = "OUTLAST_PROFILE")]
    pub profile: Option<Profile>,
    /// Folder for reports.
    #[arg(long, value_name = "DIR", env = "OUTLAST_REPORTS")]
    pub reports: Option<PathBuf>,
    /// Run the i-th of n parts of the selected trials.
    #[arg(long, value_name = "I/N", env = "OUTLAST_SHARD", value_parser = Shard::parse)]
    pub shard: Option<Shard>,
    /// Compare with an earlier run: its folder or its report.json. A run that is worse fails.
    #[arg(long, value_name = "RUN", env = "OUTLAST_BASELINE")]
    pub baseline: Option<PathBuf>,
    /// Columns of trials.csv, separated by commas.
    #[arg(long, value_name = "NAMES", env = "OUTLAST_COLUMNS", value_delimiter = ',', value_parser = PossibleValuesParser::new(COLUMNS), hide_possible_values = true)]
    pub columns: Vec<String>,
    /// Write allure-results/ too.
    #[arg(long, value_name = "YES|NO", env = "OUTLAST_ALLURE", num_args = 0..=1, require_equals = true, default_missing_value = "yes", value_parser = BoolishValueParser::new())]
    pub allure: Option<bool>,

    /// Write so many acknowledged ops before the fault, whatever the workload says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub writes: Option<u32>,
    /// Use so many connections, whatever the workload says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub connections: Option<u16>,
    /// Keep so many commands in flight per connection, whatever the workload says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub pipeline: Option<u32>,
    /// Play these steps, separated by `;`, whatever the fault says.
    #[arg(long, value_name = "STEPS")]
    pub steps: Option<String>,
    /// Repeat the selected trials with up to N seeds each until one is broken, and shrink it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub until_broken: Option<u32>,
    /// Repeat the selected trials with ever new seeds for so many seconds, or until one is broken.
    #[arg(long, value_name = "T")]
    pub seconds: Option<u64>,

    // What libtest knows and what changes nothing here, accepted so that tools can pass it.
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    ignored: bool,
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    include_ignored: bool,
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    nocapture: bool,
    #[arg(long = "no-capture", hide = true, action = ArgAction::SetTrue)]
    no_capture: bool,
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    show_output: bool,
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    test: bool,
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    bench: bool,
    #[arg(short = 'Z', hide = true, action = ArgAction::Append)]
    unstable: Vec<String>,
    #[arg(long, hide = true, num_args = 0..=1)]
    report_time: Option<Option<String>>,
}

/// Output of the trial lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line per trial.
    Pretty,
    /// A character per trial; with `--list` one name per line.
    Terse,
    /// libtest's JSON events.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What runs the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum EngineChoice {
    /// Docker where an engine answers, else processes.
    #[default]
    Auto,
    /// Containers.
    Docker,
    /// Local processes.
    Process,
}

/// When images are pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Pull {
    /// When they are not there.
    #[default]
    Missing,
    /// Not at all.
    Never,
    /// Before every run.
    Always,
}

/// How much of the matrix is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Profile {
    /// A minute's worth.
    Quick,
    /// What a pull request should pass.
    #[default]
    Default,
    /// Everything.
    Full,
}

impl Profile {
    /// The word in matrix.toml.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Default => "default",
            Self::Full => "full",
        }
    }
}

/// One part of a run: the `index`-th of `count`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: usize,
    /// How many parts.
    pub count: usize,
}

impl Shard {
    fn parse(text: &str) -> Result<Self, String> {
        let part = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match part {
            Some((index, count)) if index >= 1 && index <= count => Ok(Self { index, count }),
            _ => Err("a part is written i/n with 1 <= i <= n, such as 2/4".into()),
        }
    }

    /// Whether the trial at this position of the selection belongs to the part.
    pub fn holds(self, position: usize) -> bool {
        position % self.count == self.index - 1
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.index, self.count)
    }
}

impl Flags {
    /// Parses a command line; clap's error renders itself and carries the exit code 2 (0 for `--help`).
    pub fn parse_from_args(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let flags = Self::try_parse_from(args)?;
        if flags.test_threads == Some(0) {
            let text = "--test-threads 0 would run nothing for ever; give 1 or more\n";
            return Err(clap::Error::raw(clap::error::ErrorKind::InvalidValue, text));
        }
        Ok(flags)
    }

    /// libtest's `--ignored` asks for ignored tests alone, and there are none.
    pub fn ignored_only(&self) -> bool {
        self.ignored
    }

    /// Whether a trial of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        let listed =
            |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        let asked = if self.repro.is_empty() && self.filters.is_empty() {
            true
        } else {
            self.repro.iter().any(|repro| repro == name) || self.filters.iter().any(listed)
        };
        let skipped =
            |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        asked && !self.skip.iter().any(skipped)
    }

    /// Full names, where the command line gives nothing else: they need no expansion of the matrix.
    pub fn names(&self) -> Option<Vec<&str>> {
        let by_name = self.filters.is_empty() || self.exact;
        let names: Vec<_> = self.repro.iter().chain(&self.filters).map(String::as_str).collect();
        (by_name && !names.is_empty()).then_some(names)
    }

    /// The matrix file: `matrix.toml` in the working directory unless said otherwise.
    pub fn matrix_file(&self) -> &Path {
        self.matrix.as_deref().unwrap_or(Path::new("matrix.toml"))
    }
}

/// What a run uses, after flag, environment and file have had their say.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What runs the servers.
    pub engine: EngineChoice,
    /// When images are pulled.
    pub pull: Pull,
    /// How much of the matrix is run.
    pub profile: Profile,
    /// Folder for reports.
    pub reports: PathBuf,
    /// Trials in flight.
    pub threads: Option<usize>,
    /// Most attempts for an inconclusive trial.
    pub attempts: u32,
    /// What the run must show to pass.
    pub gate: GateRules,
    /// What the reports hold.
    pub report: ReportWishes,
}

impl Settings {
    /// Flags (which include the environment) beat the file.
    pub fn resolve(flags: &Flags, matrix: &Matrix) -> Self {
        let (file, gate, report) = (&matrix.run, &matrix.gate, &matrix.report);
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            engine: flags
                .engine
                .or_else(|| EngineChoice::from_str(&word(&file.engine), true).ok())
                .unwrap_or_default(),
            pull: flags.pull.or_else(|| Pull::from_str(&word(&file.pull), true).ok()).unwrap_or_default(),
            profile: flags
                .profile
                .or_else(|| Profile::from_str(&word(&file.profile), true).ok())
                .unwrap_or_default(),
            reports: flags
                .reports
                .clone()
                .or_else(|| file.reports.clone())
                .unwrap_or_else(|| PathBuf::from("reports")),
            threads: flags.test_threads.or(file.test_threads),
            attempts: file.attempts.unwrap_or(3).max(1),
            gate: GateRules {
                inconclusive_warns: gate.inconclusive_warns,
                lost: gate.lost,
                trials: gate.trials,
                unsupported: gate.unsupported,
                baseline: flags
                    .baseline
                    .as_ref()
                    .or(gate.baseline.as_ref())
                    .map(|run| run.display().to_string()),
                regressions_warn: gate.regressions_warn,
            },
            report: ReportWishes {
                columns: if flags.columns.is_empty() {
                    report.columns.clone()
                } else {
                    flags.columns.clone()
                },
                allure: flags.allure.or(report.allure).unwrap_or(false),
                history: report.history.unwrap_or(history::KEPT),
                budget_window_ms: strictest(matrix, |budget| {
                    budget.lost_window.or(budget.lost.filter(|lost| *lost == 0).map(|_| Duration::ZERO))
                }),
                budget_recovery_ms: strictest(matrix, |budget| budget.recovery),
            },
        }
    }
}

/// The shortest time that a budget sets, in milliseconds.
fn strictest(matrix: &Matrix, of: fn(&Budget) -> Option<Duration>) -> Option<u64> {
    let shortest = matrix.budgets.iter().filter_map(of).min()?;
    u64::try_from(shortest.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(args: &[&str]) -> Flags {
        let words = std::iter::once("persistence").chain(args.iter().copied()).map(OsString::from);
        Flags::parse_from_args(words).expect("valid arguments")
    }

    #[test]
    fn several_filters_widen_and_skip_narrows() {
        let flags = flags(&["kill", "term", "--skip", "redis-6.2"]);
        assert!(flags.wants("core::redis-7.0::none::single::kill::s1"));
        assert!(flags.wants("core::redis-7.0::none::single::term::s1"));
        assert!(!flags.wants("core::redis-6.2::none::single::kill::s1"));
        assert!(!flags.wants("core::redis-7.0::none::single::stop-1s::s1"));
        assert_eq!(flags.names(), None);
    }

    #[test]
    fn a_name_to_repeat_is_known_without_expanding() {
        assert_eq!(flags(&["--repro", "a::b"]).names(), Some(vec!["a::b"]));
        assert_eq!(flags(&["a::b", "--exact", "--nocapture"]).names(), Some(vec!["a::b"]));
    }

    #[test]
    fn no_threads_are_refused() {
        let words = ["persistence", "--test-threads", "0"].map(OsString::from);
        assert!(Flags::parse_from_args(words).is_err());
    }

    #[test]
    fn a_shard_takes_every_nth_trial() {
        let parts: Vec<_> = (1..=3).map(|index| Shard { index, count: 3 }).collect();
        for position in 0..20 {
            assert_eq!(parts.iter().filter(|part| part.holds(position)).count(), 1);
        }
        assert!(Shard::parse("0/3").is_err());
        assert!(Shard::parse("4/3").is_err());
    }
}

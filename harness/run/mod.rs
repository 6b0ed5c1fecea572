//! One run: settings, servers, engine, trials, reports, exit code.
//!
//! In order: the matrix is loaded and the trials are selected; servers and engine are prepared, once for all; the
//! trials run on threads that share a lab; the journal is closed and the reports are made from it.

mod hunt;
mod interrupt;
mod lab;
mod outlet;
mod prepare;
mod select;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use libtest_mimic::{Arguments, Trial};

use self::lab::Lab;
use self::outlet::Outlet;
pub use self::prepare::scratch;
use crate::engine::Engine;
use crate::engine::docker::Docker;
use crate::janitor::Home;
use crate::matrix::{Case, Matrix};
use crate::progress::Progress;
use crate::record::RunFacts;
pub use crate::record::exit;
use crate::server::{Build, Unavailable};
use crate::settings::{Color, EngineChoice, Flags, Format, Settings};
use crate::{matrix, publish, report};

/// Trials in flight per processor: most of the time a trial waits, for writes that are paced, for a grace.
const TRIALS_PER_CPU: usize = 16;

/// Runs what the command line asks for.
pub fn main(flags: &Flags) -> ExitCode {
    match start(flags) {
        Ok(code) => ExitCode::from(code),
        Err(stop) => {
            eprintln!("{}", stop.message.trim_end());
            ExitCode::from(stop.code)
        }
    }
}

/// A run that cannot begin or go on.
struct Stop {
    code: u8,
    message: String,
}

impl Stop {
    fn usage(message: impl Into<String>) -> Self {
        Self { code: exit::USAGE, message: message.into() }
    }

    fn lab(message: impl Into<String>) -> Self {
        Self { code: exit::LAB, message: message.into() }
    }
}

fn start(flags: &Flags) -> Result<u8, Stop> {
    let recipe = Recipe::of(flags)?;
    let matrix = load(flags)?;
    let settings = Settings::resolve(flags, &matrix);
    let engine = choose(settings.engine);
    let cases = select::select(&matrix, flags, engine)?;
    if flags.list {
        return select::list(&matrix, flags, &cases);
    }
    if cases.is_empty() {
        eprintln!("no trial matches: nothing was run (--list shows the names)");
        return Ok(exit::KEPT);
    }
    Run::prepare(flags, settings, Arc::new(matrix), engine, cases, recipe)?.go()
}

fn load(flags: &Flags) -> Result<Matrix, Stop> {
    let profile = flags.profile.map(crate::settings::Profile::as_str);
    let vocabulary = crate::vocabulary();
    matrix::load(flags.matrix_file(), profile, &vocabulary).map_err(|mistakes| {
        let color = match flags.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::env::var_os("NO_COLOR").is_none() && io::IsTerminal::is_terminal(&io::stderr())
            }
        };
        Stop::usage(mistakes.render(color))
    })
}

/// `docker` or `process`: where nothing was asked for, whatever answers.
fn choose(choice: EngineChoice) -> &'static str {
    match choice {
        EngineChoice::Docker => "docker",
        EngineChoice::Process => "process",
        EngineChoice::Auto if Docker::probe().is_some() => "docker",
        EngineChoice::Auto => {
            if let Some(host) = std::env::var_os("DOCKER_HOST").filter(|host| !host.is_empty()) {
                eprintln!("no engine answers at DOCKER_HOST={}: trials run as processes", host.display());
            }
            "process"
        }
    }
}

/// What replaces the workload's and the fault's own settings, where it is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Recipe {
    writes: Option<u32>,
    connections: Option<u16>,
    pipeline: Option<u32>,
    steps: Option<Vec<String>>,
}

impl Recipe {
    /// What the command line asks for; every step is checked.
    fn of(flags: &Flags) -> Result<Self, Stop> {
        let steps: Option<Vec<String>> = flags.steps.as_ref().map(|steps| {
            steps.split(';').map(|step| step.trim().to_owned()).filter(|step| !step.is_empty()).collect()
        });
        for step in steps.iter().flatten() {
            crate::fault::parse(step)
                .map_err(|mistake| Stop::usage(format!("--steps: `{step}`: {mistake}")))?;
        }
        Ok(Self { writes: flags.writes, connections: flags.connections, pipeline: flags.pipeline, steps })
    }

    /// As flags.
    fn flags(&self) -> String {
        let number = |name: &str, value: Option<u32>| {
            value.map(|value| format!(" --{name} {value}")).unwrap_or_default()
        };
        let steps =
            self.steps.as_ref().map(|steps| format!(" --steps '{}'", steps.join("; "))).unwrap_or_default();
        number("writes", self.writes)
            + &number("connections", self.connections.map(u32::from))
            + &number("pipeline", self.pipeline)
            + &steps
    }
}

/// Everything the trials share.
struct Run {
    matrix: Arc<Matrix>,
    settings: Settings,
    quiet: bool,
    format: Option<Format>,
    color: Color,
    logfile: Option<PathBuf>,
    recipe: Recipe,
    until_broken: Option<u32>,
    seconds: Option<u64>,
    cases: Vec<Case>,
    builds: Vec<Result<Arc<Build>, Unavailable>>,
    engine: Arc<dyn Engine>,
    home: Home,
    began: Instant,
    folder: PathBuf,
    facts: RunFacts,
}

impl Run {
    fn go(self) -> Result<u8, Stop> {
        interrupt::watch(self.home.folder.clone());
        let watched = Progress::watched() && self.format.is_none() && !self.quiet && self.logfile.is_none();
        let lab = Arc::new(Lab::open(&self, watched)?);
        let threads = self.settings.threads.unwrap_or(cpus() * TRIALS_PER_CPU);
        if self.until_broken.is_some() || self.seconds.is_some() {
            let time = self.seconds.map(std::time::Duration::from_secs);
            let bounds = hunt::Bounds { seeds: self.until_broken.unwrap_or(u32::MAX), time, threads };
            let hit = hunt::run(&lab, &self.cases, bounds);
            if let Some((case, record)) = hit {
                println!("broken        {}\n              {}", record.name, record.message);
                println!("              looking for the smallest case that still shows it");
                let smallest = hunt::shrink(&lab, case, &record);
                println!("              {}{}", record.repro, smallest.flags());
            }
            return self.finish(&lab);
        }
        let trials = self.cases.iter().map(|&case| {
            let lab = lab.clone();
            Trial::ignorable_test(self.matrix.name(case), move || lab.run(case))
        });
        let format = self.format.map(|format| match format {
            Format::Pretty => libtest_mimic::FormatSetting::Pretty,
            Format::Terse => libtest_mimic::FormatSetting::Terse,
            Format::Json => libtest_mimic::FormatSetting::Json,
        });
        let color = match self.color {
            Color::Auto => libtest_mimic::ColorSetting::Auto,
            Color::Always => libtest_mimic::ColorSetting::Always,
            Color::Never => libtest_mimic::ColorSetting::Never,
        };
        // Under the progress line the trials' own lines go to a file: two writers on one terminal garble it.
        let log = if watched { Some(self.folder.join("trials.log")) } else { self.logfile.clone() };
        let arguments = Arguments {
            test_threads: Some(threads),
            quiet: self.quiet,
            format,
            color: Some(color),
            logfile: log.map(|path| path.display().to_string()),
            ..Arguments::default()
        };
        // Whoever reads the trials' lines may stop to (`| head`): a run goes on to its reports all the same.
        let outlet = if arguments.logfile.is_none() && !io::stdout().is_terminal() {
            Some(Outlet::open().map_err(|error| Stop::lab(format!("failed to open a pipe: {error}")))?)
        } else {
            None
        };
        let logfile = outlet.as_ref().map(Outlet::path).or_else(|| arguments.logfile.clone());
        let _ = libtest_mimic::run(&Arguments { logfile, ..arguments }, trials.collect());
        if let Some(outlet) = outlet {
            outlet.close();
        }
        self.finish(&lab)
    }

    /// Closes the journal, writes the reports from it, and says what came out.
    fn finish(mut self, lab: &Lab) -> Result<u8, Stop> {
        self.facts.duration_ms = self.began.elapsed().as_secs_f64() * 1000.0;
        self.facts.interrupted = interrupt::happened();
        let closed = lab.close(&self.facts);
        if !self.home.close() {
            eprintln!(
                "warning: the engine does not answer; the next run, or `outlast clean`, removes what is left there"
            );
        }
        if let Some(trouble) = closed.map_err(|error| Stop::lab(error.to_string()))? {
            eprintln!("warning: {trouble}; the reports lack these trials");
        }
        let reports = &self.settings.reports;
        let report = publish::publish(&self.folder, reports, |_| {}).map_err(|error| {
            Stop::lab(format!("{error}; the journal in {} is whole", self.folder.display()))
        })?;
        report::point_latest(reports, &self.folder).map_err(|error| Stop::lab(error.to_string()))?;
        let mut out = io::stdout().lock();
        let _ = out.write_all(crate::summary::text(&report, reports).as_bytes());
        drop(out);
        if let Err(error) = publish::announce(&self.folder, &report) {
            eprintln!("warning: the summary could not be handed to CI: {error}");
        }
        Ok(report.gate.exit_code)
    }
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

//! One run: settings, servers, engine, trials, reports, exit code.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::engine::docker::{self, Docker};
use crate::engine::process::Process;
use crate::engine::{Engine, EngineError};
use crate::fault::scene::READY_LIMIT;
use crate::janitor::{self, Home};
use crate::journal::Journal;
use crate::matrix::{Case, Directive, Matrix};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::record::{Origin, RunFacts, ServerFacts, TrialRecord, Verdict};
use crate::server::{self, Build, Unavailable};
use crate::settings::{Color, EngineChoice, Flags, Format, Pull, Settings};
use crate::{matrix, report, trial};

/// Limit of one trial when matrix.toml does not say.
const TRIAL_LIMIT: Duration = Duration::from_secs(120);
/// Trials in flight per processor: most of the time a trial waits, for writes that are paced, for a grace.
const TRIALS_PER_CPU: usize = 16;

/// Exit codes, apart so that CI can tell them apart.
pub mod exit {
    /// Every promise kept.
    pub const KEPT: u8 = 0;
    /// A promise was broken.
    pub const BROKEN: u8 = 1;
    /// The command line or matrix.toml is wrong, or no server can be had.
    pub const USAGE: u8 = 2;
    /// The lab failed, or put no pressure.
    pub const LAB: u8 = 3;
    /// Stopped before the end.
    pub const INTERRUPTED: u8 = 130;
}

/// Set by the first Ctrl-C (or SIGTERM): no further trial begins.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

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
    let matrix = load(flags)?;
    let settings = Settings::resolve(flags, &matrix.run);
    let engine = choose(settings.engine);
    let cases = select(&matrix, flags, engine)?;
    if flags.list {
        return list(&matrix, flags, &cases);
    }
    if cases.is_empty() {
        eprintln!("no trial matches: nothing was run (--list shows the names)");
        return Ok(exit::KEPT);
    }
    Run::prepare(flags, settings, Arc::new(matrix), engine, cases)?.go()
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
        EngineChoice::Auto => "process",
    }
}

/// The trials that the command line asks for, in the order of the matrix.
fn select(matrix: &Matrix, flags: &Flags, engine: &str) -> Result<Vec<Case>, Stop> {
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

fn list(matrix: &Matrix, flags: &Flags, cases: &[Case]) -> Result<u8, Stop> {
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

fn connect(home: &Home, pull: Pull) -> Result<Docker, EngineError> {
    home.uses_engine();
    let pull = match pull {
        Pull::Missing => docker::Pull::Missing,
        Pull::Never => docker::Pull::Never,
        Pull::Always => docker::Pull::Always,
    };
    Docker::connect(&home.id, pull, docker::DEFAULT_STARTS)
}

/// Everything the trials share.
struct Run {
    matrix: Arc<Matrix>,
    settings: Settings,
    quiet: bool,
    format: Option<Format>,
    color: Color,
    logfile: Option<PathBuf>,
    cases: Vec<Case>,
    builds: Vec<Result<Arc<Build>, Unavailable>>,
    engine: Arc<dyn Engine>,
    home: Home,
    began: Instant,
    folder: PathBuf,
    facts: RunFacts,
}

impl Run {
    fn prepare(
        flags: &Flags,
        settings: Settings,
        matrix: Arc<Matrix>,
        engine_name: &'static str,
        cases: Vec<Case>,
    ) -> Result<Self, Stop> {
        let began = Instant::now();
        let started = jiff::Timestamp::now();
        let home = Home::open(&scratch(), crate::reap).map_err(|error| {
            Stop::lab(format!("failed to make a folder for servers: {error}; set TMPDIR"))
        })?;
        let folder = report_folder(&settings.reports, started, &home.id)?;
        let docker = match engine_name {
            "docker" => Some(connect(&home, settings.pull).map_err(|error| {
                Stop::lab(format!("no container engine: {error}; OUTLAST_ENGINE=process needs none"))
            })?),
            _ => None,
        };
        let builds = servers(&matrix, &cases, docker.as_ref());
        let facts = RunFacts {
            id: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            started_at: started.to_string(),
            outlast: env!("CARGO_PKG_VERSION").into(),
            command: std::env::args().skip(1).collect(),
            matrix: matrix.file.display().to_string(),
            matrix_digest: matrix.digest.clone(),
            profile: settings.profile.as_str().into(),
            engine: docker
                .as_ref()
                .map_or_else(|| "process".into(), |docker| docker.facts().description.clone()),
            os: os(),
            arch: std::env::consts::ARCH.into(),
            cpus: cpus(),
            filesystem: crate::disk::kind(&home.folder),
            shard: flags.shard.map(|shard| shard.to_string()),
            planned: matrix.count() as u64,
            selected: cases.len() as u64,
            servers: matrix
                .servers
                .iter()
                .zip(&builds)
                .map(|(server, build)| facts_of(&server.name, build))
                .collect(),
            ..RunFacts::default()
        };
        let used = |case: &Case| builds[usize::from(case.server)].as_ref();
        if !cases.iter().any(|case| used(case).is_ok()) {
            let missing: Vec<_> = builds.into_iter().filter_map(Result::err).collect();
            let _ = std::fs::remove_dir_all(&folder);
            home.close();
            return Err(Stop::usage(server::nothing_to_run(&missing)));
        }
        let engine: Arc<dyn Engine> = match docker {
            Some(docker) => Arc::new(docker),
            None => Arc::new(Process),
        };
        Ok(Self {
            matrix,
            settings,
            quiet: flags.quiet,
            format: flags.format,
            color: flags.color,
            logfile: flags.logfile.clone(),
            cases,
            builds,
            engine,
            home,
            began,
            folder,
            facts,
        })
    }

    fn go(self) -> Result<u8, Stop> {
        watch_for_interrupts(self.home.folder.clone());
        let journal = Journal::create(&self.folder, &self.facts).map_err(|error| {
            Stop::lab(format!("{error}; set OUTLAST_REPORTS to a folder that can be written"))
        })?;
        let watched = Progress::watched() && self.format.is_none() && !self.quiet && self.logfile.is_none();
        let shared = Arc::new(Shared {
            progress: Progress::new(self.cases.len() as u64, watched),
            matrix: self.matrix.clone(),
            builds: self.builds.clone(),
            engine: self.engine.clone(),
            bases: bases(&self.matrix)?,
            journal,
            journal_trouble: Mutex::new(None),
            home: self.home.folder.clone(),
            began: self.began,
            attempts: self.settings.attempts,
            next: AtomicU64::new(0),
            run: self.home.id.clone(),
            repro: repro_prefix(self.engine.name(), &self.matrix.file),
            inconclusive_fails: self.settings.inconclusive_fails,
        });
        let trials = self.cases.iter().map(|&case| {
            let shared = shared.clone();
            Trial::ignorable_test(self.matrix.name(case), move || shared.run(case))
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
            test_threads: Some(self.settings.threads.unwrap_or(cpus() * TRIALS_PER_CPU)),
            quiet: self.quiet,
            format,
            color: Some(color),
            logfile: log.map(|path| path.display().to_string()),
            ..Arguments::default()
        };
        let _ = libtest_mimic::run(&arguments, trials.collect());
        shared.progress.close();
        self.finish(&shared)
    }

    /// Closes the journal, writes the reports from it, and says what came out.
    fn finish(mut self, shared: &Shared) -> Result<u8, Stop> {
        self.facts.duration_ms = self.began.elapsed().as_secs_f64() * 1000.0;
        self.facts.interrupted = INTERRUPTED.load(Ordering::SeqCst);
        let closed = shared.journal.close(&self.facts);
        self.home.close();
        closed.map_err(|error| Stop::lab(error.to_string()))?;
        if let Some(trouble) = shared.journal_trouble.lock().map_or(None, |mut slot| slot.take()) {
            eprintln!("warning: {trouble}; the reports lack these trials");
        }
        let lines = crate::journal::read(&self.folder).map_err(|error| Stop::lab(error.to_string()))?;
        let report = report::assemble(lines);
        report::write(&self.folder, &report)
            .and_then(|()| report::point_latest(&self.settings.reports, &self.folder))
            .map_err(|error| {
                Stop::lab(format!("{error}; the journal in {} is whole", self.folder.display()))
            })?;
        let mut out = io::stdout().lock();
        let _ = out.write_all(crate::summary::text(&report, &self.settings.reports).as_bytes());
        let totals = &report.totals;
        Ok(if self.facts.interrupted {
            exit::INTERRUPTED
        } else if totals.broken > 0 {
            exit::BROKEN
        } else if totals.errored > 0 || (totals.inconclusive > 0 && self.settings.inconclusive_fails) {
            exit::LAB
        } else {
            exit::KEPT
        })
    }
}

/// What the threads of the trials share.
struct Shared {
    matrix: Arc<Matrix>,
    builds: Vec<Result<Arc<Build>, Unavailable>>,
    engine: Arc<dyn Engine>,
    /// Lines of config files, by server and policy.
    bases: Bases,
    journal: Journal,
    journal_trouble: Mutex<Option<String>>,
    progress: Progress,
    home: PathBuf,
    began: Instant,
    attempts: u32,
    next: AtomicU64,
    run: String,
    repro: String,
    inconclusive_fails: bool,
}

impl Shared {
    /// One trial, tried again with more pressure while it is inconclusive.
    fn run(&self, case: Case) -> Result<Completion, Failed> {
        let mut attempt = 1;
        let record = loop {
            if INTERRUPTED.load(Ordering::SeqCst) {
                return Ok(Completion::ignored_with("interrupted"));
            }
            let plan = self.plan(case, attempt);
            self.note(self.journal.started(&plan.name, attempt));
            let mut record = match &self.builds[usize::from(case.server)] {
                Ok(_) => trial::run(&Arc::new(plan), &self.engine, self.began),
                Err(missing) => unavailable(&plan, missing, self.engine.name()),
            };
            record.repro = format!("{}'{}'", self.repro, record.name);
            if record.verdict != Verdict::Inconclusive || attempt >= self.attempts {
                break record;
            }
            attempt += 1;
        };
        self.note(self.journal.finished(&record));
        self.progress.finished(&record);
        match record.verdict {
            Verdict::Kept | Verdict::Known => Ok(Completion::Completed),
            Verdict::Unsupported => Ok(Completion::ignored_with(record.message)),
            Verdict::Inconclusive if !self.inconclusive_fails => Ok(Completion::ignored_with(record.message)),
            verdict => {
                Err(Failed::from(format!("{}: {}\n{}", verdict.as_str(), record.message, record.repro)))
            }
        }
    }

    fn plan(&self, case: Case, attempt: u32) -> Plan {
        let matrix = &self.matrix;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let suite = &matrix.suites[usize::from(case.suite)];
        let mut workload = matrix.workloads[usize::from(case.workload)].clone();
        // More pressure: twice the writes at each further attempt.
        workload.writes = workload.writes.saturating_mul(1 << (attempt - 1).min(8));
        Plan {
            name: matrix.name(case),
            suite: suite.name.clone(),
            server: matrix.servers[usize::from(case.server)].clone(),
            build: self.builds[usize::from(case.server)].clone().unwrap_or_default(),
            persistence: matrix.persistences[usize::from(case.persistence)].clone(),
            storage: matrix.storages[usize::from(case.storage)].clone(),
            workload,
            fault: matrix.faults[usize::from(case.fault)].clone(),
            seed: u64::from(case.seed),
            second_life: suite.second_life,
            attempt,
            limit: matrix.run.trial_timeout.unwrap_or(TRIAL_LIMIT),
            ready: READY_LIMIT,
            folder: self.home.join(format!("{number:x}")),
            id: format!("{}-{number:x}", self.run),
            matrix: matrix.clone(),
            base: self.bases.of(case),
        }
    }

    /// A journal that cannot be written (disk full) must not lose the run: it is told once, at the end.
    fn note(&self, written: Result<(), crate::journal::JournalError>) {
        if let (Err(error), Ok(mut slot)) = (written, self.journal_trouble.lock()) {
            slot.get_or_insert_with(|| error.to_string());
        }
    }
}

/// The record of a trial whose server could not be had.
fn unavailable(plan: &Plan, missing: &Unavailable, engine: &str) -> TrialRecord {
    TrialRecord {
        name: plan.name.clone(),
        suite: plan.suite.clone(),
        server: plan.server.name.clone(),
        persistence: plan.persistence.name.clone(),
        storage: plan.storage.name.clone(),
        workload: plan.workload.name.clone(),
        fault: plan.fault.name.clone(),
        seed: plan.seed,
        engine: engine.into(),
        verdict: Verdict::Unsupported,
        message: format!("{missing}; {}", missing.remedy),
        attempt: plan.attempt,
        started_at: jiff::Timestamp::now().to_string(),
        ..TrialRecord::default()
    }
}

/// Config files of servers and policies, read once.
#[derive(Default)]
struct Bases {
    servers: Vec<Vec<Directive>>,
    persistences: Vec<Vec<Directive>>,
}

impl Bases {
    fn of(&self, case: Case) -> Vec<Directive> {
        let (server, policy) =
            (&self.servers[usize::from(case.server)], &self.persistences[usize::from(case.persistence)]);
        let mut lines: Vec<_> = server
            .iter()
            .filter(|line| policy.iter().all(|newer| newer.name != line.name))
            .cloned()
            .collect();
        lines.extend(policy.iter().cloned());
        lines
    }
}

fn bases(matrix: &Matrix) -> Result<Bases, Stop> {
    let read = |file: &Option<PathBuf>| -> Result<Vec<Directive>, Stop> {
        let Some(path) = file else { return Ok(Vec::new()) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Stop::usage(format!("failed to read {}: {error}", path.display())))?;
        matrix::conf::parse(&text).map_err(|error| Stop::usage(format!("{}: {error}", path.display())))
    };
    Ok(Bases {
        servers: matrix.servers.iter().map(|server| read(&server.config)).collect::<Result<_, _>>()?,
        persistences: matrix
            .persistences
            .iter()
            .map(|policy| read(&policy.config))
            .collect::<Result<_, _>>()?,
    })
}

/// Finds the servers that the selected trials need; the others are left alone.
fn servers(matrix: &Matrix, cases: &[Case], docker: Option<&Docker>) -> Vec<Result<Arc<Build>, Unavailable>> {
    let needed: Vec<_> = (0..matrix.servers.len())
        .map(|index| cases.iter().any(|case| usize::from(case.server) == index))
        .collect();
    let cache = server::cache_folder();
    let wanted: Vec<_> =
        matrix.servers.iter().zip(&needed).filter(|(_, needed)| **needed).map(|(s, _)| s).collect();
    let mut found = match docker {
        Some(docker) => docker.acquire_all(&wanted, &cache),
        None => server::acquire_all(&wanted, &cache),
    }
    .into_iter();
    matrix
        .servers
        .iter()
        .zip(needed)
        .map(|(server, needed)| {
            let unused = || Unavailable {
                server: server.name.clone(),
                tried: vec!["no selected trial needs it".into()],
                remedy: String::new(),
            };
            if needed { found.next().unwrap_or_else(|| Err(unused())).map(Arc::new) } else { Err(unused()) }
        })
        .collect()
}

fn facts_of(name: &str, build: &Result<Arc<Build>, Unavailable>) -> ServerFacts {
    match build {
        Ok(build) => ServerFacts {
            name: name.into(),
            version: format!("{} {}", build.product, build.version),
            origin: build.origin.clone(),
            unavailable: None,
        },
        Err(missing) => ServerFacts {
            name: name.into(),
            version: String::new(),
            origin: Origin::default(),
            unavailable: Some(missing.tried.join("; ")),
        },
    }
}

/// Where servers live while they run: short, because the path of a unix socket has at most 107 bytes.
pub fn scratch() -> PathBuf {
    let folder = std::env::temp_dir();
    if folder.as_os_str().len() > 60 { PathBuf::from("/tmp") } else { folder }
}

fn report_folder(reports: &Path, started: jiff::Timestamp, id: &str) -> Result<PathBuf, Stop> {
    let tail = id.rsplit('-').next().unwrap_or(id);
    let folder = reports.join(format!("{}-{tail}", started.strftime("%Y-%m-%dT%H-%M-%SZ")));
    std::fs::create_dir_all(&folder).map_err(|error| {
        let folder = folder.display();
        Stop::usage(format!(
            "failed to create {folder}: {error}; set OUTLAST_REPORTS to a folder that can be written"
        ))
    })?;
    Ok(folder)
}

fn repro_prefix(engine: &str, matrix: &Path) -> String {
    let matrix = if matrix == Path::new("matrix.toml") {
        String::new()
    } else {
        format!("OUTLAST_MATRIX={} ", matrix.display())
    };
    format!("OUTLAST_ENGINE={engine} {matrix}cargo test --test persistence -- --repro ")
}

fn os() -> String {
    let name = rustix::system::uname();
    format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The first Ctrl-C or SIGTERM lets trials in flight end and begins no other; the second ends at once,
/// and the janitor cleans up.
fn watch_for_interrupts(home: PathBuf) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            loop {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                if INTERRUPTED.swap(true, Ordering::SeqCst) {
                    janitor::clean(&home, crate::reap);
                    std::process::exit(i32::from(exit::INTERRUPTED));
                }
                eprintln!("\nstopping: trials in flight end first; press Ctrl-C again to end at once");
            }
        });
    });
}

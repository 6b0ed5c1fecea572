//! What a run needs before its first trial: a folder, an engine, the servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::{Recipe, Run, Stop, cpus};
use crate::engine::docker::{self, Docker};
use crate::engine::process::Process;
use crate::engine::{Engine, EngineError};
use crate::janitor::Home;
use crate::matrix::{Case, Matrix};
use crate::record::{Origin, RunFacts, ServerFacts};
use crate::secrets::Secrets;
use crate::server::{self, Build, Unavailable};
use crate::settings::{Flags, Pull, Settings};

impl Run {
    pub(super) fn prepare(
        flags: &Flags,
        settings: Settings,
        matrix: Arc<Matrix>,
        engine_name: &'static str,
        cases: Vec<Case>,
        recipe: Recipe,
    ) -> Result<Self, Stop> {
        if let Some(baseline) = &settings.gate.baseline {
            // Better now than after an hour of trials.
            crate::publish::load(Path::new(baseline))
                .map_err(|error| Stop::usage(format!("the baseline: {error}")))?;
        }
        let began = Instant::now();
        let started = jiff::Timestamp::now();
        let home = Home::open(&scratch(), crate::reap).map_err(|error| {
            Stop::lab(format!("failed to make a folder for servers: {error}; set TMPDIR"))
        })?;
        let docker = match engine_name {
            "docker" => Some(connect(&home, settings.pull).map_err(|error| {
                Stop::lab(format!("no container engine: {error}; OUTLAST_ENGINE=process needs none"))
            })?),
            _ => None,
        };
        let folder = report_folder(&settings.reports, started, &home.id)?;
        let builds = servers(&matrix, &cases, docker.as_ref());
        let secrets = Secrets::of_matrix(&matrix, flags.steps.as_deref());
        let facts = RunFacts {
            id: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            started_at: started.to_string(),
            outlast: env!("CARGO_PKG_VERSION").into(),
            command: std::env::args().skip(1).map(|word| secrets.mask(&word)).collect(),
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
            ci: crate::publish::ci(),
            gate: settings.gate.clone(),
            report: settings.report.clone(),
            shard: flags.shard.map(|shard| shard.to_string()),
            planned: matrix.count() as u64,
            elsewhere: (matrix.count() - matrix.cases(Some(engine_name)).count()) as u64,
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
            recipe,
            until_broken: flags.until_broken,
            seconds: flags.seconds,
            cases,
            builds,
            engine,
            home,
            began,
            folder,
            facts,
        })
    }
}

fn connect(home: &Home, pull: Pull) -> Result<Docker, EngineError> {
    let pull = match pull {
        Pull::Missing => docker::Pull::Missing,
        Pull::Never => docker::Pull::Never,
        Pull::Always => docker::Pull::Always,
    };
    let docker = Docker::connect(&home.id, pull, docker::DEFAULT_STARTS)?;
    home.uses_engine(&docker.address())
        .map_err(|error| EngineError::failed(format!("write to {}", home.folder.display()), error))?;
    Ok(docker)
}

/// Finds the servers that the selected trials need; the others are left alone.
fn servers(matrix: &Matrix, cases: &[Case], docker: Option<&Docker>) -> Vec<Result<Arc<Build>, Unavailable>> {
    let mut needed = vec![false; matrix.servers.len()];
    let mut faults = vec![false; matrix.faults.len()];
    for case in cases {
        needed[usize::from(case.server)] = true;
        faults[usize::from(case.fault)] = true;
    }
    for (index, server) in matrix.servers.iter().enumerate() {
        let switch = format!("switch-server {}", server.name);
        let mut used = matrix.faults.iter().zip(&faults).filter(|(_, used)| **used);
        needed[index] |= used.any(|(fault, _)| fault.steps.contains(&switch));
    }
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
                packaged: false,
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

fn os() -> String {
    let name = rustix::system::uname();
    format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
}

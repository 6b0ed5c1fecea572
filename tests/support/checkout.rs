//! Somebody's repository in a temporary folder: a matrix of its own, real servers, its own place for everything.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use outlast::record::{Report, TrialRecord};

/// A longer run than any of these has gone wrong.
const LIMIT: Duration = Duration::from_secs(120);

/// A small but whole matrix; tests add what they need. `SERVER` stands for a real binary.
pub const MATRIX: &str = r#"
[server.real]
binary = "SERVER"

[persistence.none]
save = ""
appendonly = "no"

[persistence.always]
save = ""
appendonly = "yes"
appendfsync = "always"

[workload.single]
kind = "single"
connections = 1
pipeline = 1
writes = 300
value = "32B"

[workload.churn]
kind = "churn"
connections = 4
pipeline = 8
writes = 800
value = "64B"
keys = 40

[fault.kill]
steps = ["kill", "start"]

[fault.stop]
steps = ["stop 10s", "start"]

[[suite]]
name = "core"
server = ["*"]
persistence = ["none", "always"]
workload = ["single", "churn"]
fault = ["kill", "stop"]
"#;

/// The binary of a server of the default matrix.
pub fn server(name: &str) -> PathBuf {
    build(name).binary.unwrap()
}

/// A server of the default matrix, acquired as a run would.
pub fn build(name: &str) -> outlast::server::Build {
    static FOUND: OnceLock<Vec<(String, Result<outlast::server::Build, String>)>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix.toml");
        let matrix = outlast::matrix::load(&file, None, &outlast::vocabulary()).unwrap();
        let servers: Vec<_> = matrix.servers.iter().collect();
        let builds = outlast::server::acquire_all(&servers, &outlast::server::cache_folder());
        let names = servers.iter().map(|server| server.name.clone());
        names.zip(builds.into_iter().map(|build| build.map_err(|missing| missing.to_string()))).collect()
    });
    let (_, build) = found.iter().find(|(found, _)| found == name).unwrap();
    build.clone().unwrap_or_else(|missing| panic!("{missing}"))
}

/// A folder with a matrix.toml, below which everything that a run makes must lie.
pub struct Checkout {
    folder: tempfile::TempDir,
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Checkout {
    /// With [`MATRIX`] and more.
    pub fn new(more: &str) -> Self {
        Self::with(&format!("{MATRIX}\n{more}"))
    }

    /// With this matrix alone.
    pub fn with(matrix: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("checkout-").tempdir_in("/tmp").unwrap();
        let checkout = Self { folder };
        std::fs::create_dir(checkout.temporary()).unwrap();
        let server = server("valkey-9.1").display().to_string();
        std::fs::write(checkout.path("matrix.toml"), matrix.replace("SERVER", &server)).unwrap();
        checkout
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn temporary(&self) -> PathBuf {
        self.path("tmp")
    }

    /// `outlast run` on the process engine, with nothing of this environment that could steer it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outlast"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("OUTLAST_")
                || name.starts_with("GITHUB_")
                || name.starts_with("NEXTEST")
                || name.starts_with("RUST_TEST")
                || name == "DOCKER_HOST"
            {
                command.env_remove(name);
            }
        }
        command.current_dir(self.folder.path()).arg("run").args(args).stdin(Stdio::null());
        command.env("OUTLAST_ENGINE", "process").env("TMPDIR", self.temporary());
        command.env("OUTLAST_SERVERS", outlast::server::cache_folder());
        command
    }

    /// Runs to the end.
    pub fn run(&self, args: &[&str]) -> Outcome {
        finish(self.spawn(&mut self.command(args)))
    }

    pub fn spawn(&self, command: &mut Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The newest report.
    pub fn report(&self) -> Report {
        let text = std::fs::read_to_string(self.path("reports/latest/report.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The one trial of the newest report whose name contains all of these.
    pub fn trial(&self, parts: &[&str]) -> TrialRecord {
        let fits = |trial: &TrialRecord| parts.iter().all(|part| trial.name.contains(part));
        let mut fitting: Vec<_> = self.report().trials.into_iter().filter(fits).collect();
        assert_eq!(fitting.len(), 1, "{parts:?}: {fitting:#?}");
        fitting.remove(0)
    }

    /// Trials whose record is in the journal.
    pub fn finished(&self) -> usize {
        self.journal("finished")
    }

    /// Trials that have begun and not ended.
    pub fn in_flight(&self) -> usize {
        // In this order: a trial that ends in between counts as one that goes on, for a moment.
        let finished = self.journal("finished");
        self.journal("started") - finished
    }

    /// Lines of this kind in the journals.
    fn journal(&self, kind: &str) -> usize {
        let Ok(folders) = std::fs::read_dir(self.path("reports")) else { return 0 };
        let files = folders
            .flatten()
            .filter_map(|folder| std::fs::read_dir(folder.path().join("journal")).ok())
            .flatten();
        files
            .flatten()
            .filter(|file| file.path().extension().is_some_and(|extension| extension == "jsonl"))
            .map(|file| {
                std::fs::read_to_string(file.path()).unwrap().matches(&format!("\"line\":\"{kind}\"")).count()
            })
            .sum()
    }

    /// Folders and processes that a run left behind.
    pub fn leftovers(&self) -> Vec<String> {
        let folders = std::fs::read_dir(self.temporary()).unwrap().flatten();
        let mut found: Vec<_> = folders.map(|entry| entry.path().display().to_string()).collect();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let cwd = std::fs::read_link(entry.path().join("cwd"));
            if cwd.is_ok_and(|cwd| cwd.starts_with(self.temporary())) {
                found.push(entry.path().display().to_string());
            }
        }
        found
    }

    /// Waits until nothing is left behind.
    pub fn wait_until_clean(&self) {
        wait_for("everything to be cleaned up", || self.leftovers().is_empty());
    }
}

/// Waits for a child within the limit.
pub fn finish(mut child: Child) -> Outcome {
    // The pipes are emptied meanwhile: a full one would stop the child for ever.
    let drain = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            pipe.unwrap().read_to_string(&mut text).unwrap();
            text
        })
    };
    let out = drain(child.stdout.take().map(|pipe| Box::new(pipe) as Box<_>));
    let err = drain(child.stderr.take().map(|pipe| Box::new(pipe) as Box<_>));
    let until = Instant::now() + LIMIT;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("the run had not ended after {LIMIT:?}: {}", err.join().unwrap());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let code = child.wait().unwrap().code().unwrap_or(-1);
    Outcome { code, out: out.join().unwrap(), err: err.join().unwrap() }
}

/// Looks again and again, for a while.
pub fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !there() {
        assert!(Instant::now() < until, "waited {LIMIT:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

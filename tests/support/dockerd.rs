//! The engine that answers here, and a Docker daemon of a test's own, which it may kill.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListVolumesOptionsBuilder,
};
use outlast::engine::docker::{Docker, LOCAL_IMAGE_LABEL, Pull, RUN_LABEL};
use rustix::process::{Pid, Signal, kill_process};

use super::checkout::{Checkout, wait_for};

/// A daemon that has not ended by then is killed.
const END_LIMIT: Duration = Duration::from_secs(20);

/// Runs until it is dropped.
pub struct Daemon {
    folder: tempfile::TempDir,
    child: Child,
}

/// How many things of Outlast an engine holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Holds {
    pub containers: usize,
    pub volumes: usize,
    pub images: usize,
}

impl Daemon {
    /// `None`, with a line that says why, where this user cannot run a daemon.
    pub fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let there = std::env::split_paths(&path).any(|folder| folder.join("dockerd").is_file());
        if !there || !rustix::process::getuid().is_root() {
            eprintln!("skipped: no dockerd in PATH that root could start");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("dockerd-").tempdir_in("/tmp").unwrap();
        let child = spawn(&folder.path().display().to_string());
        Some(Self { folder, child })
    }

    /// Its `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Kills it and its containerd; containers live on, as they do.
    pub fn kill(&mut self) {
        let containerd = std::fs::read_to_string(self.folder.path().join("exec/containerd/containerd.pid"));
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let pid = containerd.unwrap().trim().parse().unwrap();
        let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }

    /// Starts it again after [`Daemon::kill`].
    pub fn again(&mut self) {
        // A dead process that nobody has reaped looks alive to the next daemon.
        for pid in ["pid", "exec/containerd/containerd.pid"] {
            let _ = std::fs::remove_file(self.folder.path().join(pid));
        }
        self.child = spawn(&self.folder.path().display().to_string());
    }

    pub fn holds(&self) -> Holds {
        holds(&self.host(), None)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            // Only a daemon takes its containers down. A panic in here would hide the test's own.
            let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.again()));
            if again.is_err() {
                eprintln!("the daemon in {} did not start again", self.folder.path().display());
            }
        }
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let limit = Instant::now() + END_LIMIT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A daemon that was killed once leaves its folder mounted on itself.
        let data = self.folder.path().join("data");
        let _ = Command::new("umount").arg(data).stderr(Stdio::null()).status();
    }
}

fn spawn(folder: &str) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(format!("{folder}/log")).unwrap();
    // In a network of its own: it would take the bridge of this host's daemon down.
    let child = Command::new("unshare")
        .args(["--net", "dockerd"])
        .args(["--data-root", &format!("{folder}/data"), "--exec-root", &format!("{folder}/exec")])
        .args(["--pidfile", &format!("{folder}/pid"), "--host", &format!("unix://{folder}/docker.sock")])
        .args(["--bridge", "none", "--iptables=false"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    wait_for("dockerd to answer", || {
        let Ok(mut stream) = UnixStream::connect(format!("{folder}/docker.sock")) else { return false };
        let mut answer = String::new();
        stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n").is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.contains("OK")
    });
    child
}

/// What of Outlast's an engine holds: of one run, or of all.
pub fn holds(host: &str, run: Option<&str>) -> Holds {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = match host.strip_prefix("unix://") {
            Some(path) => bollard::Docker::connect_with_unix(path, 60, bollard::API_DEFAULT_VERSION),
            None => bollard::Docker::connect_with_http(host, 60, bollard::API_DEFAULT_VERSION),
        };
        let client = client.unwrap().negotiate_version().await.unwrap();
        let label = run.map_or_else(|| RUN_LABEL.to_owned(), |run| format!("{RUN_LABEL}={run}"));
        let by_run = HashMap::from([("label", vec![label])]);
        let local = HashMap::from([("label", vec![LOCAL_IMAGE_LABEL.to_owned()])]);
        let containers = ListContainersOptionsBuilder::default().all(true).filters(&by_run).build();
        let volumes = ListVolumesOptionsBuilder::default().filters(&by_run).build();
        let images = ListImagesOptionsBuilder::default().filters(&local).build();
        Holds {
            containers: client.list_containers(Some(containers)).await.unwrap().len(),
            volumes: client.list_volumes(Some(volumes)).await.unwrap().volumes.unwrap_or_default().len(),
            images: client.list_images(Some(images)).await.unwrap().len(),
        }
    })
}

/// `outlast run` in containers at this engine.
pub fn command(checkout: &Checkout, host: &str, args: &[&str]) -> Command {
    let mut command = checkout.command(args);
    command.env("OUTLAST_ENGINE", "docker").env("OUTLAST_PULL", "never").env("DOCKER_HOST", host);
    command
}

/// The engine that answers here, by its address.
pub fn engine() -> Option<String> {
    if Docker::probe().is_none() {
        eprintln!("skipped: no container engine answers");
        return None;
    }
    Some(Docker::connect("none", Pull::Never, 1).unwrap().address())
}

/// Label of the run that goes on in this checkout: the name of its folder.
pub fn label(checkout: &Checkout) -> String {
    let folders = std::fs::read_dir(checkout.path("tmp")).unwrap().flatten();
    let names = folders.map(|folder| folder.file_name().to_string_lossy().to_lowercase());
    names.into_iter().find(|name| name.starts_with("outlast-")).unwrap()
}

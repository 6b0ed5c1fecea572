//! Servers in containers live, die and come back as the engine's handle says.
//!
//! Needs Docker or Podman, and a server binary: `OUTLAST_TEST_SERVER`, or `valkey-server` or
//! `redis-server` in PATH, or one in `target/servers`. Without them every test says so and passes.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use outlast::engine::docker::{Docker, Pull, reap};
use outlast::engine::{Address, Blueprint, Engine, EngineError, Instance, Restart, Signal, Volume};
use outlast::matrix::{Directive, Launch, StorageKind};
use outlast::server::Build;

const READY: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_secs(10);

/// One test's run: an engine with a label of its own, and a folder.
struct Lab {
    run: String,
    engine: Docker,
    build: Arc<Build>,
    folder: tempfile::TempDir,
}

impl Lab {
    async fn open(test: &str) -> Option<Self> {
        Self::with(test, |engine| engine).await
    }

    async fn with(test: &str, adapt: impl FnOnce(Docker) -> Docker) -> Option<Self> {
        let Some(binary) = binary() else {
            eprintln!("skipped: no server binary; set OUTLAST_TEST_SERVER");
            return None;
        };
        if Docker::probe().is_none() {
            eprintln!("skipped: no container engine answers");
            return None;
        }
        let run = format!("test-{test}-{}", std::process::id());
        let engine = adapt(Docker::connect(&run, Pull::Never, 4).unwrap());
        let build = Build { name: "local".into(), binary: Some(binary), ..Build::default() };
        let image = engine.ensure_image(&build, None).await.unwrap();
        assert_eq!(image.origin.kind, "local-image");
        assert!(!image.version.is_empty());
        Some(Self { run, engine, build: Arc::new(build), folder: tempfile::tempdir().unwrap() })
    }

    fn blueprint(&self) -> Blueprint {
        Blueprint {
            id: "one".into(),
            folder: self.folder.path().into(),
            build: self.build.clone(),
            directives: directives(&[("appendonly", "yes"), ("appendfsync", "always"), ("save", "\"\"")]),
            storage: StorageKind::Bind,
            launch: Launch::Direct,
            memory: None,
            tcp: false,
            tls: false,
        }
    }

    /// Removes the server and proves that nothing of the run is left on the engine.
    async fn close(self, mut server: Box<dyn Instance>) {
        server.remove().await.unwrap();
        let left = reap(Some(&self.run)).await.unwrap();
        assert_eq!((left.containers, left.volumes), (0, 0), "remove() left something behind");
    }
}

fn directives(lines: &[(&str, &str)]) -> Vec<Directive> {
    lines.iter().map(|&(name, value)| Directive { name: name.into(), value: value.into() }).collect()
}

fn binary() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("OUTLAST_TEST_SERVER") {
        return Some(path.into());
    }
    let names = ["valkey-server", "redis-server"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    in_path.into_iter().find(|file| file.is_file()).or_else(|| {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else if names.iter().any(|name| entry.file_name() == *name) {
                    return Some(entry.path());
                }
            }
        }
        None
    })
}

/// Connects once the server answers PING.
async fn ready(server: &mut dyn Instance) -> redis::aio::MultiplexedConnection {
    let until = Instant::now() + READY;
    loop {
        let url = match server.address() {
            Address::Unix(path) => format!("redis+unix://{}", path.display()),
            Address::Tcp(host, port) => format!("redis://{host}:{port}"),
            Address::Tls { host, port, .. } => format!("rediss://{host}:{port}"),
        };
        let client = redis::Client::open(url).unwrap();
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(READY));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        if let Ok(mut connection) = connection
            && redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok()
        {
            return connection;
        }
        if Instant::now() > until {
            panic!("no PONG within {READY:?}: {:?}", server.log_tail(20).await);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn set(server: &mut dyn Instance, key: &str) {
    let mut connection = ready(server).await;
    redis::cmd("SET").arg(key).arg("v").exec_async(&mut connection).await.unwrap();
}

async fn has(server: &mut dyn Instance, key: &str) -> bool {
    let mut connection = ready(server).await;
    redis::cmd("EXISTS").arg(key).query_async::<bool>(&mut connection).await.unwrap()
}

async fn config_get(server: &mut dyn Instance, name: &str) -> String {
    let mut connection = ready(server).await;
    let mut get = redis::cmd("CONFIG");
    let answer = get.arg("GET").arg(name).query_async::<Vec<String>>(&mut connection).await;
    answer.unwrap().pop().unwrap()
}

/// What a server looks at first when it loads its AOF, and the file that it appends to. Up to 6.2 they are one.
async fn aof(server: &mut dyn Instance) -> (String, String) {
    let files = server.files().await.unwrap();
    let ends = |end: &str| files.iter().map(|file| &file.path).find(|path| path.ends_with(end)).cloned();
    let one = || ends("appendonly.aof").expect("an AOF is there");
    (ends(".manifest").unwrap_or_else(one), ends(".incr.aof").unwrap_or_else(one))
}

/// Kills as the power button does and waits until the engine has seen it.
async fn kill(server: &mut dyn Instance) {
    server.signal(Signal::Kill).await.unwrap();
    let exit = server.exited(GRACE).await.unwrap().expect("it is dead");
    assert_eq!((exit.signal, exit.oom), (Some(9), false));
}

#[tokio::test]
async fn data_in_a_folder_or_a_volume_outlives_a_kill_and_its_container() {
    let Some(lab) = Lab::open("keep").await else { return };
    for storage in [StorageKind::Bind, StorageKind::Volume] {
        let mut server = lab.engine.create(Blueprint { storage, ..lab.blueprint() }).await.unwrap();
        server.start().await.unwrap();
        assert_eq!(server.exited(Duration::from_millis(1)).await.unwrap(), None);
        set(&mut *server, "a").await;
        assert_eq!(server.pid().is_some(), lab.engine.facts().local);
        kill(&mut *server).await;
        server.start().await.unwrap();
        assert!(has(&mut *server, "a").await, "{storage:?}: gone after the kill");
        kill(&mut *server).await;
        server.recreate(Volume::Keep).await.unwrap();
        server.start().await.unwrap();
        assert!(has(&mut *server, "a").await, "{storage:?}: gone with the container");
        kill(&mut *server).await;
        server.recreate(Volume::Drop).await.unwrap();
        server.start().await.unwrap();
        assert!(!has(&mut *server, "a").await, "{storage:?}: still there without its volume");
        server.remove().await.unwrap();
        server.remove().await.expect("removing twice is no error");
    }
    let server = lab.engine.create(lab.blueprint()).await.unwrap();
    lab.close(server).await;
}

#[tokio::test]
async fn data_without_a_name_goes_with_its_container() {
    let Some(lab) = Lab::open("lose").await else { return };
    for storage in [StorageKind::Anonymous, StorageKind::None] {
        let mut server = lab.engine.create(Blueprint { storage, ..lab.blueprint() }).await.unwrap();
        server.start().await.unwrap();
        set(&mut *server, "a").await;
        kill(&mut *server).await;
        server.start().await.unwrap();
        assert!(has(&mut *server, "a").await, "{storage:?}: gone after the kill");
        kill(&mut *server).await;
        server.recreate(Volume::Keep).await.unwrap();
        server.start().await.unwrap();
        assert!(!has(&mut *server, "a").await, "{storage:?}: outlived its container");
        server.remove().await.unwrap();
    }
    let server = lab.engine.create(lab.blueprint()).await.unwrap();
    lab.close(server).await;
}

#[tokio::test]
async fn files_can_be_read_and_damaged_wherever_they_are() {
    let Some(lab) = Lab::open("files").await else { return };
    for storage in [StorageKind::Bind, StorageKind::Volume, StorageKind::Anonymous, StorageKind::None] {
        let directives = directives(&[("save", "\"\""), ("appendonly", "no")]);
        let blueprint = Blueprint { storage, directives, ..lab.blueprint() };
        let mut server = lab.engine.create(blueprint).await.unwrap();
        server.start().await.unwrap();
        set(&mut *server, "a").await;
        let mut connection = ready(&mut *server).await;
        redis::cmd("SAVE").exec_async(&mut connection).await.unwrap();
        kill(&mut *server).await;
        let files = server.files().await.unwrap();
        let dump = files.iter().find(|file| file.path == "dump.rdb").expect("SAVE made it");
        let bytes = server.read_file("dump.rdb").await.unwrap();
        assert_eq!(bytes.len() as u64, dump.bytes, "{storage:?}");
        assert!(bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY"), "{storage:?}");
        server.write_file("dump.rdb", &bytes[..bytes.len() - 9]).await.unwrap();
        server.write_file("deep/er/file", b"x").await.unwrap();
        assert_eq!(server.read_file("deep/er/file").await.unwrap(), b"x");
        assert!(server.read_file("../conf/redis.conf").await.is_err());
        server.start().await.unwrap();
        let exit = server.exited(GRACE).await.unwrap().expect("half a dump is refused");
        assert_eq!(exit.code, Some(1), "{storage:?}");
        let log = server.log_tail(50).await;
        assert!(log.iter().any(|line| line.to_lowercase().contains("rdb")), "{storage:?}: {log:?}");
        server.remove().await.unwrap();
    }
    let server = lab.engine.create(lab.blueprint()).await.unwrap();
    lab.close(server).await;
}

#[tokio::test]
async fn a_file_in_a_folder_can_be_removed_and_one_elsewhere_cannot() {
    let Some(lab) = Lab::open("removed").await else { return };
    for storage in [StorageKind::Bind, StorageKind::Volume] {
        let mut server = lab.engine.create(Blueprint { storage, ..lab.blueprint() }).await.unwrap();
        server.start().await.unwrap();
        set(&mut *server, "k").await;
        kill(&mut *server).await;
        let (head, _) = aof(&mut *server).await;
        match server.remove_file(&head).await {
            Ok(()) => {
                assert_eq!(storage, StorageKind::Bind);
                assert!(server.files().await.unwrap().iter().all(|file| file.path != head));
                assert!(server.remove_file("../conf/redis.conf").await.is_err());
            }
            Err(error) => {
                assert_eq!(storage, StorageKind::Volume, "{error}");
                assert!(matches!(error, EngineError::Unsupported { .. }), "{error}");
            }
        }
        server.remove().await.unwrap();
    }
    let server = lab.engine.create(lab.blueprint()).await.unwrap();
    lab.close(server).await;
}

#[tokio::test]
async fn the_check_tools_of_the_image_read_and_mend_what_a_dead_server_left() {
    let Some(lab) = Lab::open("tools").await else { return };
    for storage in [StorageKind::Bind, StorageKind::Volume] {
        // The tool of Valkey 9 takes its own snapshots for damaged commands.
        let mut directives = lab.blueprint().directives;
        directives.push(Directive { name: "aof-use-rdb-preamble".into(), value: "no".into() });
        let blueprint = Blueprint { storage, directives, ..lab.blueprint() };
        let mut server = lab.engine.create(blueprint).await.unwrap();
        server.start().await.unwrap();
        set(&mut *server, "kept").await;
        set(&mut *server, "cut").await;
        kill(&mut *server).await;
        let (head, increment) = aof(&mut *server).await;
        let (well, said) = server.check_tool("check-aof", &[&head]).await.unwrap();
        assert!(well && said.contains("valid"), "{storage:?}: {said}");
        let bytes = server.read_file(&increment).await.unwrap();
        server.write_file(&increment, &bytes[..bytes.len() - 3]).await.unwrap();
        let (well, said) = server.check_tool("check-aof", &[&head]).await.unwrap();
        assert!(!well, "{storage:?}: {said}");
        let (well, said) = server.check_tool("check-aof", &["--fix", &head]).await.unwrap();
        assert!(well && said.contains("truncated"), "{storage:?}: {said}");
        server.start().await.unwrap();
        assert!(has(&mut *server, "kept").await && !has(&mut *server, "cut").await);
        server.remove().await.unwrap();
    }
    let mut server =
        lab.engine.create(Blueprint { storage: StorageKind::Anonymous, ..lab.blueprint() }).await.unwrap();
    let error = server.check_tool("check-aof", &["x"]).await.unwrap_err();
    assert!(matches!(error, EngineError::Unsupported { .. }), "{error}");
    lab.close(server).await;
}

#[tokio::test]
async fn another_server_gets_the_dead_ones_data_and_config_file() {
    let Some(lab) = Lab::open("switched").await else { return };
    let next = Arc::new(Build { name: "next".into(), ..Build::clone(&lab.build) });
    for storage in [StorageKind::Bind, StorageKind::Volume] {
        let mut server = lab.engine.create(Blueprint { storage, ..lab.blueprint() }).await.unwrap();
        server.start().await.unwrap();
        set(&mut *server, "k").await;
        let mut connection = ready(&mut *server).await;
        for words in [["CONFIG", "SET", "hz", "17"].as_slice(), &["CONFIG", "REWRITE"]] {
            let mut command = redis::cmd(words[0]);
            for word in &words[1..] {
                command.arg(*word);
            }
            command.exec_async(&mut connection).await.unwrap();
        }
        kill(&mut *server).await;
        let unknown = server.replace_build(next.clone()).await;
        if storage == StorageKind::Bind {
            assert!(matches!(unknown, Err(EngineError::Unsupported { .. })), "no image was prepared yet");
            lab.engine.ensure_image(&next, None).await.unwrap();
            server.replace_build(next.clone()).await.unwrap();
        }
        server.start().await.unwrap();
        assert!(has(&mut *server, "k").await, "{storage:?}");
        // What the server wrote into its config file is there where the file is this host's.
        assert_eq!(config_get(&mut *server, "hz").await, "17", "{storage:?}");
        server.remove().await.unwrap();
    }
    let mut server =
        lab.engine.create(Blueprint { storage: StorageKind::None, ..lab.blueprint() }).await.unwrap();
    let error = server.replace_build(next).await.unwrap_err();
    assert!(error.to_string().contains("goes with its container"), "{error}");
    lab.close(server).await;
}

#[tokio::test]
async fn a_shell_does_not_hand_sigterm_on() {
    let Some(lab) = Lab::open("shell").await else { return };
    let mut server = lab.engine.create(lab.blueprint()).await.unwrap();
    server.start().await.unwrap();
    ready(&mut *server).await;
    let exit = server.stop(GRACE).await.unwrap();
    assert_eq!((exit.code, exit.forced), (Some(0), false), "a server alone obeys");
    server.remove().await.unwrap();

    let blueprint = Blueprint { launch: Launch::Shell, ..lab.blueprint() };
    let mut server = lab.engine.create(blueprint).await.unwrap();
    for grace in [Duration::from_secs(1), Duration::from_millis(300)] {
        server.start().await.unwrap();
        ready(&mut *server).await;
        let begun = Instant::now();
        let exit = server.stop(grace).await.unwrap();
        assert_eq!((exit.signal, exit.forced), (Some(9), true), "{grace:?}");
        assert!(begun.elapsed() >= grace);
    }
    lab.close(server).await;
}

#[tokio::test]
async fn a_forgotten_config_file_leaves_the_policy_out_of_force() {
    let Some(lab) = Lab::open("forgotten").await else { return };
    let blueprint = Blueprint { launch: Launch::WithoutConfig, ..lab.blueprint() };
    let mut server = lab.engine.create(blueprint).await.unwrap();
    server.start().await.unwrap();
    assert_eq!(config_get(&mut *server, "appendonly").await, "no");
    assert_eq!(config_get(&mut *server, "dir").await, "/data");
    lab.close(server).await;
}

#[tokio::test]
async fn a_new_config_counts_from_the_next_start() {
    let Some(lab) = Lab::open("configure").await else { return };
    let mut server = lab.engine.create(lab.blueprint()).await.unwrap();
    server.start().await.unwrap();
    assert_eq!(config_get(&mut *server, "appendfsync").await, "always");
    let mut connection = ready(&mut *server).await;
    redis::cmd("CONFIG").arg("REWRITE").exec_async(&mut connection).await.unwrap();
    kill(&mut *server).await;
    server.configure(&directives(&[("appendonly", "yes"), ("appendfsync", "no")])).await.unwrap();
    server.start().await.unwrap();
    assert_eq!(config_get(&mut *server, "appendfsync").await, "no");
    lab.close(server).await;
}

#[tokio::test]
async fn a_restart_tells_how_the_first_life_ended() {
    let Some(lab) = Lab::open("restart").await else { return };
    let mut server = lab.engine.create(lab.blueprint()).await.unwrap();
    server.start().await.unwrap();
    set(&mut *server, "a").await;
    for grace in [GRACE, Duration::from_millis(2500)] {
        let before = server.pid();
        let exit = server.restart(grace).await.unwrap();
        assert_eq!((exit.code, exit.forced), (Some(0), false), "{grace:?}");
        assert!(has(&mut *server, "a").await, "{grace:?}");
        assert!(before.is_none() || server.pid() != before, "{grace:?}: the same process");
    }
    server.remove().await.unwrap();

    let blueprint = Blueprint { launch: Launch::Shell, ..lab.blueprint() };
    let mut server = lab.engine.create(blueprint).await.unwrap();
    server.start().await.unwrap();
    ready(&mut *server).await;
    let exit = server.restart(Duration::from_secs(1)).await.unwrap();
    assert_eq!((exit.signal, exit.forced), (Some(9), true));
    ready(&mut *server).await;
    lab.close(server).await;
}

#[tokio::test]
async fn too_little_memory_ends_in_an_oom_kill() {
    let Some(lab) = Lab::open("oom").await else { return };
    if !lab.engine.facts().memory_limit {
        eprintln!("skipped: the engine cannot limit memory");
        return;
    }
    let blueprint = Blueprint { memory: Some(32 << 20), ..lab.blueprint() };
    let mut server = lab.engine.create(blueprint).await.unwrap();
    server.start().await.unwrap();
    set(&mut *server, "before").await;
    let mut connection = ready(&mut *server).await;
    for number in 0..100 {
        let value = vec![b'x'; 1 << 20];
        let set = redis::cmd("SET").arg(number).arg(value).exec_async(&mut connection).await;
        if set.is_err() {
            break;
        }
    }
    let exit = server.exited(GRACE).await.unwrap().expect("100 MiB do not fit into 32");
    assert_eq!(exit.signal, Some(9));
    // Podman does not say why.
    assert!(exit.oom || lab.engine.facts().description.starts_with("Podman"), "{exit:?}");
    lab.close(server).await;
}

#[tokio::test]
async fn a_paused_server_is_silent_until_it_is_resumed() {
    let Some(lab) = Lab::open("pause").await else { return };
    let mut server = lab.engine.create(lab.blueprint()).await.unwrap();
    server.start().await.unwrap();
    let mut connection = ready(&mut *server).await;
    server.signal(Signal::Pause).await.unwrap();
    let mut ping = Box::pin(async move { redis::cmd("PING").query_async::<String>(&mut connection).await });
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut ping).await.is_err());
    server.signal(Signal::Resume).await.unwrap();
    assert_eq!(ping.await.unwrap(), "PONG");
    server.signal(Signal::Pause).await.unwrap();
    kill(&mut *server).await;
    lab.close(server).await;
}

#[tokio::test]
async fn reaping_removes_what_a_dead_run_left() {
    let Some(lab) = Lab::open("reap").await else { return };
    let blueprint = Blueprint { storage: StorageKind::Volume, ..lab.blueprint() };
    let mut server = lab.engine.create(blueprint.clone()).await.unwrap();
    server.start().await.unwrap();
    ready(&mut *server).await;
    // The next attempt of a killed trial has the same name.
    drop(server);
    let mut server = lab.engine.create(blueprint).await.unwrap();
    server.start().await.unwrap();
    drop(server);
    let reaped = reap(Some(&lab.run)).await.unwrap();
    assert_eq!((reaped.containers, reaped.volumes), (1, 1));
    let again = reap(Some(&lab.run)).await.unwrap();
    assert_eq!((again.containers, again.volumes), (0, 0));
}

#[tokio::test]
async fn an_engine_elsewhere_needs_no_shared_files() {
    let Some(lab) = Lab::with("remote", Docker::as_remote).await else { return };
    let mut server = lab.engine.create(lab.blueprint()).await.unwrap();
    server.start().await.unwrap();
    assert!(matches!(server.address(), Address::Tcp(_, port) if port != 0));
    assert_eq!(server.pid(), None);
    set(&mut *server, "a").await;
    kill(&mut *server).await;
    let files = server.files().await.unwrap();
    assert!(files.iter().any(|file| file.path.contains("appendonly")), "{files:?}");
    server.configure(&directives(&[("appendonly", "yes"), ("appendfsync", "no")])).await.unwrap();
    server.start().await.unwrap();
    assert!(has(&mut *server, "a").await);
    assert_eq!(config_get(&mut *server, "appendfsync").await, "no");
    assert!(!server.log_tail(5).await.is_empty());
    kill(&mut *server).await;
    server.recreate(Volume::Keep).await.unwrap();
    server.start().await.unwrap();
    assert!(has(&mut *server, "a").await);
    assert!(std::fs::read_dir(lab.folder.path()).unwrap().next().is_none(), "nothing is written here");
    lab.close(server).await;
}

#[tokio::test]
async fn a_port_beside_the_socket_answers_on_this_host() {
    let Some(lab) = Lab::open("tcp").await else { return };
    let blueprint = Blueprint { tcp: true, ..lab.blueprint() };
    let mut server = lab.engine.create(blueprint).await.unwrap();
    let Some(port) = server.tcp_port() else {
        assert!(!lab.engine.facts().local);
        return lab.close(server).await;
    };
    server.start().await.unwrap();
    assert_eq!(config_get(&mut *server, "port").await, port.to_string());
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    assert_eq!(redis::cmd("PING").query_async::<String>(&mut connection).await.unwrap(), "PONG");
    lab.close(server).await;
}

#[tokio::test]
async fn a_deep_folder_does_not_break_the_socket() {
    let Some(lab) = Lab::open("deep").await else { return };
    let folder = lab.folder.path().join("d".repeat(120));
    std::fs::create_dir(&folder).unwrap();
    let mut server = lab.engine.create(Blueprint { folder, ..lab.blueprint() }).await.unwrap();
    server.start().await.unwrap();
    set(&mut *server, "a").await;
    lab.close(server).await;
}

#[tokio::test]
async fn an_image_that_nobody_has_is_unsupported_and_says_how_to_get_it() {
    let Some(lab) = Lab::open("noimage").await else { return };
    let build = Build { name: "none".into(), ..Build::default() };
    let error = lab.engine.ensure_image(&build, Some("outlast/does-not-exist")).await.unwrap_err();
    assert!(error.to_string().contains("docker pull outlast/does-not-exist:latest"), "{error}");
    let blueprint = Blueprint { build: Arc::new(build), ..lab.blueprint() };
    assert!(lab.engine.create(blueprint).await.is_err());
    // The same image, named: found without a pull, its version asked from the image itself.
    let local = lab.engine.ensure_image(&lab.build, None).await.unwrap();
    let build = Build { name: "named".into(), ..Build::default() };
    let named = lab.engine.ensure_image(&build, Some(&local.reference)).await;
    let named = named.unwrap();
    assert_eq!((named.version, named.server), (local.version, local.server));
    assert_eq!(named.origin.kind, "image");
}

#[tokio::test(flavor = "current_thread")]
async fn a_restart_policy_brings_a_server_back_and_the_end_of_the_life_before_is_still_known() {
    let Some(lab) = Lab::open("policy").await else { return };
    let mut server = lab.engine.create(lab.blueprint()).await.unwrap();
    server.start().await.unwrap();
    set(&mut *server, "k").await;
    server.supervise(Restart::Always).await.unwrap();
    for (signal, code, number) in [(Signal::Kill, None, Some(9)), (Signal::Term, Some(0), None)] {
        let before = server.pid();
        server.signal(signal).await.unwrap();
        let exit = server.exited(GRACE).await.unwrap().unwrap();
        assert_eq!((exit.code, exit.signal), (code, number));
        assert!(Restart::Always.wants(exit));
        server.revived().await.unwrap();
        assert_ne!(server.pid(), before);
        assert!(has(&mut *server, "k").await);
    }
    // Exit code 0 is no failure: the container stays down until somebody starts it.
    server.supervise(Restart::OnFailure).await.unwrap();
    server.signal(Signal::Term).await.unwrap();
    let exit = server.exited(GRACE).await.unwrap().unwrap();
    assert_eq!((exit.code, Restart::OnFailure.wants(exit)), (Some(0), false));
    server.start().await.unwrap();
    assert!(has(&mut *server, "k").await);
    lab.close(server).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_start_that_is_refused_under_a_restart_policy_is_told_from_one_that_takes_long() {
    let Some(lab) = Lab::open("refused").await else { return };
    let mut server = lab.engine.create(lab.blueprint()).await.unwrap();
    server.start().await.unwrap();
    set(&mut *server, "k").await;
    server.supervise(Restart::Always).await.unwrap();
    let (head, _) = aof(&mut *server).await;
    let good = server.read_file(&head).await.unwrap();
    server.write_file(&head, b"nonsense\n").await.unwrap();
    server.signal(Signal::Kill).await.unwrap();
    let exit = server.exited(GRACE).await.unwrap().unwrap();
    assert_eq!(exit.signal, Some(9));
    server.revived().await.unwrap();
    let until = Instant::now() + GRACE;
    let refused = loop {
        // What a start is waited for with: a look that takes no time.
        if let Some(exit) = server.exited(Duration::ZERO).await.unwrap() {
            break exit;
        }
        assert!(Instant::now() < until, "a refused start looks like one that takes long");
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    assert_eq!((refused.code, refused.signal), (Some(1), None));
    // The engine tries again and again, and at last it is not in vain.
    server.write_file(&head, &good).await.unwrap();
    server.revived().await.unwrap();
    assert!(has(&mut *server, "k").await);
    lab.close(server).await;
}

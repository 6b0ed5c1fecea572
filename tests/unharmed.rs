//! A server on the disk does what it does elsewhere: the same work, snapshots, rewrites and restarts leave the same data.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use outlast::disk::Drive;
use outlast::matrix::Filesystem;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use redis::{Cmd, Connection, Pipeline, cmd};

use support::checkout::build;
use support::disk::given;

mod support;

const SERVERS: [&str; 4] = ["redis-6.2", "redis-7.0", "redis-8.2", "valkey-9.1"];
/// Longest wait for a server, or for a child of it.
const LIMIT: Duration = Duration::from_secs(30);
const COMMANDS: usize = 4_000;

/// A server that ends with its test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(name: &str, data: &Path, scratch: &Path) -> (Server, Connection) {
    let socket = scratch.join("socket");
    let build = build(name);
    let mut command = Command::new(build.binary.unwrap());
    command.env("LD_LIBRARY_PATH", std::env::join_paths(build.libraries).unwrap());
    command.args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"]);
    command.arg("--unixsocket").arg(&socket).arg("--dir").arg(data);
    if name != "redis-6.2" {
        command.args(["--enable-debug-command", "yes"]);
    }
    let child = Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let client = redis::Client::open(format!("redis+unix://{}", socket.display())).unwrap();
    let mut connection = until("it answers", || client.get_connection().ok());
    until("it has loaded", || cmd("PING").query::<String>(&mut connection).ok());
    (child, connection)
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let limit = Instant::now() + LIMIT;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < limit, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The `count`-th ordinary command: every type, short values and long ones, deletions.
fn ordinary(random: &mut ChaCha8Rng, count: u64) -> Cmd {
    let (kind, member, number) = (random.next_u32() % 16, random.next_u32() % 50, random.next_u32());
    let key = |name: &str, random: &mut ChaCha8Rng| format!("{name}:{}", random.next_u32() % 40);
    let long = "x".repeat(1 + (number % 20_000) as usize);
    let mut command = Cmd::new();
    match kind {
        0..3 => command.arg("SET").arg(key("string", random)).arg(long),
        3 => command.arg("APPEND").arg(key("string", random)).arg(member),
        4 => command.arg("INCRBY").arg(key("number", random)).arg(member),
        5 | 6 => command.arg("RPUSH").arg(key("list", random)).arg(number),
        7 => command.arg("LPOP").arg(key("list", random)),
        8 | 9 => command.arg("HSET").arg(key("hash", random)).arg(member).arg(number),
        10 => command.arg("SADD").arg(key("set", random)).arg(member),
        11 => command.arg("ZADD").arg(key("sorted", random)).arg(number).arg(member),
        12 => command.arg("XADD").arg("stream").arg(format!("{count}-1")).arg("field").arg(number),
        13 => command.arg("DEL").arg(key("string", random)).arg(key("list", random)),
        14 => command
            .arg("EVAL")
            .arg("return redis.call('SET', KEYS[1], ARGV[1])")
            .arg(1)
            .arg(key("script", random))
            .arg(member),
        _ => command.arg("EXPIREAT").arg(key("string", random)).arg(4_000_000_000_u32),
    };
    command
}

fn work(connection: &mut Connection, random: &mut ChaCha8Rng, count: &mut u64) {
    for _ in 0..COMMANDS / 40 {
        let mut pipeline = Pipeline::new();
        // Half of them all or nothing.
        if random.next_u32().is_multiple_of(2) {
            pipeline.atomic();
        }
        for _ in 0..20 {
            *count += 1;
            pipeline.add_command(ordinary(random, *count)).ignore();
        }
        pipeline.query::<()>(connection).unwrap();
    }
}

fn digest(connection: &mut Connection) -> String {
    cmd("DEBUG").arg("DIGEST").query(connection).unwrap()
}

/// A child of the server does this, while the work goes on, and succeeds.
fn beside(
    connection: &mut Connection,
    order: &str,
    outcome: &str,
    mut meanwhile: impl FnMut(&mut Connection),
) {
    cmd(order).query::<String>(connection).unwrap();
    meanwhile(connection);
    until(order, || {
        let info: String = cmd("INFO").arg("persistence").query(connection).unwrap();
        let idle = ["rdb_bgsave_in_progress:0", "aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"];
        idle.iter().all(|line| info.contains(line)).then(|| assert!(info.contains(outcome), "{info}"))
    });
}

/// What the data of one server looks like at each stage of an ordinary life in this folder.
fn live(name: &str, data: &Path) -> Vec<String> {
    let scratch = tempfile::tempdir().unwrap();
    let (mut random, mut count) = (ChaCha8Rng::seed_from_u64(7), 0);
    let mut seen = Vec::new();
    let (mut server, mut connection) = start(name, data, scratch.path());
    work(&mut connection, &mut random, &mut count);
    beside(&mut connection, "BGREWRITEAOF", "aof_last_bgrewrite_status:ok", |connection| {
        work(connection, &mut random, &mut count);
    });
    seen.push(digest(&mut connection));
    beside(&mut connection, "BGSAVE", "rdb_last_bgsave_status:ok", |connection| {
        work(connection, &mut random, &mut count);
    });
    seen.push(digest(&mut connection));
    cmd("DEBUG").arg("LOADAOF").query::<String>(&mut connection).unwrap();
    seen.push(digest(&mut connection));
    // An orderly end answers nothing.
    assert!(cmd("SHUTDOWN").query::<()>(&mut connection).is_err_and(|error| error.is_io_error()));
    assert!(server.0.wait().unwrap().success(), "{name} in {}", data.display());
    let (mut killed, mut connection) = start(name, data, scratch.path());
    seen.push(digest(&mut connection));
    work(&mut connection, &mut random, &mut count);
    seen.push(digest(&mut connection));
    killed.0.kill().unwrap();
    killed.0.wait().unwrap();
    let (_last, mut connection) = start(name, data, scratch.path());
    seen.push(digest(&mut connection));
    seen
}

#[test]
fn the_same_work_leaves_the_same_data_on_the_disk_and_elsewhere() {
    for name in SERVERS {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        std::fs::create_dir(&plain).unwrap();
        let expected = live(name, &plain);
        // What restarts show is what was there before, and work changes it: else digests that are equal say nothing.
        let [rewritten, saved, loaded, restarted, worked, killed] = expected.as_slice() else {
            unreachable!()
        };
        assert_eq!((saved, saved, worked), (loaded, restarted, killed), "{name}");
        assert!(rewritten != saved && saved != worked, "{name}: {expected:?}");
        for filesystem in [None, Some(Filesystem::Ext4), Some(Filesystem::Xfs)] {
            let data = folder.path().join(filesystem.map_or("disk", Filesystem::as_str)).join("data");
            let Some(drive) = given(Drive::mount(&data, filesystem, true, Instant::now())) else { return };
            assert_eq!(live(name, &data), expected, "{name} on {filesystem:?}");
            drive.unmount().unwrap();
        }
    }
}

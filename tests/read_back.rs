//! Every workload on a real server: what it wrote is read back whole, and whatever somebody changes behind its back is seen
//! for what it is.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use outlast::engine::Address;
use outlast::fault::control::Control;
use outlast::matrix::Workload;
use outlast::oracle::{Clock, Effect, History, Loss, Survey, judge};
use outlast::record::Anomaly;
use outlast::survey;
use outlast::workload::ledger::Ledger;
use outlast::workload::{KINDS, command, make, reply};
use support::checkout::{server, wait_for};

const LANES: u16 = 2;
const OPS: u32 = 120;

/// A server with an AOF, in a folder of its own.
struct Server {
    folder: tempfile::TempDir,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("read-back-").tempdir_in("/tmp").unwrap();
        let child = Command::new(server("valkey-9.1"))
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            .arg("--unixsocket")
            .arg(folder.path().join("s"))
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { folder, child };
        wait_for("the server to listen", || UnixStream::connect(server.folder.path().join("s")).is_ok());
        server
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.folder.path().join("s")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends commands, and hands every reply on.
    fn send(stream: &mut UnixStream, bytes: &[u8], mut replies: u32, mut each: impl FnMut(reply::Reply<'_>)) {
        stream.write_all(bytes).unwrap();
        let (mut input, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
        while replies > 0 {
            let mut used = 0;
            while let Some((reply, length)) = reply::next(&input[used..]).unwrap() {
                used += length;
                replies -= 1;
                each(reply);
            }
            input.drain(..used);
            if replies > 0 {
                let length = stream.read(&mut chunk).unwrap();
                assert!(length > 0, "the server closed the connection");
                input.extend_from_slice(&chunk[..length]);
            }
        }
    }

    /// Commands of blank-separated words; none may be answered with an error.
    fn tamper(&self, commands: &[String]) {
        let mut stream = self.connect();
        for line in commands {
            let mut bytes = Vec::new();
            command(&mut bytes, &line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
            Self::send(&mut stream, &bytes, 1, |reply| {
                assert!(!matches!(reply, reply::Reply::Error(_)), "{line}: {reply:?}");
            });
        }
    }

    /// Writes some ops on every lane, one at a time.
    fn write(&self, spec: &Workload) -> Ledger {
        let mut ledger = Ledger::new(make(spec, 7).unwrap(), LANES);
        let began = Instant::now();
        let now = || began.elapsed().as_micros() as u64;
        for lane in 0..LANES {
            let mut stream = self.connect();
            let mut greeting = Vec::new();
            command(&mut greeting, &[b"SELECT", spec.database(lane).to_string().as_bytes()]);
            Self::send(&mut stream, &greeting, 1, |_| {});
            for _ in 0..OPS {
                let workload = ledger.workload.clone();
                let slot = &mut ledger.lanes[usize::from(lane)];
                let seq = slot.sent(now());
                let mut bytes = Vec::new();
                workload.encode(lane, seq, &mut bytes);
                let mut left = workload.replies(lane, seq);
                Self::send(&mut stream, &bytes, left, |reply| {
                    left -= 1;
                    match (left, workload.acknowledges(lane, seq, reply)) {
                        (0, true) => slot.acknowledged(seq, now()),
                        (0, false) => slot.refused(seq),
                        _ => {}
                    }
                });
            }
        }
        ledger
    }

    fn judge(&self, spec: &Workload, ledger: &Ledger, began: Instant) -> Loss {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let survey = runtime.block_on(async {
            let mut control =
                Control::connect(&Address::Unix(self.folder.path().join("s")), None).await.unwrap();
            let survey = survey::read(&mut control, ledger, spec, began).await.unwrap();
            let client: String = control.ask(&["CLIENT", "INFO"]).await.unwrap();
            assert!(client.contains(" db=0 "), "{client}");
            survey
        });
        let now_us = began.elapsed().as_micros() as u64;
        let clock = Clock { fault_us: now_us, survey_from_us: now_us, survey_to_us: now_us };
        judge(ledger, &Survey::default(), &survey, &clock)
    }
}

fn spec(kind: &str) -> Workload {
    Workload {
        name: kind.into(),
        kind: kind.into(),
        connections: LANES,
        pipeline: 1,
        writes: OPS,
        value: 40,
        databases: 1,
        ..Workload::default()
    }
}

fn with_ttl(kind: &str) -> Workload {
    Workload { ttl: Some(Duration::from_secs(600)), ..spec(kind) }
}

#[test]
fn every_workload_reads_back_what_it_wrote_in_one_database_or_in_several() {
    let server = Server::start();
    // A mix is made of the others, and clients that wait need a driver.
    let kinds = KINDS.iter().map(|(kind, _)| *kind).filter(|kind| !["mixed", "blocking"].contains(kind));
    for spec in kinds.flat_map(|kind| [spec(kind), with_ttl(kind), Workload { databases: 2, ..spec(kind) }]) {
        server.tamper(&["FLUSHALL".into(), "FUNCTION FLUSH".into()]);
        let began = Instant::now();
        let ledger = server.write(&spec);
        let loss = server.judge(&spec, &ledger, began);
        assert_eq!((loss.lost, loss.in_doubt), (0, 0), "{spec:?}: {loss:#?}");
        assert!(loss.anomalies.is_empty(), "{spec:?}: {loss:#?}");
        assert!(loss.acknowledged >= u64::from(OPS), "{spec:?}: {loss:#?}");
    }
}

/// The last key of the first lane that a write of this kind touched, and the last op on it.
fn last(ledger: &Ledger, wanted: impl Fn(&Effect) -> bool) -> (u32, u32) {
    let found = (0..OPS).rev().map(|seq| (ledger.op(0, seq).key, seq));
    found.into_iter().find(|(_, seq)| wanted(&ledger.op(0, *seq).effect)).unwrap()
}

#[test]
fn whatever_changes_behind_a_workload_is_seen_for_what_it_is() {
    use Anomaly as A;
    type Tamper = fn(&Ledger) -> Vec<String>;
    let set = |effect: &Effect| matches!(effect, Effect::Set { .. });
    fn lines<const N: usize>(lines: [&str; N]) -> Vec<String> {
        lines.map(str::to_owned).into()
    }
    fn of_last_set(ledger: &Ledger, line: &str) -> Vec<String> {
        let (key, seq) = last(ledger, |effect| matches!(effect, Effect::Set { .. }));
        let name = ledger.key_name(0, key);
        let member = name.rsplit(' ').next().unwrap();
        let collection = name.split(' ').next().unwrap();
        let fill = |text: &str| text.replace("KEY", &name).replace("SEQ", &seq.to_string());
        vec![fill(&line.replace("COLLECTION", collection).replace("MEMBER", member))]
    }
    let in_two = Workload { databases: 2, ..spec("single") };
    let cases: &[(&str, Workload, Tamper, &[A])] = &[
        ("counted once more", spec("counters"), |_| lines(["INCR o:0:0"]), &[A::DuplicatedEffect]),
        (
            "a field counted once more",
            spec("counters"),
            |_| lines(["HINCRBY o:0:8 f1 1"]),
            &[A::DuplicatedEffect],
        ),
        ("a field that nobody counts", spec("counters"), |_| lines(["HSET o:0:8 x 1"]), &[A::Corrupt]),
        ("a field too far", spec("counters"), |_| lines(["HSET o:0:8 f8 1"]), &[A::Corrupt]),
        ("counted once less", spec("counters"), |_| lines(["DECR o:0:0"]), &[A::Lost, A::RolledBack]),
        ("no number", spec("counters"), |_| lines(["SET o:0:0 x"]), &[A::Corrupt]),
        ("a strange field", spec("hashes"), |_| lines(["HSET o:0:0 x 1"]), &[A::Corrupt]),
        ("a field of another hash", spec("hashes"), |_| lines(["HSET o:0:0 m399 1"]), &[A::Corrupt]),
        ("a field gone", spec("hashes"), |l| of_last_set(l, "HDEL COLLECTION mMEMBER"), &[A::Lost]),
        (
            "wrong bytes in a field",
            spec("hashes"),
            |l| of_last_set(l, "HSET COLLECTION mMEMBER x"),
            &[A::Corrupt],
        ),
        ("a list for a hash", spec("hashes"), |_| lines(["DEL o:0:0", "LPUSH o:0:0 x"]), &[A::WrongType]),
        ("a strange member", spec("sets"), |_| lines(["SADD o:0:0 x"]), &[A::Corrupt]),
        ("a set gone", spec("sets"), |_| lines(["DEL o:0:0"]), &[A::Lost]),
        (
            "a strange score",
            spec("sorted-sets"),
            |l| of_last_set(l, "ZADD COLLECTION SEQ mMEMBER"),
            &[A::Corrupt],
        ),
        ("a sorted set gone", spec("sorted-sets"), |_| lines(["DEL o:0:0"]), &[A::Lost]),
        (
            "a part of a transaction gone",
            spec("transactions"),
            |l| of_last_set(l, "DEL KEY"),
            &[A::Lost, A::TornTransaction],
        ),
        (
            "a part of a script gone",
            spec("scripts"),
            |l| of_last_set(l, "DEL KEY"),
            &[A::Lost, A::TornTransaction],
        ),
        ("functions gone", spec("functions"), |_| lines(["FUNCTION FLUSH"]), &[A::Lost, A::LostFunction]),
        ("a key beside the functions", spec("functions"), |_| lines(["SET o:0:0 x"]), &[A::Corrupt]),
        ("bytes for no bytes", spec("binary"), |_| lines(["SET  x"]), &[A::Corrupt]),
        ("a key that nobody wrote", spec("binary"), |_| lines(["SET x x"]), &[A::Corrupt]),
        ("what WAITAOF answered for", spec("waitaof"), |_| lines(["DEL o:0:0"]), &[A::Lost, A::LostPromised]),
        (
            "what no WAITAOF answered for",
            Workload { pipeline: 200, ..spec("waitaof") },
            |_| lines(["DEL o:0:0"]),
            &[A::Lost],
        ),
        (
            "a field that lives longer",
            with_ttl("hashes"),
            |l| of_last_set(l, "HPEXPIRE COLLECTION 900000 FIELDS 1 mMEMBER"),
            &[A::TtlDrift],
        ),
        (
            "fields that live for ever",
            spec("fields"),
            |_| {
                let names = |hash: u32| (hash * 100..hash * 100 + 100).map(|member| format!(" m{member}"));
                let line =
                    |hash| format!("HPERSIST o:0:{hash} FIELDS 100{}", names(hash).collect::<String>());
                (0..4).map(line).collect()
            },
            &[A::TtlDrift],
        ),
        (
            "another op's number",
            spec("fields"),
            |l| of_last_set(l, "HINCRBY COLLECTION mMEMBER 1"),
            &[A::Corrupt],
        ),
        (
            "a key in another database",
            in_two.clone(),
            |_| lines(["SELECT 1", "MOVE o:1:0 0"]),
            &[A::Lost, A::Corrupt],
        ),
        ("a key in a database of nobody", in_two, |_| lines(["SELECT 5", "SET o:0:0 x"]), &[A::Corrupt]),
    ];
    let server = Server::start();
    for (what, spec, tamper, expected) in cases {
        server.tamper(&["FLUSHALL".into(), "FUNCTION FLUSH".into()]);
        let began = Instant::now();
        let ledger = server.write(spec);
        assert!((0..OPS).any(|seq| set(&ledger.op(0, seq).effect)) || spec.kind == "counters");
        let silent = server.judge(spec, &ledger, began);
        assert!(silent.anomalies.is_empty(), "{what}, before: {silent:#?}");
        server.tamper(&tamper(&ledger));
        let loss = server.judge(spec, &ledger, began);
        assert!(expected.iter().all(|anomaly| loss.anomalies.contains(anomaly)), "{what}: {loss:#?}");
        let promised = loss.anomalies.contains(&A::LostPromised);
        assert_eq!(promised, expected.contains(&A::LostPromised), "{what}: {loss:#?}");
    }
}

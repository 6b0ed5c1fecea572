//! A small server that speaks RESP and lies in a chosen way when it dies, so that the harness can be put to the
//! test: every lie has to be seen, and an honest server has to pass.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use outlast::engine::{Address, Blueprint, DataFile, Engine, EngineError, Exit, Instance, Signal, Volume};
use outlast::matrix::Directive;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// How the server lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// It does not: what was acknowledged is there.
    Honest,
    /// The newest writes are gone.
    LosesTail,
    /// Everything is gone.
    LosesAll,
    /// The oldest writes are gone.
    LosesHead,
    /// A stretch in the middle is gone while later writes survive.
    LosesMiddle,
    /// Later writes reached the disk and earlier ones did not, here and there.
    Reorders,
    /// Deleted keys are back.
    ResurrectsDeleted,
    /// Expired keys are back, and stay.
    ResurrectsExpired,
    /// A byte of a value differs.
    Corrupts,
    /// A key is there that nobody wrote.
    Invents,
    /// The first recovery is whole; after the second restart old data is gone.
    ForgetsLater,
    /// It acknowledges late, and dies with many writes applied but unanswered. That is no lie.
    AnswersLate,
    /// It answers some writes with an error, and means it. That is no lie either.
    Errs,
    /// It answers writes with an error and applies them nevertheless.
    ErrsFalsely,
    /// It does not start again.
    Refuses,
    /// It starts and never ends loading.
    Hangs,
    /// It runs with another policy than its file says.
    IgnoresPolicy,
    /// It does not end when it is told to.
    IgnoresTerm,
    /// It keeps what it says, and cuts the end off its own file while it loads.
    CutsItsFile,
}

/// Runs lying servers inside the trial's own thread.
pub struct Liars(pub Lie);

#[async_trait(?Send)]
impl Engine for Liars {
    fn name(&self) -> &'static str {
        "process"
    }

    async fn create(&self, blueprint: Blueprint) -> Result<Box<dyn Instance>, EngineError> {
        Ok(Box::new(Liar {
            lie: self.0,
            state: Rc::new(RefCell::new(State::new(&blueprint.directives))),
            socket: blueprint.folder.join("s"),
            tasks: Vec::new(),
            exit: None,
            starts: 0,
        }))
    }
}

type Value = (Vec<u8>, Option<Instant>);

#[derive(Default)]
struct State {
    lie: Option<Lie>,
    data: BTreeMap<Vec<u8>, Value>,
    /// Every change in order: key, value before, value after.
    log: Vec<(Vec<u8>, Option<Value>, Option<Value>)>,
    config: BTreeMap<String, String>,
    loading: bool,
    shutdown: bool,
    writes: u64,
}

impl State {
    fn new(directives: &[Directive]) -> Self {
        let config = directives.iter().map(|line| (line.name.clone(), line.value.clone())).collect();
        Self { config, ..Self::default() }
    }

    fn change(&mut self, key: &[u8], after: Option<Value>) -> bool {
        let before = match &after {
            Some(value) => self.data.insert(key.to_vec(), value.clone()),
            None => self.data.remove(key),
        };
        let existed = before.is_some();
        self.log.push((key.to_vec(), before, after));
        existed
    }

    fn get(&self, key: &[u8], keep_expired: bool) -> Option<Vec<u8>> {
        let (value, until) = self.data.get(key)?;
        (keep_expired || until.is_none_or(|until| until > Instant::now())).then(|| value.clone())
    }

    /// Puts the data together again from the changes that "reached the disk".
    fn replay(&mut self, survives: impl Fn(usize, usize) -> bool) {
        let total = self.log.len();
        self.data.clear();
        for (position, (key, _, after)) in self.log.iter().enumerate() {
            if !survives(position, total) {
                continue;
            }
            match after {
                Some(value) => self.data.insert(key.clone(), value.clone()),
                None => self.data.remove(key),
            };
        }
    }

    /// What is left after death number `death` (from 1).
    fn die(&mut self, lie: Lie, death: u32) {
        match lie {
            Lie::LosesTail if death == 1 => self.replay(|at, total| at < total - total / 4),
            Lie::LosesAll if death == 1 => self.data.clear(),
            Lie::LosesHead if death == 1 => self.replay(|at, total| at >= total / 2),
            Lie::LosesMiddle if death == 1 => self.replay(|at, total| at < total / 3 || at >= total * 2 / 3),
            Lie::Reorders if death == 1 => self.replay(|at, total| (at * 8 / total) % 2 == 0),
            Lie::ResurrectsDeleted if death == 1 => {
                self.replay(|_, _| true);
                let deleted: Vec<_> = self
                    .log
                    .iter()
                    .filter(|(key, before, after)| {
                        after.is_none() && before.is_some() && !self.data.contains_key(key)
                    })
                    .filter_map(|(key, before, _)| Some((key.clone(), before.clone()?)))
                    .collect();
                self.data.extend(deleted);
            }
            Lie::Corrupts if death == 1 => {
                if let Some((value, _)) = self.data.values_mut().next() {
                    let last = value.len() - 1;
                    value[last] ^= 1;
                }
            }
            Lie::Invents if death == 1 => {
                self.data.insert(b"stranger".to_vec(), (b"x".to_vec(), None));
            }
            Lie::ForgetsLater if death == 2 => {
                let old = self.log.len() / 4;
                let keys: Vec<_> = self.log[..old].iter().map(|(key, ..)| key.clone()).collect();
                for key in keys {
                    self.data.remove(&key);
                }
            }
            _ => {}
        }
    }
}

struct Liar {
    lie: Lie,
    state: Rc<RefCell<State>>,
    socket: PathBuf,
    tasks: Vec<JoinHandle<()>>,
    exit: Option<Exit>,
    starts: u32,
}

impl Liar {
    fn end(&mut self, exit: Exit) -> Exit {
        for task in self.tasks.drain(..) {
            task.abort();
        }
        let _ = std::fs::remove_file(&self.socket);
        // An aborted connection ends only when it is polled next. What it reads until then goes to a server that is
        // no more: neither applied nor answered.
        let grave = State { shutdown: true, ..State::default() };
        self.state = Rc::new(RefCell::new(self.state.replace(grave)));
        self.state.borrow_mut().die(self.lie, self.starts);
        self.exit = Some(exit);
        exit
    }

    async fn exited_now(&mut self) -> Option<Exit> {
        if self.exit.is_none() && self.state.borrow().shutdown {
            self.state.borrow_mut().shutdown = false;
            return Some(self.end(Exit { code: Some(0), ..Exit::default() }));
        }
        self.exit
    }
}

#[async_trait(?Send)]
impl Instance for Liar {
    async fn start(&mut self) -> Result<(), EngineError> {
        self.starts += 1;
        self.exit = None;
        if self.starts > 1 && self.lie == Lie::Refuses {
            self.exit = Some(Exit { code: Some(1), ..Exit::default() });
            return Ok(());
        }
        let listener =
            UnixListener::bind(&self.socket).map_err(|error| EngineError::failed("listen", error))?;
        {
            let mut state = self.state.borrow_mut();
            state.lie = Some(self.lie);
            state.loading = self.starts > 1 && self.lie == Lie::Hangs;
            if self.lie == Lie::IgnoresPolicy {
                state.config.insert("appendonly".into(), "no".into());
            }
        }
        let state = self.state.clone();
        self.tasks.push(tokio::task::spawn_local(async move {
            // Connections end with the listener, as they do when a process ends.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn_local(serve(stream, state.clone()));
            }
        }));
        Ok(())
    }

    async fn signal(&mut self, signal: Signal) -> Result<(), EngineError> {
        match signal {
            Signal::Term if self.lie == Lie::IgnoresTerm => {}
            Signal::Term => drop(self.end(Exit { code: Some(0), ..Exit::default() }).code),
            Signal::Kill => drop(self.end(Exit { signal: Some(9), ..Exit::default() }).code),
            Signal::Pause | Signal::Resume | Signal::Abort | Signal::Segfault => {}
        }
        Ok(())
    }

    async fn stop(&mut self, _grace: Duration) -> Result<Exit, EngineError> {
        Ok(self.end(Exit { code: Some(0), ..Exit::default() }))
    }

    async fn exited(&mut self, limit: Duration) -> Result<Option<Exit>, EngineError> {
        let until = Instant::now() + limit;
        loop {
            if let Some(exit) = self.exited_now().await {
                return Ok(Some(exit));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn restart(&mut self, grace: Duration) -> Result<Exit, EngineError> {
        let exit = self.stop(grace).await?;
        self.start().await?;
        Ok(exit)
    }

    async fn recreate(&mut self, volume: Volume) -> Result<(), EngineError> {
        if volume == Volume::Drop {
            self.state.borrow_mut().data.clear();
        }
        Ok(())
    }

    async fn configure(&mut self, directives: &[Directive]) -> Result<(), EngineError> {
        self.state.borrow_mut().config = State::new(directives).config;
        Ok(())
    }

    fn address(&self) -> Address {
        Address::Unix(self.socket.clone())
    }

    fn pid(&self) -> Option<u32> {
        None
    }

    async fn files(&mut self) -> Result<Vec<DataFile>, EngineError> {
        let mut bytes = self.state.borrow().log.len() as u64 * 64;
        if self.lie == Lie::CutsItsFile && self.starts == 2 && self.exit.is_none() {
            bytes -= 64;
        }
        Ok(vec![DataFile { path: "appendonlydir/appendonly.aof.1.incr.aof".into(), bytes }])
    }

    async fn read_file(&mut self, path: &str) -> Result<Vec<u8>, EngineError> {
        Err(EngineError::failed(format!("read {path}"), "there are no files"))
    }

    async fn write_file(&mut self, path: &str, _bytes: &[u8]) -> Result<(), EngineError> {
        Err(EngineError::failed(format!("write {path}"), "there are no files"))
    }

    async fn log_tail(&mut self, _lines: usize) -> Vec<String> {
        vec!["a log line".into()]
    }

    async fn remove(&mut self) -> Result<(), EngineError> {
        self.end(Exit::default());
        Ok(())
    }
}

async fn serve(mut stream: UnixStream, state: Rc<RefCell<State>>) {
    let mut input = Vec::new();
    loop {
        let mut used = 0;
        let mut out = Vec::new();
        while let Some((words, length)) = command(&input[used..]) {
            used += length;
            answer(&words, &mut state.borrow_mut(), &mut out);
        }
        input.drain(..used);
        let late = state.borrow().lie == Some(Lie::AnswersLate) && out.starts_with(b"+OK\r\n+OK");
        if late {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        if state.borrow().shutdown || stream.write_all(&out).await.is_err() {
            return;
        }
        match stream.read_buf(&mut input).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The first whole command in the input, inline or as an array, and its length.
fn command(input: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let line = |at: usize| {
        let end = at + input.get(at..)?.windows(2).position(|pair| pair == b"\r\n")?;
        Some((&input[at..end], end + 2))
    };
    let (first, mut at) = line(0)?;
    if first.first() != Some(&b'*') {
        return Some((first.split(|byte| *byte == b' ').map(<[u8]>::to_vec).collect(), at));
    }
    let number = |text: &[u8]| std::str::from_utf8(&text[1..]).ok()?.parse::<usize>().ok();
    let mut words = Vec::new();
    for _ in 0..number(first)? {
        let (header, start) = line(at)?;
        let end = start + number(header)?;
        words.push(input.get(start..end)?.to_vec());
        at = end + 2;
    }
    (input.len() >= at).then_some((words, at))
}

fn bulk(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => out.extend_from_slice(b"$-1\r\n"),
        Some(bytes) => {
            out.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn answer(words: &[Vec<u8>], state: &mut State, out: &mut Vec<u8>) {
    let lie = state.lie.unwrap_or(Lie::Honest);
    let name = String::from_utf8_lossy(&words[0]).to_uppercase();
    if state.loading {
        out.extend_from_slice(b"-LOADING reading\r\n");
        return;
    }
    let write = matches!(name.as_str(), "SET" | "DEL");
    state.writes += u64::from(write);
    let refuses = write && state.writes.is_multiple_of(7);
    if refuses && matches!(lie, Lie::Errs | Lie::ErrsFalsely) {
        if lie == Lie::ErrsFalsely && name == "SET" {
            state.change(&words[1], Some((words[2].clone(), None)));
        }
        out.extend_from_slice(b"-MISCONF no\r\n");
        return;
    }
    match name.as_str() {
        "PING" => out.extend_from_slice(b"+PONG\r\n"),
        "SET" => {
            let ttl = words.get(4).and_then(|ms| std::str::from_utf8(ms).ok()?.parse().ok());
            let until = ttl.map(|ms| Instant::now() + Duration::from_millis(ms));
            state.change(&words[1], Some((words[2].clone(), until)));
            out.extend_from_slice(b"+OK\r\n");
        }
        "DEL" => {
            let existed = state.change(&words[1], None);
            out.extend_from_slice(if existed { b":1\r\n" } else { b":0\r\n" });
        }
        "MGET" => {
            out.extend_from_slice(format!("*{}\r\n", words.len() - 1).as_bytes());
            for key in &words[1..] {
                bulk(out, state.get(key, lie == Lie::ResurrectsExpired).as_deref());
            }
        }
        "DBSIZE" => out.extend_from_slice(format!(":{}\r\n", state.data.len()).as_bytes()),
        "SCAN" => {
            out.extend_from_slice(b"*2\r\n$1\r\n0\r\n");
            out.extend_from_slice(format!("*{}\r\n", state.data.len()).as_bytes());
            for key in state.data.keys() {
                bulk(out, Some(key));
            }
        }
        "INFO" => bulk(out, Some(b"# Persistence\r\nloading:0\r\nrdb_bgsave_in_progress:0\r\n")),
        "CONFIG" => {
            out.extend_from_slice(format!("*{}\r\n", state.config.len() * 2).as_bytes());
            for (name, value) in &state.config {
                bulk(out, Some(name.as_bytes()));
                bulk(out, Some(value.as_bytes()));
            }
        }
        "SHUTDOWN" => state.shutdown = true,
        _ => out.extend_from_slice(b"+OK\r\n"),
    }
}

//! A server in a few lines: lists, sorted sets and streams with a group, as far as the workloads on them go.

use std::collections::BTreeMap;

use redis::Value;

/// How what the server holds is changed behind its back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tampering {
    /// An element is in its list twice.
    Repeat,
    /// An element is in a second list as well.
    InBoth,
    /// Two neighbours change places.
    Swap,
    /// Something is there that nobody wrote.
    Foreign,
    /// An element or an entry is gone.
    Drop,
    /// Everything is gone.
    Empty,
    /// A delivered entry is not pending any more.
    ForgetPending,
    /// An acknowledged entry is pending again.
    ForgetAcknowledgement,
    /// The group is back at an earlier entry.
    RewindGroup,
    /// An entry is pending for another consumer.
    OtherConsumer,
}

type Entries = Vec<(String, Vec<u8>)>;

#[derive(Default)]
struct Stream {
    entries: Entries,
    /// Entry and consumer.
    pending: Vec<(String, String)>,
    acknowledged: Vec<(String, String)>,
    /// What the group delivered last, where there is a group.
    last: Option<String>,
    delivered: Vec<String>,
}

#[derive(Default)]
pub struct Model {
    lists: BTreeMap<String, Vec<Vec<u8>>>,
    streams: BTreeMap<String, Stream>,
}

fn pop(list: &mut Vec<Vec<u8>>, end: &str) -> Option<Vec<u8>> {
    let at = if end == "LEFT" { 0 } else { list.len().checked_sub(1)? };
    (at < list.len()).then(|| list.remove(at))
}

fn number(id: &str) -> u64 {
    id.split('-').next().unwrap().parse().unwrap()
}

impl Model {
    /// Executes one command as it was sent. Where its turn has not come (an earlier op was refused), it does what a
    /// server would: nothing, or the same to something else.
    pub fn execute(&mut self, said: &[u8]) {
        let words = words(said);
        let text = |at: usize| String::from_utf8_lossy(&words[at]).into_owned();
        match text(0).as_str() {
            "RPUSH" => self.list(&text(1)).push(words[2].clone()),
            "LPUSH" => self.list(&text(1)).insert(0, words[2].clone()),
            "ZADD" => self.list(&text(1)).push(words[3].clone()),
            "LPOP" | "BLPOP" | "BZPOPMIN" => drop(pop(self.list(&text(1)), "LEFT")),
            "RPOP" => drop(pop(self.list(&text(1)), "RIGHT")),
            "LREM" => self.list(&text(1)).retain(|element| *element != words[3]),
            "RPOPLPUSH" => self.transfer(&text(1), &text(2), "RIGHT", "LEFT"),
            "LMOVE" | "BLMOVE" => self.transfer(&text(1), &text(2), &text(3), &text(4)),
            "XGROUP" => self.stream(&text(2)).last = Some("0-0".into()),
            "XADD" => self.stream(&text(1)).entries.push((text(2), words[4].clone())),
            "XREADGROUP" => {
                let name = words.iter().position(|word| word == b"STREAMS").unwrap() + 1;
                let stream = self.stream(&text(name));
                let Some(last) = stream.last.as_deref().map(number) else { return };
                let Some((next, _)) = stream.entries.iter().find(|(id, _)| number(id) > last).cloned() else {
                    return;
                };
                stream.pending.push((next.clone(), text(3)));
                stream.delivered.push(next.clone());
                stream.last = Some(next);
            }
            "XACK" => {
                let stream = self.stream(&text(1));
                if let Some(at) = stream.pending.iter().position(|(id, _)| *id == text(3)) {
                    stream.acknowledged.push(stream.pending.remove(at));
                }
            }
            "XDEL" => self.stream(&text(1)).entries.retain(|(id, _)| *id != text(2)),
            other => panic!("the model does not know {other}"),
        }
    }

    fn list(&mut self, name: &str) -> &mut Vec<Vec<u8>> {
        self.lists.entry(name.into()).or_default()
    }

    fn stream(&mut self, name: &str) -> &mut Stream {
        self.streams.entry(name.into()).or_default()
    }

    fn transfer(&mut self, from: &str, to: &str, end: &str, other: &str) {
        let Some(element) = pop(self.list(from), end) else { return };
        let list = self.list(to);
        list.insert(if other == "LEFT" { 0 } else { list.len() }, element);
    }

    /// Answers a question of the read-back.
    pub fn answer(&self, command: &[Vec<u8>]) -> Value {
        let text = |at: usize| String::from_utf8_lossy(&command[at]).into_owned();
        let string = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        match text(0).as_str() {
            "LRANGE" | "ZRANGE" => {
                let held = self.lists.get(&text(1)).into_iter().flatten();
                Value::Array(held.map(|element| Value::BulkString(element.clone())).collect())
            }
            "XRANGE" => {
                let entries = self.streams.get(&text(1)).map(|stream| &stream.entries).into_iter().flatten();
                let one = |(id, bytes): &(String, Vec<u8>)| {
                    let fields = vec![string("v"), Value::BulkString(bytes.clone())];
                    Value::Array(vec![string(id), Value::Array(fields)])
                };
                Value::Array(entries.map(one).collect())
            }
            "XPENDING" => {
                let pending = self.streams.get(&text(1)).map(|stream| &stream.pending).into_iter().flatten();
                let one = |(id, consumer): &(String, String)| {
                    Value::Array(vec![string(id), string(consumer), Value::Int(3), Value::Int(1)])
                };
                Value::Array(pending.map(one).collect())
            }
            "XINFO" => {
                let last = self.streams.get(&text(2)).and_then(|stream| stream.last.as_deref());
                let one =
                    |last| Value::Array(["name", "workers", "last-delivered-id", last].map(string).to_vec());
                Value::Array(last.map(one).into_iter().collect())
            }
            other => panic!("the model does not know {other}"),
        }
    }

    /// Changes what is held, in the first place where that can be done.
    pub fn tamper(&mut self, tampering: Tampering) {
        use Tampering as T;
        let list = self.lists.values_mut().find(|list| list.len() > 1);
        let stream = self.streams.values_mut().next();
        match (tampering, list, stream) {
            (T::Empty, ..) => {
                self.lists.clear();
                self.streams.clear();
            }
            (T::Repeat, Some(list), _) => list.push(list[0].clone()),
            (T::Swap, Some(list), _) => list.swap(0, 1),
            (T::Foreign, Some(list), _) => list.push(b"nobody's".to_vec()),
            (T::Drop, Some(list), _) => drop(list.remove(0)),
            (T::InBoth, ..) => {
                let (name, element) = self
                    .lists
                    .iter()
                    .find_map(|(name, list)| {
                        Some((name.strip_suffix("processing")?.to_owned(), list.first()?.clone()))
                    })
                    .unwrap();
                self.lists.entry(format!("{name}pending")).or_default().insert(0, element);
            }
            (T::Foreign, None, Some(stream)) => stream.entries.push(("99999-7".into(), b"x".to_vec())),
            (T::Drop, None, Some(stream)) => drop(stream.entries.remove(0)),
            (T::ForgetPending, _, Some(stream)) => drop(stream.pending.remove(0)),
            (T::ForgetAcknowledgement, _, Some(stream)) => {
                stream.pending.insert(0, stream.acknowledged[0].clone());
            }
            (T::RewindGroup, _, Some(stream)) => {
                stream.last = Some(stream.delivered[stream.delivered.len() - 2].clone());
            }
            (T::OtherConsumer, _, Some(stream)) => stream.pending[0].1 = "nobody".into(),
            (tampering, ..) => panic!("there is nothing for {tampering:?}"),
        }
    }
}

/// The words of one command in the protocol's form.
fn words(said: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = said;
    let line = |rest: &mut &[u8]| {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let number: usize = std::str::from_utf8(&rest[1..end]).unwrap().parse().unwrap();
        *rest = &rest[end + 2..];
        number
    };
    for _ in 0..line(&mut rest) {
        let length = line(&mut rest);
        words.push(rest[..length].to_vec());
        rest = &rest[length + 2..];
    }
    words
}

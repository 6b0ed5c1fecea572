//! Workloads on collections: the members of hashes, sets and sorted sets are the keys.
//!
//! A collection is read whole, so that what nobody put there is seen too. The first key of each stands for that: no op
//! ever touches it.

use super::{Command, Need, Question, Workload, command, strings, value};
use crate::oracle::{Cell, Touch};

/// All that a workload on collections has to say. Members are numbered through, over all collections of a lane.
pub trait Plan: Send + Sync {
    /// The number of the member that op `seq` of a lane changes, and how.
    fn touch(&self, lane: u16, seq: u32) -> Touch;

    /// How many members the ops `0..ops` of a lane may touch: their numbers are below this.
    fn members(&self, ops: u32) -> u32;

    /// The op, as a command on a collection.
    fn write(&self, lane: u16, seq: u32, collection: &str) -> Command;

    /// The command that reads a whole collection.
    fn read(&self, collection: &str) -> Command;

    /// Words of the answer per member.
    fn words_per_member(&self) -> usize;

    /// Which member these words of the answer are about, and what they say of it; `None` when nobody put it there.
    fn understand(&self, lane: u16, words: &[&[u8]]) -> Option<(u32, Cell)>;

    /// Commands that the server must know beside the plainest.
    fn needs(&self) -> &'static [Need] {
        &[]
    }

    /// The command that asks for the milliseconds that a member has left to live, where that is part of the test.
    fn ask_time_left(&self, _collection: &str, _member: u32) -> Option<Command> {
        None
    }
}

/// A workload on the members of collections.
pub struct Members<P> {
    plan: P,
    /// Members per collection.
    each: u32,
}

impl<P: Plan> Members<P> {
    /// With so many members per collection.
    pub fn new(plan: P, each: u32) -> Self {
        Self { plan, each }
    }

    fn key(&self, member: u32) -> u32 {
        member + member / self.each + 1
    }

    /// The member that a key stands for; `None` for the rest of its collection.
    fn member(&self, key: u32) -> Option<u32> {
        let place = key % (self.each + 1);
        (place > 0).then(|| self.number(key) * self.each + place - 1)
    }

    /// The number of the collection that holds a key.
    fn number(&self, key: u32) -> u32 {
        key / (self.each + 1)
    }

    fn collection(&self, lane: u16, key: u32) -> String {
        value::key_name(lane, self.number(key))
    }
}

impl<P: Plan> Workload for Members<P> {
    fn touch(&self, lane: u16, seq: u32) -> Touch {
        let Touch { key: member, effect } = self.plan.touch(lane, seq);
        Touch { key: self.key(member), effect }
    }

    fn keys(&self, ops: u32) -> u32 {
        self.plan.members(ops).checked_sub(1).map_or(0, |last| self.key(last) + 1)
    }

    fn encode(&self, lane: u16, seq: u32, out: &mut Vec<u8>) {
        let collection = self.collection(lane, self.touch(lane, seq).key);
        let words = self.plan.write(lane, seq, &collection);
        command(out, &words.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    fn needs(&self) -> Vec<Need> {
        self.plan.needs().to_vec()
    }

    fn questions(&self, lane: u16, keys: u32) -> Box<dyn Iterator<Item = Question> + '_> {
        Box::new((0..keys).step_by(self.each as usize + 1).map(move |first| Question {
            command: self.plan.read(&self.collection(lane, first)),
            keys: first..keys.min(first + self.each + 1),
        }))
    }

    fn understand(&self, lane: u16, question: &Question, answer: &redis::Value, cells: &mut [Cell]) {
        let redis::Value::Array(values) = answer else { return };
        let words: Vec<&[u8]> = values
            .iter()
            .map(|value| if let redis::Value::BulkString(bytes) = value { bytes.as_slice() } else { b"" })
            .collect();
        for words in words.chunks(self.plan.words_per_member()) {
            let known = self.plan.understand(lane, words).map(|(member, cell)| (self.key(member), cell));
            let (key, cell) = known
                .filter(|(key, _)| question.keys.contains(key))
                .unwrap_or((question.keys.start, Cell::Corrupt));
            let slot = &mut cells[key as usize];
            let again = *slot != Cell::Absent && cell != Cell::Corrupt;
            *slot = if again { Cell::Twice } else { cell };
        }
    }

    fn ask_time_left(&self, lane: u16, key: u32) -> Option<Command> {
        self.plan.ask_time_left(&self.collection(lane, key), self.member(key)?)
    }

    fn owns(&self, name: &[u8], keys: &[u32]) -> bool {
        let collections = |keys: &u32| keys.div_ceil(self.each + 1);
        strings::owns(name, |lane| keys.get(usize::from(lane)).map(collections))
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        let member =
            self.member(key).map_or("beside its members".into(), |member| format!("member {member}"));
        format!("{} {member}", self.collection(lane, key))
    }
}

/// `m<number>`.
pub fn name(member: u32) -> Vec<u8> {
    format!("m{member}").into_bytes()
}

/// The number of a member, where its name is one of ours.
pub fn parse(bytes: &[u8]) -> Option<u32> {
    let number = std::str::from_utf8(bytes).ok()?.strip_prefix('m')?.parse().ok()?;
    (name(number) == bytes).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::Effect;

    struct Plain;

    impl Plan for Plain {
        fn touch(&self, _lane: u16, seq: u32) -> Touch {
            Touch { key: seq, effect: Effect::Set { ttl_us: None } }
        }
        fn members(&self, ops: u32) -> u32 {
            ops
        }
        fn write(&self, _lane: u16, _seq: u32, _collection: &str) -> Command {
            Vec::new()
        }
        fn read(&self, collection: &str) -> Command {
            super::super::words(&["SMEMBERS", collection])
        }
        fn words_per_member(&self) -> usize {
            1
        }
        fn understand(&self, _lane: u16, words: &[&[u8]]) -> Option<(u32, Cell)> {
            parse(words[0]).map(|member| (member, Cell::Version(member)))
        }
    }

    #[test]
    fn members_keep_their_keys_as_collections_fill_and_each_has_a_key_for_the_rest() {
        let members = Members::new(Plain, 3);
        let keys: Vec<_> = (0..7).map(|seq| members.touch(0, seq).key).collect();
        assert_eq!(keys, [1, 2, 3, 5, 6, 7, 9]);
        assert_eq!((members.keys(0), members.keys(3), members.keys(4)), (0, 4, 6));
        assert!(keys.iter().zip(0..).all(|(key, member)| members.member(*key) == Some(member)));
        assert_eq!([0, 4, 8].map(|key| members.member(key)), [None; 3]);
        let asked: Vec<_> = members.questions(0, members.keys(7)).map(|question| question.keys).collect();
        assert_eq!(asked, [0..4, 4..8, 8..10]);
        assert!(members.owns(b"o:0:2", &[10]) && !members.owns(b"o:0:2", &[8]));
    }

    #[test]
    fn what_nobody_put_into_a_collection_and_what_is_there_twice_is_seen() {
        let members = Members::new(Plain, 3);
        let question = members.questions(0, 8).nth(1).expect("two collections");
        let see = |names: &[&str]| {
            let names = names.iter().map(|name| redis::Value::BulkString(name.as_bytes().to_vec())).collect();
            let mut cells = [Cell::Absent; 8];
            members.understand(0, &question, &redis::Value::Array(names), &mut cells);
            cells[4..].to_vec()
        };
        let (gone, v) = (Cell::Absent, Cell::Version);
        assert_eq!(see(&["m3", "m5"]), [gone, v(3), gone, v(5)]);
        assert_eq!(see(&["m3", "m3"]), [gone, Cell::Twice, gone, gone]);
        for stranger in ["m0", "m03", "x"] {
            assert_eq!(see(&["m3", stranger]), [Cell::Corrupt, v(3), gone, gone], "{stranger}");
        }
    }
}

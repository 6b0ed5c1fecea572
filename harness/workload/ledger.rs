//! What the client knows of every op: when it was sent and what came back, in 8 bytes.
//!
//! The content of an op follows from its place (lane, number) and the seed, so only time and
//! answer are kept. Chunks instead of one growing list: growth by doubling would cost up to 16 bytes
//! per op while it copies.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::{Safe, Workload};
use crate::oracle::{Answer, Aspect, Effect, History, Op, Touch};

/// Ops per chunk.
const CHUNK: usize = 1024;
/// The largest latency that can be told from the marks below: 71 minutes.
const LONGEST_US: u32 = u32::MAX - 3;
const SKIPPED: u32 = u32::MAX - 2;
const IN_DOUBT: u32 = u32::MAX - 1;
const REFUSED: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Entry {
    sent_us: u32,
    answer: u32,
}

/// The ops of one lane over all epochs. Times are microseconds since the trial began; a trial
/// longer than 71 minutes does not fit and its limit keeps it far below.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    chunks: Vec<Vec<Entry>>,
    ops: u32,
    /// Units of which nothing is claimed.
    spoiled: BTreeSet<u32>,
}

impl Lane {
    /// Notes an op that is handed to the socket, and returns its number.
    pub fn sent(&mut self, at_us: u64) -> u32 {
        if (self.ops as usize).is_multiple_of(CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let entry = Entry { sent_us: u32::try_from(at_us).unwrap_or(u32::MAX), answer: IN_DOUBT };
        self.chunks.last_mut().expect("a chunk was just made").push(entry);
        self.ops += 1;
        self.ops - 1
    }

    /// Notes an acknowledgement.
    pub fn acknowledged(&mut self, seq: u32, at_us: u64) {
        let entry = self.entry_mut(seq);
        let latency = at_us.saturating_sub(u64::from(entry.sent_us));
        entry.answer = u32::try_from(latency).unwrap_or(LONGEST_US).min(LONGEST_US);
    }

    /// Notes an error reply.
    pub fn refused(&mut self, seq: u32) {
        self.entry_mut(seq).answer = REFUSED;
    }

    /// Notes an error reply that leaves the rest of the unit to chance: nothing is claimed of it from now on.
    pub fn spoiled(&mut self, seq: u32, unit: u32) {
        self.refused(seq);
        self.spoiled.insert(seq / unit);
    }

    /// Notes that an op was left out.
    pub fn skipped(&mut self, seq: u32) {
        self.entry_mut(seq).answer = SKIPPED;
    }

    /// Notes units of which nothing is claimed.
    pub fn spoil(&mut self, units: impl IntoIterator<Item = u32>) {
        self.spoiled.extend(units);
    }

    /// Units of which nothing is claimed.
    pub fn spoiled_units(&self) -> impl Iterator<Item = u32> + '_ {
        self.spoiled.iter().copied()
    }

    /// Leaves every op of the spoiled units out, however it was answered.
    pub fn drop_spoiled(&mut self, unit: u32) {
        for number in self.spoiled.clone() {
            for seq in number * unit..self.ops.min((number + 1) * unit) {
                let entry = self.entry_mut(seq);
                entry.answer = if entry.answer == REFUSED { REFUSED } else { SKIPPED };
            }
        }
    }

    /// Forgets every answer that came after a moment: the power was gone, and nobody was there to hear it.
    pub fn deafen(&mut self, from_us: u64) {
        for entry in self.chunks.iter_mut().rev().flat_map(|chunk| chunk.iter_mut().rev()) {
            let late = match entry.answer {
                IN_DOUBT | REFUSED | SKIPPED => false,
                latency => u64::from(entry.sent_us) + u64::from(latency) > from_us,
            };
            if late {
                entry.answer = IN_DOUBT;
            }
        }
    }

    /// Leaves ops out up to a multiple of `unit`.
    pub fn align(&mut self, unit: u32, at_us: u64) {
        while !self.ops.is_multiple_of(unit) {
            let seq = self.sent(at_us);
            self.entry_mut(seq).answer = SKIPPED;
        }
    }

    /// How many ops were sent or left out so far.
    pub fn ops(&self) -> u32 {
        self.ops
    }

    /// When an op was sent, and what came back.
    pub fn entry(&self, seq: u32) -> (u64, Answer) {
        let Entry { sent_us, answer } = self.chunks[seq as usize / CHUNK][seq as usize % CHUNK];
        let sent_us = u64::from(sent_us);
        let answer = match answer {
            IN_DOUBT => Answer::InDoubt,
            REFUSED => Answer::Refused,
            SKIPPED => Answer::Skipped,
            latency => Answer::Acked { at_us: sent_us + u64::from(latency) },
        };
        (sent_us, answer)
    }

    fn entry_mut(&mut self, seq: u32) -> &mut Entry {
        &mut self.chunks[seq as usize / CHUNK][seq as usize % CHUNK]
    }
}

/// The ledger of a trial: every lane, and where the current epoch begins.
#[derive(Clone)]
pub struct Ledger {
    /// Derives what each op did.
    pub workload: Arc<dyn Workload>,
    /// One per connection. A running driver takes a lane out and puts it back when it ends.
    pub lanes: Vec<Lane>,
    /// What the recovery of the current epoch puts to the test: promises of anything else are left out.
    pub put_to_test: Safe,
    /// Number of the first op of the current epoch, by lane.
    first: Vec<u32>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(workload: Arc<dyn Workload>, lanes: u16) -> Self {
        Self {
            workload,
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            put_to_test: Safe::OnDisk,
            first: vec![0; usize::from(lanes)],
        }
    }

    /// One that was kept: every op of every lane, and the number of the first of the current epoch.
    pub fn resumed(workload: Arc<dyn Workload>, lanes: Vec<Lane>, first: Vec<u32>) -> Self {
        Self { workload, lanes, put_to_test: Safe::OnDisk, first }
    }

    /// Keys of a lane of which nothing is claimed.
    pub fn unclaimed(&self, lane: u16) -> impl Iterator<Item = Range<u32>> {
        let unit = self.workload.unit_of_lane(lane);
        let keys = move |ops| self.workload.keys_of_lane(lane, ops);
        let spoiled = self.lanes[usize::from(lane)].spoiled.iter();
        spoiled.map(move |number| keys(number * unit)..keys((number + 1) * unit))
    }

    /// Begins an epoch: what was written so far is its baseline.
    pub fn begin_epoch(&mut self) {
        self.first = self.lanes.iter().map(Lane::ops).collect();
        self.put_to_test = Safe::OnDisk;
    }
}

impl History for Ledger {
    fn lanes(&self) -> u16 {
        u16::try_from(self.lanes.len()).expect("lanes were made from a u16")
    }

    fn span(&self, lane: u16) -> Range<u32> {
        self.first[usize::from(lane)]..self.lanes[usize::from(lane)].ops()
    }

    fn keys(&self, lane: u16) -> u32 {
        self.workload.keys_of_lane(lane, self.lanes[usize::from(lane)].ops())
    }

    fn op(&self, lane: u16, seq: u32) -> Op {
        let Touch { key, effect } = self.workload.touch(lane, seq);
        let (sent_us, answer) = self.lanes[usize::from(lane)].entry(seq);
        // A promise of something else than is put to the test says nothing.
        let idle = effect == Effect::Promise && self.workload.safe(lane) != self.put_to_test;
        Op { key, effect, sent_us, answer: if idle { Answer::Skipped } else { answer } }
    }

    fn companions(&self, lane: u16, seq: u32) -> Vec<Touch> {
        self.workload.companions(lane, seq)
    }

    fn connection(&self, lane: u16, seq: u32) -> u8 {
        u8::from(self.workload.waits(lane, seq))
    }

    fn aspect(&self, lane: u16, key: u32) -> Aspect {
        self.workload.aspect(lane, key)
    }

    fn key_name(&self, lane: u16, key: u32) -> String {
        self.workload.key_name(lane, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spoiled_unit_claims_nothing_and_the_next_one_does() {
        let mut lane = Lane::default();
        for at in 0..12 {
            lane.sent(at);
        }
        for seq in (0..12).filter(|seq| ![5, 6].contains(seq)) {
            lane.acknowledged(seq, 20);
        }
        lane.spoiled(5, 4);
        lane.drop_spoiled(4);
        let answers: Vec<_> = (0..12).map(|seq| lane.entry(seq).1).collect();
        let acked = Answer::Acked { at_us: 20 };
        assert!(answers[..4].iter().chain(&answers[8..]).all(|answer| *answer == acked));
        assert_eq!(answers[4..8], [Answer::Skipped, Answer::Refused, Answer::Skipped, Answer::Skipped]);
    }

    #[test]
    fn an_op_costs_eight_bytes_and_keeps_time_and_answer() {
        let mut lane = Lane::default();
        for at in 0..10_000 {
            lane.sent(at);
        }
        lane.acknowledged(5_000, 5_321);
        lane.refused(5_001);
        assert_eq!(lane.entry(5_000), (5_000, Answer::Acked { at_us: 5_321 }));
        assert_eq!(lane.entry(5_001), (5_001, Answer::Refused));
        assert_eq!(lane.entry(5_002), (5_002, Answer::InDoubt));
        let bytes: usize = lane.chunks.iter().map(|chunk| chunk.capacity() * size_of::<Entry>()).sum();
        assert!(bytes < 10_000 * 8 + CHUNK * 8, "{bytes} bytes for 10,000 ops");
    }
}

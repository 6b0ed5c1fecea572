//! What moves is read back honestly: a model server plays the ops, somebody tampers with what it holds, and the oracle
//! has to see it. Untouched, it has to be silent.
#![allow(clippy::unwrap_used)]

#[path = "support/model.rs"]
mod model;

use std::collections::BTreeSet;

use model::{Model, Tampering};
use outlast::matrix::Workload;
use outlast::oracle::{Cell, Clock, History, Loss, Survey, judge};
use outlast::record::Anomaly;
use outlast::workload::{self, ledger::Ledger};

/// Ops of a history: three units and a part of a fourth.
const OPS: u32 = 3 * 64 + 37;

fn spec(kind: &str) -> Workload {
    Workload { kind: kind.into(), connections: 4, pipeline: 1, value: 40, ..Workload::default() }
}

/// Plays so many ops of one lane, all acknowledged one after the other but `refused`, and judges what is there then.
fn play(kind: &str, lane: u16, seed: u64, refused: Option<u32>, tamper: &dyn Fn(&mut Model)) -> Loss {
    let mut ledger = Ledger::new(workload::make(&spec(kind), seed).unwrap(), 4);
    let workload = ledger.workload.clone();
    let mut server = Model::default();
    for seq in 0..OPS {
        let mut said = Vec::new();
        workload.encode(lane, seq, &mut said);
        ledger.lanes[usize::from(lane)].sent(u64::from(seq) * 10 + 1);
        if refused == Some(seq) {
            ledger.lanes[usize::from(lane)].spoiled(seq, workload.unit_of_lane(lane));
        } else {
            server.execute(&said);
            ledger.lanes[usize::from(lane)].acknowledged(seq, u64::from(seq) * 10 + 2);
        }
    }
    ledger.lanes[usize::from(lane)].drop_spoiled(workload.unit_of_lane(lane));
    tamper(&mut server);
    let keys = ledger.keys(lane);
    let mut cells = vec![Cell::Absent; keys as usize];
    for question in workload.questions(lane, keys) {
        let answer = server.answer(&question.command);
        workload.understand(lane, &question, &answer, &mut cells);
    }
    for keys in ledger.unclaimed(lane) {
        cells[keys.start as usize..keys.end as usize].fill(Cell::Absent);
    }
    let clock = Clock { fault_us: 9_000, survey_from_us: 9_500, survey_to_us: 9_600 };
    let survey = Survey {
        lanes: (0..4).map(|own| if own == lane { std::mem::take(&mut cells) } else { Vec::new() }).collect(),
        ..Survey::default()
    };
    judge(&ledger, &Survey::default(), &survey, &clock)
}

#[test]
fn untouched_the_model_loses_nothing_and_a_refused_op_spoils_no_more_than_its_unit() {
    for (kind, lane) in [("queues", 0), ("streams", 0), ("blocking", 0), ("blocking", 3)] {
        for seed in 1..=20 {
            let loss = play(kind, lane, seed, None, &|_| {});
            assert!(loss.lost == 0 && loss.anomalies.is_empty(), "{kind} {seed}: {loss:#?}");
            assert_eq!(loss.acknowledged, u64::from(OPS));
            let loss = play(kind, lane, seed, Some(70 + seed as u32), &|_| {});
            assert!(loss.lost == 0 && loss.anomalies.is_empty(), "{kind} {seed}: {loss:#?}");
            assert_eq!((loss.acknowledged, loss.refused), (u64::from(OPS) - 64, 1));
        }
    }
}

#[test]
fn every_tampering_is_seen_for_what_it_is() {
    use Anomaly as A;
    use Tampering as T;
    let cases: &[(&str, u16, Tampering, &[Anomaly])] = &[
        ("queues", 0, T::Repeat, &[A::DuplicatedEffect]),
        ("queues", 0, T::InBoth, &[A::DuplicatedEffect]),
        ("queues", 0, T::Swap, &[A::Corrupt]),
        ("queues", 0, T::Foreign, &[A::Corrupt]),
        ("queues", 0, T::Drop, &[A::Lost]),
        ("queues", 0, T::Empty, &[A::Lost]),
        ("blocking", 0, T::Repeat, &[A::DuplicatedEffect]),
        ("blocking", 0, T::Foreign, &[A::Corrupt]),
        ("blocking", 0, T::Drop, &[A::Lost]),
        // The fourth lane's consumers wait for entries of a stream.
        ("blocking", 3, T::Drop, &[A::Lost]),
        ("blocking", 3, T::Foreign, &[A::Corrupt]),
        ("blocking", 3, T::ForgetPending, &[A::Lost, A::LostGroupState]),
        ("blocking", 3, T::RewindGroup, &[A::LostGroupState, A::RolledBack]),
        ("streams", 0, T::Drop, &[A::Lost]),
        ("streams", 0, T::Foreign, &[A::Corrupt]),
        ("streams", 0, T::Empty, &[A::Lost, A::LostGroupState]),
        ("streams", 0, T::ForgetPending, &[A::Lost, A::LostGroupState]),
        ("streams", 0, T::ForgetAcknowledgement, &[A::Lost, A::LostGroupState]),
        ("streams", 0, T::RewindGroup, &[A::LostGroupState, A::RolledBack]),
        ("streams", 0, T::OtherConsumer, &[A::Corrupt]),
    ];
    for (kind, lane, tampering, expected) in cases {
        for seed in 1..=10 {
            let loss = play(kind, *lane, seed, None, &|server| server.tamper(*tampering));
            let seen: BTreeSet<_> = loss.anomalies.iter().collect();
            assert!(
                expected.iter().all(|anomaly| seen.contains(anomaly)),
                "{kind} {tampering:?} {seed}: {seen:?} {loss:#?}"
            );
        }
    }
}

#[test]
fn a_deadline_that_is_off_is_drift_and_one_that_is_right_is_not() {
    let mut ledger = Ledger::new(workload::make(&spec("expiring"), 5).unwrap(), 1);
    for seq in 0..80 {
        ledger.lanes[0].sent(u64::from(seq) * 10);
        ledger.lanes[0].acknowledged(seq, u64::from(seq) * 10 + 5);
    }
    let newest = |key: u32| (0..80).rev().find(|&seq| ledger.op(0, seq).key == key).unwrap();
    let keys = ledger.keys(0);
    let mut survey = Survey { lanes: vec![vec![Cell::Absent; keys as usize]], ..Survey::default() };
    let mut due = Vec::new();
    for key in 0..keys {
        let op = ledger.op(0, newest(key));
        if let outlast::oracle::Effect::Set { ttl_us } = op.effect {
            survey.lanes[0][key as usize] = Cell::Version(newest(key));
            due.extend(ttl_us.map(|ttl| (key, op.sent_us + ttl)));
        }
    }
    assert!(due.len() > 20);
    let clock = Clock { fault_us: 900, survey_from_us: 1_000, survey_to_us: 1_100 };
    let drifted = |off: i64| {
        let mut survey = survey.clone();
        let moved = due.iter().map(|(key, at)| ((0, *key), at.saturating_add_signed(off)));
        survey.deadlines = moved.collect();
        let loss = judge(&ledger, &Survey::default(), &survey, &clock);
        assert_eq!(loss.anomalies.contains(&Anomaly::TtlDrift), loss.drifted > 0);
        loss.drifted
    };
    assert_eq!(drifted(0), 0);
    assert_eq!(drifted(1_500_000), due.len() as u64);
    assert!(drifted(-1_500_000) > 0);
}

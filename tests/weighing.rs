//! States held against what was promised: at every moment that may have left them, and as fast as the oracle is slow.
#![allow(clippy::unwrap_used)]

#[path = "support/history.rs"]
mod history;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use history::Script;
use outlast::contract::{Death, TrialFacts};
use outlast::disk::Model;
use outlast::disk::op::{Op as DiskOp, Rec};
use outlast::disk::syncs::{Synced, Syncs};
use outlast::epoch::Span;
use outlast::explore::boot::{Observed, Ready};
use outlast::explore::history::Until;
use outlast::explore::past::{Found, Past};
use outlast::explore::spans;
use outlast::explore::states::{Moments, State, Trace};
use outlast::explore::weigh::{Case, Ended, Scales, Weighed};
use outlast::oracle::{self, Answer, Cell, Clock, Effect, Op, Survey};
use outlast::record::Anomaly;
use proptest::prelude::*;

const S: u64 = 1_000_000;

/// Sets of one connection, each of a key of its own: sent at a moment and acknowledged at once.
fn sets(at_us: impl IntoIterator<Item = u64>) -> Script {
    let set = |(key, at_us): (u32, u64)| Op {
        key,
        effect: Effect::Set { ttl_us: None },
        sent_us: at_us,
        answer: Answer::Acked { at_us },
    };
    let ops: Vec<_> = (0..).zip(at_us).map(set).collect();
    Script::new(vec![ops])
}

/// A server that shows the first ops of a connection, each with a key of its own.
fn showing(known: &Script, first: u32) -> Observed {
    let cell = |key| if key < first { Cell::Version(key) } else { Cell::Absent };
    ready(Survey { lanes: vec![(0..known.keys).map(cell).collect()], ..Survey::default() })
}

fn ready(survey: Survey) -> Observed {
    Observed::Ready(Box::new(Ready {
        survey,
        span: Span { from_us: 100 * S, to_us: 101 * S },
        ms: 1.0,
        config: BTreeMap::new(),
        truncated: false,
        broken_later: None,
    }))
}

/// A trace whose operations take effect at these moments.
fn trace(done_us: impl IntoIterator<Item = u64>, end_us: u64, syncs: Syncs) -> Trace {
    let rec = |done_us| Rec { asked_us: done_us, done_us, op: DiskOp::Commit };
    Trace { log: done_us.into_iter().map(rec).collect(), end_us, syncs, ..Trace::default() }
}

fn left(model: Model, cuts: Range<usize>) -> State {
    State { digest: 0, moments: vec![Moments { model, cuts: cuts.map(|cut| (cut, 0)).collect() }] }
}

fn config(appendfsync: &str) -> BTreeMap<String, String> {
    let lines = [("appendonly", "yes"), ("appendfsync", appendfsync), ("save", "")];
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn aof_sync(asked_us: u64, done_us: Option<u64>) -> Syncs {
    let mut syncs = Syncs::default();
    let number = syncs.begin(Synced::Aof, asked_us);
    if let Some(done_us) = done_us {
        syncs.end(number, done_us);
    }
    syncs
}

struct Setting<'a> {
    trace: &'a Trace,
    known: &'a Script,
    appendfsync: &'a str,
    ended: Option<Ended>,
}

impl Setting<'_> {
    fn weigh(&self, state: &State, observed: &Observed) -> Weighed {
        let (config, nothing) = (config(self.appendfsync), Survey::default());
        let facts = TrialFacts {
            suite: "s",
            server: "s",
            persistence: "p",
            storage: "disk",
            workload: "w",
            fault: "f",
            engine: "process",
        };
        let mut scales = Scales::new(Case {
            trace: self.trace,
            history: self.known,
            baseline: &nothing,
            config: &config,
            saves: &[],
            ended: self.ended,
            contracts: &[],
            facts,
        });
        scales.weigh(0, state, observed).remove(0)
    }
}

#[test]
fn a_breach_of_an_early_moment_is_found_although_a_later_one_is_allowed() {
    // Acknowledged at 1 s and never durable: too old from 2.1 s on. At 3 s an fsync begins that hangs: the longer it
    // does, the older may be what is lost, and at 4.1 s and later nothing is wrong any more.
    let known = sets([S]);
    let trace = trace([S], 9 * S, aof_sync(3 * S, None));
    let setting = Setting { trace: &trace, known: &known, appendfsync: "everysec", ended: None };
    let state = left(Model::FsyncOnly, 0..2);
    let weighed = setting.weigh(&state, &showing(&known, 0));
    assert!(!weighed.kept && weighed.at_us < 4 * S, "{weighed:?}");
    assert_eq!(weighed.broken.len(), 1, "{:?}", weighed.broken);
    let (from, to) = weighed.broken[0];
    assert!(from.abs_diff(2_100_000) < 10 && to.abs_diff(3_900_000) < 10, "{:?}", weighed.broken);
    // The control: what is there is no loss at any moment.
    let whole = setting.weigh(&left(Model::FsyncOnly, 1..2), &showing(&known, 1));
    assert!(whole.kept && whole.broken.is_empty(), "{whole:?}");
}

#[test]
fn a_moment_is_broken_from_the_acknowledgement_on_and_not_before() {
    let known = sets([4 * S]);
    let trace = trace([S], 10 * S, Syncs::default());
    let setting = Setting { trace: &trace, known: &known, appendfsync: "always", ended: None };
    let weighed = setting.weigh(&left(Model::FsyncOnly, 0..2), &showing(&known, 0));
    assert_eq!((weighed.kept, weighed.loss.lost), (false, 1), "{weighed:?}");
    assert_eq!(weighed.broken, [(4 * S, 10 * S + 1)], "the interval of the cut began at 1 s");
    assert_eq!(spans::length_us(&weighed.covered), 10 * S + 1, "from the first moment on");
    let early = setting.weigh(&left(Model::FsyncOnly, 0..1), &showing(&known, 0));
    assert!(early.kept, "what was not acknowledged yet is not lost: {early:?}");
}

#[test]
fn after_a_clean_exit_nothing_may_be_lost_and_before_it_what_everysec_allows() {
    let known = sets([4 * S, 4 * S + 500_000]);
    let trace = trace([S, 5 * S], 6 * S, Syncs::default());
    let state = left(Model::FsyncOnly, 2..3);
    let clean = Ended { death: Death::Stop, clean: true, at_us: 5 * S + 10 };
    let at = |ended| Setting { trace: &trace, known: &known, appendfsync: "everysec", ended };
    let weighed = at(Some(clean)).weigh(&state, &showing(&known, 1));
    assert!(!weighed.kept && weighed.promise.id == "aof-clean-exit", "{weighed:?}");
    assert_eq!(weighed.broken, [(5 * S + 10, 6 * S + 1)], "not before it had ended");
    let kept = at(Some(clean)).weigh(&state, &showing(&known, 2));
    assert!(kept.kept, "{kept:?}");
    // Without the exit, and after a kill, half a second is within the window: no sync comes after a death.
    assert!(at(None).weigh(&state, &showing(&known, 1)).broken.iter().all(|span| span.0 > 5 * S + 500_000));
    let killed = Ended { death: Death::Kill, clean: false, at_us: 5 * S };
    assert!(at(Some(killed)).weigh(&state, &showing(&known, 1)).kept, "it grows no older when all is dead");
}

#[test]
fn the_control_may_lose_only_what_waited_for_an_fsync() {
    let known = sets([4 * S, 4 * S + 900_000]);
    let state = left(Model::ProcessKill, 1..2);
    let weigh = |syncs: Syncs| {
        let trace = trace([5 * S], 5 * S + 1, syncs);
        let setting = Setting { trace: &trace, known: &known, appendfsync: "everysec", ended: None };
        setting.weigh(&state, &showing(&known, 1))
    };
    let idle = weigh(Syncs::default());
    assert!(!idle.kept && idle.loss.lost == 1, "no fsync was in flight: {idle:?}");
    assert!(weigh(aof_sync(4 * S + 800_000, None)).kept, "this one waited");
    assert!(!weigh(aof_sync(S, Some(2 * S))).kept, "that fsync was over long ago");
}

#[test]
fn an_fsync_that_was_in_flight_at_the_end_counts_and_one_of_another_time_does_not() {
    let known = sets([4 * S]);
    let state = left(Model::FsyncOnly, 1..2);
    let weigh = |syncs: Syncs| {
        let trace = trace([6 * S], 6 * S + 1, syncs);
        Setting { trace: &trace, known: &known, appendfsync: "everysec", ended: None }
            .weigh(&state, &showing(&known, 0))
    };
    assert!(weigh(aof_sync(5 * S, None)).kept, "2 s old, and an fsync has hung for 1 s");
    assert!(!weigh(Syncs::default()).kept);
    let mut long_ago = Syncs::default();
    let number = long_ago.begin(Synced::Aof, 0);
    long_ago.end(number, S);
    assert!(!weigh(long_ago).kept, "a long fsync does not loosen the promise for ever");
    assert_eq!(Synced::of("temp-7.rdb", 7, false, false), None, "nor does one of a snapshot's file");
}

/// The quick way may leave it to the oracle, and must not where nothing is odd.
#[test]
fn a_plain_loss_is_told_without_the_oracle() {
    let known = sets([1, 2, 3, 4]);
    let past = Past::new(&known, &Survey::default());
    let seen = |first: u32| {
        let cell = |key| if key < first { Cell::Version(key) } else { Cell::Absent };
        Survey { lanes: vec![(0..4).map(cell).collect()], ..Survey::default() }
    };
    assert!(matches!(past.find(&seen(4), 9, 9), Found::Whole));
    let Found::Short(short) = past.find(&seen(1), 9, 9) else { panic!("three of four are gone") };
    assert_eq!(short.at(9).map(|missing| (missing.lost, missing.earliest_us)), Some((3, Some(2))));
}

/// Random work of two connections on a few keys, what a server shows of it, and a moment.
#[derive(Debug, Clone)]
struct Play {
    known: Script,
    survey: Survey,
    at_us: u64,
}

fn plays() -> impl Strategy<Value = Play> {
    let op = (0..4_u32, 0..3_u8, 1..6_u64, 0..9_u64, 0..10_u8);
    let lane = proptest::collection::vec(op, 0..14);
    (
        proptest::collection::vec(lane, 2),
        0..80_u64,
        proptest::option::weighted(0.2, (0..2_usize, 0..4_usize, 0..16_u32)),
        1..100_u64,
    )
        .prop_map(|(lanes, kept_until, lie, at_us)| {
            let mut known = Script { keys: 4, first: vec![0; lanes.len()], ..Script::default() };
            let mut survey = Survey { lanes: vec![vec![Cell::Absent; 4]; 2], ..Survey::default() };
            for (lane, ops) in lanes.into_iter().enumerate() {
                let (mut now, mut last_ack) = (0, 0);
                let mut list = Vec::new();
                for (seq, (key, act, gap, latency, fate)) in (0..).zip(ops) {
                    now += gap;
                    // Answers of one connection come in order.
                    last_ack = last_ack.max(now + latency);
                    let effect = if act == 0 { Effect::Delete } else { Effect::Set { ttl_us: None } };
                    let answer = match fate {
                        0 => Answer::InDoubt,
                        1 => Answer::Refused,
                        _ => Answer::Acked { at_us: last_ack },
                    };
                    // What had been sent when the power went is there, and nothing later.
                    if now <= kept_until && answer != Answer::Refused {
                        survey.lanes[lane][key as usize] =
                            if effect == Effect::Delete { Cell::Absent } else { Cell::Version(seq) };
                    }
                    list.push(Op { key, effect, sent_us: now, answer });
                }
                known.lanes.push(list);
            }
            if let Some((lane, key, seq)) = lie {
                survey.lanes[lane][key] = Cell::Version(seq);
            }
            Play { known, survey, at_us }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// Whatever the quick way says of a moment, the oracle says too.
    #[test]
    fn the_quick_way_agrees_with_the_oracle(play in plays()) {
        let Play { known, survey, at_us } = play;
        let past = Past::new(&known, &Survey::default());
        let missing = match past.find(&survey, at_us, at_us) {
            Found::Whole => Some(Default::default()),
            Found::Short(short) => short.at(at_us),
            Found::Odd => None,
        };
        let until = Until { history: &known, at_us };
        let clock = Clock { fault_us: at_us, survey_from_us: 1_000, survey_to_us: 1_001 };
        let loss = oracle::judge(&until, &Survey::default(), &survey, &clock);
        if let Some(missing) = missing {
            prop_assert_eq!((missing.lost, missing.earliest_us), (loss.lost, loss.earliest_lost_us), "{:?}", loss);
            prop_assert!(loss.corrupt + loss.torn + loss.duplicated + loss.baseline_back == 0, "{:?}", loss);
            prop_assert!(!loss.anomalies.contains(&Anomaly::Hole), "{:?}", loss);
            let tail = matches!(loss.shape, outlast::record::Shape::None | outlast::record::Shape::Suffix | outlast::record::Shape::All);
            prop_assert!(tail, "{:?}", loss);
            prop_assert_eq!(past.acknowledged(at_us), loss.acknowledged);
        }
    }
}

#[test]
fn a_plain_tail_is_never_left_to_the_oracle_and_a_hole_always_is() {
    let known = sets((1..=100).map(|at| at * 10));
    let past = Past::new(&known, &Survey::default());
    let cells = |lost: &dyn Fn(u32) -> bool| Survey {
        lanes: vec![(0..100).map(|key| if lost(key) { Cell::Absent } else { Cell::Version(key) }).collect()],
        ..Survey::default()
    };
    let Found::Short(short) = past.find(&cells(&|key| key >= 60), 600, 2_000) else { panic!("a tail") };
    assert_eq!(short.at(605).map(|missing| missing.lost), Some(0), "not acknowledged yet");
    assert_eq!(short.at(610).map(|missing| (missing.lost, missing.earliest_us)), Some((1, Some(610))));
    assert_eq!(short.at(2_000).map(|missing| missing.lost), Some(40));
    let Found::Short(hole) = past.find(&cells(&|key| key == 60), 1_000, 2_000) else { panic!("a hole") };
    assert_eq!(hole.at(2_000), None, "a later write survived: the oracle has to say what that is");
    assert!(matches!(past.find(&cells(&|_| false), 1_000, 2_000), Found::Whole));
}

/// `cargo test --test weighing how_long -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn how_long_a_thousand_states_take() {
    const WRITES: u64 = 10_000;
    const STATES: usize = 1_000;
    let models = [Model::ProcessKill, Model::FsyncOnly, Model::StrictPosix];
    let churn = |seq: u32| (seq * 7919 % 500, seq.is_multiple_of(5));
    for (name, lossy, deletes) in [
        ("honest", 0, false),
        ("lossy", 200, false),
        ("honest, with deletes", 0, true),
        ("lossy, with deletes", 200, true),
    ] {
        let mut known = sets((1..=WRITES).map(|at| at * 500));
        for op in &mut known.lanes[0] {
            op.answer = Answer::Acked { at_us: op.sent_us + 5_600 };
        }
        if deletes {
            for (seq, op) in (0..).zip(&mut known.lanes[0]) {
                let (key, is_delete) = churn(seq);
                op.key = key;
                op.effect = if is_delete { Effect::Delete } else { op.effect };
            }
        }
        let trace = trace((1..=2 * WRITES).map(|at| at * 250), 6 * S, Syncs::default());
        let (config, nothing) = (config("always"), Survey::default());
        let facts = TrialFacts {
            suite: "",
            server: "",
            persistence: "",
            storage: "",
            workload: "",
            fault: "",
            engine: "",
        };
        let per = 2 * WRITES as usize / STATES;
        let states: Vec<_> = (0..STATES)
            .map(|number| {
                let cuts: Vec<_> = (0..per).map(|at| (number * per + at + 1, 0)).collect();
                let moments = models.map(|model| Moments { model, cuts: cuts.clone() }).to_vec();
                let written = (number * per / 2) as u32;
                let first = written.saturating_sub(lossy).min(WRITES as u32);
                let mut cells = vec![Cell::Absent; WRITES as usize];
                for seq in 0..first {
                    let (key, is_delete) = if deletes { churn(seq) } else { (seq, false) };
                    cells[key as usize] = if is_delete { Cell::Absent } else { Cell::Version(seq) };
                }
                let survey = Survey { lanes: vec![cells], ..Survey::default() };
                (State { digest: 0, moments }, ready(survey))
            })
            .collect();
        let began = Instant::now();
        let case = Case {
            trace: &trace,
            history: &known,
            baseline: &nothing,
            config: &config,
            saves: &[],
            ended: None,
            contracts: &[],
            facts,
        };
        let mut scales = Scales::new(case);
        let prepared = began.elapsed();
        let mut broken = 0;
        for (number, (state, observed)) in states.iter().enumerate() {
            broken += scales.weigh(number, state, observed).iter().filter(|weighed| !weighed.kept).count();
        }
        println!(
            "{name}: prepared in {prepared:?}, {STATES} states x 3 models in {:?}, {broken} broken",
            began.elapsed()
        );
    }
}

//! What the client's books cost: memory and time of the ledger, time of the oracle.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use outlast::matrix;
use outlast::oracle::{self, Cell, Clock, Effect, History, Survey};
use outlast::workload::ledger::Ledger;
use outlast::workload::make;

const LANES: u16 = 8;
const MATRIX: &str = r#"
[server.none]
binary = "none"

[persistence.none]
save = ""

[fault.kill]
steps = ["kill", "start"]

[[suite]]
name = "books"
server = ["*"]
persistence = ["*"]
workload = ["*"]
fault = ["*"]

[workload.single]
kind = "single"
connections = 8

[workload.sessions]
kind = "sessions"
connections = 8

[workload.churn]
kind = "churn"
connections = 8
keys = 1000

[workload.transactions]
kind = "transactions"
connections = 8
"#;

/// The books of so many writes that were all acknowledged.
fn ledger(name: &str, ops: u32) -> Ledger {
    let matrix = matrix::parse(MATRIX, Path::new("books.toml"), None, &outlast::vocabulary());
    let matrix = matrix.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let spec = matrix.workloads.iter().find(|workload| workload.name == name).expect("it is in the matrix");
    let workload = make(spec, 1).expect("a workload of the matrix");
    let mut ledger = Ledger::new(workload, LANES);
    let each = ops / u32::from(LANES);
    for lane in &mut ledger.lanes {
        for at_us in 0..u64::from(each) {
            let seq = lane.sent(at_us);
            lane.acknowledged(seq, at_us + 100);
        }
    }
    ledger
}

/// What every key holds when of each lane's ops the first `share` survived.
fn survivors(ledger: &Ledger, share: f64) -> Survey {
    let lanes = (0..ledger.lanes()).map(|lane| {
        let mut cells = vec![Cell::Absent; ledger.keys(lane) as usize];
        let ops = ledger.span(lane);
        for seq in ops.start..(f64::from(ops.end) * share) as u32 {
            let op = ledger.op(lane, seq);
            cells[op.key as usize] = match op.effect {
                Effect::Set { .. } => Cell::Version(seq),
                _ => Cell::Absent,
            };
            for touch in ledger.companions(lane, seq) {
                cells[touch.key as usize] = Cell::Version(seq);
            }
        }
        cells
    });
    Survey { lanes: lanes.collect(), ..Survey::default() }
}

/// Memory of this process, in bytes.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok());
    pages.unwrap_or_default() * 4096
}

fn main() {
    const MANY: u32 = 10_000_000;
    let (before, began) = (resident(), Instant::now());
    let books = black_box(ledger("single", MANY));
    let spent = began.elapsed();
    let bytes = resident().saturating_sub(before) as f64 / f64::from(MANY);
    println!(
        "ledger, 10 million ops: {bytes:.2} bytes and {:.0} ns per op; target 8 bytes",
        spent.as_secs_f64() * 1e9 / f64::from(MANY)
    );
    drop(books);

    const OPS: u32 = 1_000_000;
    for kind in ["single", "sessions", "churn", "transactions"] {
        let books = ledger(kind, OPS);
        for (what, share) in [("nothing lost", 1.0), ("the last tenth lost", 0.9)] {
            let seen = survivors(&books, share);
            let end_us = u64::from(OPS / u32::from(LANES)) + 100;
            let clock = Clock { fault_us: end_us, survey_from_us: end_us, survey_to_us: end_us };
            let began = Instant::now();
            let loss = black_box(oracle::judge(&books, &Survey::default(), &seen, &clock));
            println!(
                "oracle, 1 million ops of {kind}, {what}: {:.0?}, found {} lost ({:?})",
                began.elapsed(),
                loss.lost,
                loss.shape
            );
        }
    }
}

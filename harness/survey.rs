//! Reads everything back: what every key holds after recovery.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use redis::{RedisResult, Value};

use crate::fault::control::{Control, as_cmd};
use crate::matrix;
use crate::oracle::{Cell, History, Survey};
use crate::workload::ledger::Ledger;

/// Where more names than this are in the server, they are looked through only when they are too many.
const FEW_NAMES: u64 = 20_000;
/// Keys per lane whose time to live is asked for.
const DEADLINES: usize = 100;
/// An answer that took longer says too little of the moment that it is about.
const PROMPT: Duration = Duration::from_millis(200);

/// Reads every key that any lane may have touched, and looks for keys that no lane could have. `began` is the start of
/// the trial. Leaves the connection in database 0, where it found it.
pub async fn read(
    control: &mut Control,
    ledger: &Ledger,
    spec: &matrix::Workload,
    began: Instant,
) -> RedisResult<Survey> {
    let workload = &ledger.workload;
    let mut survey = Survey::default();
    let mut present = 0_u64;
    for lane in 0..ledger.lanes() {
        select(control, spec, spec.database(lane)).await?;
        let mut cells = vec![Cell::Absent; ledger.keys(lane) as usize];
        for question in workload.questions(lane, ledger.keys(lane)) {
            match control.query::<Value>(&as_cmd(&question.command)).await {
                Ok(answer) => workload.understand(lane, &question, &answer, &mut cells),
                Err(error) if error.code() == Some("WRONGTYPE") => {
                    cells[question.keys.start as usize..question.keys.end as usize].fill(Cell::WrongType);
                }
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        for keys in ledger.unclaimed(lane) {
            let end = cells.len().min(keys.end as usize);
            cells[keys.start as usize..end].fill(Cell::Absent);
        }
        present += cells.iter().filter(|cell| **cell != Cell::Absent).count() as u64;
        survey.lanes.push(cells);
    }
    deadlines(control, ledger, spec, began, &mut survey).await?;
    // Expired keys are counted until they are reaped, so a surplus alone is no proof.
    let names = names(control, spec).await?;
    let all = names.iter().map(|(_, names)| names).sum::<u64>();
    if all > present || all < FEW_NAMES {
        for (database, _) in names {
            select(control, spec, database).await?;
            survey.strangers += strangers(control, ledger, spec, database).await?;
        }
    }
    select(control, spec, 0).await?;
    Ok(survey)
}

/// Goes on in another logical database, where there is more than one.
async fn select(control: &mut Control, spec: &matrix::Workload, database: u16) -> RedisResult<()> {
    if spec.databases < 2 {
        return Ok(());
    }
    control.ask(&["SELECT", &database.to_string()]).await
}

/// How many names each database holds.
async fn names(control: &mut Control, spec: &matrix::Workload) -> RedisResult<Vec<(u16, u64)>> {
    if spec.databases < 2 {
        return Ok(vec![(0, control.ask(&["DBSIZE"]).await?)]);
    }
    let count = |(name, value): (&String, &String)| {
        let names = value.strip_prefix("keys=")?.split(',').next()?;
        Some((name.strip_prefix("db")?.parse().ok()?, names.parse().ok()?))
    };
    Ok(control.info("keyspace").await?.iter().filter_map(count).collect())
}

/// Whether a question was about a key or a consumer group that is not there.
fn is_absent(error: &redis::RedisError) -> bool {
    error.code() == Some("NOGROUP") || error.detail().is_some_and(|text| text.contains("no such key"))
}

/// Asks when some of the keys will expire.
async fn deadlines(
    control: &mut Control,
    ledger: &Ledger,
    spec: &matrix::Workload,
    began: Instant,
    survey: &mut Survey,
) -> RedisResult<()> {
    for lane in 0..ledger.lanes() {
        let cells = &survey.lanes[usize::from(lane)];
        let step = (cells.len() / DEADLINES).max(1);
        let asked: Vec<_> = (0..cells.len())
            .step_by(step)
            .filter(|&key| matches!(cells[key], Cell::Version(_)))
            .filter_map(|key| Some((key as u32, ledger.workload.ask_time_left(lane, key as u32)?)))
            .collect();
        if asked.is_empty() {
            continue;
        }
        select(control, spec, spec.database(lane)).await?;
        let (keys, commands): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let sent = Instant::now();
        let answers = control.query_all(&commands).await?;
        if sent.elapsed() > PROMPT {
            continue;
        }
        let now_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        for (key, answer) in keys.into_iter().zip(answers) {
            // Commands for fields answer with a list.
            let answer = match answer {
                Value::Array(list) if list.len() == 1 => list[0].clone(),
                other => other,
            };
            match answer {
                Value::Int(-2) => {}
                // A key that will never expire is as far off as can be.
                Value::Int(-1) => drop(survey.deadlines.insert((lane, key), u64::MAX)),
                Value::Int(ms) => {
                    let left_us = u64::try_from(ms).unwrap_or(0) * 1000;
                    survey.deadlines.insert((lane, key), now_us + left_us);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Counts keys of one database that no lane ever touched there.
async fn strangers(
    control: &mut Control,
    ledger: &Ledger,
    spec: &matrix::Workload,
    database: u16,
) -> RedisResult<u64> {
    let here = |lane: u16| if spec.database(lane) == database { ledger.keys(lane) } else { 0 };
    let keys: Vec<_> = (0..ledger.lanes()).map(here).collect();
    let mut cursor = "0".to_owned();
    let mut found = BTreeSet::new();
    loop {
        let (next, names): (String, Vec<Vec<u8>>) = control.ask(&["SCAN", &cursor, "COUNT", "1000"]).await?;
        found.extend(names.into_iter().filter(|name| !ledger.workload.owns(name, &keys)));
        if next == "0" {
            return Ok(found.len() as u64);
        }
        cursor = next;
    }
}

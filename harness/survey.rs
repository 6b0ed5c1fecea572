//! Reads everything back: what every key holds after recovery.

use std::collections::BTreeSet;

use redis::{Cmd, RedisResult};

use crate::fault::control::Control;
use crate::oracle::{Cell, History, Survey};
use crate::workload::ledger::Ledger;
use crate::workload::value;

/// Keys per MGET, and the most bytes that one answer should hold.
const BATCH_KEYS: u32 = 1_000;
const BATCH_BYTES: u32 = 4 << 20;

/// Reads every key that any lane may have touched, and looks for keys that no lane could have.
pub async fn read(control: &mut Control, ledger: &Ledger, seed: u64, size: u32) -> RedisResult<Survey> {
    let batch = (BATCH_BYTES / size.max(1)).clamp(1, BATCH_KEYS);
    let mut survey = Survey::default();
    let mut scratch = Vec::new();
    let mut present = 0_u64;
    for lane in 0..ledger.lanes() {
        let keys = ledger.keys(lane);
        let mut cells = Vec::with_capacity(keys as usize);
        for first in (0..keys).step_by(batch as usize) {
            let mut mget = Cmd::new();
            mget.arg("MGET");
            for key in first..keys.min(first + batch) {
                mget.arg(value::key_name(lane, key));
            }
            let values: Vec<Option<Vec<u8>>> = control.query(&mget).await?;
            cells
                .extend(values.iter().map(|value| value::decode(seed, lane, value.as_deref(), &mut scratch)));
        }
        present += cells.iter().filter(|cell| **cell != Cell::Absent).count() as u64;
        survey.lanes.push(cells);
    }
    // Expired keys stay in DBSIZE until they are reaped, so a surplus alone is no proof.
    if control.ask::<u64>(&["DBSIZE"]).await? > present {
        survey.strangers = strangers(control, &survey).await?;
    }
    Ok(survey)
}

/// Counts keys that no lane ever touched.
async fn strangers(control: &mut Control, survey: &Survey) -> RedisResult<u64> {
    let mut cursor = "0".to_owned();
    let mut found = BTreeSet::new();
    loop {
        let (next, names): (String, Vec<Vec<u8>>) = control.ask(&["SCAN", &cursor, "COUNT", "1000"]).await?;
        for name in names {
            let ours = value::parse_key(&name)
                .and_then(|(lane, key)| Some((key as usize) < survey.lanes.get(usize::from(lane))?.len()))
                .unwrap_or(false);
            if !ours {
                found.insert(name);
            }
        }
        if next == "0" {
            return Ok(found.len() as u64);
        }
        cursor = next;
    }
}

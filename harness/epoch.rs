//! One epoch judged: the writes up to a death, what the next start showed of them, and the promise.

use crate::contract::table::EVERYSEC_WINDOW;
use crate::contract::{self, Circumstances};
use crate::engine::DataFile;
use crate::fault::scene::{Draft, Recovery, describe};
use crate::fault::{Scene, Trouble};
use crate::oracle::{self, Answer, Cell, Clock, History, Loss, Op, Survey};
use crate::record::{Anomaly, Epoch, Example, FileFact, Pressure, TrialRecord, Verdict};

/// A fault that comes this long after the last acknowledgement, with nothing in flight, met no pressure.
const QUIET_LIMIT_MS: f64 = 250.0;
/// Directives that say whether data is kept, and where: a start with others than those of the death is a switch.
const SETTINGS: &[&str] = &["appendonly", "save", "dir", "dbfilename", "appendfilename", "appenddirname"];
/// A snapshot of nothing is a header shorter than this.
const HEADER_BYTES: u64 = 256;
/// Examples kept in a record.
const EXAMPLES: usize = 12;

/// When the read-back took place, in microseconds since the trial began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its begin.
    pub from_us: u64,
    /// Its end.
    pub to_us: u64,
}

/// What was lost at a fault, as the beginning of an epoch's record.
pub fn of_loss(loss: Loss, fault_us: u64) -> Epoch {
    Epoch {
        acknowledged: loss.acknowledged,
        lost: loss.lost,
        lost_baseline: loss.lost_baseline,
        in_doubt: loss.in_doubt,
        in_doubt_present: loss.in_doubt_present,
        refused: loss.refused,
        expired: loss.expired,
        shape: loss.shape,
        window_ms: loss.earliest_lost_us.map(|at| millis(fault_us.saturating_sub(at))),
        from_ms: millis(loss.from_us),
        fault_ms: millis(fault_us),
        sent_density: loss.sent_density,
        ack_density: loss.ack_density,
        lost_density: loss.lost_density,
        bucket_ms: millis(loss.bucket_us),
        ..Epoch::default()
    }
}

/// Judges what a recovery showed. `observed` is absent when the server did not come back.
pub async fn judge(
    scene: &mut Scene,
    recovery: &Recovery,
    baseline: &Survey,
    observed: Option<&(Survey, Span)>,
    record: &mut TrialRecord,
) -> Result<Epoch, Trouble> {
    let draft = std::mem::take(&mut scene.draft);
    let Some(first) = draft.deaths.first() else {
        return Err(Trouble::Lab("the server was started without having died".into()));
    };
    let fault_us = first.fault_us;
    let loss = observed.map(|(survey, span)| {
        let clock = Clock { fault_us, survey_from_us: span.from_us, survey_to_us: span.to_us };
        oracle::judge(&scene.ledger, baseline, survey, &clock)
    });
    let truncated = compare_files(scene, &draft, record).await?;

    let circumstances = circumstances(scene, &draft, recovery);
    let plan = scene.plan.clone();
    let facts = plan.facts(scene.engine.name());
    let applied = contract::promise(&circumstances, &plan.matrix.contracts, &facts);
    let refused = matches!(recovery, Recovery::Refused { .. });
    let stuck = *recovery == Recovery::Stuck;
    let recovery_ms = if let Recovery::Ready { ms } = recovery { Some(*ms) } else { None };
    let mut judgement = contract::judge(&applied, loss.as_ref(), refused, stuck, &circumstances);
    if judgement.kept
        && let Some(breach) =
            contract::over_budget(&plan.matrix.budgets, &facts, &circumstances, loss.as_ref(), recovery_ms)
    {
        judgement.kept = false;
        judgement.message = breach;
    }

    if judgement.kept
        && let Some(breach) = contract::would_not_end(&circumstances)
    {
        judgement.kept = false;
        judgement.message = format!("{breach}; {}", judgement.message);
    }

    let pressure = pressure(&draft, scene);
    let weak = weakness(&draft, &pressure, scene);
    let verdict = match (judgement.kept, &weak) {
        (false, _) => Verdict::Broken,
        (true, Some(_)) => Verdict::Inconclusive,
        (true, None) => Verdict::Kept,
    };
    let empty = observed.zip(loss.as_ref()).is_some_and(|((seen, _), loss)| {
        loss.lost + loss.lost_baseline > 0 && shows_nothing(seen) && draft.files_dead.iter().any(holds_data)
    });
    let loss = loss.unwrap_or_else(|| nothing_came_back(scene, fault_us));
    let mut anomalies = loss.anomalies.clone();
    anomalies.extend(refused.then_some(Anomaly::RefusedToStart));
    anomalies.extend(stuck.then_some(Anomaly::StuckLoading));
    anomalies.extend((draft.refusals > 0).then_some(match draft.retried {
        true => Anomaly::RefusedToStart,
        false => Anomaly::NeedsManualRepair,
    }));
    anomalies.extend(truncated.then_some(Anomaly::SilentTruncation));
    anomalies.extend(empty.then_some(Anomaly::SilentEmptyStart));
    anomalies.extend(draft.outlived.then_some(Anomaly::ShutdownRefused));
    anomalies.extend(contract::false_success(&circumstances, &loss).then_some(Anomaly::FalseSuccess));
    anomalies.sort_unstable();
    anomalies.dedup();
    add_examples(scene, &loss, record);
    let words: Vec<_> = draft.deaths.iter().map(|death| death.words.as_str()).collect();
    Ok(Epoch {
        death: words.join(", then "),
        exit: first.exit.map(describe).unwrap_or_default(),
        recovery_ms,
        anomalies,
        promise: Some(applied.to_record()),
        verdict,
        message: weak.filter(|_| verdict == Verdict::Inconclusive).unwrap_or_else(|| judgement.words()),
        pressure,
        ..of_loss(loss, fault_us)
    })
}

fn circumstances(scene: &Scene, draft: &Draft, recovery: &Recovery) -> Circumstances {
    let first = &draft.deaths[0];
    let config = draft.config.clone();
    let window_us = u64::try_from(EVERYSEC_WINDOW.as_micros()).unwrap_or(u64::MAX);
    let since_us = draft.settled_us.unwrap_or(0).max(first.fault_us.saturating_sub(window_us));
    // A server that did not come back has no effective configuration: what its file asked for stands in.
    let config_after = if matches!(recovery, Recovery::Ready { .. }) {
        scene.config.clone()
    } else {
        let mut asked = config.clone();
        asked.extend(scene.directives.iter().map(|line| (line.name.clone(), line.value.clone())));
        asked
    };
    let switched = SETTINGS.iter().any(|name| {
        let normal = |value: Option<&String>| value.map(|value| value.trim_matches('"').to_owned());
        normal(config.get(*name)) != normal(config_after.get(*name))
    });
    Circumstances {
        death: first.death,
        clean_exit: first.exit.is_some_and(|exit| exit.code == Some(0) && !exit.forced),
        damage: draft.damage.clone(),
        data_dropped: draft.data_dropped,
        switched: switched || draft.switched_server || draft.promoted,
        promoted: draft.promoted,
        repaired: draft.repaired,
        restored: draft.restored,
        first_rewrite_pending: draft.first_rewrite_pending,
        saved_until_us: draft.saved_until_us,
        settled_us: draft.settled_us,
        unsettled: writes(scene, |answer| matches!(answer, Answer::Acked { at_us } if at_us >= since_us)),
        fault_us: first.fault_us,
        power_cut: draft.power_cut,
        save_failed: draft.save_failed,
        outlived: draft.outlived,
        excuse: draft.excuse,
        unwritten: scene.unwritten(&draft.owed),
        dropped_since_us: draft.owed.dropped_since_us,
        failed_start: scene.failures() > draft.failed_before_start,
        config,
        config_after,
    }
}

/// Whether nothing at all was found in the server.
fn shows_nothing(seen: &Survey) -> bool {
    seen.strangers == 0 && seen.lanes.iter().flatten().all(|cell| *cell == Cell::Absent)
}

/// Whether a server would leave its data in such a file. What a child had not finished is none.
fn holds_data(file: &DataFile) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let data = [".rdb", ".aof"].iter().any(|end| name.ends_with(end)) && !name.starts_with("temp-");
    data && file.bytes >= HEADER_BYTES
}

/// Whether the server cut the end off one of its own files while it loaded.
async fn compare_files(scene: &mut Scene, draft: &Draft, record: &mut TrialRecord) -> Result<bool, Trouble> {
    let epoch = record.epochs.len() as u32;
    let now = scene.instance.files().await?;
    let size =
        |files: &[DataFile], path: &str| files.iter().find(|file| file.path == path).map(|file| file.bytes);
    let mut paths: Vec<_> = draft.files_dead.iter().chain(&now).map(|file| file.path.clone()).collect();
    paths.sort();
    paths.dedup();
    let facts: Vec<_> = paths
        .into_iter()
        .map(|path| FileFact {
            epoch,
            bytes_dead: size(&draft.files_dead, &path),
            bytes_recovered: size(&now, &path),
            path,
        })
        .collect();
    let cut = facts.iter().any(|fact| {
        fact.path.ends_with(".aof")
            && fact.bytes_dead.zip(fact.bytes_recovered).is_some_and(|(dead, now)| now < dead)
    });
    record.files.extend(facts);
    Ok(cut)
}

pub(crate) fn pressure(draft: &Draft, scene: &Scene) -> Pressure {
    let done = draft.done;
    let acked = done.map_or(0, |done| done.acked);
    let seconds = draft.wrote_for.as_secs_f64();
    let fault_us = draft.deaths[0].fault_us;
    Pressure {
        acked_before_fault: draft.acked_before_fault,
        acked_after_fault: acked.saturating_sub(draft.acked_before_fault),
        // A promise that is waited for is pressure too: writes before it are not yet safe.
        in_flight: ops(scene, |op| op.answer == Answer::InDoubt),
        quiet_ms: done
            .filter(|done| done.acked > 0)
            .map(|done| millis(fault_us.saturating_sub(done.last_ack_us))),
        phase: draft.met_phase.map(str::to_owned),
        rewrites: draft.storm.map(|ended| ended.rewrites),
        saves: draft.storm.map(|ended| ended.saves),
        rate: if seconds > 0.0 { (acked as f64 / seconds).round() } else { 0.0 },
        pace: scene.plan.workload.rate,
        ..latencies(scene, fault_us)
    }
}

/// How long the writes of the writers took that were acknowledged before the fault.
fn latencies(scene: &Scene, fault_us: u64) -> Pressure {
    let ledger = &scene.ledger;
    let writers = 0..scene.plan.workload.connections.min(ledger.lanes());
    let ops =
        writers.flat_map(|lane| ledger.span(lane).map(move |seq| ledger.lanes[usize::from(lane)].entry(seq)));
    let mut took_us: Vec<_> = ops
        .filter_map(|(sent_us, answer)| match answer {
            Answer::Acked { at_us } if at_us <= fault_us => Some(at_us - sent_us),
            _ => None,
        })
        .collect();
    took_us.sort_unstable();
    let at =
        |percent: usize| took_us.get((took_us.len() * percent / 100).min(took_us.len().saturating_sub(1)));
    Pressure {
        latency_p50_ms: at(50).map(|&us| millis(us)),
        latency_p99_ms: at(99).map(|&us| millis(us)),
        latency_max_ms: took_us.last().map(|&us| millis(us)),
        ..Pressure::default()
    }
}

/// Why the fault met no pressure; `None` when it did.
fn weakness(draft: &Draft, pressure: &Pressure, scene: &Scene) -> Option<String> {
    if let Some(phase) = draft.phase
        && draft.met_phase.is_none()
    {
        return Some(format!("the fault came too late: {phase:?} was over").to_lowercase());
    }
    if draft.told_to_fail && draft.owed.failures == 0 {
        return Some("the disk was told to fail, and no call met it".into());
    }
    draft.done?;
    if pressure.acked_before_fault == 0 {
        return Some("nothing was acknowledged before the fault".into());
    }
    if draft.muted {
        return None;
    }
    let quiet = pressure.quiet_ms.unwrap_or(f64::INFINITY);
    if pressure.in_flight == 0 && pressure.acked_after_fault == 0 && quiet > QUIET_LIMIT_MS {
        let connections = scene.plan.workload.connections;
        return Some(format!(
            "no write was near the fault: the last of {connections} connections was answered {quiet:.0} ms before"
        ));
    }
    None
}

fn writes(scene: &Scene, wanted: impl Fn(Answer) -> bool) -> u64 {
    ops(scene, |op| op.effect != oracle::Effect::Promise && wanted(op.answer))
}

fn ops(scene: &Scene, wanted: impl Fn(Op) -> bool) -> u64 {
    let ledger = &scene.ledger;
    (0..ledger.lanes())
        .flat_map(|lane| ledger.span(lane).map(move |seq| ledger.op(lane, seq)))
        .filter(|op| wanted(*op))
        .count() as u64
}

/// A server that does not come back has lost nothing for good: its files are there, and a person can
/// still mend them. Only the counts of the ledger are known.
fn nothing_came_back(scene: &Scene, fault_us: u64) -> Loss {
    let mut loss = Loss {
        acknowledged: writes(scene, |answer| matches!(answer, Answer::Acked { .. })),
        in_doubt: writes(scene, |answer| answer == Answer::InDoubt),
        refused: writes(scene, |answer| answer == Answer::Refused),
        ..Loss::default()
    };
    oracle::written(&scene.ledger, fault_us, &mut loss);
    loss
}

fn add_examples(scene: &Scene, loss: &Loss, record: &mut TrialRecord) {
    let room = EXAMPLES.saturating_sub(record.examples.len());
    for example in loss.examples.iter().take(room) {
        let op = example.seq.map(|seq| scene.ledger.op(example.lane, seq));
        let acked_ms = op.and_then(|op| match op.answer {
            Answer::Acked { at_us } => Some(millis(at_us)),
            Answer::InDoubt | Answer::Refused | Answer::Skipped => None,
        });
        let expected = match (op.map(|op| op.effect), example.seq) {
            (Some(oracle::Effect::Delete), Some(seq)) => format!("gone, by write {seq}"),
            (_, Some(seq)) => format!("write {seq}"),
            (_, None) => "nothing".into(),
        };
        let observed = match example.observed {
            Cell::Absent => "nothing".into(),
            Cell::Version(seq) => format!("write {seq}"),
            Cell::Count(count) => format!("a count of {count}"),
            Cell::Twice => "the same thing more than once".into(),
            Cell::WrongType => "a value of another type".into(),
            Cell::Corrupt => "bytes that were never written".into(),
        };
        record.examples.push(Example {
            anomaly: example.anomaly.as_str().into(),
            key: scene.ledger.key_name(example.lane, example.key),
            sent_ms: op.map_or(0.0, |op| millis(op.sent_us)),
            acked_ms,
            expected,
            observed,
        });
    }
}

fn millis(us: u64) -> f64 {
    us as f64 / 1000.0
}

//! `allure-results/`: a result per trial, and the files around them that Allure 2 and 3 read.
//!
//! A trial that was kept and lost nothing is one small file. Steps within a life, and attachments, are there where
//! somebody will want to look.

use std::fmt::Write;

use serde_json::{Value, json};

use super::text;
use crate::record::{Epoch, Event, Report, TrialRecord, Verdict};

/// A file below the folder.
pub struct File {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Every file, one after the other: ten thousand trials need not be held at once.
pub fn files(report: &Report) -> impl Iterator<Item = Result<File, String>> + '_ {
    let around = [
        json_file("executor.json", &executor(report)),
        json_file("categories.json", &categories()),
        Ok(File { name: "environment.properties".into(), bytes: environment(report).into_bytes() }),
    ];
    let trials = report.trials.iter().flat_map(|trial| result(report, trial));
    around.into_iter().chain(trials).chain(report.interrupted.iter().map(|name| interrupted(report, name)))
}

fn json_file(name: &str, value: &Value) -> Result<File, String> {
    let bytes = serde_json::to_vec(value).map_err(|error| error.to_string())?;
    Ok(File { name: name.into(), bytes })
}

/// A name that is the same whenever the files of a run are made again.
fn uuid(report: &Report, name: &str, what: &str) -> String {
    let hash = blake3::hash(format!("{}\n{name}\n{what}", report.run.id).as_bytes()).to_hex();
    let hex = hash.as_str();
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

/// What is the same in every run: Allure 2 follows a trial by it, Allure 3 by `fullName` and the parameters.
fn identity(name: &str) -> String {
    blake3::hash(name.as_bytes()).to_hex()[..32].to_owned()
}

fn result(report: &Report, trial: &TrialRecord) -> Vec<Result<File, String>> {
    let lean = trial.verdict == Verdict::Kept && trial.lost == 0;
    let attachments = if lean { Vec::new() } else { attachments(report, trial) };
    let begin = trial.started_at.parse().map_or(0, |at: jiff::Timestamp| at.as_millisecond());
    let steps: Vec<_> =
        (1..).zip(&trial.epochs).map(|(number, epoch)| life(trial, number, epoch, begin, lean)).collect();
    let listed: Vec<_> = attachments.iter().map(|attachment| attachment.listed.clone()).collect();
    let (policy, storage) = (trial.persistence.as_str(), trial.storage.as_str());
    let mut value = json!({
        "uuid": uuid(report, &trial.name, "result"),
        "historyId": identity(&trial.name),
        "testCaseId": identity(&trial.name),
        "fullName": text::line(&trial.name),
        "name": text::line(&format!("{} · {} · s{}", trial.fault, trial.workload, trial.seed)),
        "titlePath": [&trial.server, policy, &trial.suite],
        "status": status(report, trial.verdict),
        "statusDetails": {
            "message": text::line(&format!("{}: {}", trial.verdict.as_str(), trial.message)),
            "known": trial.verdict == Verdict::Known,
            "muted": false,
            "flaky": trial.attempt > 1,
        },
        "stage": "finished",
        "start": begin,
        "stop": begin + trial.duration_ms.max(0.0).round() as i64,
        "labels": labels(report, trial),
        "links": links(trial),
        "parameters": [
            parameter("server", &trial.server, false),
            parameter("persistence", policy, false),
            parameter("storage", storage, false),
            parameter("workload", &trial.workload, false),
            parameter("fault", &trial.fault, false),
            parameter("seed", &trial.seed.to_string(), true),
            parameter("attempt", &trial.attempt.to_string(), true),
            parameter("engine", &trial.engine, true),
            parameter("server version", &trial.server_version, true),
            parameter("acknowledged", &trial.acknowledged.to_string(), true),
            parameter("lost", &trial.lost.to_string(), true),
            parameter("in doubt", &trial.in_doubt.to_string(), true),
            parameter("shape", trial.shape.as_str(), true),
        ],
        "steps": steps,
        "attachments": listed,
    });
    if let Some(promise) = &trial.promise {
        value["description"] = format!(
            "Promise {}: {} ({}). May be lost: {}.",
            text::markdown(&promise.id),
            text::markdown(&promise.sentence),
            text::markdown(&promise.source),
            text::markdown(&promise.allowed)
        )
        .into();
        value["statusDetails"]["expected"] = text::line(&format!("may lose {}", promise.allowed)).into();
        value["statusDetails"]["actual"] = format!("lost {} of {}", trial.lost, trial.acknowledged).into();
    }
    if !lean {
        value["statusDetails"]["trace"] = trace(trial).into();
    }
    let name = format!("{}-result.json", uuid(report, &trial.name, "result"));
    let files = attachments.into_iter().map(|attachment| Ok(attachment.file));
    std::iter::once(json_file(&name, &value)).chain(files).collect()
}

/// Broken: the server. Lab trouble is `broken` in Allure's words.
fn status(report: &Report, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Kept => "passed",
        Verdict::Broken => "failed",
        Verdict::Inconclusive if report.run.gate.inconclusive_warns => "skipped",
        Verdict::Errored | Verdict::Inconclusive => "broken",
        Verdict::Known | Verdict::Unsupported => "skipped",
    }
}

fn parameter(name: &str, value: &str, excluded: bool) -> Value {
    json!({ "name": name, "value": text::line(value), "excluded": excluded })
}

fn labels(report: &Report, trial: &TrialRecord) -> Vec<Value> {
    let strict = trial.promise.as_ref().is_some_and(|promise| promise.allowed == "nothing");
    let lane = format!("{} {}", trial.engine, trial.server);
    let mut labels = vec![
        ("parentSuite", trial.server.as_str()),
        ("suite", &trial.persistence),
        ("subSuite", &trial.suite),
        ("epic", &trial.suite),
        ("feature", &trial.persistence),
        ("story", &trial.fault),
        ("severity", if strict { "critical" } else { "normal" }),
        ("host", if report.run.os.is_empty() { "unknown" } else { &report.run.os }),
        ("thread", &lane),
        ("framework", "outlast"),
        ("language", "rust"),
        ("tag", trial.verdict.as_str()),
    ];
    labels.extend(trial.anomalies.iter().map(|anomaly| ("tag", anomaly.as_str())));
    labels.iter().map(|(name, value)| json!({ "name": name, "value": text::line(value) })).collect()
}

fn links(trial: &TrialRecord) -> Vec<Value> {
    let known = trial.known.iter().map(|known| (known.link.as_str(), "issue", known.cause.as_str()));
    let source = trial.promise.iter().map(|promise| (promise.source.as_str(), "link", promise.id.as_str()));
    let links = known.chain(source).filter(|(url, ..)| text::is_link(url));
    links
        .map(|(url, kind, name)| json!({ "url": url, "type": kind, "name": text::short(name, 80) }))
        .collect()
}

/// One life as a step: its writes, its death, its recovery.
fn life(trial: &TrialRecord, number: usize, epoch: &Epoch, begin: i64, lean: bool) -> Value {
    let at = |ms: f64| begin + ms.max(0.0).round() as i64;
    let next = trial.epochs.get(number).map_or(trial.duration_ms, |next| next.from_ms);
    let stop = next.max(epoch.fault_ms + epoch.recovery_ms.unwrap_or(0.0));
    let earliest = if number == 1 { 0.0 } else { epoch.from_ms };
    let steps: Vec<_> = match lean {
        true => Vec::new(),
        false => inner(&trial.events, earliest, next).map(|event| moment(event, &at)).collect(),
    };
    json!({
        "name": text::line(&format!("life {number}: {} writes, {}, {} lost", epoch.acknowledged, epoch.death, epoch.lost)),
        "status": step_status(epoch.verdict),
        "statusDetails": { "message": text::line(&epoch.message) },
        "stage": "finished",
        "start": at(earliest),
        "stop": at(stop),
        "parameters": [
            parameter("exit", &epoch.exit, false),
            parameter("shape", epoch.shape.as_str(), false),
            parameter("in doubt", &epoch.in_doubt.to_string(), false),
            parameter("window", &epoch.window_ms.map(text::millis).unwrap_or_default(), false),
            parameter("recovery", &epoch.recovery_ms.map(text::millis).unwrap_or_default(), false),
            parameter("in flight at the fault", &epoch.pressure.in_flight.to_string(), false),
        ],
        "steps": steps,
    })
}

fn inner(events: &[Event], from_ms: f64, to_ms: f64) -> impl Iterator<Item = &Event> {
    events.iter().filter(move |event| event.at_ms >= from_ms && event.at_ms < to_ms)
}

fn moment(event: &Event, at: &dyn Fn(f64) -> i64) -> Value {
    json!({
        "name": text::short(&format!("{}: {}", event.kind, event.text), 300),
        "status": "passed",
        "stage": "finished",
        "start": at(event.at_ms),
        "stop": at(event.at_ms),
    })
}

fn step_status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Kept => "passed",
        Verdict::Broken => "failed",
        Verdict::Known | Verdict::Unsupported => "skipped",
        Verdict::Errored | Verdict::Inconclusive => "broken",
    }
}

fn trace(trial: &TrialRecord) -> String {
    let mut out = format!("run again: {}\n", text::line(&trial.repro));
    for line in trial.policy.iter().filter(|line| !line.in_force) {
        let _ = writeln!(out, "not in force: {}", text::line(&line.directive));
    }
    out
}

struct Attachment {
    listed: Value,
    file: File,
}

fn attachments(report: &Report, trial: &TrialRecord) -> Vec<Attachment> {
    let mut found = Vec::new();
    let mut attach = |name: &str, kind: &str, ending: &str, text: String| {
        let source = format!("{}-attachment.{ending}", uuid(report, &trial.name, name));
        let listed = json!({ "name": name, "type": kind, "source": source });
        found.push(Attachment { listed, file: File { name: source, bytes: text.into_bytes() } });
    };
    if !trial.log_tail.is_empty() {
        let lines: Vec<_> = trial.log_tail.iter().map(|line| text::line(line)).collect();
        attach("server log", "text/plain", "log", lines.join("\n") + "\n");
    }
    let mut evidence = String::new();
    for line in &trial.policy {
        let (requested, effective) =
            (line.requested.as_deref().unwrap_or("-"), line.effective.as_deref().unwrap_or("-"));
        let told = format!("policy {}: asked for {requested}, in force {effective}", line.directive);
        let _ = writeln!(evidence, "{}", text::line(&told));
    }
    for file in &trial.files {
        let size = |bytes: Option<u64>| bytes.map_or("absent".into(), |bytes| format!("{bytes} bytes"));
        let (dead, recovered) = (size(file.bytes_dead), size(file.bytes_recovered));
        let told =
            format!("file {} in life {}: dead {dead}, recovered {recovered}", file.path, file.epoch + 1);
        let _ = writeln!(evidence, "{}", text::line(&told));
    }
    for example in &trial.examples {
        let acked =
            example.acked_ms.map_or("never acknowledged".into(), |at| format!("acknowledged at {at:.1} ms"));
        let told = format!(
            "{}: {}: sent at {:.1} ms, {acked}; expected {}, observed {}",
            example.anomaly, example.key, example.sent_ms, example.expected, example.observed
        );
        let _ = writeln!(evidence, "{}", text::line(&told));
    }
    if !evidence.is_empty() {
        attach("evidence", "text/plain", "txt", evidence);
    }
    found
}

/// A trial that was begun and never ended.
fn interrupted(report: &Report, name: &str) -> Result<File, String> {
    let mut parts = name.split("::");
    let (suite, server, policy) = (parts.next(), parts.next(), parts.next());
    let label =
        |name: &str, value: Option<&str>| json!({ "name": name, "value": text::line(value.unwrap_or("-")) });
    let begin = report.run.started_at.parse().map_or(0, |at: jiff::Timestamp| at.as_millisecond());
    let value = json!({
        "uuid": uuid(report, name, "result"),
        "historyId": identity(name),
        "testCaseId": identity(name),
        "fullName": text::line(name),
        "name": text::line(name),
        "status": "broken",
        "statusDetails": { "message": "interrupted: the trial was begun and never ended" },
        "stage": "interrupted",
        "start": begin,
        "stop": begin,
        "labels": [label("parentSuite", server), label("suite", policy), label("subSuite", suite)],
    });
    json_file(&format!("{}-result.json", uuid(report, name, "result")), &value)
}

fn executor(report: &Report) -> Value {
    let ci = report.run.ci.clone().unwrap_or_default();
    let mut value = json!({
        "name": if ci.system.is_empty() { "outlast" } else { ci.system.as_str() },
        "type": if ci.system.is_empty() { "outlast" } else { ci.system.as_str() },
        "buildName": text::line(&format!("{} {}", if ci.job.is_empty() { "run" } else { &ci.job }, report.run.id)),
        "reportName": text::line(&format!("Outlast {}", report.run.id)),
    });
    if let Ok(number) = ci.number.parse::<u64>() {
        value["buildOrder"] = number.into();
    }
    if text::is_link(&ci.url) {
        value["buildUrl"] = ci.url.into();
    }
    value
}

fn categories() -> Value {
    json!([
        { "name": "Promises broken", "matchedStatuses": ["failed"] },
        { "name": "The lab failed", "matchedStatuses": ["broken"], "messageRegex": "(?s)errored: .*" },
        { "name": "No pressure, nothing proven", "matchedStatuses": ["broken", "skipped"], "messageRegex": "(?s)inconclusive: .*" },
        { "name": "Interrupted", "matchedStatuses": ["broken"], "messageRegex": "(?s)interrupted: .*" },
        { "name": "Known defects", "matchedStatuses": ["skipped"], "messageRegex": "(?s)known: .*" },
        { "name": "Unsupported here", "matchedStatuses": ["skipped"], "messageRegex": "(?s)unsupported: .*" },
    ])
}

fn environment(report: &Report) -> String {
    let run = &report.run;
    let mut lines = vec![
        ("outlast".to_owned(), run.outlast.clone()),
        ("engine".into(), run.engine.clone()),
        ("os".into(), run.os.clone()),
        ("arch".into(), run.arch.clone()),
        ("cpus".into(), run.cpus.to_string()),
        ("filesystem".into(), run.filesystem.clone()),
        ("matrix".into(), run.matrix.clone()),
        ("matrix digest".into(), run.matrix_digest.clone()),
        ("profile".into(), run.profile.clone()),
        ("shard".into(), run.shard.clone().unwrap_or_default()),
        ("revision".into(), run.ci.as_ref().map(|ci| ci.revision.clone()).unwrap_or_default()),
        ("branch".into(), run.ci.as_ref().map(|ci| ci.branch.clone()).unwrap_or_default()),
    ];
    lines.extend(run.servers.iter().filter(|server| server.unavailable.is_none()).map(|server| {
        let origin = &server.origin;
        (format!("server {}", server.name), format!("{} ({} {})", server.version, origin.kind, origin.source))
    }));
    let mut out = String::new();
    for (key, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "{}={}", property(key, true), property(value, false));
    }
    out
}

/// Text of a Java properties file.
fn property(text: &str, key: bool) -> String {
    let mut out = String::new();
    for c in text::line(text).chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            ' ' | '=' | ':' | '#' | '!' if key => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

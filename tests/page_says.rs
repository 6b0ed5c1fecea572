//! What the page says of a run, in a real browser: advice and figures that agree with each other, one life or model at a time.
#![allow(clippy::unwrap_used)]

#[path = "support/browser.rs"]
mod browser;
#[path = "support/many.rs"]
mod many;
#[path = "support/records.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod records;

use browser::Browser;
use outlast::record::{Anomaly, Exploration, JournalLine, KnownRef, Shape, StateFact, TrialRecord, Verdict};

/// Eight trials of a policy under one kind of misfortune, with the bound of its promise and the latency of its writes.
fn policy(name: &str, class: &str, bound_ms: f64, lost: u64, p99_ms: f64) -> Vec<JournalLine> {
    let trial = |seed| {
        let mut trial = records::trial("kill", seed, Verdict::Kept);
        trial.name = format!("core::redis-7.0::{name}::single::{class}::s{seed}");
        (trial.persistence, trial.fault) = (name.into(), class.into());
        (trial.lost, trial.window_ms) = (lost, (lost > 0).then_some(11.0));
        let promise = trial.promise.as_mut().unwrap();
        (promise.bound_ms, promise.class) = (Some(bound_ms), class.into());
        for epoch in &mut trial.epochs {
            (epoch.promise, epoch.lost, epoch.window_ms) = (trial.promise.clone(), lost, trial.window_ms);
            epoch.pressure.latency_p99_ms = Some(p99_ms + seed as f64 / 100.0);
        }
        JournalLine::Finished(trial)
    };
    (1..=8).map(trial).collect()
}

#[test]
fn advice_rests_on_promises_and_on_tests_of_all_that_is_ticked() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut lines = policy("lucky", "death", 2_100.0, 5, 1.0);
    lines.extend(policy("strict", "death", 0.0, 0, 3.0));
    lines.extend(policy("alike", "death", 500.0, 0, 3.0));
    lines.extend(policy("strict", "power", 0.0, 0, 3.0));
    // States of an explored disk are started elsewhere: that this one says nothing of a recovery accuses nobody.
    let mut explored = records::trial("explore", 1, Verdict::Kept);
    (explored.persistence, explored.recovery_ms) = ("strict".into(), None);
    explored.exploration = Some(Default::default());
    lines.push(JournalLine::Finished(explored));
    lines.push(JournalLine::Closed(records::run()));
    let page = many::page(folder.path(), lines);
    browser.open(&page, "");
    let advice = "document.getElementById('advice').textContent";
    let row = |name: &str| {
        format!(
            "[...document.querySelectorAll('#cost-table tbody tr')].find((row) => row.textContent.includes('{name}')).textContent"
        )
    };
    // Both death and power are weighed at first; here death alone, and the power later.
    browser.eval("document.querySelector('#budget-classes input[value=power]:checked').click()");
    let told = browser.text(advice);
    assert!(told.starts_with("strict: lost nothing"), "{told}");
    assert!(told.contains("lucky is quicker") && told.contains("its promise allows 2.10 s"), "{told}");
    assert!(told.contains("alike cannot be told apart from it by latency"), "{told}");
    assert!(browser.text(&row("lucky")).starts_with('○'), "it was within the budget by luck");
    assert!(!browser.text(&row("strict")).contains("stayed away"));
    browser.eval("document.querySelector('#budget-classes input[value=power]').click()");
    let untested = browser.text(&row("alike"));
    assert!(untested.starts_with('–') && untested.contains("not tested when the power goes"), "{untested}");
    assert!(browser.text(&row("strict")).starts_with('★'));
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

const ADVICE: &str = "document.getElementById('advice').textContent";

fn choose_loss(browser: &mut Browser, index: usize) -> String {
    browser.eval(&format!("(() => {{ const s = document.getElementById('budget-loss'); s.selectedIndex = {index}; s.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"));
    browser.text(ADVICE)
}

fn finished(trials: Vec<TrialRecord>) -> Vec<JournalLine> {
    let trials = trials.into_iter().map(JournalLine::Finished);
    trials.chain([JournalLine::Closed(records::run())]).collect()
}

/// A trial that the server never came back from.
fn refused(fault: &str, seed: u64, verdict: Verdict) -> TrialRecord {
    let mut trial = records::trial(fault, seed, verdict);
    trial.message = "refused to start on its own files".into();
    (trial.anomalies, trial.recovery_ms) = (vec![Anomaly::RefusedToStart], None);
    for epoch in &mut trial.epochs {
        (epoch.verdict, epoch.in_doubt_present) = (verdict, 0);
        (epoch.anomalies, epoch.recovery_ms) = (vec![Anomaly::RefusedToStart], None);
    }
    trial
}

#[test]
fn a_policy_that_stays_away_and_breaks_its_promise_is_told_so() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut lines = policy("safe", "death", 0.0, 0, 3.0);
    for (line, (verdict, anomaly)) in lines.iter_mut().zip([
        (Verdict::Broken, Some(Anomaly::RefusedToStart)),
        (Verdict::Known, None),
        (Verdict::Known, None),
    ]) {
        let JournalLine::Finished(trial) = line else { unreachable!() };
        trial.verdict = verdict;
        trial.known = (verdict == Verdict::Known).then(KnownRef::default);
        trial.anomalies.extend(anomaly);
        (trial.epochs[0].verdict, trial.epochs[0].anomalies) = (verdict, trial.anomalies.clone());
    }
    lines.extend(policy("loose", "death", 500.0, 0, 3.0));
    lines.extend(policy("lossy", "death", 500.0, 5, 3.0));
    // Tested under one kind of misfortune alone, and its promise lets half a second go.
    lines.extend(policy("half", "power", 500.0, 0, 3.0));
    lines.push(JournalLine::Closed(records::run()));
    browser.open(&many::page(folder.path(), lines), "");
    browser.eval("document.querySelector('#budget-classes input[value=power]:checked')?.click()");
    let second = choose_loss(&mut browser, 3);
    assert!(second.starts_with("loose: lost nothing"), "{second}");
    assert!(second.contains("safe may lose less (nothing) at a latency that cannot be told apart, but shows a breach in 1 trial and a listed defect in 2 trials, and stayed away in 1 of 8 trials."), "{second}");
    let nothing = choose_loss(&mut browser, 0);
    assert!(nothing.starts_with("safe: lost nothing in 8 trials"), "{nothing}");
    assert!(nothing.contains(", stayed away in 1 of 8 trials, else came back within 13 ms,"), "{nothing}");
    assert!(
        nothing.contains("It shows a breach in 1 trial and a listed defect in 2 trials. See it"),
        "{nothing}"
    );
    // The frontier has steps even where one policy is all of it, and leaves out what was not tested.
    let front = browser.text("document.querySelector('#frontier .front').getAttribute('d')");
    assert!(front.starts_with('M') && front.contains('V') && front.contains('H'), "{front}");
    let drawn = browser.text("document.querySelector('#frontier svg').textContent");
    assert!(drawn.contains("lossy") && !drawn.contains("half"), "{drawn}");
    assert!(browser.text("document.getElementById('frontier-says').textContent").contains("half"));
    // With the power too nobody is tested but in part; whose promise lets something go cannot fit and is not named.
    browser.eval("document.querySelector('#budget-classes input[value=power]').click()");
    let both = browser.text(ADVICE);
    assert!(both.starts_with("No policy that was tested stays within this budget."), "{both}");
    assert!(both.contains("safe: not tested when the power goes") && !both.contains("half"), "{both}");
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

#[test]
fn a_life_that_nobody_could_read_back_is_not_told_as_kept() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let row = |trial: TrialRecord, bound_ms: f64| {
        let promise = trial.promise.clone().map(|promise| outlast::record::Promise {
            id: "aof-everysec".into(),
            allowed: if bound_ms > 0.0 { "the last second" } else { "nothing" }.into(),
            bound_ms: Some(bound_ms),
            ..promise
        });
        TrialRecord { promise, ..trial }
    };
    let mut lossy = row(records::trial("loses", 3, Verdict::Kept), 2_100.0);
    (lossy.lost, lossy.shape) = (5, Shape::Suffix);
    let mut kept = row(records::trial("keeps", 2, Verdict::Kept), 2_100.0);
    kept.started_at = "2026-01-31T12:00:02.123456789Z".into();
    let trials = vec![row(refused("refuses", 1, Verdict::Broken), 0.0), kept, lossy];
    let page = many::page(folder.path(), finished(trials));
    let mut open = |fault: &str, seed: u64| {
        browser.open(&page, &format!("#trial=core::redis-7.0::aof::single::{fault}::s{seed}"));
        browser.until("document.getElementById('repro')");
        let strips = browser.number("document.querySelectorAll('#trial .strip').length");
        (browser.text("document.getElementById('trial').innerText"), strips)
    };
    let ((refused, none), (kept, one), (lossy, _)) = (open("refuses", 1), open("keeps", 2), open("loses", 3));
    assert!(refused.contains("1,000 acknowledged, not read back") && none == 0.0, "{refused}");
    assert!(!refused.contains("nothing is lost") && !refused.contains("0 lost"), "{refused}");
    assert!(
        kept.contains("1,000 acknowledged, 0 lost") && kept.contains("nothing is lost") && one == 1.0,
        "{kept}"
    );
    assert!(kept.contains("2026-01-31 12:00:02 UTC"), "{kept}");
    // A remedy is for who lost something that the promise lets go.
    let remedy = "What to do if that is too much";
    assert_eq!([&refused, &kept, &lossy].map(|says| says.contains(remedy)), [false, false, true]);
    browser.open(&page, "");
    let cell = "document.querySelector('#map-table td.k-broken').textContent";
    assert!(browser.text(cell).starts_with("✕ refused, "), "the mark comes first: {}", browser.text(cell));
    assert!(browser.is(
        "[...document.querySelectorAll('#gbody .row .n')].some((cell) => cell.textContent === 'not read')"
    ));
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

#[test]
fn figures_that_stand_together_are_those_of_one_life() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut trial = records::trial("loses", 1, Verdict::Kept);
    let life = trial.epochs[0].clone();
    let lossy = |acknowledged, lost, window_ms| outlast::record::Epoch {
        acknowledged,
        lost,
        window_ms: Some(window_ms),
        shape: Shape::Suffix,
        ..life.clone()
    };
    trial.epochs = vec![lossy(16, 7, 11.0), lossy(1_000, 100, 900.0)];
    (trial.acknowledged, trial.lost, trial.window_ms) = (1_016, 107, Some(900.0));
    trial.promise.as_mut().unwrap().bound_ms = Some(2_100.0);
    for epoch in &mut trial.epochs {
        epoch.promise = trial.promise.clone();
    }
    trial.message = "lost 7 of 16 acknowledged writes, the oldest 0.01 s before the fault".into();
    let page = many::page(folder.path(), finished(vec![trial, records::trial("keeps", 2, Verdict::Kept)]));
    browser.open(&page, "");
    let says = browser.text("document.querySelector('#map-table td.k-allowed').getAttribute('aria-label')");
    assert!(says.contains("lost 44% (7 of 16 writes), the oldest 11 ms before the fault"), "{says}");
    assert!(says.contains("all its lives lost 107 writes"), "{says}");
    let cell =
        browser.text("document.querySelector('#cost-table tbody td[data-title=\"Worst loss\"]').textContent");
    assert!(
        cell.starts_with("44% (7 of 16 writes) · 11 ms") && cell.contains("the oldest of any trial 900 ms"),
        "{cell}"
    );
    // A verdict's sentence is of one life, and says so where the trial had more.
    let mut say = |fault: &str, seed: u64| {
        browser.open(&page, &format!("#trial=core::redis-7.0::aof::single::{fault}::s{seed}"));
        browser.until("document.getElementById('repro')");
        browser.text("document.querySelector('#trial .say').textContent + '|' + document.querySelector('#trial .say').nextSibling.textContent")
    };
    let (two, one) = (say("loses", 1), say("keeps", 2));
    assert!(
        two.starts_with("in the life that decided: lost 7 of 16 acknowledged writes, the oldest 0.01 s"),
        "{two}"
    );
    assert!(two.contains("|All its lives together: 1,016 writes acknowledged, 107 lost"), "{two}");
    assert!(one.starts_with("kept all 1,000") && !one.contains("All its lives"), "{one}");
}

#[test]
fn each_model_of_an_explored_disk_has_a_line_of_its_own() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut trial = records::trial("explore", 1, Verdict::Kept);
    let life = trial.epochs[0].clone();
    let model = |name: &str, fault_ms| outlast::record::Epoch {
        death: format!("power cut, {name}"),
        fault_ms,
        ..life.clone()
    };
    trial.epochs = vec![model("process-kill", 400.0), model("fsync-only", 401.0), model("reordered", 900.0)];
    let found = StateFact { token: "process-kill@515.0".into(), ..StateFact::default() };
    trial.exploration = Some(Exploration { found: vec![found], ..Exploration::default() });
    let lives = TrialRecord { epochs: vec![life.clone(), life], ..records::trial("kill", 2, Verdict::Kept) };
    let page = many::page(folder.path(), finished(vec![trial, lives]));
    let texts = |what: &str| {
        format!("[...document.querySelectorAll('{what}')].map((one) => one.textContent).join('|')")
    };
    browser.open(&page, "#trial=core::redis-7.0::aof::single::explore::s1");
    browser.until("document.querySelector('.timeline svg')");
    let says = browser.text(&texts(".timeline svg > text"));
    for expected in
        ["process-kill", "fsync-only", "reordered", "✕ cut at 400 ms", "✕ cut at 401 ms", "✕ cut at 900 ms"]
    {
        assert!(says.contains(expected), "{expected} is missing in {says}");
    }
    assert!(!says.contains("life"), "{says}");
    // The lines lie below each other.
    assert_eq!(browser.number("new Set([...document.querySelectorAll('.timeline path.acked')].map((one) => one.getAttribute('d').split(' ')[1])).size"), 3.0);
    assert_eq!(
        browser.text(&texts(".timeline .views button")),
        "whole trial|around the cut of process-kill and fsync-only|around the cut of reordered"
    );
    let titles = texts("#trial dt");
    assert_eq!(browser.text(&titles).matches("Pressure").count(), 1, "told once");
    assert_eq!(
        browser.text("getComputedStyle(document.querySelector('#trial code.token')).whiteSpace"),
        "nowrap"
    );
    browser.open(&page, "#trial=core::redis-7.0::aof::single::kill::s2");
    browser.until("document.querySelector('.timeline svg')");
    assert!(browser.text(&texts(".timeline svg > text")).contains("life 1"));
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

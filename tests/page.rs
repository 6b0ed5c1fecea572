//! The page in a real browser: ten thousand trials, every way in and out, and texts that try to break out.
#![allow(clippy::unwrap_used)]

#[path = "support/browser.rs"]
mod browser;
#[path = "support/many.rs"]
mod many;
#[path = "support/records.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod records;

use std::path::PathBuf;
use std::sync::LazyLock;

use browser::{Browser, NARROW, Screen, WIDE};
use outlast::record::JournalLine;
use serde_json::json;

/// Ten thousand trials, written once for all tests.
static LARGE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let page = many::page(folder.path(), many::lines(10_000));
    (folder, page)
});

const ELEMENTS: &str = "document.querySelectorAll('*').length";
const ROWS: &str = "document.querySelectorAll('#gbody .row').length";
const COUNT: &str = "document.getElementById('count').textContent";
const CURSOR: &str = "document.querySelector('.row.on').title";

/// A name of a trial that lost something, for deep links.
fn lossy() -> String {
    let found = many::lines(10_000).into_iter().find_map(|line| match line {
        JournalLine::Finished(trial) if trial.lost > 0 && trial.verdict.fails() => Some(trial.name),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn ten_thousand_trials_are_small_and_quiet() {
    let Some(mut browser) = Browser::start() else { return };
    let bytes = std::fs::metadata(&LARGE.1).unwrap().len();
    assert!(bytes <= 3_000_000, "{bytes} bytes");
    browser.open(&LARGE.1, "");
    assert_eq!(browser.text(COUNT), "10,000 trials");
    assert!(browser.number(ELEMENTS) < 3_000.0, "{} elements", browser.number(ELEMENTS));
    assert!((10.0..=60.0).contains(&browser.number(ROWS)), "{} rows", browser.number(ROWS));
    // Drawn, not only laid out: some points of the map have a colour.
    assert!(browser.is("(() => { const c = document.getElementById('map-canvas'); return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((x) => x > 0); })()"));
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

#[test]
fn the_filter_takes_words_axes_and_measures_and_stands_in_the_address() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&LARGE.1, "");
    let filter = |browser: &mut Browser, text: &str| {
        browser.eval(&format!(
            "(() => {{ const q = document.getElementById('q'); q.value = {}; q.dispatchEvent(new Event('input')); }})()",
            json!(text)
        ));
    };
    filter(&mut browser, "fault-07 valkey -rdb");
    let titles = "[...document.querySelectorAll('#gbody .row')].map((row) => row.title).join('\\n')";
    let shown = browser.text(titles);
    assert!(
        !shown.is_empty()
            && shown
                .lines()
                .all(|name| name.contains("fault-07") && name.contains("valkey") && !name.contains("rdb")),
        "{shown}"
    );
    filter(&mut browser, "lost>7000");
    let lost = browser.eval("[...document.querySelectorAll('#gbody .lossy')].map((cell) => Number(cell.textContent.replace(',', '')))");
    let lost: Vec<u64> = serde_json::from_value(lost).unwrap();
    assert!(!lost.is_empty() && lost.iter().all(|lost| *lost > 7_000), "{lost:?}");
    let above = browser.text(COUNT);
    filter(&mut browser, "lost>7,000");
    assert_eq!(browser.text(COUNT), above);
    filter(&mut browser, "");
    browser.eval("(() => { const s = document.querySelector('select[data-dim=verdict]'); s.value = 'broken'; s.dispatchEvent(new Event('change')); })()");
    assert!(browser.text("location.hash").contains("verdict=broken"));
    let broken = browser.text(COUNT);
    // Somebody else opens the same address.
    let hash = browser.text("location.hash");
    browser.open(&LARGE.1, &hash);
    assert_eq!(browser.text(COUNT), broken);
    assert!(browser.is(
        "[...document.querySelectorAll('#gbody .row .chip')].every((chip) => chip.textContent === 'broken')"
    ));
}

#[test]
fn rows_can_be_sorted_grouped_and_given_other_columns() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&LARGE.1, "#sort=-acknowledged&cols=server.acknowledged");
    let cells = "[...document.querySelectorAll('#gbody .row .n')].map((cell) => Number(cell.textContent.replace(',', '')))";
    let written: Vec<u64> = serde_json::from_value(browser.eval(cells)).unwrap();
    assert!(written.len() > 10 && written.is_sorted_by(|one, other| one >= other), "{written:?}");
    assert_eq!(
        browser.text("[...document.querySelectorAll('#ghead button')].map((one) => one.textContent).join()"),
        "Verdict,Server,Written ↓"
    );
    browser.open(&LARGE.1, "#group=server");
    let first = "document.querySelector('#gbody .group').textContent";
    assert!(browser.text(first).contains("redis-6.2"), "{}", browser.text(first));
    browser.eval("document.querySelector('#gbody .group').click()");
    assert!(
        browser.text("document.querySelectorAll('#gbody .group')[1].textContent").contains("redis-7.0"),
        "a folded group hides its trials"
    );
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

#[test]
fn the_keyboard_reaches_the_filter_the_trials_the_map_and_the_help() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&LARGE.1, "");
    browser.press(&["/"]);
    assert_eq!(browser.text("document.activeElement.id"), "q");
    browser.press(&["f", "a", "u", "l", "t", "-", "0", "3"]);
    assert!(browser.text(COUNT).contains(" of 10,000"));
    browser.press(&["Escape", "j", "j"]);
    let under = browser.text(CURSOR);
    browser.press(&["o"]);
    browser.until("document.getElementById('trial-name')");
    assert!(browser.text("document.getElementById('trial-name').textContent").contains(&under));
    browser.press(&["j"]);
    browser.until("document.querySelector('.crumbs span').textContent.startsWith('4 of')");
    browser.press(&["Escape"]);
    assert!(browser.is("document.getElementById('trial').hidden && document.activeElement.id === 'grid'"));
    browser.press(&["?"]);
    assert!(browser.is("document.getElementById('help').open"));
    browser.press(&["Escape", "g", "m"]);
    assert!(browser.is("!document.getElementById('help').open && document.activeElement.id === 'map'"));
    // From the heading through the map's own controls to its cells.
    let on_cell = "document.activeElement.matches('#map-table td[data-line]')";
    for _ in 0..9 {
        if !browser.is(on_cell) {
            browser.press(&["Tab"]);
        }
    }
    assert!(browser.is(on_cell), "{}", browser.text("document.activeElement.outerHTML"));
    let label = "document.activeElement.getAttribute('aria-label')";
    let before = browser.text(label);
    browser.press(&["ArrowRight"]);
    let cell = browser.text(label);
    assert_ne!(cell, before);
    let (policy, rest) = cell.split_once(", ").unwrap();
    browser.press(&["Enter"]);
    let hash = browser.text("decodeURIComponent(location.hash.replaceAll('+', ' '))");
    let fault = rest.split(':').next().unwrap();
    assert!(
        hash.contains(&format!("fault={fault}"))
            && hash.replace(' ', "+").contains(&format!("persistence={policy}")),
        "{hash}"
    );
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

#[test]
fn a_link_opens_a_trial_with_everything_that_is_known_of_it() {
    let Some(mut browser) = Browser::start() else { return };
    let name = lossy();
    browser.open(&LARGE.1, &format!("#trial={name}"));
    browser.until("document.getElementById('repro')");
    assert!(browser.text("document.getElementById('trial-name').textContent").contains(&name));
    assert!(
        browser.text("document.getElementById('repro').textContent").ends_with(&format!("--repro '{name}'"))
    );
    let says = browser.text("document.getElementById('trial').innerText");
    for expected in [
        "The promise that applied",
        "Life 1",
        "Life 2",
        "snapshot",
        "appendonly.aof",
        "line 7 of the log",
        "red, from below, is gone",
    ] {
        assert!(says.contains(expected), "{expected} is missing in:\n{says}");
    }
    assert!(browser.is("document.querySelector('.timeline path.lost').getAttribute('d').length > 10"));
    // Back leads to the list, and forward to the trial.
    browser.press(&["Escape"]);
    assert!(browser.is("document.getElementById('trial').hidden && !location.hash.includes('trial=')"));
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

#[test]
fn what_is_shown_can_be_saved_as_csv() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&LARGE.1, "#q=fault-11&cols=server.fault.lost");
    let folder = browser.folder.path().to_owned();
    browser.call("Page.setDownloadBehavior", json!({ "behavior": "allow", "downloadPath": folder }));
    browser.eval("document.getElementById('csv').click()");
    browser.wait("Page.downloadProgress", |event| event["state"] == "completed");
    let text = std::fs::read_to_string(folder.join("trials-shown.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().collect::<Vec<_>>(),
        ["name", "verdict", "server", "fault", "lost"]
    );
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert!(browser.text(COUNT).starts_with(&format!("{} of", rows.len())));
    assert!(rows.iter().all(|row| &row[3] == "fault-11"));
}

#[test]
fn it_fits_a_narrow_screen_a_dark_one_and_paper() {
    let Some(mut browser) = Browser::start() else { return };
    browser.show(NARROW);
    browser.open(&LARGE.1, "");
    let overflow = "document.documentElement.scrollWidth - innerWidth";
    assert!(browser.number(overflow) <= 0.0);
    browser.open(&LARGE.1, &format!("#trial={}", lossy()));
    browser.until("document.getElementById('repro')");
    assert!(browser.number(overflow) <= 0.0);
    browser.show(Screen { dark: true, ..WIDE });
    browser.open(&LARGE.1, "");
    assert_eq!(browser.text("getComputedStyle(document.body).backgroundColor"), "rgb(21, 24, 27)");
    browser.press(&["t"]);
    assert_eq!(browser.text("getComputedStyle(document.body).backgroundColor"), "rgb(250, 249, 246)");
    browser.show(Screen { print: true, ..WIDE });
    let display = |browser: &mut Browser, what: &str| {
        browser.text(&format!("getComputedStyle(document.querySelector('{what}')).display"))
    };
    assert_eq!(display(&mut browser, "#trials"), "none");
    assert_eq!(display(&mut browser, ".map-table"), "table");
    let pdf = browser.call("Page.printToPDF", json!({}));
    assert!(pdf["data"].as_str().unwrap().len() > 10_000);
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

#[test]
fn without_scripts_it_says_what_matters() {
    let Some(mut browser) = Browser::start() else { return };
    browser.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    browser.visit(&LARGE.1, "");
    let says = browser.text("document.body.innerText");
    for expected in [
        "breaks its promise under",
        "Without scripts",
        "Failing trials",
        "cause 3",
        "https://example.com/1",
        "--repro",
    ] {
        assert!(says.contains(expected), "{expected} is missing");
    }
    assert!(!says.contains("What safety costs"), "what needs a script is not there");
}

#[test]
fn texts_of_servers_keys_and_logs_stay_texts() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = many::page(folder.path(), records::lines());
    browser.open(&page, "");
    assert_eq!(browser.number("document.images.length"), 0.0);
    browser.press(&["g", "t"]);
    for _ in 0..6 {
        browser.press(&["o"]);
        browser.until("document.getElementById('repro')");
        assert_eq!(browser.number("document.images.length + document.querySelectorAll('#trial script, #trial [onerror], a[href^=javascript]').length"), 0.0);
        browser.press(&["Escape", "j"]);
    }
    let hostile = json!(records::HOSTILE);
    browser.eval(&format!("location.hash = '#' + new URLSearchParams({{ trial: [...document.querySelectorAll('#gbody .row')].map((row) => row.title).find((name) => name.includes({hostile})) }})"));
    browser.until("document.getElementById('repro')?.textContent.includes('onerror')");
    let says = browser.text("document.getElementById('trial').textContent");
    assert!(says.matches("<img src=x onerror=alert(1)>").count() > 8, "{says}");
    assert_eq!(browser.troubles(), [] as [String; 0]);
    // Were something to get through all the same, the page's own policy would not run it.
    browser.eval("document.body.insertAdjacentHTML('beforeend', '<i id=\"planted\" onclick=\"window.ran = true\">x</i>')");
    browser.eval("document.getElementById('planted').click()");
    assert!(browser.is("window.ran === undefined"));
    assert!(browser.troubles().iter().all(|trouble| trouble.contains("Content Security Policy")));
}

#[test]
fn a_budget_chooses_a_policy_and_says_why() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&LARGE.1, "");
    let choose = |browser: &mut Browser, loss: usize| {
        browser.eval(&format!("(() => {{ const s = document.getElementById('budget-loss'); s.selectedIndex = {loss}; s.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"));
        browser.text("document.getElementById('advice').textContent")
    };
    let everything = choose(&mut browser, 7);
    assert!(everything.contains("acknowledged 99 of 100 writes within"), "{everything}");
    // Every policy of these trials lost something at some time, so nothing is promised and nothing advised.
    let nothing = choose(&mut browser, 0);
    assert!(
        nothing.starts_with("No policy that was tested stays within this budget. The nearest is aof-"),
        "{nothing}"
    );
    assert!(nothing.contains(", but lost up to "), "{nothing}");
    // With three seconds to lose, those without a bound in time are still out.
    let seconds = choose(&mut browser, 5);
    assert!(seconds.starts_with("aof-") || seconds.starts_with("incident"), "{seconds}");
    assert!(browser.is("[...document.querySelectorAll('#cost-table .out th')].some((one) => one.textContent.includes('rdb-900-1'))"));
}

//! The page of a full matrix in a real browser: its map, every axis, the address, the lanes, narrow screens and paper.
#![allow(clippy::unwrap_used)]

#[path = "support/browser.rs"]
mod browser;
#[path = "support/many.rs"]
mod many;
#[path = "support/records.rs"]
#[allow(dead_code)]
mod records;

use std::path::PathBuf;
use std::sync::LazyLock;

use browser::{Browser, NARROW, Screen, WIDE};
use outlast::record::{Event, JournalLine, Promise};

/// What a full matrix has more of: a hundred and twenty faults of two kinds, several storages, fsyncs by the dozen.
static VARIED: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let vary = |(n, line): (usize, JournalLine)| {
        let JournalLine::Finished(mut trial) = line else { return line };
        let storage = ["bind", "disk"][n % 2];
        trial.fault = format!("{}-{}", trial.fault, ["a", "b", "c"][n / 7 % 3]);
        if trial.fault.as_str() > "fault-20" {
            trial.promise = trial.promise.map(|promise| Promise {
                id: "damaged".into(),
                class: "files".into(),
                ..promise
            });
        }
        if let Some(known) = &mut trial.known {
            known.cause = format!("cause {}", n % 70);
        }
        trial.name = format!(
            "core::{}::{}@{storage}::{}::{}::s{}",
            trial.server, trial.persistence, trial.workload, trial.fault, trial.seed
        );
        trial.storage = storage.into();
        trial.engine = ["process", "docker"][n / 2 % 2].into();
        trial.events.extend((0..60).map(|k| Event {
            at_ms: 50.0 + f64::from(k) * 30.0,
            until_ms: Some(52.0 + f64::from(k) * 30.2),
            kind: "fsync".into(),
            text: "appendonly.aof.1.incr.aof".into(),
        }));
        JournalLine::Finished(trial)
    };
    let folder = tempfile::tempdir().unwrap();
    let page = many::page(folder.path(), many::lines(6_000).into_iter().enumerate().map(vary).collect());
    (folder, page)
});

const ELEMENTS: &str = "document.querySelectorAll('*').length";

#[test]
fn a_full_matrix_stays_within_the_elements_even_with_a_trial_open() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&VARIED.1, "");
    assert!(browser.number(ELEMENTS) < 3_000.0, "{} elements", browser.number(ELEMENTS));
    browser.press(&["g", "t", "o"]);
    browser.until("document.getElementById('repro')");
    let open = browser.number(ELEMENTS);
    assert!(open < 3_000.0, "{open} elements with a trial open");
    // What was put aside comes back with the overview.
    browser.press(&["Escape"]);
    assert!(browser.is("document.querySelectorAll('#map-table td[data-line]').length > 100 && document.querySelectorAll('#gbody .row').length > 10"));
    // Folded findings are filled when they are opened.
    let folded = "document.querySelector('#findings details:not([open])')";
    assert_eq!(browser.number(&format!("{folded}.children.length")), 1.0);
    browser.eval(&format!("new Promise((done) => {{ const one = window.unfolded = {folded}; one.addEventListener('toggle', () => done()); one.open = true; }})"));
    assert!(browser.is("window.unfolded.querySelector('dl').textContent.includes('for example')"));
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

#[test]
fn the_map_puts_kinds_of_faults_first_and_says_how_sure_a_cell_is() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&VARIED.1, "");
    let heads = "[...document.querySelectorAll('#map-table tbody th')].slice(0, 5).map((one) => one.textContent.split(':')[0]).join()";
    assert!(
        browser
            .text(heads)
            .starts_with("At a glance,The process dies,Files are damaged,The process dies,fault-"),
        "{}",
        browser.text(heads)
    );
    // Each cell: how much, how old, how many of how many, and within which chance.
    let cells: Vec<String> = serde_json::from_value(
        browser
            .eval("[...document.querySelectorAll('#map-table td[data-line]')].map((one) => one.textContent)"),
    )
    .unwrap();
    assert!(
        cells.iter().all(|cell| cell.contains('/')
            && (cell.contains('%') || cell.ends_with("trials") || cell.ends_with("trial"))),
        "{cells:?}"
    );
    assert!(cells.iter().any(|cell| cell.contains("s, ") && cell.contains('–')), "{cells:?}");
    assert!(cells.iter().any(|cell| cell.starts_with("0, 0/") && cell.contains('≤')), "{cells:?}");
    // The arrow keys lead beyond the rows that are on the page.
    let lines = "Number(document.getElementById('map-table').getAttribute('aria-rowcount'))";
    let last = "Number([...document.querySelectorAll('#map-table tr')].at(-1).getAttribute('aria-rowindex'))";
    let (all, there) = (browser.number(lines), browser.number(last));
    assert!(there < all, "{there} of {all} rows are on the page");
    browser.eval("document.querySelector('#map-table td[tabindex=\"0\"]').focus()");
    browser.press(&vec!["ArrowDown"; there as usize]);
    assert!(
        browser.number("Number(document.activeElement.closest('tr').getAttribute('aria-rowindex'))") > there
    );
    assert!(browser.is("document.getElementById('map-frame').scrollTop > 1000"), "the canvas goes along");
    assert_eq!(browser.troubles(), [] as [String; 0]);
    // The sum of a kind leads to the trials of that kind.
    browser.open(&VARIED.1, "");
    browser.eval("document.querySelector('#map-table td[data-line]').dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))");
    let hash = browser.text("location.hash");
    assert!(hash.contains("class=death") && hash.contains("persistence=aof-always"), "{hash}");
}

#[test]
fn every_axis_can_be_filtered_and_grouped_by_and_lost_down_is_lost_down() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&VARIED.1, "#storage=disk&engine=docker&seed=1&class=files");
    let titles = "[...document.querySelectorAll('#gbody .row')].map((row) => row.title).join('\\n')";
    let shown = browser.text(titles);
    assert!(
        !shown.is_empty() && shown.lines().all(|name| name.contains("@disk") && name.ends_with("::s1")),
        "{shown}"
    );
    for (group, first) in [
        ("storage", "bind"),
        ("engine", "docker"),
        ("seed", "seed 1"),
        ("class", "files are damaged"),
        ("anomaly", "lost"),
    ] {
        browser.open(&VARIED.1, &format!("#group={group}"));
        let head = browser.text("document.querySelector('#gbody .group b').textContent");
        assert_eq!(head, first, "by {group}");
        assert!(
            browser.is("document.querySelector('#gbody .group').getAttribute('aria-expanded') === 'true'")
        );
    }
    browser.eval("document.querySelector('#gbody .group').click()");
    assert!(browser.is("document.querySelector('#gbody .group').getAttribute('aria-expanded') === 'false'"));
    // Without a wish the gravest come first, and no column claims an order that it does not have.
    browser.open(&VARIED.1, "");
    assert!(browser.is("[...document.querySelectorAll('#ghead [aria-sort]')].every((one) => one.getAttribute('aria-sort') === 'none')"));
    assert!(browser.is("document.querySelector('#gbody .row .chip').textContent === 'broken'"));
    browser.eval("document.querySelector('button[data-sort=lost]').click()");
    assert_eq!(browser.text("document.querySelector('[aria-sort=descending]').textContent"), "Lost ↓");
    let lost = browser.eval("[...document.querySelectorAll('#gbody .row .n:has(.lossy)')].map((cell) => Number(cell.textContent.replace(',', '')))");
    let lost: Vec<u64> = serde_json::from_value(lost).unwrap();
    assert!(lost.len() > 10 && lost.is_sorted_by(|one, other| one >= other), "{lost:?}");
}

#[test]
fn the_address_holds_every_choice_and_an_unknown_trial_is_said_to_be_unknown() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&VARIED.1, "");
    let choose = |id: &str, value: &str| {
        format!(
            "(() => {{ const s = document.getElementById('{id}'); s.value = '{value}'; for (const kind of ['input', 'change']) s.dispatchEvent(new Event(kind, {{ bubbles: true }})); }})()"
        )
    };
    for (id, value) in [
        ("map-class", "files"),
        ("map-order", "name"),
        ("map-storage", "disk"),
        ("budget-loss", "everything"),
    ] {
        browser.eval(&choose(id, value));
    }
    let hash = browser.text("location.hash");
    let advice = browser.text("document.getElementById('advice').textContent");
    browser.open(&VARIED.1, &hash);
    assert_eq!(browser.text("['map-class', 'map-order', 'map-storage', 'budget-loss'].map((id) => document.getElementById(id).value).join()"), "files,name,disk,everything");
    assert_eq!(browser.text("document.getElementById('advice').textContent"), advice);
    let names = browser.text("[...document.querySelectorAll('#map-table tbody th[scope=row]')].slice(0, 2).map((one) => one.textContent).join()");
    assert_eq!(names, "fault-20-a,fault-20-b");
    // Back is as the page opens.
    browser.eval("location.hash = ''");
    browser.until("document.getElementById('map-class').value === ''");
    browser.open(&VARIED.1, "#trial=core::no::such::trial");
    assert!(
        browser.is("!document.getElementById('nowhere').hidden && document.getElementById('trial').hidden")
    );
    let says = browser.text("document.getElementById('nowhere').textContent");
    assert!(says.contains("core::no::such::trial"), "{says}");
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

#[test]
fn the_lanes_are_walked_with_the_arrow_keys_and_stand_in_a_table_too() {
    let Some(mut browser) = Browser::start() else { return };
    browser.open(&VARIED.1, "");
    browser.eval("document.getElementById('lanes').focus()");
    let says = "document.getElementById('lanes-says').textContent";
    let before = browser.text(says);
    browser.press(&["ArrowRight"]);
    let first = browser.text(says);
    browser.press(&["ArrowRight"]);
    let second = browser.text(says);
    assert!(before != first && first != second && second.contains("core::"), "{first}\n{second}");
    browser.press(&["Enter"]);
    browser.until("document.getElementById('trial-name')");
    let open = browser.text("document.querySelector('#trial-name .mono').textContent");
    assert!(second.contains(&open), "{open}");
    browser.press(&["Escape"]);
    browser.eval("document.getElementById('lanes-table').click()");
    let began = browser
        .text("[...document.querySelectorAll('#gbody .row')].slice(0, 2).map((row) => row.title).join()");
    assert!(first.contains(began.split(',').next().unwrap()), "{began}");
}

#[test]
fn a_narrow_screen_keeps_the_evidence_and_paper_is_light() {
    let Some(mut browser) = Browser::start() else { return };
    browser.show(NARROW);
    browser.open(&VARIED.1, "");
    let row = browser.text("document.querySelector('#gbody .row').innerText");
    let name = browser.text("document.querySelector('#gbody .row').title");
    let parts: Vec<_> = name.split("::").collect();
    assert!(parts[1..5].iter().all(|part| row.contains(part)), "{row}");
    browser.eval("document.getElementById('grid').focus()");
    browser.press(&["o"]);
    browser.until("document.querySelector('.timeline svg')");
    // The line is as wide as its place, not scaled down: all of it is in sight and its words keep their size.
    assert!(browser.is("(() => { const svg = document.querySelector('.timeline svg'), box = svg.getBoundingClientRect(); return box.right <= innerWidth && Math.abs(box.width - svg.viewBox.baseVal.width) < 1; })()"));
    let says = browser.text("document.querySelector('.timeline svg').textContent");
    for expected in ["kill", "life 2", "snapshot", "read back", "fsync 60×"] {
        assert!(says.contains(expected), "{expected} is missing in {says}");
    }
    // Many of a kind are one shape.
    assert!(browser.number("document.querySelectorAll('.timeline .span').length") < 10.0);
    browser.show(Screen { dark: true, ..WIDE });
    browser.open(&VARIED.1, "");
    browser.eval("document.documentElement.dataset.theme = 'light'");
    browser.press(&["t"]);
    assert_eq!(browser.text("document.documentElement.dataset.theme"), "dark");
    browser.show(Screen { dark: true, print: true, ..WIDE });
    let color = |browser: &mut Browser, what: &str, of: &str| {
        browser.text(&format!("getComputedStyle(document.querySelector('{what}')).{of}"))
    };
    assert_eq!(color(&mut browser, "body", "color"), "rgb(32, 36, 42)");
    assert_eq!(color(&mut browser, "body", "backgroundColor"), "rgb(255, 255, 255)");
    assert_eq!(color(&mut browser, ".hint", "color"), "rgb(90, 98, 107)");
    // On paper the table has every row, and says as much as the drawing; the failing trials are there.
    browser.eval("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(color(&mut browser, ".plainly", "display"), "block");
    let rows = "document.querySelectorAll('#map-table tbody tr').length";
    assert_eq!(
        browser.number(rows),
        browser.number("Number(document.getElementById('map-table').getAttribute('aria-rowcount')) - 1")
    );
    let cell = browser.text("document.querySelector('#map-table td.k-broken').textContent");
    assert!(cell.contains('✕') && cell.contains('/') && cell.matches('·').count() >= 2, "{cell}");
    browser.eval("dispatchEvent(new Event('afterprint'))");
    assert!(browser.is("!document.querySelector('.plainly')"));
    assert_eq!(browser.troubles(), [] as [String; 0]);
}

//! What the page costs: `cargo bench --bench page [TRIALS...]` prints how long it takes to make, how large it is, and how
//! soon a real Chromium can use it, and ends with 1 where 10,000 trials cost more than they may.
#![allow(clippy::unwrap_used)]

#[path = "../tests/support/browser.rs"]
mod browser;
#[path = "../tests/support/many.rs"]
mod many;
#[path = "../tests/support/records.rs"]
#[allow(dead_code)]
mod records;

use std::process::ExitCode;
use std::time::Instant;

use browser::Browser;
use outlast::report::assemble;

/// How often each is measured; the middle one counts.
const TIMES: usize = 5;
/// So many trials are judged; of others the figures are printed.
const JUDGED: usize = 10_000;
const FILTER: &str = "(() => { const q = document.getElementById('q'), took = []; for (const text of ['fault-07', 'valkey -rdb', 'lost>3000', 'aof-always fault-1', '']) { q.value = text; const from = performance.now(); q.dispatchEvent(new Event('input')); took.push(performance.now() - from); } return took.sort((a, b) => a - b).at(-1); })()";
const ELEMENTS: &str = "document.querySelectorAll('*').length";

fn middle(mut measures: Vec<f64>) -> f64 {
    measures.sort_unstable_by(f64::total_cmp);
    measures[measures.len() / 2]
}

/// What one of the figures is, and the most that it may be.
struct Figure {
    what: &'static str,
    value: f64,
    most: f64,
    unit: &'static str,
}

fn figures(count: usize) -> Vec<Figure> {
    let folder = tempfile::tempdir().unwrap();
    let report = assemble(many::lines(count));
    let page = folder.path().join("index.html");
    let format = outlast::report::FORMATS.iter().find(|format| format.file == "index.html").unwrap();
    let making = (0..TIMES).map(|_| {
        let began = Instant::now();
        std::fs::write(&page, (format.render)(&report).unwrap()).unwrap();
        began.elapsed().as_secs_f64() * 1e3
    });
    let figure = |what, value, most, unit| Figure { what, value, most, unit };
    let mut all = vec![figure("made in", middle(making.collect()), 1_000.0, "ms")];
    all.push(figure("size", std::fs::metadata(&page).unwrap().len() as f64 / 1e6, 3.0, "MB"));
    let Some(mut browser) = Browser::start() else { return all };
    let (mut ready, mut filter) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        browser.open(&page, "");
        ready.push(browser.number("performance.getEntriesByName('ready')[0].startTime"));
        filter.push(browser.number(FILTER));
    }
    all.push(figure("usable after", middle(ready), 1_000.0, "ms"));
    all.push(figure("slowest filter", middle(filter), 50.0, "ms"));
    all.push(figure("live elements", browser.number(ELEMENTS), 3_000.0, ""));
    browser.press(&["o"]);
    browser.until("document.getElementById('repro')");
    all.push(figure("with a trial open", browser.number(ELEMENTS), 3_000.0, ""));
    all
}

fn main() -> ExitCode {
    let counts: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let counts = if counts.is_empty() { vec![JUDGED, 100_000] } else { counts };
    let mut beyond = Vec::new();
    for count in counts {
        println!("{count} trials");
        for Figure { what, value, most, unit } in figures(count) {
            let digits = if unit == "MB" { 2 } else { usize::from(value < 100.0) };
            let judged = count == JUDGED;
            let limit = if judged { format!("at most {most:.0} {unit}") } else { String::new() };
            println!("  {what:<18}{value:>9.digits$} {unit:<3} {}", limit.trim_end());
            if judged && value > most {
                beyond.push(format!("{what}: {value:.digits$} {unit}, at most {most:.0}"));
            }
        }
    }
    for one in &beyond {
        eprintln!("too much: {one}");
    }
    if beyond.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

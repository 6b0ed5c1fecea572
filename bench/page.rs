//! What the page costs: `cargo bench --bench page [TRIALS...]` prints how long it takes to make, how large it is, and how
//! soon a real Chromium can use it. Judges nothing.
#![allow(clippy::unwrap_used)]

#[path = "../tests/support/browser.rs"]
mod browser;
#[path = "../tests/support/many.rs"]
mod many;
#[path = "../tests/support/records.rs"]
#[allow(dead_code)]
mod records;

use std::time::Instant;

use browser::Browser;
use outlast::report::assemble;

/// How often each is measured; the middle one counts.
const TIMES: usize = 5;
const FILTER: &str = "(() => { const q = document.getElementById('q'), took = []; for (const text of ['fault-07', 'valkey -rdb', 'lost>3000', 'aof-always fault-1', '']) { q.value = text; const from = performance.now(); q.dispatchEvent(new Event('input')); took.push(performance.now() - from); } return took.sort((a, b) => a - b).at(-1); })()";

fn middle(mut measures: Vec<f64>) -> f64 {
    measures.sort_unstable_by(f64::total_cmp);
    measures[measures.len() / 2]
}

fn main() {
    let counts: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let counts = if counts.is_empty() { vec![10_000, 100_000] } else { counts };
    for count in counts {
        let folder = tempfile::tempdir().unwrap();
        let report = assemble(many::lines(count));
        let page = folder.path().join("index.html");
        let making = (0..TIMES).map(|_| {
            let began = Instant::now();
            let format = outlast::report::FORMATS.iter().find(|format| format.file == "index.html").unwrap();
            std::fs::write(&page, (format.render)(&report).unwrap()).unwrap();
            began.elapsed().as_secs_f64() * 1e3
        });
        println!("{count} trials");
        println!("  made in           {:>8.0} ms", middle(making.collect()));
        println!("  size              {:>8.2} MB", std::fs::metadata(&page).unwrap().len() as f64 / 1e6);
        let Some(mut browser) = Browser::start() else { continue };
        let mut ready = Vec::new();
        let mut filter = Vec::new();
        for _ in 0..TIMES {
            browser.open(&page, "");
            ready.push(browser.number("performance.getEntriesByName('ready')[0].startTime"));
            filter.push(browser.number(FILTER));
        }
        println!("  usable after      {:>8.0} ms", middle(ready));
        println!("  slowest filter    {:>8.1} ms", middle(filter));
        println!("  live elements     {:>8}", browser.number("document.querySelectorAll('*').length"));
    }
}

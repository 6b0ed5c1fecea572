//! `badge.json`: an endpoint for a badge, in the form that shields reads.

use serde_json::json;

use super::text::grouped;
use crate::record::Report;

pub(super) fn render(report: &Report) -> Result<Vec<u8>, String> {
    let totals = &report.totals;
    let unproven = totals.errored + totals.inconclusive;
    let (message, color) = if totals.broken > 0 {
        (format!("{} broken", grouped(totals.broken)), "red")
    } else if report.run.interrupted || !report.missing.is_empty() {
        ("incomplete".into(), "yellow")
    } else if unproven > 0 {
        (format!("{} unproven", grouped(unproven)), "yellow")
    } else if report.gate.exit_code != 0 {
        ("gate failed".into(), "red")
    } else if totals.kept + totals.known == 0 {
        ("nothing tested".into(), "lightgrey")
    } else if totals.known > 0 {
        (format!("{} kept, {} known", grouped(totals.kept), grouped(totals.known)), "green")
    } else {
        (format!("{} kept", grouped(totals.kept)), "brightgreen")
    };
    let badge = json!({ "schemaVersion": 1, "label": "persistence", "message": message, "color": color });
    serde_json::to_vec_pretty(&badge).map_err(|error| error.to_string())
}

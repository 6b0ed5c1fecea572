//! `report.json`: the data model as it is; its schema is docs/report.schema.json.

use crate::record::Report;

pub(super) fn render(report: &Report) -> Result<Vec<u8>, String> {
    serde_json::to_vec(report).map_err(|error| error.to_string())
}

//! placeholder
pub(super) fn render(_report: &crate::record::Report) -> Result<Vec<u8>, String> {
    Ok(Vec::new())
}

//! Data as text that a page can carry: JSON, deflated, in base64. Nothing of it can end the element it stands in.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Packs JSON; `DecompressionStream("deflate-raw")` reads it.
pub fn pack(json: &[u8]) -> Result<String, String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let deflated = encoder.write_all(json).and_then(|()| encoder.finish());
    deflated.map(|bytes| STANDARD.encode(bytes)).map_err(|error| error.to_string())
}

/// As JSON.
pub fn json(value: &impl Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(value).map_err(|error| error.to_string())
}

/// What a content security policy calls a script or a style that it allows: nothing else runs, whoever put it there.
pub fn source_hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

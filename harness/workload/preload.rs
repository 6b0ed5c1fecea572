//! `preload`: plain keys that are there before the pressure begins, so that files are large and loading takes its time.

use std::sync::Arc;
use std::time::Duration;

use super::mixed::Mixed;
use super::{Workload, single};
use crate::matrix;

/// Lanes that write them.
pub const LANES: u16 = 2;
/// Commands in flight on each: the rate is the server's own.
const PIPELINE: u32 = 2_000;
/// Size of a value in bytes.
const VALUE: u32 = 64;

/// What each key adds to the longest waits: to write it, to load it, to read it back on a machine that is busy.
const PATIENCE: Duration = Duration::from_micros(200);

/// How much longer than usual a load may take, a start, or the whole trial.
pub fn patience(spec: &matrix::Workload) -> Duration {
    PATIENCE * spec.preload
}

/// The workload with lanes for the preload behind its own.
pub fn beside(workload: Arc<dyn Workload>, spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    let plain = single::make(&load_shape(spec), seed);
    let own = std::iter::repeat_n(0, usize::from(spec.connections));
    let part_of = own.chain(std::iter::repeat_n(1, usize::from(LANES))).collect();
    Arc::new(Mixed::new(vec![workload, plain], part_of))
}

/// How the preload is written.
pub fn load_shape(spec: &matrix::Workload) -> matrix::Workload {
    matrix::Workload {
        pipeline: PIPELINE.min(spec.preload.div_ceil(u32::from(LANES)).max(1)),
        value: VALUE,
        writes: spec.preload,
        databases: spec.databases,
        resp: spec.resp,
        user: spec.user.clone(),
        ..matrix::Workload::default()
    }
}

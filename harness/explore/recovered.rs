//! States of a device: each image that a cut may leave is recovered by the kernel, and what a server finds then is a state.
//!
//! A recovery takes longer than the work that names it, so the images are counted first, and where there are more than the
//! bound an even share of them is recovered.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use super::states::{Moments, State, States, Token, Trace};
use crate::disk::model::Model;
use crate::disk::mount::DiskError;
use crate::disk::real::{bench::Bench, image_of, states as device};
use crate::disk::{Tree, scratch::Scratch};
use crate::matrix::Filesystem;

/// Variants of one moment: what was flushed, everything, and some of what was not flushed.
const VARIANTS: u32 = 5;
/// Images that are mounted at the same time.
const PLACES: usize = 6;

/// The states of the images that were recovered, each with its tree, and how many images there are.
pub fn states(
    trace: &Trace,
    filesystem: Filesystem,
    bound: usize,
    scratch: &Scratch,
) -> Result<(States, BTreeMap<usize, Tree>), DiskError> {
    let model = Model::default_of(Some(filesystem));
    let images = || {
        device::States::new(model, trace.base.clone(), &trace.log, VARIANTS)
            .filter(|state| state.index >= trace.from)
    };
    let (mut count, mut size) = (0_usize, 0);
    for state in images() {
        (count, size) = (count + 1, state.image.len());
    }
    let step = count.div_ceil(bound.max(1)).max(1);
    let found = Mutex::new(Vec::new());
    let bench = Bench::open(&scratch.folder().join("device"), filesystem, size, PLACES)?;
    // The last moment is the one at which the most had been acknowledged: it is always among them.
    let chosen = images().enumerate().filter(|(number, _)| (count - 1 - number).is_multiple_of(step));
    device::recover_all(&bench, chosen.map(|(_, state)| state), PLACES, |state, tree| {
        if let Ok(mut found) = found.lock() {
            found.push((state.index, state.variant, tree));
        }
    });
    let mut found = found.into_inner().unwrap_or_default();
    found.sort_by_key(|(index, variant, _)| (*index, *variant));
    let sampled = (found.len() < count).then_some((found.len() as u64, count as u64));
    let mut all = States { cuts: count as u64, sampled, ..States::default() };
    all.exist.insert(model, count as u64);
    let (mut by_digest, mut trees): (HashMap<u128, usize>, _) = (HashMap::new(), BTreeMap::new());
    for (cut, variant, tree) in found {
        let tree = tree?;
        let digest = tree.digest();
        let at = *by_digest.entry(digest).or_insert_with(|| {
            all.states.push(State { digest, moments: vec![Moments { model, cuts: Vec::new() }] });
            trees.insert(all.states.len() - 1, tree);
            all.states.len() - 1
        });
        all.states[at].moments[0].cuts.push((cut, variant));
    }
    Ok((all, trees))
}

/// Rebuilds the image of one state and has the kernel recover it; `None` when the trace has no such cut.
pub fn rebuild(
    trace: &Trace,
    token: Token,
    filesystem: Filesystem,
    scratch: &Scratch,
) -> Result<Option<Tree>, DiskError> {
    let Some(image) = trace.rebuild(token).and_then(image_of) else { return Ok(None) };
    let bench = Bench::open(&scratch.folder().join("device"), filesystem, image.len(), 1)?;
    bench.recover(image).map(Some)
}

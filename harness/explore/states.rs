//! From one trace to every state that a power cut in it may leave. Pure.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use super::spans::Span;
use super::torn::Torn;
use crate::disk::op::Rec;
use crate::disk::replay::Replay;
use crate::disk::syncs::Syncs;
use crate::disk::{Model, Tree};

/// What was recorded: a tree all of which was durable, and what happened to it since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The tree at the beginning.
    pub base: Tree,
    /// Every operation.
    pub log: Vec<Rec>,
    /// Cuts are made after this many operations and later.
    pub from: usize,
    /// When the recording ended, in microseconds since the trial began.
    pub end_us: u64,
    /// The fsyncs that the server waited for, also those that were in flight in the end.
    pub syncs: Syncs,
}

/// A state of a trace: what a cut after so many operations leaves under a model, in one of its variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    /// The model.
    pub model: Model,
    /// Operations before the cut.
    pub cut: usize,
    /// Number of the variant.
    pub variant: u32,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}.{}", self.model.as_str(), self.cut, self.variant)
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = || {
            let (model, rest) = text.split_once('@')?;
            let (cut, variant) = rest.split_once('.')?;
            Some((Model::from_word(model)?, cut.parse().ok()?, variant.parse().ok()?))
        };
        let (model, cut, variant) =
            parts().ok_or_else(|| format!("`{text}` is no state: it looks like fsync-only@120.0"))?;
        Ok(Self { model, cut, variant })
    }
}

/// A state, or one that a cut during the recovery of a state leaves: `fsync-only@120.0/fsync-only@7.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The state of the recorded life.
    pub outer: Token,
    /// The state of its recovery.
    pub inner: Option<Token>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inner {
            Some(inner) => write!(f, "{}/{inner}", self.outer),
            None => write!(f, "{}", self.outer),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (outer, inner) = text.split_once('/').map_or((text, None), |(outer, inner)| (outer, Some(inner)));
        Ok(Self { outer: outer.parse()?, inner: inner.map(str::parse).transpose()? })
    }
}

/// Moments at which a cut leaves the same state under the same model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moments {
    /// The model.
    pub model: Model,
    /// Cuts, ascending, with the variant that leaves the state.
    pub cuts: Vec<(usize, u32)>,
}

/// A state, and when it may be left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Of its names and bytes. The tree itself is made when it is booted: a life may leave tens of thousands.
    pub digest: u128,
    /// Under which models, and when.
    pub moments: Vec<Moments>,
}

impl State {
    /// A token that rebuilds it.
    pub fn token(&self) -> Token {
        let first = &self.moments[0];
        let (cut, variant) = first.cuts[0];
        Token { model: first.model, cut, variant }
    }
}

/// Every state that models leave of a trace, each once.
#[derive(Debug, Clone, Default)]
pub struct States {
    /// The states, in the order in which they come up.
    pub states: Vec<State>,
    /// How many cuts there are, over all models and variants.
    pub cuts: u64,
    /// How many states each model allows, over all moments: also those beyond the variants that it tries.
    pub exist: BTreeMap<Model, u64>,
    /// Of a device, where not every image was recovered: how many were, and of how many.
    pub sampled: Option<(u64, u64)>,
}

impl Trace {
    /// Enumerates the states of some models.
    pub fn states(&self, models: &[Model]) -> States {
        let mut all = States::default();
        let mut by_digest: HashMap<u128, usize> = HashMap::new();
        let mut replay = Replay::from_durable(self.base.clone());
        replay.play_all(&self.log[..self.from.min(self.log.len())]);
        for cut in self.from..=self.log.len() {
            for &model in models {
                let variants = model.variants_of(&replay);
                let torn = self.torn(model, cut);
                let exist = all.exist.entry(model).or_default();
                *exist = exist.saturating_add(model.exist(&replay)).saturating_add(torn.exist());
                let whole = variants.count();
                for variant in 0..whole + torn.tried() {
                    let tree = match variant.checked_sub(whole) {
                        None => variants.tree(variant),
                        Some(number) => torn.tree(&replay, number),
                    };
                    let Some(tree) = tree else { break };
                    all.cuts += 1;
                    let digest = tree.digest();
                    let at = *by_digest.entry(digest).or_insert_with(|| {
                        all.states.push(State { digest, moments: Vec::new() });
                        all.states.len() - 1
                    });
                    note(&mut all.states[at].moments, model, cut, variant);
                }
            }
            if let Some(rec) = self.log.get(cut) {
                replay.play(&rec.op);
            }
        }
        all
    }

    /// Rebuilds one state, byte for byte; `None` when the trace has no such cut, or the cut no such variant.
    pub fn rebuild(&self, token: Token) -> Option<Tree> {
        let log = self.log.get(..token.cut)?;
        let mut replay = Replay::from_durable(self.base.clone());
        replay.play_all(log);
        self.left(&replay, token)
    }

    /// What a cut leaves at the moment to which its log was played.
    fn left(&self, replay: &Replay, token: Token) -> Option<Tree> {
        let variants = token.model.variants_of(replay);
        match token.variant.checked_sub(variants.count()) {
            None => variants.tree(token.variant),
            Some(number) => self.torn(token.model, token.cut).tree(replay, number),
        }
    }

    /// How the operation that is under way at a cut may be found half done. The models of power cuts have that in what they
    /// make of a write that is not durable; SIGKILL ends a `write()` where the kernel looks for it.
    fn torn(&self, model: Model, cut: usize) -> Torn<'_> {
        let next = self.log.get(cut).filter(|_| model == Model::ProcessKill);
        next.map_or_else(Torn::default, |rec| Torn::of(&rec.op))
    }

    /// The write of which a state has a part: what else `process-kill` leaves has no variants.
    fn torn_by(&self, token: Token) -> Option<&Rec> {
        self.log.get(token.cut).filter(|_| token.model == Model::ProcessKill && token.variant > 0)
    }

    /// Rebuilds some of its states, by their numbers.
    pub fn trees(&self, all: &States, chosen: &[usize]) -> BTreeMap<usize, Tree> {
        let mut wanted: Vec<_> = chosen.iter().map(|&at| (all.states[at].token(), at)).collect();
        wanted.sort_unstable_by_key(|(token, _)| token.cut);
        let mut replay = Replay::from_durable(self.base.clone());
        let mut trees = BTreeMap::new();
        for (token, at) in wanted {
            replay.play_all(&self.log[replay.played..token.cut]);
            let tree = self.left(&replay, token).expect("the trace has left this state");
            trees.insert(at, tree);
        }
        trees
    }

    /// From when to when a cut comes after just so many operations, in microseconds since the trial began; the end is
    /// not included.
    pub fn span_us(&self, cut: usize) -> (u64, u64) {
        let after = |index: usize| self.log.get(index).map(|rec| rec.done_us);
        let from = cut.checked_sub(1).and_then(after).unwrap_or_default();
        let to = after(cut).unwrap_or(self.end_us + 1);
        (from, to.max(from))
    }

    /// From when to when a cut may leave the state of a moment, in microseconds since the trial began; the end is not
    /// included.
    ///
    /// The moments of a device lie before its flushes. What was flushed is what a cut may leave ever since the flush
    /// before, whatever came meanwhile. A write can be found half done from when it was asked for.
    pub fn possible_us(&self, model: Model, (cut, variant): (usize, u32)) -> Span {
        let (from, to) = self.span_us(cut);
        if let Some(write) = self.torn_by(Token { model, cut, variant }) {
            return (write.asked_us.clamp(from, to), to);
        }
        if model.filesystem().is_none() || variant > 0 {
            return (from, to);
        }
        let begin = self.from.min(cut);
        let flush = self.log[begin..cut].iter().rposition(|rec| rec.op.is_flush());
        (self.span_us(flush.map_or(begin, |at| begin + at + 1)).0, to)
    }

    /// How long was recorded, in microseconds; never nothing.
    pub fn recorded_us(&self) -> u64 {
        self.end_us.saturating_sub(self.span_us(self.from).0).max(1)
    }

    /// What happened last before the cut of a state, for people.
    pub fn describe(&self, token: Token) -> String {
        let cut = token.cut;
        let names = self.names(cut);
        if let Some(write) = self.torn_by(token) {
            return format!("a part of {}", crate::explore::words::of(&write.op, &names));
        }
        let Some(rec) = cut.checked_sub(1).and_then(|index| self.log.get(index)) else {
            return "before the first operation".into();
        };
        crate::explore::words::of(&rec.op, &names)
    }

    /// The newest name of every file before a cut.
    pub(super) fn names(&self, cut: usize) -> BTreeMap<u64, String> {
        let mut names = BTreeMap::new();
        let mut tree = self.base.clone();
        let note = |tree: &Tree, names: &mut BTreeMap<u64, String>| {
            for entries in tree.folders.values() {
                names.extend(entries.iter().map(|(name, &ino)| (ino, name.clone())));
            }
        };
        note(&tree, &mut names);
        for rec in self.log.iter().take(cut).filter(|rec| rec.op.changes_names()) {
            tree.apply(&rec.op);
            note(&tree, &mut names);
        }
        names
    }
}

fn note(moments: &mut Vec<Moments>, model: Model, cut: usize, variant: u32) {
    let at = match moments.iter().position(|moments| moments.model == model) {
        Some(at) => at,
        None => {
            moments.push(Moments { model, cuts: Vec::new() });
            moments.len() - 1
        }
    };
    let cuts = &mut moments[at].cuts;
    if cuts.last().is_none_or(|(last, _)| *last != cut) {
        cuts.push((cut, variant));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::op::{Op, ROOT};

    #[test]
    fn what_was_flushed_lasts_from_flush_to_flush_and_a_torn_write_while_it_is_under_way() {
        let write = || Op::Write { ino: ROOT + 1, offset: 0, data: vec![1].into() };
        let flush = || Op::Fsync { ino: ROOT + 1, covers: 0, datasync: false };
        let ops = [write(), flush(), write(), write(), flush(), write()];
        let log =
            ops.into_iter().zip(1..).map(|(op, at)| Rec { asked_us: at * 10 - 3, done_us: at * 10, op });
        let whole = Trace { log: log.collect(), end_us: 69, ..Trace::default() };
        let later = Trace { from: 3, ..whole.clone() };
        for (trace, model, cut, lasts) in [
            (&whole, Model::RealExt4, (1, 0), (0, 20)),
            (&whole, Model::RealExt4, (4, 0), (20, 50)),
            (&whole, Model::RealExt4, (4, 1), (40, 50)),
            (&whole, Model::RealExt4, (6, 0), (50, 70)),
            (&whole, Model::FsyncOnly, (4, 0), (40, 50)),
            (&whole, Model::ProcessKill, (3, 0), (30, 40)),
            (&whole, Model::ProcessKill, (3, 1), (37, 40)),
            (&later, Model::RealExt4, (4, 0), (30, 50)),
        ] {
            assert_eq!(
                trace.possible_us(model, cut),
                lasts,
                "{} {cut:?} from {}",
                model.as_str(),
                trace.from
            );
        }
    }
}

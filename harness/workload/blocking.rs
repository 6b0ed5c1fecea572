//! `blocking`: consumers that wait in BLPOP, BLMOVE, BZPOPMIN and XREADGROUP for what producers push.
//!
//! Each lane has two connections: the second one waits for the element that the first one pushes next. Push and pop
//! are ops of their own, each with its own answer. What a consumer got must be gone, and what nobody waited for must
//! be there.

use std::sync::Arc;

use super::Workload;
use super::lists::{Act, End, Line, Lists, Script, Word};
use super::mixed::Mixed;
use super::streams;
use super::units::{Dice, UNIT, Units};
use crate::matrix;

const AWAITED: usize = 0;
const DONE: usize = 1;
const LEFT_ALONE: usize = 2;
/// Seconds that a consumer waits: for ever would outlive a push that was refused.
const PATIENCE: Word = Word::Text("2");
/// One push in this many is waited for by nobody.
const ALONE_EVERY: usize = 4;

/// How consumers wait in a unit.
#[derive(Clone, Copy)]
enum Consumer {
    Blpop,
    Blmove,
    Bzpopmin,
}

/// One lane in this many adds to streams.
const STREAMS_EVERY: u16 = 4;

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    let parts = vec![Lists::shared(Units::new(seed, script), spec, seed), streams::waiting(spec, seed)];
    let part = |lane| usize::from(lane % STREAMS_EVERY == STREAMS_EVERY - 1);
    Arc::new(Mixed::new(parts, (0..spec.connections).map(part).collect()))
}

fn script(dice: &mut Dice) -> Script {
    let consumer = [Consumer::Blpop, Consumer::Blmove, Consumer::Bzpopmin][dice.roll(3)];
    let mut lines = Vec::new();
    while lines.len() < UNIT as usize {
        let place = lines.len() as u32;
        let alone = place + 1 == UNIT || (place > 0 && dice.roll(ALONE_EVERY) == 0);
        lines.push(push(consumer, place, if alone { LEFT_ALONE } else { AWAITED }));
        if !alone {
            lines.push(pop(consumer, place));
        }
    }
    let sorted = matches!(consumer, Consumer::Bzpopmin);
    Script { lines, lists: &["awaited", "done", "alone"], sorted }
}

/// Always to the right, so that waiting pops take the elements in the order of their pushes.
fn push(consumer: Consumer, place: u32, list: usize) -> Line {
    let words = match consumer {
        Consumer::Bzpopmin => {
            vec![Word::Text("ZADD"), Word::List(list), Word::Number(place), Word::Element(place)]
        }
        Consumer::Blpop | Consumer::Blmove => {
            vec![Word::Text("RPUSH"), Word::List(list), Word::Element(place)]
        }
    };
    Line { act: Act::Push { list, end: End::Right }, words, waits: false }
}

fn pop(consumer: Consumer, element: u32) -> Line {
    let (act, words) = match consumer {
        Consumer::Blpop => {
            (Act::Remove { element }, vec![Word::Text("BLPOP"), Word::List(AWAITED), PATIENCE])
        }
        Consumer::Bzpopmin => {
            (Act::Remove { element }, vec![Word::Text("BZPOPMIN"), Word::List(AWAITED), PATIENCE])
        }
        Consumer::Blmove => {
            let ends = [Word::Text(End::Left.word()), Word::Text(End::Right.word())];
            let lists = [Word::Text("BLMOVE"), Word::List(AWAITED), Word::List(DONE)];
            let words = lists.into_iter().chain(ends).chain([PATIENCE]).collect();
            (Act::Move { element, list: DONE, end: End::Right }, words)
        }
    };
    Line { act, words, waits: true }
}

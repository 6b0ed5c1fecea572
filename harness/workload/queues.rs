//! `queues`: the reliable queue. Elements are pushed to a pending list, moved to a processing list, and taken out of it,
//! at both ends of both.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Workload;
use super::lists::{Act, End, Line, Lists, Script, Word};
use super::units::{Dice, UNIT, Units};
use crate::matrix;

const PENDING: usize = 0;
const PROCESSING: usize = 1;

pub(super) fn make(spec: &matrix::Workload, seed: u64) -> Arc<dyn Workload> {
    Lists::shared(Units::new(seed, script), spec, seed)
}

/// Plays the lists, so that the script knows what each pop takes.
fn script(dice: &mut Dice) -> Script {
    let mut pending = VecDeque::new();
    let mut processing = VecDeque::new();
    let lines = (0..UNIT)
        .map(|place| {
            let roll = dice.roll(6);
            if roll < 2 && !processing.is_empty() {
                remove(&mut processing, dice)
            } else if roll < 4 && !pending.is_empty() {
                transfer(&mut pending, &mut processing, dice)
            } else {
                push(place, &mut pending, dice)
            }
        })
        .collect();
    Script { lines, lists: &["pending", "processing"], sorted: false }
}

fn push(place: u32, pending: &mut VecDeque<u32>, dice: &mut Dice) -> Line {
    let end = any_end(dice);
    put(pending, place, end);
    let verb = if end == End::Left { "LPUSH" } else { "RPUSH" };
    let words = vec![Word::Text(verb), Word::List(PENDING), Word::Element(place)];
    Line { act: Act::Push { list: PENDING, end }, words, waits: false }
}

/// LMOVE, or its older sister where that does the same.
fn transfer(pending: &mut VecDeque<u32>, processing: &mut VecDeque<u32>, dice: &mut Dice) -> Line {
    let (from, end) = (any_end(dice), any_end(dice));
    let element = take(pending, from);
    put(processing, element, end);
    let lists = [Word::List(PENDING), Word::List(PROCESSING)];
    let words = if (from, end) == (End::Right, End::Left) && dice.roll(2) == 0 {
        std::iter::once(Word::Text("RPOPLPUSH")).chain(lists).collect()
    } else {
        let ends = [Word::Text(from.word()), Word::Text(end.word())];
        std::iter::once(Word::Text("LMOVE")).chain(lists).chain(ends).collect()
    };
    Line { act: Act::Move { element, list: PROCESSING, end }, words, waits: false }
}

/// By value from the middle, or by its place at an end.
fn remove(processing: &mut VecDeque<u32>, dice: &mut Dice) -> Line {
    let (element, words) = if dice.roll(2) == 0 {
        let element = processing.remove(dice.roll(processing.len())).expect("the place was rolled within");
        let words = [Word::Text("LREM"), Word::List(PROCESSING), Word::Text("1"), Word::Element(element)];
        (element, words.to_vec())
    } else {
        let end = any_end(dice);
        let verb = if end == End::Left { "LPOP" } else { "RPOP" };
        (take(processing, end), vec![Word::Text(verb), Word::List(PROCESSING)])
    };
    Line { act: Act::Remove { element }, words, waits: false }
}

fn any_end(dice: &mut Dice) -> End {
    if dice.roll(2) == 0 { End::Left } else { End::Right }
}

fn put(list: &mut VecDeque<u32>, element: u32, end: End) {
    match end {
        End::Left => list.push_front(element),
        End::Right => list.push_back(element),
    }
}

/// The element at an end of a list that is not empty.
fn take(list: &mut VecDeque<u32>, end: End) -> u32 {
    let taken = if end == End::Left { list.pop_front() } else { list.pop_back() };
    taken.expect("callers look whether there is one")
}

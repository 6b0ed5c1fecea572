//! What was seen of a server's children while it lived: snapshots and rewrites, from one look to the next.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use crate::record::Event;

/// Sightings kept in a trial: a storm makes hundreds, and a timeline shows no more.
const MOST: usize = 40;

/// A list that everybody who looks at a server adds to. Clones share it.
#[derive(Clone)]
pub struct Sightings {
    began: Instant,
    seen: Rc<RefCell<Vec<Event>>>,
}

impl Sightings {
    /// An empty list; `began` is the start of the trial.
    pub fn new(began: Instant) -> Self {
        Self { began, seen: Rc::default() }
    }

    /// Something of this kind is under way from now on, unless it was before.
    pub fn begin(&self, kind: &str, text: &str) {
        let at_ms = self.now_ms();
        let mut seen = self.seen.borrow_mut();
        let open = seen.iter().any(|event| event.kind == kind && event.until_ms.is_none());
        if !open && seen.len() < MOST {
            seen.push(Event { at_ms, until_ms: None, kind: kind.into(), text: text.into() });
        }
    }

    /// What is under way of this kind is over.
    pub fn end(&self, kind: &str) {
        self.close(|event| event.kind == kind);
    }

    /// The server is gone, and its children with it.
    pub fn end_all(&self) {
        self.close(|_| true);
    }

    /// Everything that was seen.
    pub fn take(&self) -> Vec<Event> {
        self.end_all();
        self.seen.take()
    }

    fn close(&self, which: impl Fn(&Event) -> bool) {
        let now_ms = self.now_ms();
        for event in
            self.seen.borrow_mut().iter_mut().filter(|event| event.until_ms.is_none() && which(event))
        {
            event.until_ms = Some(now_ms);
        }
    }

    fn now_ms(&self) -> f64 {
        self.began.elapsed().as_micros() as f64 / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_again_is_one_thing_until_it_ends_and_the_list_is_bounded() {
        let sightings = Sightings::new(Instant::now());
        sightings.begin("snapshot", "a child is at work");
        sightings.clone().begin("snapshot", "a child is at work");
        sightings.begin("rewrite", "a child is at work");
        sightings.end("snapshot");
        for _ in 0..2 * MOST {
            sightings.begin("snapshot", "another");
            sightings.end("snapshot");
        }
        let seen = sightings.take();
        assert_eq!(seen.len(), MOST);
        let kinds: Vec<_> = seen[..3].iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["snapshot", "rewrite", "snapshot"]);
        assert!(seen.iter().all(|event| event.until_ms.is_some_and(|until| until >= event.at_ms)));
    }
}

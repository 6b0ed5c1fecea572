//! Stretches of time, in microseconds since the trial began. Pure.

/// From a moment to another one, which is not included. One without length is a moment all the same: operations can lie
/// as close together as that.
pub type Span = (u64, u64);

/// The same time in as few stretches as possible, in order.
pub fn merged(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut spans: Vec<_> = spans.collect();
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.0 <= last.1 => last.1 = last.1.max(span.1),
            _ => merged.push(span),
        }
    }
    merged
}

/// A stretch, cut at those of the ascending moments that lie in it.
pub fn split((from, to): Span, at: &[u64]) -> Vec<Span> {
    let begin = at.partition_point(|at| *at <= from);
    let mut parts = Vec::new();
    let mut last = from;
    for &at in at[begin..].iter().take_while(|at| **at < to) {
        parts.push((last, at));
        last = at;
    }
    parts.push((last, to));
    parts
}

/// How long they are together; they must not overlap.
pub fn length_us(spans: &[Span]) -> u64 {
    spans.iter().map(|(from, to)| to - from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_is_covered_twice_counts_once() {
        let merged = merged([(5, 9), (1, 3), (3, 3), (7, 12), (20, 20)].into_iter());
        assert_eq!(merged, [(1, 3), (5, 12), (20, 20)]);
        assert_eq!(length_us(&merged), 9);
    }

    #[test]
    fn a_stretch_is_cut_within_itself_alone() {
        assert_eq!(split((10, 20), &[5, 10, 12, 19, 20, 30]), [(10, 12), (12, 19), (19, 20)]);
        assert_eq!(split((10, 10), &[10]), [(10, 10)]);
    }
}

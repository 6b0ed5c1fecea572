//! What a read-back shows: the state of every key, and when that was.

use std::collections::BTreeMap;

/// What a key holds after recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cell {
    /// Nothing.
    #[default]
    Absent,
    /// The value of the lane's op with this sequence number, intact.
    Version(u32),
    /// So many additions.
    Count(u32),
    /// The same thing more than once.
    Twice,
    /// A key of another type than was ever written.
    WrongType,
    /// Something that no op of this lane ever wrote to this key.
    Corrupt,
}

/// The state of every key, by lane and key number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// One list per lane.
    pub lanes: Vec<Vec<Cell>>,
    /// Keys in the server that no lane ever wrote.
    pub strangers: u64,
    /// When keys will expire by the server's word, in microseconds since the trial began; a sample.
    pub deadlines: BTreeMap<(u16, u32), u64>,
}

/// When things happened, in microseconds since the trial began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// The fault struck.
    pub fault_us: u64,
    /// The read-back began.
    pub survey_from_us: u64,
    /// The read-back ended.
    pub survey_to_us: u64,
}

/// What a survey says of a key.
pub fn cell(survey: &Survey, lane: u16, key: u32) -> Cell {
    survey.lanes.get(usize::from(lane)).and_then(|cells| cells.get(key as usize)).copied().unwrap_or_default()
}

//! What a judgement needs beside the operations of a trace, in a form that a file can hold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::weigh::Ended;
use crate::contract::Death;
use crate::disk::syncs::Syncs;
use crate::oracle::{Answer, Cell, History, Survey};
use crate::workload::Workload;
use crate::workload::ledger::{Lane, Ledger};

/// The circumstances of a recorded life.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// Effective configuration of the server.
    pub config: BTreeMap<String, String>,
    /// Snapshots that ended: when that was seen, and up to when they hold everything.
    pub saves: Vec<(u64, u64)>,
    /// How the server ended before the power went: its death, whether it was clean, and when it was over.
    pub ended: Option<(String, bool, u64)>,
    /// What was there before.
    pub baseline: Cells,
    /// Number of the first op of this life, by connection.
    pub first: Vec<u32>,
    /// Units of which nothing is claimed, by connection.
    pub spoiled: Vec<Vec<u32>>,
    /// The fsyncs that the server waited for.
    pub syncs: Syncs,
}

/// The state of every key, as words.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cells {
    lanes: Vec<Vec<String>>,
    strangers: u64,
}

impl Cells {
    /// Of a survey; its deadlines are a sample and are left out.
    pub fn of(survey: &Survey) -> Self {
        let lanes = survey.lanes.iter().map(|cells| cells.iter().map(|cell| word(*cell)).collect());
        Self { lanes: lanes.collect(), strangers: survey.strangers }
    }

    /// The survey; `None` where a word means nothing.
    pub fn read(&self) -> Option<Survey> {
        let lanes = self.lanes.iter().map(|cells| cells.iter().map(|word| cell(word)).collect());
        Some(Survey { lanes: lanes.collect::<Option<_>>()?, strangers: self.strangers, ..Survey::default() })
    }
}

fn word(cell: Cell) -> String {
    match cell {
        Cell::Absent => String::new(),
        Cell::Version(seq) => seq.to_string(),
        Cell::Count(count) => format!("+{count}"),
        Cell::Twice => "twice".into(),
        Cell::WrongType => "type".into(),
        Cell::Corrupt => "corrupt".into(),
    }
}

fn cell(word: &str) -> Option<Cell> {
    Some(match word {
        "" => Cell::Absent,
        "twice" => Cell::Twice,
        "type" => Cell::WrongType,
        "corrupt" => Cell::Corrupt,
        word => match word.strip_prefix('+') {
            Some(count) => Cell::Count(count.parse().ok()?),
            None => Cell::Version(word.parse().ok()?),
        },
    })
}

/// Deaths before a power cut, by their word.
const DEATHS: &[(&str, Death)] = &[
    ("term", Death::Term),
    ("stop", Death::Stop),
    ("kill", Death::Kill),
    ("shutdown-save", Death::ShutdownSave),
    ("shutdown-nosave", Death::ShutdownNosave),
    ("shutdown", Death::Shutdown),
];

impl Kept {
    /// Notes how the server ended. A death without a word is one that no promise tells from a kill.
    pub fn note_end(&mut self, ended: Option<Ended>) {
        self.ended = ended.map(|ended| {
            let word =
                DEATHS.iter().find(|(_, death)| *death == ended.death).map_or("kill", |(word, _)| word);
            (word.to_owned(), ended.clean, ended.at_us)
        });
    }

    /// How the server ended.
    pub fn end(&self) -> Option<Ended> {
        let (word, clean, at_us) = self.ended.as_ref()?;
        let (_, death) = DEATHS.iter().find(|(known, _)| known == word)?;
        Some(Ended { death: *death, clean: *clean, at_us: *at_us })
    }

    /// The ledger from its lines, as [`ledger_csv`] writes them; `None` where one means nothing.
    pub fn ledger(&self, workload: std::sync::Arc<dyn Workload>, csv: &str) -> Option<Ledger> {
        let mut lanes = vec![Lane::default(); self.first.len()];
        for line in csv.lines().skip(1) {
            let mut fields = line.split(',');
            let lane: usize = fields.next()?.parse().ok()?;
            let (sent_us, answer) = (fields.nth(2)?.parse().ok()?, fields.next()?);
            let lane = lanes.get_mut(lane)?;
            let seq = lane.sent(sent_us);
            match answer {
                "" => {}
                "refused" => lane.refused(seq),
                "skipped" => lane.skipped(seq),
                at_us => lane.acknowledged(seq, at_us.parse().ok()?),
            }
        }
        for (lane, units) in lanes.iter_mut().zip(&self.spoiled) {
            lane.spoil(units.iter().copied());
        }
        Some(Ledger::resumed(workload, lanes, self.first.clone()))
    }
}

/// Every op of every life, a line each.
pub fn ledger_csv(ledger: &Ledger) -> String {
    let mut text = "connection,number,key,sent_us,acknowledged_us\n".to_owned();
    for lane in 0..ledger.lanes() {
        for seq in 0..ledger.span(lane).end {
            let op = ledger.op(lane, seq);
            let (_, answer) = ledger.lanes[usize::from(lane)].entry(seq);
            let answer = match answer {
                Answer::Acked { at_us } => at_us.to_string(),
                Answer::InDoubt => String::new(),
                Answer::Refused => "refused".into(),
                Answer::Skipped => "skipped".into(),
            };
            text.push_str(&format!("{lane},{seq},{},{},{answer}\n", op.key, op.sent_us));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_ends_come_back_as_they_were() {
        let lane =
            vec![Cell::Absent, Cell::Version(7), Cell::Count(3), Cell::Twice, Cell::WrongType, Cell::Corrupt];
        let survey = Survey { lanes: vec![lane], strangers: 2, ..Survey::default() };
        assert_eq!(Cells::of(&survey).read(), Some(survey));
        for &(_, death) in DEATHS {
            let ended = Some(Ended { death, clean: true, at_us: 9 });
            let mut kept = Kept::default();
            kept.note_end(ended);
            assert_eq!(kept.end(), ended);
        }
        assert_eq!(cell("nonsense"), None);
    }
}

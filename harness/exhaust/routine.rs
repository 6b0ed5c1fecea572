//! A small life that is the same every time: one connection, one write at a time, a rewrite and a snapshot where the policy
//! has them, so that the Nth call of the disk is the same call in every such life, as far as the server allows.

use std::time::{Duration, Instant};

use super::writer::{Answered, Writer};
use crate::fault::control::Control;
use crate::fault::{Scene, Trouble};

/// Longest wait for a child to end.
const CHILD_LIMIT: Duration = Duration::from_secs(10);
const CHILD_POLL: Duration = Duration::from_millis(2);
/// Rest after a write that was refused, and how long all such rests may take: a server looks once in a second whether it
/// can write again.
const REST: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_millis(1_500);
/// What a server that is about to end by itself may take for it.
const END_LIMIT: Duration = Duration::from_secs(5);
/// In a long life: the rest between two writes, and its length.
const PACE: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_millis(2_300);

/// What is lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routine {
    /// Writes before, between and after the children.
    pub writes: u32,
    /// Until everysec has synced twice.
    pub long: bool,
}

impl Default for Routine {
    fn default() -> Self {
        Self { writes: 8, long: false }
    }
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lived {
    /// Writes that were acknowledged.
    pub acked: u32,
    /// Writes that were answered with an error.
    pub refused: u32,
    /// The last such error.
    pub refusal: Option<String>,
    /// The last write was refused.
    pub refused_to_the_end: bool,
    /// The connection broke.
    pub broke: bool,
    /// A rewrite or a snapshot failed.
    pub child_failed: bool,
}

impl Lived {
    /// For a person.
    pub fn words(&self) -> String {
        let refusal = self.refusal.as_deref().map(|text| format!(" ({text})")).unwrap_or_default();
        let broke = if self.broke { ", then the connection broke" } else { "" };
        format!("routine: {} writes acknowledged, {} refused{refusal}{broke}", self.acked, self.refused)
    }
}

/// Lives it. A server that ends meanwhile is waited for, and its end is put down.
pub async fn play(scene: &mut Scene, routine: Routine) -> Result<Lived, Trouble> {
    let began = Instant::now();
    let mut lived = Lived::default();
    let mut writer = match Writer::open(scene).await {
        Err(trouble) => {
            scene.notice_end(END_LIMIT).await?;
            lived.broke = true;
            return if scene.was_ended_by_disk() { Ok(lived) } else { Err(trouble) };
        }
        Ok(writer) => writer,
    };
    let outcome = phases(scene, &mut writer, routine, began, &mut lived).await;
    writer.close(&mut scene.ledger);
    lived.broke = outcome.is_err();
    if lived.broke {
        scene.notice_end(END_LIMIT).await?;
    }
    Ok(lived)
}

/// The connection broke, or nobody answered on it.
struct Broken;

async fn phases(
    scene: &mut Scene,
    writer: &mut Writer,
    routine: Routine,
    began: Instant,
    lived: &mut Lived,
) -> Result<(), Broken> {
    let is = |name: &str, value: &str| scene.config.get(name).is_some_and(|got| got == value);
    let saves = scene.config.get("save").is_some_and(|save| !save.trim_matches('"').trim().is_empty());
    let orders = [
        is("appendonly", "yes").then_some((
            "BGREWRITEAOF",
            "aof_rewrite_in_progress",
            "aof_last_bgrewrite_status",
        )),
        saves.then_some(("BGSAVE", "rdb_bgsave_in_progress", "rdb_last_bgsave_status")),
    ];
    let mut patience = PATIENCE;
    write(scene, writer, routine.writes, lived, &mut patience).await?;
    for order in orders.into_iter().flatten() {
        let mut control = scene.control().map_err(|_| Broken)?;
        lived.child_failed |= !child(&mut control, order).await?;
        write(scene, writer, routine.writes, lived, &mut patience).await?;
    }
    while routine.long && began.elapsed() < LONG {
        write(scene, writer, 1, lived, &mut patience).await?;
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}

/// Writes so many acknowledged writes, or until patience is over.
async fn write(
    scene: &mut Scene,
    writer: &mut Writer,
    writes: u32,
    lived: &mut Lived,
    patience: &mut Duration,
) -> Result<(), Broken> {
    let began = scene.began();
    let mut acked = 0;
    while acked < writes {
        match writer.write(&mut scene.ledger, began).await.map_err(|_| Broken)? {
            Answered::Acked => {
                acked += 1;
                lived.acked += 1;
                lived.refused_to_the_end = false;
            }
            Answered::Refused(text) => {
                lived.refused += 1;
                lived.refusal = Some(text);
                lived.refused_to_the_end = true;
                if patience.is_zero() {
                    return Ok(());
                }
                *patience = patience.saturating_sub(REST);
                tokio::time::sleep(REST).await;
            }
        }
    }
    Ok(())
}

/// Orders a child and waits for its end; whether it ended well.
async fn child(control: &mut Control, (order, busy, status): (&str, &str, &str)) -> Result<bool, Broken> {
    if let Err(error) = control.ask::<redis::Value>(&[order]).await {
        // An error reply is an answer; a broken connection is none.
        return if error.code().is_some() { Ok(false) } else { Err(Broken) };
    }
    let limit = Instant::now() + CHILD_LIMIT;
    loop {
        let info = control.info("persistence").await.map_err(|_| Broken)?;
        let on = |field: &str| info.get(field).is_some_and(|value| value != "0");
        if !on(busy) && !on("aof_rewrite_scheduled") {
            return Ok(info.get(status).is_none_or(|value| value == "ok"));
        }
        if Instant::now() > limit {
            return Ok(false);
        }
        tokio::time::sleep(CHILD_POLL).await;
    }
}

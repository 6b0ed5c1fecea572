//! The promises, as data. The first row whose condition holds is the one that applies; the last
//! holds always.
//!
//! Sources: `docs` is the persistence page of the Redis and Valkey documentation, `source` their server source
//! (`shutdown`, `aof.c`, `rdb.c`), `run` means that real servers were seen to behave so, `principle` that
//! nobody wrote it down but everybody counts on it.

use std::time::Duration;

use super::promise::{Allow, Applied};
use super::{Circumstances, Damage, Death, PowerCut};

/// What `everysec` can lose to SIGKILL: with an fsync in flight the write itself is postponed up to 2 s while replies
/// go on, and the check for that runs every 100 ms.
pub const EVERYSEC_WINDOW: Duration = Duration::from_millis(2_100);

/// A place where promises are written down: its word, what it is, and where it can be read.
pub type Source = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The words that rows use for it.
pub const SOURCES: [Source; 5] = [
    (
        "docs",
        "the documentation of Redis and Valkey",
        &[
            ("redis.io", "https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/"),
            ("valkey.io", "https://valkey.io/topics/persistence/"),
        ],
    ),
    (
        "source",
        "the server's source",
        &[
            ("Redis", "https://github.com/redis/redis/blob/unstable/src/aof.c"),
            ("Valkey", "https://github.com/valkey-io/valkey/blob/unstable/src/aof.c"),
        ],
    ),
    ("run", "seen in runs", &[]),
    ("principle", "nobody wrote it down, everybody counts on it", &[]),
    ("matrix.toml", "your matrix.toml", &[]),
];

/// One promise.
pub struct Row {
    /// Identifier.
    pub id: &'static str,
    /// When it applies.
    pub when: fn(&Circumstances) -> bool,
    /// Most that may be lost.
    pub allow: fn(&Circumstances) -> Allow,
    /// Whether the server may refuse to start.
    pub may_refuse: fn(&Circumstances) -> bool,
    /// Whether the loss must be one contiguous tail.
    pub suffix: bool,
    /// The promise as a sentence.
    pub sentence: &'static str,
    /// Where it is written down.
    pub source: &'static str,
    /// What whoever cannot afford what it allows may do; empty where it allows nothing.
    pub remedy: &'static str,
}

/// What kind of misfortune an epoch is about, in a word for reports: `death` of the process, loss of `power`, a `disk` that
/// fails, damaged `files`, a `place` that is taken away, a `failover`, or a `switch` of settings or versions.
fn class(facts: &Circumstances) -> &'static str {
    if facts.data_dropped {
        "place"
    } else if facts.damage.is_some() || facts.repaired || facts.restored.is_some() {
        "files"
    } else if facts.promoted {
        "failover"
    } else if facts.switched || facts.first_rewrite_pending {
        "switch"
    } else if facts.failed_start || facts.unwritten.is_some() || facts.death == Death::DiskError {
        "disk"
    } else if facts.power_cut.is_some_and(|cut| cut.takes_unsynced) {
        "power"
    } else {
        "death"
    }
}

/// What whoever cannot afford what a row allows may do; empty for a row that allows nothing, and for one of the user's own.
pub fn remedy(id: &str) -> &'static str {
    ROWS.iter().find(|row| row.id == id).map_or("", |row| row.remedy)
}

const NEVER: fn(&Circumstances) -> bool = |_| false;

/// The promise table.
pub const ROWS: &[Row] = &[
    Row {
        id: "no-volume",
        when: |facts| facts.data_dropped,
        allow: |_| Allow::All,
        may_refuse: NEVER,
        suffix: false,
        sentence: "a server whose volume or data directory is taken away starts empty",
        source: "docs",
        remedy: "Give the data directory a volume or a folder that outlives its container.",
    },
    Row {
        id: "promoted",
        when: |facts| facts.promoted,
        allow: |_| Allow::All,
        may_refuse: NEVER,
        suffix: true,
        sentence: "a replica that takes over has what it had read, in order, and all that a WAIT has answered for",
        source: "docs",
        remedy: "Ask for WAIT on what must survive a failover, and set min-replicas-to-write.",
    },
    Row {
        id: "restored",
        when: |facts| facts.restored.is_some(),
        allow: |facts| match facts.restored {
            Some((at_us, _)) if aof(facts) => Allow::Window(since(facts, at_us)),
            Some((_, Some(saved_us))) => Allow::Window(since(facts, saved_us)),
            _ => Allow::All,
        },
        may_refuse: |facts| !yes(facts, "aof-load-truncated", true),
        suffix: true,
        sentence: "a copy of the data directory holds what was written before the copying began",
        source: "docs; principle",
        remedy: "Back up more often than you can afford to lose, and restore into an empty folder.",
    },
    Row {
        id: "repaired",
        when: |facts| facts.repaired,
        // Where in the file other damage lies, and so what has to be cut off with it, nobody counts.
        allow: |facts| {
            if matches!(facts.damage, Some(Damage::Elsewhere)) { Allow::All } else { cut_off(facts) }
        },
        // The tool mends an AOF only: what is wrong with a snapshot or a manifest stays wrong.
        may_refuse: |facts| matches!(facts.damage, Some(Damage::Elsewhere)),
        suffix: true,
        sentence: "a repair by hand keeps what comes before the damage, and says what it cuts off",
        source: "docs; source",
        remedy: "Copy the files before a repair, and compare: what the tool cuts off is gone.",
    },
    Row {
        id: "tail-truncated",
        when: |facts| matches!(facts.damage, Some(Damage::AofTail { .. })),
        allow: cut_off,
        may_refuse: |facts| !yes(facts, "aof-load-truncated", true),
        suffix: true,
        sentence: "an AOF whose tail is missing loses the cut commands; with aof-load-truncated no it is refused",
        source: "docs; run",
        remedy: "Keep a replica or a backup: the end of a torn file is nowhere else.",
    },
    Row {
        id: "damaged",
        when: |facts| facts.damage.is_some(),
        allow: dying,
        may_refuse: |_| true,
        suffix: true,
        sentence: "damage anywhere but in the tail of the AOF is refused, or loses nothing",
        source: "principle",
        remedy: "Restore the file from a replica or a backup; do not start on it before.",
    },
    Row {
        id: "first-rewrite",
        when: |facts| facts.first_rewrite_pending && !facts.clean_exit && facts.death != Death::Term,
        allow: |_| Allow::All,
        may_refuse: NEVER,
        suffix: false,
        sentence: "an AOF that is being switched on protects nothing before its first rewrite has ended",
        source: "source",
        remedy: "After CONFIG SET appendonly yes, wait until INFO persistence says aof_rewrite_in_progress:0 and aof_last_bgrewrite_status:ok.",
    },
    Row {
        id: "switched",
        when: |facts| facts.switched,
        allow: dying,
        may_refuse: |_| true,
        suffix: true,
        sentence: "a start with another persistence setting is refused, or loses nothing more than the stop did",
        source: "principle",
        remedy: "Switch while the server runs: CONFIG SET, wait for the first rewrite, CONFIG REWRITE, and only then restart.",
    },
    Row {
        id: "failed-start",
        when: |facts| facts.failed_start,
        allow: dying,
        may_refuse: |_| true,
        suffix: true,
        sentence: "a server whose disk fails while it starts refuses to start, or loses nothing by it",
        source: "principle; run",
        remedy: "",
    },
    Row {
        id: "aof-power-cut-unsynced",
        when: |facts| {
            cut_while_up(facts)
                && appends(facts)
                && !is(facts, "appendfsync", "no")
                && facts.dropped_since_us.is_some()
        },
        allow: dying,
        may_refuse: |facts| !yes(facts, "aof-load-truncated", true),
        suffix: false,
        sentence: "when an fsync fails under everysec, writes are refused until one succeeds; what was written since the last good one may be gone",
        source: "source; run",
        remedy: "Watch aof_last_write_status and the log: after a failed fsync, write again what was written since the last good one.",
    },
    Row {
        id: "aof-power-cut-no",
        when: |facts| cut_while_up(facts) && aof(facts) && is(facts, "appendfsync", "no"),
        allow: dying,
        may_refuse: |facts| !yes(facts, "aof-load-truncated", true),
        suffix: false,
        sentence: "with appendfsync no the kernel decides when a write becomes durable",
        source: "docs",
        remedy: "Set appendfsync everysec, or always for what no power cut may take.",
    },
    Row {
        id: "aof-power-cut",
        when: |facts| cut_while_up(facts) && aof(facts),
        allow: dying,
        may_refuse: |facts| !yes(facts, "aof-load-truncated", true),
        suffix: true,
        sentence: "a power cut takes what no fsync covers: nothing with appendfsync always, with everysec what was written in 1 s and twice the time of an fsync",
        source: "docs; source",
        remedy: "Set appendfsync always, or wait with WAITAOF (from 7.2 on), for writes that no power cut may take.",
    },
    Row {
        id: "aof-unwritten",
        when: |facts| appends(facts) && facts.unwritten.is_some(),
        allow: dying,
        may_refuse: NEVER,
        suffix: true,
        sentence: "when a write to the AOF fails, the event loop that it was for is answered, and later writes are refused until it is written",
        source: "source; run",
        remedy: "Watch aof_last_write_status, and keep room on the disk.",
    },
    Row {
        id: "aof-clean-exit",
        when: |facts| aof(facts) && facts.clean_exit,
        allow: dying,
        may_refuse: NEVER,
        suffix: true,
        sentence: "an AOF is flushed and synced before a clean exit",
        source: "source; run",
        remedy: "Give a stop the time that it needs, and look at its exit code.",
    },
    Row {
        id: "disk-error-exit",
        when: |facts| facts.death == Death::DiskError && aof(facts) && is(facts, "appendfsync", "always"),
        allow: dying,
        may_refuse: NEVER,
        suffix: true,
        sentence: "with appendfsync always a server that cannot write or sync its AOF ends before it replies",
        source: "source; run",
        remedy: "",
    },
    Row {
        id: "aof-always",
        when: |facts| aof(facts) && is(facts, "appendfsync", "always"),
        allow: dying,
        may_refuse: NEVER,
        suffix: true,
        sentence: "with appendfsync always a reply is sent after the write is on disk",
        source: "docs",
        remedy: "",
    },
    Row {
        id: "aof-everysec",
        when: |facts| aof(facts) && is(facts, "appendfsync", "everysec"),
        allow: dying,
        may_refuse: NEVER,
        suffix: true,
        sentence: "with appendfsync everysec a write waits only for an fsync that is in flight, at most 2 s",
        source: "source; run",
        remedy: "Set appendfsync always where even the last two seconds count.",
    },
    Row {
        id: "aof-no",
        when: aof,
        allow: dying,
        may_refuse: NEVER,
        suffix: true,
        sentence: "with appendfsync no a write is handed to the kernel before its reply, and outlives the process",
        source: "source; run",
        remedy: "Set appendfsync everysec, if the machine may fail too.",
    },
    Row {
        id: "saved-at-exit",
        when: |facts| saves_at_exit(facts) && facts.clean_exit,
        allow: dying,
        may_refuse: NEVER,
        suffix: true,
        sentence: "a server with save points (or told to SAVE) writes a snapshot before a clean exit",
        source: "source; run",
        remedy: "Give a stop more time than a save takes, and look at its exit code.",
    },
    Row {
        id: "rdb",
        when: rdb,
        allow: dying,
        may_refuse: NEVER,
        suffix: true,
        sentence: "a server with snapshots alone keeps what its last completed save holds",
        source: "docs; run",
        remedy: "Set appendonly yes: save points alone lose all that came after the last save.",
    },
    Row {
        id: "none",
        when: |_| true,
        allow: dying,
        may_refuse: NEVER,
        suffix: false,
        sentence: "a server without AOF and without save points keeps nothing",
        source: "docs; run",
        remedy: "Set appendonly yes, or treat the server as a cache.",
    },
];

/// The row that applies.
pub fn row(facts: &Circumstances) -> Applied {
    let row = ROWS.iter().find(|row| (row.when)(facts)).expect("the last row holds always");
    Applied {
        id: row.id.into(),
        sentence: row.sentence.into(),
        source: row.source.into(),
        allow: (row.allow)(facts),
        // What it allows at the worst moment: that no fsync was in flight is luck.
        bound: (row.allow)(&Circumstances { settled_us: None, ..facts.clone() }),
        class: class(facts),
        may_refuse: (row.may_refuse)(facts),
        suffix: row.suffix,
    }
}

/// What the policy that the server died with allows for this death alone.
fn dying(facts: &Circumstances) -> Allow {
    if aof(facts) {
        let owed = owed(facts);
        if let Some(cut) = facts.power_cut.filter(|cut| cut.takes_unsynced && !facts.clean_exit) {
            return match facts.config.get("appendfsync").map(String::as_str) {
                Some("always") => Allow::Nothing,
                Some("no") => Allow::All,
                _ => {
                    let dropped = facts.dropped_since_us.map(|at_us| since(facts, at_us));
                    let unwritten = owed.map(|(window, _)| window);
                    let longest = dropped.max(unwritten).unwrap_or_default();
                    Allow::Window(everysec_power_window(facts, cut).max(longest))
                }
            };
        }
        if let Some((window, batch)) = owed {
            return Allow::Batch(window, batch);
        }
        let synced = facts.clean_exit || !is(facts, "appendfsync", "everysec");
        match facts.settled_us {
            _ if synced => Allow::Nothing,
            Some(at_us) => Allow::Window(since(facts, at_us).min(EVERYSEC_WINDOW)),
            None => Allow::Window(EVERYSEC_WINDOW),
        }
    } else if facts.clean_exit && saves_at_exit(facts) {
        Allow::Nothing
    } else if rdb(facts) {
        Allow::SinceSave
    } else if facts.saved_until_us.is_some() {
        // No save points, but somebody asked for a snapshot and got it.
        Allow::SinceSave
    } else {
        Allow::All
    }
}

/// What a policy that answers before it has written owes after a write that failed: from when on, and how much.
fn owed(facts: &Circumstances) -> Option<(Duration, u64)> {
    let unwritten = facts.unwritten.filter(|_| appends(facts))?;
    Some((since(facts, unwritten.since_us), unwritten.batch))
}

/// What was cut off the tail of the AOF, and what the death allows: they add up, and only counts can be added.
/// `unsettled` counts no write that is older than [`EVERYSEC_WINDOW`].
fn cut_off(facts: &Circumstances) -> Allow {
    match (&facts.damage, dying(facts)) {
        (Some(Damage::AofTail { commands }), Allow::Nothing) => Allow::Count(*commands),
        (Some(Damage::AofTail { commands }), Allow::Window(_) | Allow::Batch(..)) => {
            Allow::Count(commands + facts.unsettled)
        }
        (_, allow) => allow,
    }
}

fn since(facts: &Circumstances, at_us: u64) -> Duration {
    Duration::from_micros(facts.fault_us.saturating_sub(at_us))
}

/// What `everysec` can lose to a power cut: an fsync begins a second after the one before it began, or when that one has
/// ended and the server is there to begin it; see [`Delay`](crate::disk::syncs::Delay).
/// With `no-appendfsync-on-rewrite` no fsync begins while a child is at work.
fn everysec_power_window(facts: &Circumstances, cut: PowerCut) -> Duration {
    let window = Duration::from_micros(cut.everysec_us);
    match cut.child_from_us.filter(|_| yes(facts, "no-appendfsync-on-rewrite", false)) {
        Some(child_us) => window + since(facts, child_us),
        None => window,
    }
}

fn saves_at_exit(facts: &Circumstances) -> bool {
    match facts.death {
        Death::ShutdownSave => true,
        Death::ShutdownNosave => false,
        Death::Term | Death::Stop | Death::Shutdown => rdb(facts),
        Death::Kill | Death::PowerCut | Death::DiskError => false,
    }
}

fn aof(facts: &Circumstances) -> bool {
    yes(facts, "appendonly", false)
}

/// Whether it answers writes to an AOF that are not in the file.
fn appends(facts: &Circumstances) -> bool {
    aof(facts) && !is(facts, "appendfsync", "always")
}

fn rdb(facts: &Circumstances) -> bool {
    facts.config.get("save").is_some_and(|save| !save.trim_matches('"').trim().is_empty())
}

/// Whether a power cut that takes what is not durable met a server that had not ended by itself.
fn cut_while_up(facts: &Circumstances) -> bool {
    facts.power_cut.is_some_and(|cut| cut.takes_unsynced) && !facts.clean_exit
}

fn yes(facts: &Circumstances, name: &str, default: bool) -> bool {
    facts.config.get(name).map_or(default, |value| value == "yes")
}

fn is(facts: &Circumstances, name: &str, value: &str) -> bool {
    facts.config.get(name).is_some_and(|got| got == value)
}

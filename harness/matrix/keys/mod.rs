//! Every key of matrix.toml, once: the file is read by these tables, and its schema is made of them.

use std::ops::RangeInclusive;

mod axes;
mod suites;

use axes::{FAULT, PERSISTENCE, SERVER, STORAGE, WORKLOAD};
use suites::{BUDGET, CONTRACT, KNOWN, RULE, SUITE};

/// What a table may hold.
#[derive(Debug)]
pub struct Table {
    /// What the schema calls it.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// Its own keys.
    pub keys: &'static [Key],
    /// What every other key is.
    pub others: Others,
    /// Sets of keys, one of which must be there.
    pub needs: &'static [&'static [&'static str]],
}

/// What keys are that are not Outlast's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Mistakes.
    Unknown,
    /// Lines of redis.conf.
    Directives,
    /// Lines of redis.conf, with patterns for values.
    Conditions,
    /// Kinds of workload, with weights.
    Weights,
}

/// A key of Outlast's own.
#[derive(Debug)]
pub struct Key {
    /// As it is written; `_` may stand for `-`.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What it means, in a sentence.
    pub about: &'static str,
}

/// What a key may hold.
#[derive(Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text or a list of texts.
    Texts,
    /// True or false.
    Truth,
    /// A whole number.
    Count(RangeInclusive<u64>),
    /// A whole number, or one per profile.
    CountByProfile(RangeInclusive<u64>, &'static Table),
    /// A duration in words.
    Duration,
    /// A size in words, or in bytes, up to this many bytes.
    Size(u64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// One or several of these words.
    Words(&'static [&'static str]),
    /// A kind of workload.
    Workload,
    /// Steps of a fault.
    Steps,
    /// A table.
    Table(&'static Table),
    /// Named tables: `[key.NAME]`.
    Named(&'static Table),
    /// A list of tables: `[[key]]`.
    Tables(&'static Table),
}

/// The kind of workload that is made of others.
pub const MIXED: &str = "mixed";
/// Weights of a kind in a mix.
pub const WEIGHTS: RangeInclusive<u32> = 1..=1_000;
/// Profiles, from the smallest to the largest.
pub const PROFILES: [&str; 3] = ["quick", "default", "full"];
/// Keys of `when` that name an axis; every other key is a directive of the effective configuration.
pub const AXES: [&str; 7] = ["suite", "server", "persistence", "storage", "workload", "fault", "engine"];
/// What runs servers.
pub const ENGINES: &[&str] = &["docker", "process"];
/// Shapes of loss and anomalies, as reports name them.
pub const SEEN: &[&str] = &[
    "none",
    "suffix",
    "prefix",
    "hole",
    "scattered",
    "all",
    "lost",
    "rolled-back",
    "resurrected",
    "corrupt",
    "second-restart-loss",
    "refused-to-start",
    "stuck-loading",
    "silent-truncation",
    "policy-not-in-force",
    "torn-transaction",
    "duplicated-effect",
    "wrong-type",
    "ttl-drift",
    "lost-group-state",
    "lost-function",
    "lost-promised",
    "silent-empty-start",
    "needs-manual-repair",
    "shutdown-refused",
    "false-success",
];

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, about }
}

/// The file.
pub static ROOT: Table = Table {
    name: "root",
    about: "The trials of Outlast: axes are tables of named values, suites pick from them.",
    others: Others::Unknown,
    needs: &[&["suite"]],
    keys: &[
        key(
            "run",
            Kind::Table(&RUN),
            "What holds where neither the command line nor the environment says otherwise.",
        ),
        key("server", Kind::Named(&SERVER), "Builds under test."),
        key("persistence", Kind::Named(&PERSISTENCE), "Policies: the lines of redis.conf under test."),
        key("storage", Kind::Named(&STORAGE), "What holds the data directory."),
        key("workload", Kind::Named(&WORKLOAD), "What is written, by how many connections, how fast."),
        key("fault", Kind::Named(&FAULT), "What happens to the server."),
        key("suite", Kind::Tables(&SUITE), "Products of chosen axis values."),
        key("rule", Kind::Tables(&RULE), "Cases that mean nothing and are left out."),
        key("contract", Kind::Tables(&CONTRACT), "Promises of your own, instead of the built-in ones."),
        key("budget", Kind::Tables(&BUDGET), "What your service tolerates, on top of the promise."),
        key("known", Kind::Tables(&KNOWN), "Real defects, tracked, not silenced."),
    ],
};

static RUN: Table = Table {
    name: "run",
    about: "What holds where neither the command line nor the environment says otherwise.",
    others: Others::Unknown,
    needs: &[],
    keys: &[
        key(
            "engine",
            Kind::Word(&["auto", "docker", "process"]),
            "What runs the servers; `auto` takes docker where an engine answers.",
        ),
        key("pull", Kind::Word(&["missing", "never", "always"]), "When images are pulled."),
        key("profile", Kind::Word(&PROFILES), "How much of the matrix is run."),
        key("reports", Kind::Text, "Folder for reports, from the folder of this file."),
        key("test-threads", Kind::Count(1..=10_000), "Trials in flight."),
        key(
            "attempts",
            Kind::Count(1..=100),
            "Most attempts for an inconclusive trial, each with more writes.",
        ),
        key("inconclusive", Kind::Word(&["fail", "warn"]), "Whether inconclusive trials fail the run."),
        key("trial-timeout", Kind::Duration, "Limit of one trial."),
        key("ready-timeout", Kind::Duration, "Longest wait for a started server to answer."),
    ],
};

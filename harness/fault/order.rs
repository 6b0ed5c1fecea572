//! Whether the steps of a script can follow one another: nobody can kill a server that is dead.

/// What a step asks of the server, and what it makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Up,
    Dead,
    /// Either: a start that a sick disk may have prevented.
    Unknown,
}

/// Verbs that only a running server can meet.
const OF_THE_LIVING: &[&str] = &[
    "await",
    "busy-script",
    "config-rewrite",
    "config-set",
    "crash",
    "exhaust",
    "kill",
    "kill-after",
    "kill-at",
    "kill-on-file",
    "oom",
    "pause",
    "replica",
    "restart",
    "resume",
    "routine",
    "shutdown",
    "stall-fsync",
    "stop",
    "term",
    "write",
];
/// Verbs that only a dead one can.
const OF_THE_DEAD: &[&str] = &[
    "drop",
    "duplicate",
    "empty",
    "flip",
    "garble",
    "lengthen",
    "promote",
    "restore",
    "start",
    "switch-server",
    "truncate",
    "zero",
];
/// Verbs after which it is dead.
const DEADLY: &[&str] = &[
    "crash",
    "exhaust",
    "explore",
    "kill",
    "kill-after",
    "kill-at",
    "kill-on-file",
    "oom",
    "power-cut",
    "shutdown",
    "stop",
    "term",
];

/// The first step that cannot be where it is, by its number, and why. Under a supervisor anything may be.
pub fn misplaced(steps: &[&str]) -> Option<(usize, String)> {
    if let Some(misplaced) = after_the_end(steps) {
        return Some(misplaced);
    }
    if steps.iter().any(|step| step.starts_with("supervise")) {
        return None;
    }
    let mut life = Life::Up;
    for (number, step) in steps.iter().enumerate() {
        let mut words = step.split_whitespace();
        let verb = words.next().unwrap_or_default();
        let loads = verb == "during" && words.next() == Some("load");
        let during_life = verb == "during" && !loads;
        let needs_life = OF_THE_LIVING.contains(&verb) || during_life;
        let needs_death = OF_THE_DEAD.contains(&verb) || loads;
        match life {
            Life::Dead if needs_life => {
                return Some((number, format!("`{step}` needs a running server, and here it is dead")));
            }
            Life::Up if needs_death && verb != "promote" => {
                return Some((number, format!("`{step}` needs a dead server, and here it runs")));
            }
            _ => {}
        }
        let mended = matches!(steps.get(number + 1), Some(next) if is_mending(next));
        life = match verb {
            verb if DEADLY.contains(&verb) => Life::Dead,
            // A start that is followed by a repair is one that may have been refused.
            "start" if mended => Life::Dead,
            "start" if steps.get(number + 1) == Some(&"heal-disk") => Life::Unknown,
            "start" | "restart" | "retry" | "promote" => Life::Up,
            "during" => Life::Up,
            _ => life,
        };
    }
    None
}

/// A step behind the one that ends the trial: it would never be played.
fn after_the_end(steps: &[&str]) -> Option<(usize, String)> {
    let is_last = |step: &&str| step.split_whitespace().next() == Some("explore");
    let number = steps.iter().position(is_last)? + 1;
    let step = steps.get(number)?;
    Some((number, format!("`{step}` would never be played: `explore` is the last step of a script")))
}

fn is_mending(step: &str) -> bool {
    ["check-aof", "check-rdb", "retry", "truncate", "restore"].iter().any(|verb| step.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_cannot_be_where_it_is_is_found() {
        let at = |steps: &[&str]| misplaced(steps).map(|(number, _)| number);
        assert_eq!(at(&["start", "kill"]), Some(0));
        assert_eq!(at(&["kill", "kill", "start"]), Some(1));
        assert_eq!(at(&["truncate aof 1B", "start"]), Some(0));
        assert_eq!(at(&["kill", "write 10", "start"]), Some(1));
        assert_eq!(at(&["kill", "during bgsave", "start"]), Some(1));
        assert_eq!(at(&["explore fsync-only", "start"]), Some(1), "it would be skipped without a word");
        assert_eq!(at(&["supervise always", "explore fsync-only", "write 9"]), Some(2));
    }

    #[test]
    fn what_can_follow_is_let_through() {
        for steps in [
            &["kill", "start"][..],
            &["kill", "during load", "kill", "during load", "kill", "start"],
            &["stop 10s", "power-cut", "start"],
            &["kill", "lengthen middle", "start", "check-aof fix", "start"],
            &["kill", "lengthen middle", "start", "retry"],
            &["kill", "fail-io open 1", "start", "heal-disk", "retry", "write 10", "kill", "start"],
            &["kill", "slow-fsync 1ms", "start", "heal-disk", "kill", "start"],
            &["supervise always", "kill", "write 300", "term", "write 300", "kill"],
            &["replica following", "write 300", "replica cut", "kill", "promote"],
            &["chmod-dir read-only", "term 1s", "chmod-dir writable", "start"],
            &["pause", "wait 200ms", "resume", "write 100", "term", "start"],
            &["restart 10s", "write 20", "kill", "start"],
            &["kill", "start", "write 100", "explore fsync-only"],
            &["stop 10s", "explore fsync-only"],
        ] {
            assert_eq!(misplaced(steps), None, "{steps:?}");
        }
    }
}

//! How a container's server ended, in the words of its engine.

use std::time::Duration;

use bollard::models::ContainerState;

use crate::engine::Exit;

/// Whole seconds of a grace, where it has no others.
pub(super) fn whole_seconds(grace: Duration) -> Option<i32> {
    (grace.subsec_nanos() == 0).then(|| i32::try_from(grace.as_secs()).unwrap_or(i32::MAX))
}

pub(super) fn was_forced(exit: Exit, waited: Duration, grace: Duration) -> bool {
    exit.signal == Some(9) && !exit.oom && waited >= grace
}

pub(super) fn exit_of(state: &ContainerState) -> Exit {
    exit_of_code(state.exit_code.unwrap_or_default(), state.oom_killed == Some(true))
}

/// Engines report death by signal N as code 128 + N, like shells.
pub(super) fn exit_of_code(code: i64, oom: bool) -> Exit {
    let code = i32::try_from(code).unwrap_or(-1);
    match code {
        129..=192 => Exit { signal: Some(code - 128), oom, ..Exit::default() },
        _ => Exit { code: Some(code), oom, ..Exit::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_above_128_are_signals() {
        assert_eq!(exit_of_code(137, true), Exit { signal: Some(9), oom: true, ..Exit::default() });
        assert_eq!(exit_of_code(0, false), Exit { code: Some(0), ..Exit::default() });
        assert_eq!(exit_of_code(128, false).code, Some(128));
        assert_eq!(exit_of_code(255, false).code, Some(255));
    }

    #[test]
    fn graces_below_a_second_are_not_the_engines() {
        assert_eq!(whole_seconds(Duration::from_secs(10)), Some(10));
        assert_eq!(whole_seconds(Duration::ZERO), Some(0));
        assert_eq!(whole_seconds(Duration::from_millis(1500)), None);
    }
}

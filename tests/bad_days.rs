//! What goes wrong around the servers is told clearly, on the trials concerned; it never hangs and leaves nothing
//! behind.
#![allow(clippy::unwrap_used)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use outlast::record::{Anomaly, TrialRecord, Verdict};
use rustix::process::{Pid, Signal, kill_process};
use support::checkout::{Checkout, Outcome, finish, server, wait_for};

/// A script in the place of a server; `$REAL` is the true one. Questions of the probe are passed on.
fn wrapper(checkout: &Checkout, script: &str) {
    let real = server("valkey-9.1");
    let text = format!(
        "#!/bin/bash\nREAL={}\ncase \"$1\" in --*) exec \"$REAL\" \"$@\" ;; esac\n{script}\n",
        real.display()
    );
    let path = checkout.path("wrapper");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A matrix whose other server is the wrapper.
fn with_wrapper(script: &str, more: &str) -> Checkout {
    let checkout = Checkout::new("");
    wrapper(&checkout, script);
    let matrix = std::fs::read_to_string(checkout.path("matrix.toml")).unwrap();
    let binary = checkout.path("wrapper").display().to_string();
    let matrix = format!("{matrix}\n[server.bad]\nbinary = \"{binary}\"\n{more}");
    std::fs::write(checkout.path("matrix.toml"), matrix).unwrap();
    checkout
}

/// The bad server's trial is errored, its sibling on the good server is kept, and nothing is left.
fn errored_alone(checkout: &Checkout, outcome: &Outcome) -> TrialRecord {
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let bad = checkout.trial(&["::bad::"]);
    assert_eq!(bad.verdict, Verdict::Errored, "{bad:#?}");
    assert_eq!(checkout.trial(&["::real::"]).verdict, Verdict::Kept);
    checkout.wait_until_clean();
    bad
}

#[test]
fn a_script_that_starts_the_server_leaves_none_behind_when_it_is_asked_what_it_is() {
    let checkout = Checkout::new("");
    let text = format!("#!/bin/sh\n{} \"$@\"\nexit $?\n", server("valkey-9.1").display());
    std::fs::write(checkout.path("script"), text).unwrap();
    std::fs::set_permissions(checkout.path("script"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let matrix = std::fs::read_to_string(checkout.path("matrix.toml")).unwrap();
    let binary = checkout.path("script").display().to_string();
    std::fs::write(
        checkout.path("matrix.toml"),
        format!("{matrix}\n[server.script]\nbinary = \"{binary}\"\n"),
    )
    .unwrap();
    let outcome = checkout.run(&["script::always::single::kill"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    checkout.wait_until_clean();
}

#[test]
fn a_binary_that_cannot_be_run_is_unsupported_with_the_reason() {
    let checkout = Checkout::new(
        "[server.garbage]\nbinary = \"./garbage\"\n[server.locked]\nbinary = \"./locked\"\n\
         [server.other]\nbinary = \"/bin/true\"",
    );
    std::fs::write(checkout.path("garbage"), [0x7f, b'E', b'L', b'F', 0, 1, 2, 3]).unwrap();
    std::fs::set_permissions(checkout.path("garbage"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(checkout.path("locked"), "not for you").unwrap();
    std::fs::set_permissions(checkout.path("locked"), std::fs::Permissions::from_mode(0o000)).unwrap();
    let outcome = checkout.run(&["always::single::kill"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for (name, why) in [("garbage", "garbage"), ("locked", "ermission denied"), ("other", "is no server")] {
        let trial = checkout.trial(&[&format!("::{name}::")]);
        assert_eq!(trial.verdict, Verdict::Unsupported, "{trial:#?}");
        assert!(trial.message.contains(why), "{name}: {}", trial.message);
    }
    assert_eq!(checkout.trial(&["::real::"]).verdict, Verdict::Kept);
}

#[test]
fn a_server_that_never_becomes_ready_is_given_up() {
    let checkout = with_wrapper("exec sleep 1000", "[run]\nready-timeout = \"10s\"");
    let outcome = checkout.run(&["always::single::kill"]);
    let trial = errored_alone(&checkout, &outcome);
    assert!(trial.message.contains("the server did not start on an empty folder"), "{}", trial.message);
}

#[test]
fn a_server_that_is_not_ready_after_its_death_is_stuck() {
    let script = "if [ -e started ]; then exec sleep 1000; fi; touch started; exec \"$REAL\" \"$@\"";
    let checkout = with_wrapper(script, "[run]\nready-timeout = \"10s\"");
    let outcome = checkout.run(&["always::single::kill"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let trial = checkout.trial(&["::bad::"]);
    assert_eq!(trial.verdict, Verdict::Broken);
    assert!(trial.anomalies.contains(&Anomaly::StuckLoading), "{trial:#?}");
    checkout.wait_until_clean();
}

#[test]
fn a_server_that_never_dies_is_given_up_and_killed_in_the_end() {
    // It has no ear for SIGTERM, and the fault has no SIGKILL.
    let script = "trap '' TERM; \"$REAL\" \"$@\" & while :; do wait; done";
    let more = r#"
[run]
trial-timeout = "10s"

[fault.term]
steps = ["term", "start"]

[[suite]]
name = "immortal"
server = ["*"]
persistence = ["always"]
workload = ["single"]
fault = ["term"]
"#;
    let checkout = with_wrapper(script, more);
    let outcome = checkout.run(&["immortal::"]);
    let trial = errored_alone(&checkout, &outcome);
    assert!(trial.message.contains("the trial was not over after 10s"), "{}", trial.message);
}

#[test]
fn a_port_that_is_taken_shows_in_the_servers_own_words() {
    // Where a fault needs TCP, another program takes the port between its choice and the server's start.
    let script = r#"
PORT=$(sed -n 's/^port //p' "$1")
if [ "$PORT" != 0 ]; then
    "$REAL" --port "$PORT" --save '' > /dev/null &
    until (exec 3<> "/dev/tcp/127.0.0.1/$PORT") 2> /dev/null; do :; done
fi
exec "$REAL" "$@"
"#;
    let more = r#"
[fault.with-replica]
steps = ["replica lagging", "kill", "start"]

[[suite]]
name = "tcp"
server = ["*"]
persistence = ["always"]
workload = ["single"]
fault = ["with-replica"]
"#;
    let checkout = with_wrapper(script, more);
    let outcome = checkout.run(&["tcp::"]);
    let trial = errored_alone(&checkout, &outcome);
    assert!(trial.message.contains("Address already in use"), "{}", trial.message);
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let checkout = Checkout::new("");
    let runs = [0, 1].map(|_| checkout.spawn(&mut checkout.command(&[])));
    for run in runs {
        let outcome = finish(run);
        assert_eq!(outcome.code, 0, "{outcome:?}");
    }
    let folders = std::fs::read_dir(checkout.path("reports")).unwrap().flatten();
    assert_eq!(folders.filter(|entry| entry.path().join("report.json").is_file()).count(), 3);
    assert_eq!(checkout.report().totals.kept, 8);
    checkout.wait_until_clean();
}

#[test]
fn a_folder_for_reports_that_cannot_be_written_is_told_before_anything_starts() {
    let checkout = Checkout::new("");
    std::fs::write(checkout.path("reports"), "a file").unwrap();
    let outcome = checkout.run(&[]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.err.contains("set OUTLAST_REPORTS"), "{}", outcome.err);
    checkout.wait_until_clean();
}

/// Runs a script as root of a namespace of its own, where it may mount; `None` where the kernel forbids that.
fn in_namespace(checkout: &Checkout, script: &str, args: &[&str]) -> Option<Outcome> {
    let allowed = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system lets no user mount in a namespace of its own");
        return None;
    }
    let run = checkout.command(args);
    let mut command = Command::new("unshare");
    command.args(["-rm", "bash", "-ec", &format!("{script}\nexec \"$@\"")]).arg("bash");
    command.arg(run.get_program()).args(run.get_args()).current_dir(run.get_current_dir().unwrap());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Some(finish(checkout.spawn(&mut command)))
}

#[test]
fn a_checkout_that_cannot_be_written_takes_its_reports_elsewhere() {
    let checkout = Checkout::new("");
    let readonly = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\"\nmount -t tmpfs tmpfs tmp";
    let Some(outcome) = in_namespace(&checkout, readonly, &["always::single::kill"]) else { return };
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.err.contains("set OUTLAST_REPORTS"), "{}", outcome.err);
    let args = ["always::single::kill", "--reports", "tmp/reports"];
    let outcome = in_namespace(&checkout, readonly, &args).unwrap();
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

#[test]
fn a_full_disk_is_the_labs_trouble_and_not_the_servers() {
    let checkout = Checkout::new(
        r#"
[persistence.everysec]
save = ""
appendonly = "yes"
appendfsync = "everysec"

[workload.too-much]
kind = "large"
connections = 2
pipeline = 1
writes = 64
value = "1MB"

[[suite]]
name = "full"
server = ["*"]
persistence = ["none", "always", "everysec"]
workload = ["too-much"]
fault = ["kill"]
"#,
    );
    let small = "mount -t tmpfs -o size=12m tmpfs tmp";
    let Some(outcome) = in_namespace(&checkout, small, &["full::", "--test-threads=1"]) else { return };
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let full = checkout.trial(&["full::", "::always::"]);
    assert_eq!(full.verdict, Verdict::Errored, "{full:#?}");
    assert!(full.message.contains("ended by itself while it was written to"), "{}", full.message);
    assert!(full.message.contains("AOF write error"), "{}", full.message);
    let refused = checkout.trial(&["full::", "::everysec::"]);
    assert_eq!(refused.verdict, Verdict::Errored, "{refused:#?}");
    assert!(refused.message.contains("No space left on device"), "{}", refused.message);
    assert_eq!(checkout.trial(&["full::", "::none::"]).verdict, Verdict::Kept);
}

#[test]
fn an_interrupt_keeps_what_is_done_and_still_writes_the_reports() {
    let checkout = Checkout::new(SLOW);
    let run = checkout.spawn(&mut checkout.command(&["slow::", "--test-threads", "1"]));
    wait_for("the first trial to end", || checkout.finished() >= 1);
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    let outcome = finish(run);
    assert_eq!(outcome.code, 130, "{outcome:?}");
    let report = checkout.report();
    assert!(report.run.interrupted);
    let done = report.trials.len();
    assert!((1..20).contains(&done), "{done} trials are done");
    assert!(report.trials.iter().all(|trial| trial.verdict == Verdict::Kept));
    assert!(checkout.path("reports/latest/index.html").is_file());
    checkout.wait_until_clean();
}

#[test]
fn a_second_interrupt_ends_at_once_and_leaves_nothing() {
    let checkout = Checkout::new(SLOW);
    let run = checkout.spawn(&mut checkout.command(&["slow::"]));
    let pid = Pid::from_child(&run);
    wait_for("a server to run", || checkout.leftovers().iter().any(|left| left.starts_with("/proc")));
    kill_process(pid, Signal::INT).unwrap();
    wait_for("the run to end", || {
        let _ = kill_process(pid, Signal::INT);
        std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap().contains(") Z ")
    });
    assert_eq!(finish(run).code, 130);
    checkout.wait_until_clean();
}

#[test]
fn a_run_that_is_killed_on_disks_of_its_own_leaves_no_mount() {
    if !std::path::Path::new("/dev/fuse").exists() || !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "CI has to have /dev/fuse, and be root");
        println!("not run: no /dev/fuse, or not root");
        return;
    }
    for filesystem in ["", "filesystem = \"ext4\"\n"] {
        let disks =
            SLOW.replace("[[suite]]", &format!("[storage.disk]\nkind = \"disk\"\n{filesystem}\n[[suite]]"));
        let checkout =
            Checkout::new(&disks.replace("name = \"slow\"", "name = \"slow\"\nstorage = [\"disk\"]"));
        let mut run = checkout.spawn(&mut checkout.command(&["slow::", "--test-threads", "4"]));
        let mounts = || {
            let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
            let own = checkout.temporary().display().to_string();
            mounts.lines().filter(|line| line.contains(&own)).count()
        };
        wait_for("disks to be used", || mounts() >= 2 && checkout.in_flight() >= 2);
        run.kill().unwrap();
        wait_for("every mount to be gone", || mounts() == 0);
        run.wait().unwrap();
        checkout.wait_until_clean();
    }
}

#[test]
fn a_killed_run_leaves_nothing_and_its_journal_can_still_be_read() {
    let checkout = Checkout::new(SLOW);
    let mut run = checkout.spawn(&mut checkout.command(&["slow::", "--test-threads", "2"]));
    wait_for("two trials to end and two to go on", || checkout.finished() >= 2 && checkout.in_flight() == 2);
    run.kill().unwrap();
    run.wait().unwrap();
    checkout.wait_until_clean();

    let folder = std::fs::read_dir(checkout.path("reports")).unwrap().flatten().next().unwrap().path();
    let written = Command::new(env!("CARGO_BIN_EXE_outlast")).arg("report").arg(&folder).status().unwrap();
    assert!(written.success());
    let text = std::fs::read_to_string(folder.join("report.json")).unwrap();
    let report: outlast::record::Report = serde_json::from_str(&text).unwrap();
    assert!(report.run.interrupted && report.trials.len() >= 2);
    assert!(!report.interrupted.is_empty(), "the trials in flight stay visible");
}

/// Twenty trials that each last a third of a second.
const SLOW: &str = r#"
[fault.slow]
steps = ["wait 300ms", "kill", "start"]

[[suite]]
name = "slow"
server = ["*"]
persistence = ["always"]
workload = ["single"]
fault = ["slow"]
seeds = 20
"#;

#[test]
fn a_reader_that_leaves_in_mid_run_takes_no_report_with_it() {
    let checkout = Checkout::new("");
    let mut command = checkout.command(&["::always::"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let report = checkout.report();
    assert_eq!(report.totals.trials, report.totals.kept);
}

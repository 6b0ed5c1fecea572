//! Runs a helper program within a limit.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// What is in the pipes of a program that has ended is read in this time, however late it ended.
const LEAST_REST: Duration = Duration::from_secs(1);

/// Standard output of a program that ended well; else what it said last. `what` names it for a person.
pub fn output(command: &mut Command, what: &str, limit: Duration) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("failed to run {what}: {error}"))?;
    let drain = |stream: Option<Box<dyn Read + Send>>| {
        let (done, text) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                let _ = stream.read_to_end(&mut bytes);
            }
            let _ = done.send(String::from_utf8_lossy(&bytes).into_owned());
        });
        text
    };
    let out = drain(child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>));
    let err = drain(child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>));
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() > limit => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{what} was not over after {limit:?}"));
            }
            Ok(None) => thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(format!("failed to wait for {what}: {error}")),
        }
    };
    // A child of the program may live on and hold the pipes open.
    let rest = |text: mpsc::Receiver<String>| {
        text.recv_timeout(limit.saturating_sub(began.elapsed()).max(LEAST_REST))
            .map_err(|_| format!("{what} is over, but something that it started still holds its output open"))
    };
    let (out, err) = (rest(out)?, rest(err)?);
    if status.success() {
        return Ok(out);
    }
    let last: Vec<_> = err.lines().chain(out.lines()).filter(|line| !line.trim().is_empty()).collect();
    let last = last.last().map_or("it said nothing", |line| line.trim());
    Err(format!("{what} failed ({status}): {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grandchild_that_holds_the_output_open_is_not_waited_for() {
        let began = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 6 & echo $!"]);
        let outcome = output(&mut command, "the script", Duration::from_secs(2));
        assert!(outcome.expect_err("the pipe is open").contains("holds its output open"));
        assert!(began.elapsed() < Duration::from_secs(6));
        let well = output(Command::new("echo").arg("here"), "echo", Duration::from_secs(20));
        assert_eq!(well.as_deref(), Ok("here\n"));
    }
}

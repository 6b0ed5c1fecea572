//! Runs a helper program within a limit.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Standard output of a program that ended well; else what it said last. `what` names it for a person.
pub fn output(command: &mut Command, what: &str, limit: Duration) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("failed to run {what}: {error}"))?;
    let drain = |stream: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                let _ = stream.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
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
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    if status.success() {
        return Ok(out);
    }
    let last: Vec<_> = err.lines().chain(out.lines()).filter(|line| !line.trim().is_empty()).collect();
    let last = last.last().map_or("it said nothing", |line| line.trim());
    Err(format!("{what} failed ({status}): {last}"))
}

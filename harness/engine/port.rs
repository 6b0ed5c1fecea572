//! TCP ports of this host for servers.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use super::EngineError;

/// Below the ports that systems give to clients: a server that is dead for a moment gets its port back.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that nobody uses, and that no other server of this run gets; a race with another program shows as a server
/// that cannot listen.
pub fn free() -> Result<u16, EngineError> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs that go on at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(7919) % u32::from(COUNT);
    let mut last = None;
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + ((begin + step) % u32::from(COUNT)) as u16;
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = Some(error),
        }
    }
    let cause = last.map(|error| error.to_string()).unwrap_or_default();
    Err(EngineError::failed("find a free port on 127.0.0.1", cause))
}

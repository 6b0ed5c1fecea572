//! Another program on the same file system, which writes and syncs: each of its fsyncs commits a journal early.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes that it writes each time.
const BYTES: u64 = 4096;

/// A neighbour. It ends when it is dropped, and is waited for.
pub struct Neighbour {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Neighbour {
    /// One that writes a file of its own and syncs it, once in a period.
    pub fn writing(file: &Path, period: Duration) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(file)?;
        let mut offset = 0;
        Ok(Self::acting(period, move || {
            let bytes = [offset as u8; BYTES as usize];
            let written = file.write_all_at(&bytes, offset).and_then(|()| file.sync_all());
            // It grows to a bound, so that most of its syncs have something for the journal.
            offset = (offset + BYTES) % (256 * BYTES);
            if offset == 0 {
                let _ = file.set_len(0);
            }
            written.is_ok()
        }))
    }

    /// One that does something once in a period, as long as it succeeds.
    pub fn acting(period: Duration, mut act: impl FnMut() -> bool + Send + 'static) -> Self {
        let (end, ended): (_, Receiver<()>) = channel();
        let thread = std::thread::spawn(move || {
            while matches!(ended.recv_timeout(period), Err(RecvTimeoutError::Timeout)) && act() {}
        });
        Self { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

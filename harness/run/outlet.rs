//! Standard output that nobody may be reading any more.

use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::thread::JoinHandle;

/// A pipe whose lines are copied to standard output for as long as that takes them. libtest-mimic panics when its own
/// output is closed; this one never is.
pub struct Outlet {
    writer: PipeWriter,
    copying: JoinHandle<()>,
}

impl Outlet {
    pub fn open() -> io::Result<Self> {
        let (mut reader, writer) = io::pipe()?;
        let copying = std::thread::Builder::new().name("outlet".into()).spawn(move || {
            let mut buffer = [0; 4096];
            let mut taken = true;
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut out = io::stdout().lock();
                taken = taken && out.write_all(&buffer[..count]).and_then(|()| out.flush()).is_ok();
            }
        })?;
        Ok(Self { writer, copying })
    }

    /// A name under which this process can open it for writing.
    pub fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.writer.as_raw_fd())
    }

    /// Waits until everything is copied.
    pub fn close(self) {
        drop(self.writer);
        let _ = self.copying.join();
    }
}

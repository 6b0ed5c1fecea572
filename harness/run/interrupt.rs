//! Ctrl-C and SIGTERM.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit;
use crate::janitor;

/// Set by the first Ctrl-C (or SIGTERM): no further trial begins.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether no further trial may begin.
pub(super) fn happened() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// The first Ctrl-C or SIGTERM lets trials in flight end and begins no other; the second ends at once,
/// and the janitor cleans up.
pub(super) fn watch(home: PathBuf) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            loop {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                if INTERRUPTED.swap(true, Ordering::SeqCst) {
                    janitor::clean(&home, crate::reap);
                    std::process::exit(i32::from(exit::INTERRUPTED));
                }
                eprintln!("\nstopping: trials in flight end first; press Ctrl-C again to end at once");
            }
        });
    });
}

//! A real file system of this machine's kernel, on an image that the disk serves through a loop device.
//!
//! The disk sees what a device sees: writes and flushes. A power cut keeps what had been flushed, and perhaps some of
//! what was written since; then the kernel mounts the image again, and its own recovery says what a server finds.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::content::Content;
use super::mount::DiskError;
use super::op::{Ino, ROOT};
use super::tree::Tree;

pub mod bench;
mod device;
mod format;
pub mod states;
mod volume;

pub use device::detach_below;
pub use format::{ROOMY, pristine, smallest};
pub use volume::Volume;

/// The name of the image on the disk.
pub const IMAGE: &str = "image";
/// The folder of the file system that is the data directory.
pub const DATA: &str = "data";
/// The image's number.
const INO: Ino = ROOT + 1;
/// Longest wait for somebody who still uses something, and the pause between two attempts.
const BUSY_LIMIT: Duration = Duration::from_secs(30);
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// A disk that holds an image and nothing else.
pub fn tree_of(image: Content) -> Tree {
    let mut tree = Tree::default();
    tree.folders.entry(ROOT).or_default().insert(IMAGE.into(), INO);
    tree.files.insert(INO, image);
    tree
}

/// The image on a disk.
pub fn image_of(mut tree: Tree) -> Option<Content> {
    let ino = tree.entry(ROOT, IMAGE)?;
    tree.files.remove(&ino)
}

fn failed(action: String) -> impl FnOnce(io::Error) -> DiskError {
    move |cause| DiskError::Failed { action, cause }
}

/// Tries again for a while what is refused because somebody still uses it. Besides those in other mount namespaces, a process
/// that was forked by another thread has every open file until it becomes its program.
fn unless_busy<T>(attempt: impl Fn() -> Result<T, Errno>) -> Result<T, Errno> {
    let limit = Instant::now() + BUSY_LIMIT;
    loop {
        match attempt() {
            Err(Errno::BUSY) if Instant::now() < limit => std::thread::sleep(BUSY_PAUSE),
            outcome => return outcome,
        }
    }
}

/// Runs a tool of the machine to its end; what it printed.
fn tool(program: &str, package: &str, args: &[&str], about: &Path) -> Result<String, DiskError> {
    run(Command::new(program), program, package, args, about)
}

/// Runs a tool where it sees no mount. Those that make file systems look at every one of the machine first, and mkfs.btrfs
/// gives up at a loop device whose image is on a disk that does not answer: a run that was ended with all that watched
/// over it leaves such ones.
fn tool_that_sees_no_mount(
    program: &str,
    package: &str,
    args: &[&str],
    about: &Path,
) -> Result<String, DiskError> {
    const HIDE: &str =
        r#"mount -t tmpfs none /proc && mkdir /proc/self && : > /proc/self/mounts && exec "$0" "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", HIDE, program]);
    run(command, program, package, args, about)
}

fn run(
    mut command: Command,
    program: &str,
    package: &str,
    args: &[&str],
    about: &Path,
) -> Result<String, DiskError> {
    let missing = |program: &str, package: &str| DiskError::Unsupported {
        reason: format!("this machine has no {program}"),
        remedy: format!("install the package {package}"),
    };
    // A user's PATH often lacks the administrator's folders.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let outcome = command.args(args).arg(about).env("PATH", path).stdin(Stdio::null()).output();
    let action = || format!("{program} {} {}", args.join(" "), about.display());
    let output = match outcome {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let ours = command.get_program() == program;
            return Err(if ours { missing(program, package) } else { missing("unshare", "util-linux") });
        }
        outcome => outcome.map_err(failed(action()))?,
    };
    match output.status.code() {
        Some(0) => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        // A shell's way to say that there is no such program.
        Some(127) => Err(missing(program, package)),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(failed(action())(io::Error::other(said)))
        }
    }
}

//! The disk does what POSIX asks of a file system, for the calls that servers make: a table of cases, run on the disk and,
//! as the control, on a folder of this machine. Both have to give the same.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use outlast::disk::{Model, Tree};
use rustix::fs::{FallocateFlags, FlockOperation, RenameFlags};
use rustix::io::Errno;

mod support;

use support::disk::disk;

/// What a case comes to: a text, or the error of the call that the case is about.
type Case = fn(&Path) -> io::Result<String>;

fn text(path: &Path) -> io::Result<String> {
    fs::read_to_string(path)
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> io::Result<String> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = entries.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names.join(" "))
}

/// Opened for reading and writing; made if need be.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn renamed(from: &Path, to: &Path) -> io::Result<String> {
    fs::rename(from, to).map(|()| "moved".into())
}

const RENAMES: &[(&str, &str, Case)] = &[
    ("over a file, which is gone", "new; b", |at| {
        fs::write(at.join("a"), "new")?;
        fs::write(at.join("b"), "old")?;
        fs::rename(at.join("a"), at.join("b"))?;
        Ok(format!("{}; {}", text(&at.join("b"))?, names(at)?))
    }),
    ("over a file that somebody reads", "old new", |at| {
        fs::write(at.join("a"), "new")?;
        fs::write(at.join("b"), "old")?;
        let mut held = File::open(at.join("b"))?;
        fs::rename(at.join("a"), at.join("b"))?;
        let mut old = String::new();
        held.read_to_string(&mut old)?;
        Ok(format!("{old} {}", text(&at.join("b"))?))
    }),
    ("of a file that is written to", "onetwo", |at| {
        let mut file = File::create(at.join("a"))?;
        file.write_all(b"one")?;
        fs::rename(at.join("a"), at.join("b"))?;
        file.write_all(b"two")?;
        text(&at.join("b"))
    }),
    ("to itself", "x; a", |at| {
        fs::write(at.join("a"), "x")?;
        fs::rename(at.join("a"), at.join("a"))?;
        Ok(format!("{}; {}", text(&at.join("a"))?, names(at)?))
    }),
    ("to another name of the same file leaves both", "a b 2", |at| {
        fs::write(at.join("a"), "x")?;
        fs::hard_link(at.join("a"), at.join("b"))?;
        fs::rename(at.join("a"), at.join("b"))?;
        Ok(format!("{} {}", names(at)?, fs::metadata(at.join("a"))?.nlink()))
    }),
    ("of what is not there", "ENOENT", |at| renamed(&at.join("a"), &at.join("b"))),
    ("into a folder that is not there", "ENOENT", |at| {
        fs::write(at.join("a"), "")?;
        renamed(&at.join("a"), &at.join("d/a"))
    }),
    ("of a folder with what is in it", "x", |at| {
        fs::create_dir(at.join("d"))?;
        fs::write(at.join("d/a"), "x")?;
        fs::rename(at.join("d"), at.join("e"))?;
        text(&at.join("e/a"))
    }),
    ("of a folder over an empty one", "a", |at| {
        fs::create_dir(at.join("d"))?;
        fs::write(at.join("d/a"), "x")?;
        fs::create_dir(at.join("e"))?;
        fs::rename(at.join("d"), at.join("e"))?;
        names(&at.join("e"))
    }),
    ("of a folder over one that is not empty", "ENOTEMPTY", |at| {
        fs::create_dir(at.join("d"))?;
        fs::create_dir(at.join("e"))?;
        fs::write(at.join("e/a"), "x")?;
        renamed(&at.join("d"), &at.join("e"))
    }),
    ("of a file over a folder", "EISDIR", |at| {
        fs::create_dir(at.join("d"))?;
        fs::write(at.join("a"), "x")?;
        renamed(&at.join("a"), &at.join("d"))
    }),
    ("of a folder over a file", "ENOTDIR", |at| {
        fs::create_dir(at.join("d"))?;
        fs::write(at.join("a"), "x")?;
        renamed(&at.join("d"), &at.join("a"))
    }),
    ("of a folder into itself", "EINVAL", |at| {
        fs::create_dir(at.join("d"))?;
        renamed(&at.join("d"), &at.join("d/e"))
    }),
    ("from one folder to another", "; a", |at| {
        fs::create_dir(at.join("d"))?;
        fs::create_dir(at.join("e"))?;
        fs::write(at.join("d/a"), "x")?;
        fs::rename(at.join("d/a"), at.join("e/a"))?;
        Ok(format!("{}; {}", names(&at.join("d"))?, names(&at.join("e"))?))
    }),
    ("that must not replace, over a file", "EEXIST", |at| {
        fs::write(at.join("a"), "x")?;
        fs::write(at.join("b"), "x")?;
        let folder = File::open(at)?;
        rustix::fs::renameat_with(&folder, "a", &folder, "b", RenameFlags::NOREPLACE)?;
        Ok("moved".into())
    }),
    ("that must not replace, to a free name", "b", |at| {
        fs::write(at.join("a"), "x")?;
        let folder = File::open(at)?;
        rustix::fs::renameat_with(&folder, "a", &folder, "b", RenameFlags::NOREPLACE)?;
        names(at)
    }),
];

const NAMES: &[(&str, &str, Case)] = &[
    ("a deleted file is read and written through who holds it", "; one two; 0", |at| {
        let mut file = open(&at.join("a"))?;
        file.write_all(b"one ")?;
        fs::remove_file(at.join("a"))?;
        file.write_all(b"two")?;
        let mut all = String::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_string(&mut all)?;
        Ok(format!("{}; {all}; {}", names(at)?, file.metadata()?.nlink()))
    }),
    ("a deleted file is synced through who holds it", "synced", |at| {
        let mut file = open(&at.join("a"))?;
        file.write_all(b"one ")?;
        fs::remove_file(at.join("a"))?;
        file.sync_all()?;
        Ok("synced".into())
    }),
    ("a new file of a deleted one's name is another", "old new", |at| {
        fs::write(at.join("a"), "old")?;
        let mut held = File::open(at.join("a"))?;
        fs::remove_file(at.join("a"))?;
        fs::write(at.join("a"), "new")?;
        let mut old = String::new();
        held.read_to_string(&mut old)?;
        Ok(format!("{old} {}", text(&at.join("a"))?))
    }),
    ("a second name is the same file", "xy 2", |at| {
        fs::write(at.join("a"), "x")?;
        fs::hard_link(at.join("a"), at.join("b"))?;
        append(&at.join("b"))?.write_all(b"y")?;
        Ok(format!("{} {}", text(&at.join("a"))?, fs::metadata(at.join("b"))?.nlink()))
    }),
    ("the second name stays when the first goes", "x 1", |at| {
        fs::write(at.join("a"), "x")?;
        fs::hard_link(at.join("a"), at.join("b"))?;
        fs::remove_file(at.join("a"))?;
        Ok(format!("{} {}", text(&at.join("b"))?, fs::metadata(at.join("b"))?.nlink()))
    }),
    ("a second name that is taken", "EEXIST", |at| {
        fs::write(at.join("a"), "x")?;
        fs::write(at.join("b"), "x")?;
        fs::hard_link(at.join("a"), at.join("b")).map(|()| "linked".into())
    }),
    ("mkdir of what is there", "EEXIST", |at| {
        fs::create_dir(at.join("d"))?;
        fs::create_dir(at.join("d")).map(|()| "made".into())
    }),
    ("mkdir in what is not there", "ENOENT", |at| fs::create_dir(at.join("d/e")).map(|()| "made".into())),
    ("mkdir in a file", "ENOTDIR", |at| {
        fs::write(at.join("a"), "")?;
        fs::create_dir(at.join("a/d")).map(|()| "made".into())
    }),
    ("rmdir", "", |at| {
        fs::create_dir(at.join("d"))?;
        fs::remove_dir(at.join("d"))?;
        names(at)
    }),
    ("rmdir of one that is not empty", "ENOTEMPTY", |at| {
        fs::create_dir_all(at.join("d/e"))?;
        fs::remove_dir(at.join("d")).map(|()| "gone".into())
    }),
    ("rmdir of a file", "ENOTDIR", |at| {
        fs::write(at.join("a"), "")?;
        fs::remove_dir(at.join("a")).map(|()| "gone".into())
    }),
    ("unlink of a folder", "EISDIR", |at| {
        fs::create_dir(at.join("d"))?;
        fs::remove_file(at.join("d")).map(|()| "gone".into())
    }),
    ("unlink of what is not there", "ENOENT", |at| fs::remove_file(at.join("a")).map(|()| "gone".into())),
    ("open of what is not there", "ENOENT", |at| File::open(at.join("a")).map(|_| "open".into())),
    ("open below a file", "ENOTDIR", |at| {
        fs::write(at.join("a"), "")?;
        File::open(at.join("a/b")).map(|_| "open".into())
    }),
    ("open of a folder for writing", "EISDIR", |at| {
        fs::create_dir(at.join("d"))?;
        OpenOptions::new().write(true).open(at.join("d")).map(|_| "open".into())
    }),
    ("a new file where one is", "EEXIST", |at| {
        fs::write(at.join("a"), "x")?;
        OpenOptions::new().write(true).create_new(true).open(at.join("a")).map(|_| "made".into())
    }),
    ("a name of 255 bytes", "255", |at| {
        fs::write(at.join("n".repeat(255)), "")?;
        Ok(names(at)?.len().to_string())
    }),
    ("a name of 256 bytes", "ENAMETOOLONG", |at| {
        fs::write(at.join("n".repeat(256)), "").map(|()| "made".into())
    }),
    ("a folder's entries while they change", "100 kept, 0 twice, 0 left", |at| {
        for number in 0..200 {
            fs::write(at.join(format!("{number:03}")), "")?;
        }
        let mut seen = Vec::new();
        for entry in fs::read_dir(at)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let number: u32 = name.parse().unwrap();
            // Everything odd goes while the folder is read; what stays has to be seen, and once.
            if seen.is_empty() {
                for odd in (1..200).step_by(2) {
                    fs::remove_file(at.join(format!("{odd:03}")))?;
                }
            }
            seen.push(number);
        }
        let kept: std::collections::BTreeSet<_> = seen.iter().filter(|number| *number % 2 == 0).collect();
        let twice = seen.iter().filter(|number| *number % 2 == 0).count() - kept.len();
        let left = fs::read_dir(at)?.filter(|entry| {
            let name = entry.as_ref().unwrap().file_name().to_string_lossy().into_owned();
            name.parse::<u32>().unwrap() % 2 == 1
        });
        Ok(format!("{} kept, {twice} twice, {} left", kept.len(), left.count()))
    }),
];

const BYTES: &[(&str, &str, Case)] = &[
    ("two that append", "a1b1a2b2", |at| {
        let (mut one, mut two) = (append(&at.join("a"))?, append(&at.join("a"))?);
        one.write_all(b"a1")?;
        two.write_all(b"b1")?;
        one.write_all(b"a2")?;
        two.write_all(b"b2")?;
        text(&at.join("a"))
    }),
    ("append after a truncation by another", "nnx", |at| {
        let mut file = append(&at.join("a"))?;
        file.write_all(b"nnnn")?;
        open(&at.join("a"))?.set_len(2)?;
        file.write_all(b"x")?;
        text(&at.join("a"))
    }),
    ("write behind the end after a truncation leaves zeros", "\0\0\0\0x", |at| {
        let mut file = open(&at.join("a"))?;
        file.write_all(b"nnnn")?;
        file.set_len(0)?;
        file.write_all(b"x")?;
        text(&at.join("a"))
    }),
    ("truncated and made longer again, the rest is zeros", "nn\0\0", |at| {
        let mut file = open(&at.join("a"))?;
        file.write_all(b"nnnn")?;
        file.set_len(2)?;
        file.set_len(4)?;
        text(&at.join("a"))
    }),
    ("truncated across pages", "10000 4097 9", |at| {
        let mut file = open(&at.join("a"))?;
        file.write_all(&[9; 10_000])?;
        let whole = file.metadata()?.len();
        file.set_len(4_097)?;
        let bytes = fs::read(at.join("a"))?;
        Ok(format!("{whole} {} {}", bytes.len(), bytes[4_096]))
    }),
    ("open that truncates", "", |at| {
        fs::write(at.join("a"), "old")?;
        OpenOptions::new().write(true).truncate(true).open(at.join("a"))?;
        text(&at.join("a"))
    }),
    ("a hole reads as zeros", "zeros, x", |at| {
        let file = open(&at.join("a"))?;
        file.write_at(b"x", 1 << 20)?;
        let bytes = fs::read(at.join("a"))?;
        let zeros = bytes[..1 << 20].iter().all(|byte| *byte == 0);
        Ok(format!("{}, {}", if zeros { "zeros" } else { "bytes" }, char::from(bytes[1 << 20])))
    }),
    ("pwrite and pread do not move", "0", |at| {
        let mut file = open(&at.join("a"))?;
        file.write_at(b"abcdef", 3)?;
        file.read_at(&mut [0; 3], 3)?;
        Ok(file.stream_position()?.to_string())
    }),
    ("pread across the end, and behind it", "2 0", |at| {
        let file = open(&at.join("a"))?;
        file.write_at(b"ab", 0)?;
        let mut bytes = [0; 8];
        Ok(format!("{} {}", file.read_at(&mut bytes, 0)?, file.read_at(&mut bytes, 100)?))
    }),
    ("a write of many pages at an odd place", "equal", |at| {
        let bytes: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
        open(&at.join("a"))?.write_all_at(&bytes, 1_234)?;
        let read = fs::read(at.join("a"))?;
        Ok(if read[1_234..] == bytes && read[..1_234] == [0; 1_234] { "equal" } else { "other" }.into())
    }),
    ("a write is seen by who reads elsewhere at once", "onetwo", |at| {
        let mut file = File::create(at.join("a"))?;
        file.write_all(b"one")?;
        let mut reader = File::open(at.join("a"))?;
        let mut bytes = String::new();
        reader.read_to_string(&mut bytes)?;
        file.write_all(b"two")?;
        reader.read_to_string(&mut bytes)?;
        Ok(bytes)
    }),
    ("writing what is open for reading", "EBADF", |at| {
        fs::write(at.join("a"), "x")?;
        File::open(at.join("a"))?.write_all(b"y").map(|()| "written".into())
    }),
    ("fsync of what is open for reading, and of a folder", "synced", |at| {
        fs::write(at.join("a"), "x")?;
        File::open(at.join("a"))?.sync_all()?;
        File::open(at.join("a"))?.sync_data()?;
        File::open(at)?.sync_all()?;
        File::open(at)?.sync_data()?;
        Ok("synced".into())
    }),
    ("data is sought", "data at 0, a hole at the end", |at| {
        fs::write(at.join("a"), "text")?;
        let file = File::open(at.join("a"))?;
        let data = rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(0))?;
        let hole = rustix::fs::seek(&file, rustix::fs::SeekFrom::Hole(0))?;
        Ok(format!("data at {data}, a hole at {}", if hole == 4 { "the end" } else { "?" }))
    }),
    ("data behind the end is sought", "ENXIO", |at| {
        fs::write(at.join("a"), "text")?;
        let file = File::open(at.join("a"))?;
        Ok(rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(100))?.to_string())
    }),
    ("copied by the kernel", "text", |at| {
        fs::write(at.join("a"), "text")?;
        fs::copy(at.join("a"), at.join("b"))?;
        text(&at.join("b"))
    }),
    ("copied by copy_file_range", "text", |at| {
        fs::write(at.join("a"), "text")?;
        let (from, to) = (File::open(at.join("a"))?, open(&at.join("b"))?);
        rustix::fs::copy_file_range(&from, None, &to, None, 4)?;
        text(&at.join("b"))
    }),
];

const STATUS: &[(&str, &str, Case)] = &[
    ("size and blocks grow with the bytes", "0 0, 5000 true", |at| {
        let mut file = open(&at.join("a"))?;
        let before = file.metadata()?;
        file.write_all(&[1; 5_000])?;
        file.sync_all()?;
        let after = file.metadata()?;
        Ok(format!("{} {}, {} {}", before.len(), before.blocks(), after.len(), after.blocks() * 512 >= 5_000))
    }),
    ("size by name and by who holds it", "3 3", |at| {
        let mut file = open(&at.join("a"))?;
        file.write_all(b"abc")?;
        Ok(format!("{} {}", file.metadata()?.len(), fs::metadata(at.join("a"))?.len()))
    }),
    ("mtime moves with a write and with a truncation", "true true", |at| {
        let mut file = open(&at.join("a"))?;
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        file.set_modified(long_ago)?;
        file.write_all(b"x")?;
        let written = fs::metadata(at.join("a"))?.modified()? > long_ago;
        file.set_modified(long_ago)?;
        file.set_len(0)?;
        Ok(format!("{written} {}", fs::metadata(at.join("a"))?.modified()? > long_ago))
    }),
    ("mtime is what it was set to", "1000", |at| {
        let file = open(&at.join("a"))?;
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000))?;
        Ok(fs::metadata(at.join("a"))?.mtime().to_string())
    }),
    ("mode bits of a new file and folder, and chmod", "640 750 600", |at| {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        let mode = |path: &Path| fs::metadata(path).map(|meta| meta.mode() & 0o7777);
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o640).open(at.join("a"))?;
        fs::DirBuilder::new().mode(0o750).create(at.join("d"))?;
        let made = (mode(&at.join("a"))?, mode(&at.join("d"))?);
        fs::set_permissions(at.join("a"), fs::Permissions::from_mode(0o600))?;
        Ok(format!("{:o} {:o} {:o}", made.0, made.1, mode(&at.join("a"))?))
    }),
    ("kinds", "file folder", |at| {
        fs::write(at.join("a"), "")?;
        fs::create_dir(at.join("d"))?;
        let kind =
            |name| fs::metadata(at.join(name)).map(|meta| if meta.is_dir() { "folder" } else { "file" });
        Ok(format!("{} {}", kind("a")?, kind("d")?))
    }),
    ("a number for each file, the same by each name", "true false", |at| {
        fs::write(at.join("a"), "")?;
        fs::write(at.join("b"), "")?;
        fs::hard_link(at.join("a"), at.join("c"))?;
        let ino = |name| fs::metadata(at.join(name)).map(|meta| meta.ino());
        Ok(format!("{} {}", ino("a")? == ino("c")?, ino("a")? == ino("b")?))
    }),
    ("a lock of a whole file keeps another out", "EAGAIN", |at| {
        let (one, two) = (open(&at.join("a"))?, open(&at.join("a"))?);
        rustix::fs::flock(&one, FlockOperation::NonBlockingLockExclusive)?;
        rustix::fs::flock(&two, FlockOperation::NonBlockingLockExclusive)?;
        Ok("locked twice".into())
    }),
    ("a lock that was given back can be had", "locked", |at| {
        let (one, two) = (open(&at.join("a"))?, open(&at.join("a"))?);
        rustix::fs::flock(&one, FlockOperation::NonBlockingLockExclusive)?;
        rustix::fs::flock(&one, FlockOperation::Unlock)?;
        rustix::fs::flock(&two, FlockOperation::NonBlockingLockExclusive)?;
        Ok("locked".into())
    }),
    ("a record lock is had", "locked", |at| {
        let file = open(&at.join("a"))?;
        rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok("locked".into())
    }),
];

/// The name of an error that a case may come to.
fn name_of(error: &io::Error) -> String {
    let known = [
        (Errno::NOENT, "ENOENT"),
        (Errno::EXIST, "EEXIST"),
        (Errno::ISDIR, "EISDIR"),
        (Errno::NOTDIR, "ENOTDIR"),
        (Errno::NOTEMPTY, "ENOTEMPTY"),
        (Errno::INVAL, "EINVAL"),
        (Errno::NAMETOOLONG, "ENAMETOOLONG"),
        (Errno::BADF, "EBADF"),
        (Errno::NXIO, "ENXIO"),
        (Errno::AGAIN, "EAGAIN"),
    ];
    let code = error.raw_os_error();
    let name = known.iter().find(|(errno, _)| Some(errno.raw_os_error()) == code);
    name.map_or_else(|| error.to_string(), |(_, name)| (*name).into())
}

/// Runs every case in a folder of its own, and says which come to something else than they should.
fn differing(place: &Path) -> Vec<String> {
    let tables = [("rename", RENAMES), ("names", NAMES), ("bytes", BYTES), ("status", STATUS)];
    let mut differing = Vec::new();
    for (table, cases) in tables {
        for (number, (what, expected, case)) in cases.iter().enumerate() {
            let folder = place.join(format!("{table}-{number}"));
            fs::create_dir(&folder).unwrap();
            let came_to = case(&folder).unwrap_or_else(|error| name_of(&error));
            if came_to != *expected {
                differing.push(format!("{table}, {what}: {came_to:?}, and not {expected:?}"));
            }
        }
    }
    differing
}

#[test]
fn a_folder_of_this_machine_does_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(differing(folder.path()), [""; 0]);
}

#[test]
fn the_disk_does_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = disk(folder.path()) else { return };
    assert_eq!(differing(folder.path()), [""; 0]);
    // What the log says was done is what is there.
    let (base, log) = disk.log();
    let mut replayed = base;
    log.iter().for_each(|rec| replayed.apply(&rec.op));
    assert_eq!(replayed.digest(), Tree::read_from(folder.path()).unwrap().digest());
    disk.unmount().unwrap();
}

#[test]
fn what_the_disk_does_not_offer_is_refused_with_an_error_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = disk(folder.path()) else { return };
    let file = open(&folder.path().join("a")).unwrap();
    let outcome = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, 8_192);
    assert_eq!(outcome, Err(Errno::OPNOTSUPP), "fallocate");
    assert_eq!(
        std::os::unix::fs::symlink("a", folder.path().join("b")).unwrap_err().raw_os_error(),
        Some(Errno::PERM.raw_os_error()),
        "symlink"
    );
    let at = File::open(folder.path()).unwrap();
    let exchanged = rustix::fs::renameat_with(&at, "a", &at, "b", RenameFlags::EXCHANGE);
    assert!(exchanged.is_err(), "exchange");
    assert_eq!(names(folder.path()).unwrap(), "a", "nothing of it has happened");
    disk.unmount().unwrap();
}

/// Runs xfs_io (package xfsprogs) on a file, which can map it; `None` where it is missing.
fn xfs_io(file: &Path, commands: &[&str]) -> Option<std::process::Output> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut call = Command::new("xfs_io");
    for command in commands {
        call.args(["-c", command]);
    }
    match call.arg(file).env("PATH", path).output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "no xfs_io in CI: {error}");
            println!("not run: no xfs_io (package xfsprogs): {error}");
            None
        }
    }
}

#[test]
fn bytes_written_through_a_mapping_are_in_the_log_once_they_are_synced() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = disk(folder.path()) else { return };
    let path = folder.path().join("a");
    fs::write(&path, [b'.'; 8_192]).unwrap();
    File::open(&path).unwrap().sync_all().unwrap();
    File::open(folder.path()).unwrap().sync_all().unwrap();
    let left = |model: Model| {
        let tree = disk.left_by(model, 0).unwrap();
        let bytes = tree.paths()["a"].to_vec();
        (bytes.len(), bytes[100], bytes[5_000])
    };
    let Some(read) = xfs_io(&path, &["mmap -r 0 8192", "mread -v 96 16"]) else { return };
    assert!(read.status.success() && String::from_utf8_lossy(&read.stdout).contains("2e"), "{read:?}");

    // Both pages are written to and one of them is synced.
    let steps =
        ["mmap -rw 0 8192", "mwrite -S 0x41 100 1", "msync -s 0 4096", "mwrite -S 0x42 5000 1", "msync -a"];
    let Some(written) = xfs_io(&path, &steps) else { return };
    assert!(written.status.success(), "{written:?}");
    assert_eq!(left(Model::FsyncOnly), (8_192, b'A', b'.'));
    // The kernel writes the rest back when the mapping is gone, or in its own time; a sync waits for that.
    File::open(&path).unwrap().sync_all().unwrap();
    assert_eq!(left(Model::FsyncOnly), (8_192, b'A', b'B'));
    assert_eq!(left(Model::ProcessKill), (8_192, b'A', b'B'));

    let Some(ranged) = xfs_io(&path, &["pwrite -S 0x43 100 1", "sync_range -w 0 4096"]) else { return };
    assert!(ranged.status.success(), "{ranged:?}");
    // It waits for bytes and promises nothing.
    assert_eq!(left(Model::FsyncOnly), (8_192, b'A', b'B'));
    assert_eq!(left(Model::ProcessKill), (8_192, b'C', b'B'));
    disk.unmount().unwrap();
}

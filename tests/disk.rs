//! A disk that knows what is durable: mounted for real, used through the kernel, and cut off.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use outlast::disk::ills::{Call, Error, Failure};
use outlast::disk::op::Op;
use outlast::disk::{Disk, Model, Trap};

mod support;

use support::disk::disk;

/// Name and text of every file that a cut leaves.
fn left(disk: &Disk, model: Model) -> BTreeMap<String, String> {
    let tree = disk.left_by(model, 0).unwrap();
    tree.paths()
        .into_iter()
        .map(|(path, content)| (path, String::from_utf8(content.to_vec()).unwrap()))
        .collect()
}

fn files(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect()
}

#[test]
fn a_cut_keeps_what_fsync_covered_and_each_model_says_what_else() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = disk(folder.path()) else { return };
    let path = |name: &str| folder.path().join(name);
    fs::write(path("before"), "old").unwrap();
    disk.sync_all();
    let mut aof = File::create(path("aof")).unwrap();
    aof.write_all(b"one ").unwrap();
    aof.sync_data().unwrap();
    aof.write_all(b"two").unwrap();
    fs::write(path("temp"), "manifest").unwrap();
    File::open(path("temp")).unwrap().sync_all().unwrap();
    fs::rename(path("temp"), path("before")).unwrap();

    assert_eq!(left(&disk, Model::ProcessKill), files(&[("aof", "one two"), ("before", "manifest")]));
    // The fsync of temp committed its name; the rename came after it.
    let by_fsync = files(&[("aof", "one "), ("before", "old"), ("temp", "manifest")]);
    assert_eq!(left(&disk, Model::FsyncOnly), by_fsync);
    assert_eq!(left(&disk, Model::StrictPosix), files(&[("before", "old")]));
    File::open(folder.path()).unwrap().sync_all().unwrap();
    let renamed = files(&[("aof", "one "), ("before", "manifest")]);
    assert_eq!(left(&disk, Model::FsyncOnly), renamed);
    assert_eq!(left(&disk, Model::StrictPosix), renamed);
    drop(aof);
    disk.unmount().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it is gone");
}

#[test]
fn each_write_is_recorded_whole_and_read_by_whoever_reads() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = disk(folder.path()) else { return };
    let path = folder.path().join("aof");
    let mut aof = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let mut written = Vec::new();
    for (byte, size) in (1..).zip([100, 5_000, 3, 4_096, 20_000, 1]) {
        let bytes = vec![byte; size];
        aof.write_all(&bytes).unwrap();
        written.extend(bytes);
        // The page in which the next one begins is in the cache from now on.
        assert_eq!(fs::read(&path).unwrap(), written, "after {size} bytes");
    }
    let sizes = disk.log().1.into_iter().filter_map(|rec| match rec.op {
        Op::Write { data, .. } => Some(data.len()),
        _ => None,
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [100, 5_000, 3, 4_096, 20_000, 1]);
}

#[test]
fn after_a_cut_nothing_takes_effect_and_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = disk(folder.path()) else { return };
    let file = File::create(folder.path().join("a")).unwrap();
    file.write_at(b"kept", 0).unwrap();
    disk.sicken(|ills| ills.fsync_delay = Some(Duration::from_secs(3600)));
    let waiting = file.try_clone().unwrap();
    let sync = std::thread::spawn(move || waiting.sync_all());
    let asked = Instant::now();
    while !sync.is_finished() && asked.elapsed() < Duration::from_secs(10) {
        let cut = disk.cut();
        assert_eq!(Some(cut), disk.was_cut(), "the first cut counts");
        std::thread::yield_now();
    }
    assert!(sync.join().unwrap().is_err());
    assert!(file.write_at(b"lost", 4).is_err());
    assert!(fs::rename(folder.path().join("a"), folder.path().join("b")).is_err());
    assert_eq!(left(&disk, Model::ProcessKill), files(&[("a", "kept")]));
    assert_eq!(left(&disk, Model::FsyncOnly), files(&[]));
}

#[test]
fn a_trap_cuts_at_the_operation_that_it_waits_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = disk(folder.path()) else { return };
    let (tell, sprung) = std::sync::mpsc::channel();
    disk.set_trap(Trap {
        word: "rename".into(),
        pattern: "*.manifest".into(),
        left: 2,
        spring: Box::new(move || tell.send(()).unwrap()),
    });
    let step = |number: u32| {
        fs::write(folder.path().join("temp"), number.to_string())?;
        fs::rename(folder.path().join("temp"), folder.path().join("a.manifest"))
    };
    step(1).unwrap();
    fs::rename(folder.path().join("a.manifest"), folder.path().join("other")).unwrap();
    assert!(sprung.try_recv().is_err());
    step(2).unwrap();
    assert!(sprung.try_recv().is_ok());
    assert!(step(3).is_err());
    assert_eq!(left(&disk, Model::ProcessKill), files(&[("a.manifest", "2"), ("other", "1")]));
}

#[test]
fn a_sick_disk_fails_as_it_was_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = disk(folder.path()) else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(folder.path().join("a")).unwrap();
    file.write_all(b"one ").unwrap();
    file.sync_data().unwrap();
    disk.sicken(|ills| ills.failures = vec![Failure { once: true, ..Failure::new(Call::Fsync, Error::Io) }]);
    file.write_all(b"two ").unwrap();
    assert_eq!(file.sync_data().unwrap_err().raw_os_error(), Some(5));
    file.write_all(b"three").unwrap();
    file.sync_data().unwrap();
    // Linux took the page of the failed fsync for clean, and writes the whole page once it is written to again.
    assert_eq!(left(&disk, Model::FsyncOnly), files(&[("a", "one two three")]));
    let page = "x".repeat(4096 - 13);
    file.write_all(page.as_bytes()).unwrap();
    disk.sicken(|ills| ills.failures = vec![Failure { once: true, ..Failure::new(Call::Fsync, Error::Io) }]);
    file.sync_data().unwrap_err();
    file.write_all(b"next page").unwrap();
    file.sync_data().unwrap();
    // Nobody writes that page any more.
    let hole = format!("one two three{}next page", "\0".repeat(page.len()));
    assert_eq!(left(&disk, Model::FsyncOnly), files(&[("a", &hole)]));
    assert_eq!(left(&disk, Model::ProcessKill), files(&[("a", &format!("one two three{page}next page"))]));

    let used = disk.used();
    disk.sicken(|ills| *ills = outlast::disk::ills::Ills { capacity: Some(used + 3), ..Default::default() });
    assert_eq!(file.write(b"123456").unwrap(), 3, "a short write");
    assert_eq!(file.write(b"456").unwrap_err().raw_os_error(), Some(28));
    let full = |outcome: std::io::Result<()>| outcome.unwrap_err().raw_os_error() == Some(28);
    assert!(full(File::create(folder.path().join("b")).map(drop)), "a full disk takes no new name");
    assert!(full(fs::create_dir(folder.path().join("d"))));
    fs::rename(folder.path().join("a"), folder.path().join("c")).unwrap();
    disk.sicken(|ills| ills.capacity = Some(used + 10));
    let renamed = OpenOptions::new().write(true).open(folder.path().join("c")).unwrap();
    assert!(full(renamed.write_at(b"x", used + 2_000).map(drop)), "the gap before the bytes takes room too");
    assert!(disk.used() <= used + 10);
    disk.sicken(|ills| *ills = outlast::disk::ills::Ills { lying: true, ..Default::default() });
    let before = disk.log().1.len();
    file.write_all(b"lie").unwrap();
    file.sync_data().unwrap();
    let hole = left(&disk, Model::FsyncOnly)["a"].clone();
    assert!(!hole.contains("123") && !hole.contains("lie"), "{hole}");
    let words: Vec<_> = disk.log().1[before..].iter().map(|rec| rec.op.word()).collect();
    assert_eq!(words, ["write", "fsync"], "a lie stands in the log");
}

#[test]
fn slow_writes_stall_neither_readers_nor_each_other_and_are_asked_for_when_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = disk(folder.path()) else { return };
    let names: Vec<_> = (0..8).map(|number| folder.path().join(number.to_string())).collect();
    for name in &names {
        fs::write(name, "").unwrap();
    }
    fs::write(folder.path().join("read"), "here").unwrap();
    let before = disk.log().1.len();
    // Nobody waits for an hour: the power goes first.
    disk.sicken(|ills| ills.write_delay = Some(Duration::from_secs(3600)));
    std::thread::scope(|scope| {
        let writers: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(move || OpenOptions::new().write(true).open(name)?.write_at(b"x", 0)))
            .collect();
        // More writers than the disk has threads, and it answers all the same.
        for number in 0..100 {
            fs::write(folder.path().join(format!("new-{number}")), "").unwrap();
            assert!(fs::read_dir(folder.path()).unwrap().count() > number);
        }
        assert_eq!(fs::read_to_string(folder.path().join("read")).unwrap(), "here");
        assert!(writers.iter().all(|writer| !writer.is_finished()));
        disk.cut();
        assert!(writers.into_iter().all(|writer| writer.join().unwrap().is_err()));
    });
    let log = disk.log().1;
    assert!(log[before..].iter().all(|rec| rec.op.word() == "create"), "what waited has not happened");
    drop(disk);

    let Some(disk) = self::disk(folder.path()) else { return };
    let delay = Duration::from_millis(30);
    disk.sicken(|ills| ills.write_delay = Some(delay));
    fs::write(folder.path().join("a"), "x").unwrap();
    let log = disk.log().1;
    let write = log.iter().find(|rec| rec.op.word() == "write").unwrap();
    assert!(write.done_us - write.asked_us >= delay.as_micros() as u64, "{write:?}");
    drop(disk);
}

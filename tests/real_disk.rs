//! Real file systems on an image that the disk holds: what they keep through a power cut, by the kernel's own recovery.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use outlast::disk::ills::{Call, Error, Failure};
use outlast::disk::real::bench::Bench;
use outlast::disk::real::states::{States, recover_all};
use outlast::disk::real::{self, Volume};
use outlast::disk::{Disk, Drive, Model};
use outlast::matrix::Filesystem;

use support::checkout::{Checkout, MATRIX, server};
use support::disk::{given, loops_below, mounts_below, runs};

mod support;

fn drive(folder: &Path, filesystem: Filesystem) -> Option<Drive> {
    given(Drive::mount(&folder.join("data"), Some(filesystem), true, Instant::now()))
}

fn read(folder: &Path, name: &str) -> Option<String> {
    fs::read(folder.join("data").join(name)).ok().map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn what_was_synced_survives_on_each_file_system_and_what_was_not_is_gone() {
    for filesystem in Filesystem::ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut drive) = drive(folder.path(), filesystem) else { return };
        let data = folder.path().join("data");
        let mut aof = File::create(data.join("aof")).unwrap();
        aof.write_all(b"one ").unwrap();
        aof.sync_data().unwrap();
        File::open(&data).unwrap().sync_all().unwrap();
        aof.write_all(b"two").unwrap();
        fs::write(data.join("temp"), "manifest").unwrap();
        File::open(data.join("temp")).unwrap().sync_all().unwrap();
        fs::rename(data.join("temp"), data.join("manifest")).unwrap();
        File::open(&data).unwrap().sync_all().unwrap();
        fs::write(data.join("late"), "never synced").unwrap();
        fs::rename(data.join("manifest"), data.join("moved")).unwrap();
        drive.cut();
        assert!(aof.sync_all().is_err(), "{filesystem:?}: a device without power syncs");
        drop(aof);
        drive.lose(Model::default_of(Some(filesystem)), 0).unwrap();
        // ext4 may know the length of what was never synced, and have zeros for it.
        let aof = read(folder.path(), "aof").unwrap();
        let zeros = if filesystem == Filesystem::Ext4 { "\0\0\0" } else { "" };
        assert!(aof == "one " || aof == format!("one {zeros}"), "{filesystem:?}: {aof:?}");
        assert_eq!(read(folder.path(), "manifest").as_deref(), Some("manifest"), "{filesystem:?}");
        for gone in ["temp", "late", "moved"] {
            assert_eq!(read(folder.path(), gone), None, "{filesystem:?}: {gone}");
        }
        // It is a whole file system: it can be written to, and lose that in turn.
        fs::write(data.join("again"), "again").unwrap();
        drive.sync_all();
        drive.cut();
        drive.lose(Model::default_of(Some(filesystem)), 0).unwrap();
        assert_eq!(read(folder.path(), "again").as_deref(), Some("again"), "{filesystem:?}");
        drive.unmount().unwrap();
        assert_eq!((mounts_below(folder.path()), loops_below(folder.path())), (0, 0), "{filesystem:?}");
    }
}

#[test]
fn ext4_may_show_a_renamed_file_of_full_length_whose_unsynced_bytes_are_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut drive) = drive(folder.path(), Filesystem::Ext4) else { return };
    let data = folder.path().join("data");
    fs::write(data.join("a"), "old").unwrap();
    drive.sync_all();
    fs::write(data.join("temp"), "new").unwrap();
    fs::rename(data.join("temp"), data.join("a")).unwrap();
    // A neighbour's fsync commits the journal, and the rename with it; the bytes were never synced.
    let neighbour = File::create(folder.path().join("volume/other")).unwrap();
    neighbour.sync_all().unwrap();
    drop(neighbour);
    drive.cut();
    drive.lose(Model::RealExt4, 0).unwrap();
    // Whether the bytes get through is up to the moment of write-back; the old ones are gone either way.
    let text = read(folder.path(), "a").unwrap();
    assert!(["new", "\0\0\0"].contains(&text.as_str()), "{text:?}");
    drive.unmount().unwrap();
}

#[test]
fn a_file_system_on_a_disk_that_lies_forgets_what_was_synced() {
    for filesystem in Filesystem::ALL {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut drive) = drive(folder.path(), filesystem) else { return };
        drive.disk().sicken(|ills| ills.lying = true);
        let file = folder.path().join("data/a");
        fs::write(&file, "synced").unwrap();
        File::open(&file).unwrap().sync_all().unwrap();
        drive.cut();
        drive.lose(Model::default_of(Some(filesystem)), 0).unwrap();
        assert_eq!(read(folder.path(), "a"), None, "{filesystem:?}");
        drive.unmount().unwrap();
    }
}

/// A device that fails one write, and a server that goes on after the fsync that told it so.
#[test]
fn a_page_whose_write_back_failed_is_written_when_it_is_touched_again_and_else_never() {
    type Act = fn(&File) -> std::io::Result<()>;
    let synced = "o".repeat(5_000);
    let rest_of_page = "x".repeat(8_192 - 5_000);
    // What could not be written, what is done then, and what a cut leaves.
    let cases: [(&str, &str, Act, String); 4] = [
        ("append", "two ", |file| file.write_all_at(b"three", 5_004), format!("{synced}two three")),
        (
            "append in the next page",
            &rest_of_page,
            |file| file.write_all_at(b"three", 8_192),
            format!("{synced}{}three", "\0".repeat(rest_of_page.len())),
        ),
        (
            "write behind the end",
            "two ",
            |file| file.write_all_at(b"three", 20_000),
            format!("{synced}two {}three", "\0".repeat(20_000 - 5_004)),
        ),
        ("truncate", "two ", |file| file.set_len(5_002), format!("{synced}tw")),
    ];
    for filesystem in Filesystem::ALL {
        for (what, failing, then, expected) in &cases {
            let attempt = || {
                let folder = tempfile::tempdir().unwrap();
                let mut drive = drive(folder.path(), filesystem)?;
                let file = File::create(folder.path().join("data/a")).unwrap();
                file.write_all_at(synced.as_bytes(), 0).unwrap();
                file.sync_all().unwrap();
                drive.sync_all();
                file.write_all_at(failing.as_bytes(), 5_000).unwrap();
                drive.disk().sicken(|ills| {
                    ills.failures = vec![Failure { once: true, ..Failure::new(Call::Write, Error::Io) }];
                });
                let told = file.sync_data().is_err();
                // A second fsync has nothing to do for the page, and nothing to complain of.
                let again = file.sync_data();
                let then = then(&file).and_then(|()| file.sync_data());
                drop(file);
                drive.cut();
                drive.lose(Model::default_of(Some(filesystem)), 0).unwrap();
                let found = read(folder.path(), "a").unwrap();
                drive.unmount().unwrap();
                Some((told && again.is_ok() && then.is_ok()).then_some(found))
            };
            // The write that fails may be one of the journal's own, which ends the file system: not what is asked here.
            let found = (0..20).find_map(|_| attempt().map_or(Some(None), |found| found.map(Some)));
            let Some(found) = found.expect("one of twenty attempts meets the write of the page") else {
                return;
            };
            // btrfs has no extent for the page, and so nothing to cut.
            let is_hole = filesystem == Filesystem::Btrfs && *what == "truncate";
            let expected = if is_hole { format!("{synced}\0\0") } else { expected.clone() };
            let (found, expected) = (runs(found.as_bytes()), runs(expected.as_bytes()));
            assert_eq!(found, expected, "{filesystem:?}: {what}");
        }
    }
}

#[test]
fn a_neighbour_that_syncs_commits_the_journal_also_after_a_cut() {
    for filesystem in [Some(Filesystem::Ext4), None] {
        let folder = tempfile::tempdir().unwrap();
        let point = folder.path().join("data");
        let Some(mut drive) = given(Drive::mount(&point, filesystem, true, Instant::now())) else { return };
        drive.let_in_neighbour(Duration::from_millis(1)).unwrap();
        for _ in 0..2 {
            let before = drive.disk().played();
            fs::write(point.join("a"), "").unwrap();
            // The journal is committed for the neighbour's sake: nobody synced `a` or its folder.
            let limit = Instant::now() + Duration::from_secs(20);
            while drive.disk().played() < before + 40 && Instant::now() < limit {
                std::thread::yield_now();
            }
            drive.cut();
            drive.lose(Model::default_of(filesystem), 0).unwrap();
            assert_eq!(read(folder.path(), "a").as_deref(), Some(""), "{filesystem:?}");
            fs::remove_file(point.join("a")).unwrap();
            drive.sync_all();
        }
        drive.unmount().unwrap();
        assert_eq!(mounts_below(folder.path()), 0);
    }
}

/// What a dead run leaves: a disk that nobody serves, a loop device on it, a file system on that.
#[test]
fn redis_that_syncs_always_keeps_everything_on_each_file_system_and_a_lying_disk_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    for filesystem in Filesystem::ALL {
        let Some(drive) = drive(&folder.path().join(filesystem.as_str()), filesystem) else { return };
        drive.unmount().unwrap();
    }
    let mut matrix =
        MATRIX.split("[[suite]]").next().unwrap().replace("SERVER", server("redis-6.2").to_str().unwrap());
    matrix += "[server.valkey]\nbinary = \"SERVER\"\n";
    for filesystem in Filesystem::ALL {
        let name = filesystem.as_str();
        matrix += &format!("[storage.{name}]\nkind = \"disk\"\nfilesystem = \"{name}\"\n");
    }
    matrix += r#"
[fault.cut]
steps = ["neighbour 20ms", "power-cut", "start"]
[fault.cut-reordered]
steps = ["power-cut", "start", "write 50", "stop 10s", "start"]
[fault.misfit]
steps = ["power-cut fsync-only", "start"]
[fault.files]
steps = ["fail-io rename 1", "power-cut", "start"]
[fault.lying]
steps = ["lying-fsync", "write 200", "power-cut", "start"]
[[suite]]
name = "real"
server = ["*"]
persistence = ["always"]
workload = ["single", "churn"]
storage = ["ext4", "xfs", "btrfs"]
fault = ["cut", "cut-reordered"]
[[suite]]
name = "misfit"
server = ["*"]
persistence = ["always"]
workload = ["single"]
storage = ["ext4"]
fault = ["misfit", "files"]
[[suite]]
name = "lies"
server = ["*"]
persistence = ["always"]
workload = ["single"]
storage = ["ext4", "xfs", "btrfs"]
fault = ["lying"]
"#;
    let checkout = Checkout::with(&matrix);
    let run = checkout.run(&[]);
    let report = checkout.report();
    let mut seen = [0; 3];
    for trial in &report.trials {
        let said = || format!("{} {:?} {}\n{run:?}", trial.name, trial.verdict, trial.message);
        match trial.suite.as_str() {
            "real" => {
                assert!(trial.verdict.as_str() == "kept" && trial.lost == 0, "{}", said());
                seen[0] += 1;
            }
            "misfit" => {
                assert_eq!(trial.verdict.as_str(), "unsupported", "{}", said());
                assert!(trial.message.contains("filesystem"), "{}", said());
                seen[1] += 1;
            }
            _ => {
                assert!(trial.verdict.as_str() == "broken" && trial.lost > 100, "{}", said());
                seen[2] += 1;
            }
        }
    }
    assert_eq!(seen, [24, 4, 6]);
}

/// What each call makes durable on each file system: printed, and judged where a server builds on it.
#[test]
fn each_file_system_makes_durable_what_it_is_asked_for() {
    type Act = fn(&Path);
    fn sync(path: &Path) {
        File::open(path).unwrap().sync_all().unwrap();
    }
    fn sync_data(path: &Path) {
        File::open(path).unwrap().sync_data().unwrap();
    }
    fn rename(data: &Path) {
        fs::rename(data.join("old"), data.join("new")).unwrap();
    }
    let cases: [(&str, Act); 9] = [
        ("rename, fsync of the folder", |data| {
            rename(data);
            sync(data);
        }),
        ("rename, fdatasync of the folder", |data| {
            rename(data);
            sync_data(data);
        }),
        ("rename, fsync of the file", |data| {
            rename(data);
            sync(&data.join("new"));
        }),
        ("rename, fdatasync of the file", |data| {
            rename(data);
            sync_data(&data.join("new"));
        }),
        ("rename, fsync of another folder", |data| {
            rename(data);
            sync(&data.join("folder"));
        }),
        ("rename, another file grows and is synced", |data| {
            rename(data);
            fs::write(data.join("folder/other"), "more").unwrap();
            sync_data(&data.join("folder/other"));
        }),
        ("create, fsync of the file", |data| {
            fs::write(data.join("new"), "text").unwrap();
            sync(&data.join("new"));
        }),
        ("create, fdatasync of the file", |data| {
            fs::write(data.join("new"), "text").unwrap();
            sync_data(&data.join("new"));
        }),
        ("create, fdatasync of the folder", |data| {
            fs::write(data.join("new"), "").unwrap();
            sync_data(data);
        }),
    ];
    let mut table = Vec::new();
    for (what, act) in cases {
        let mut row = Vec::new();
        for filesystem in Filesystem::ALL {
            let folder = tempfile::tempdir().unwrap();
            let Some(mut drive) = drive(folder.path(), filesystem) else { return };
            let data = folder.path().join("data");
            fs::write(data.join("old"), "text").unwrap();
            fs::create_dir(data.join("folder")).unwrap();
            fs::write(data.join("folder/other"), "").unwrap();
            drive.sync_all();
            act(&data);
            drive.cut();
            drive.lose(Model::default_of(Some(filesystem)), 0).unwrap();
            row.push(data.join("new").exists());
            drive.unmount().unwrap();
        }
        println!("{what}: {row:?}");
        table.push((what, row));
    }
    let durable = |what: &str| table.iter().find(|row| row.0 == what).unwrap().1.clone();
    assert_eq!(durable("rename, fsync of the folder"), [true; 3]);
    assert_eq!(durable("create, fsync of the file"), [true; 3]);
}

/// How many states a second are recovered and read.
#[test]
#[ignore = "a measurement"]
fn states_a_second() {
    for filesystem in Filesystem::ALL {
        for threads in [2, 4, 8] {
            let folder = tempfile::tempdir().unwrap();
            let size = real::smallest(filesystem);
            let Some(pristine) = given(real::pristine(filesystem, size, folder.path())) else { return };
            let place = folder.path().join("recorded");
            fs::create_dir_all(place.join("device")).unwrap();
            let disk =
                Disk::mount(&place.join("device"), real::tree_of(pristine), true, Instant::now()).unwrap();
            let volume =
                Volume::mount(filesystem, &place.join("device").join(real::IMAGE), &place.join("volume"))
                    .unwrap();
            let mut aof = File::create(volume.point().join("data/aof")).unwrap();
            for number in 0..60 {
                aof.write_all(format!("record {number}\n").repeat(40).as_bytes()).unwrap();
                aof.sync_data().unwrap();
            }
            drop(aof);
            let (base, log) = disk.log();
            disk.cut();
            drop(volume);
            disk.unmount().unwrap();
            let bench = Bench::open(&folder.path().join("bench"), filesystem, size, threads).unwrap();
            let states: Vec<_> =
                States::new(Model::default_of(Some(filesystem)), base, &log, 3).take(200).collect();
            let (count, began) = (states.len(), Instant::now());
            let read = Mutex::new(0);
            recover_all(&bench, states.into_iter(), threads, |_, tree| {
                *read.lock().unwrap() += tree.unwrap().paths().len();
            });
            let rate = count as f64 / began.elapsed().as_secs_f64();
            println!(
                "{filesystem:?}, {threads} threads: {count} states, {rate:.0}/s, {} files",
                read.into_inner().unwrap()
            );
        }
    }
}

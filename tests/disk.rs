//! A disk that knows what is durable: mounted for real, used through the kernel, and cut off.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use outlast::disk::ills::{Call, Error, Failure};
use outlast::disk::{Disk, DiskError, Model, Trap, Tree};

/// A mounted disk, or `None` where this machine does not allow one; then the reason is printed.
fn disk(folder: &Path) -> Option<Disk> {
    match Disk::mount(folder, Tree::default(), true, Instant::now()) {
        Ok(disk) => Some(disk),
        Err(DiskError::Unsupported { reason, remedy }) => {
            assert!(std::env::var_os("CI").is_none(), "no disk in CI: {reason}; {remedy}");
            println!("not run: {reason}; {remedy}");
            None
        }
        Err(failed) => panic!("{failed}"),
    }
}

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
    // Linux took the pages of the failed fsync for clean: the next one has nothing to do for them.
    assert_eq!(left(&disk, Model::FsyncOnly), files(&[("a", "one \0\0\0\0three")]));
    assert_eq!(left(&disk, Model::ProcessKill), files(&[("a", "one two three")]));

    disk.sicken(|ills| *ills = outlast::disk::ills::Ills { capacity: Some(16), ..Default::default() });
    assert_eq!(file.write(b"123456").unwrap(), 3, "a short write");
    assert_eq!(file.write(b"456").unwrap_err().raw_os_error(), Some(28));
    disk.sicken(|ills| *ills = outlast::disk::ills::Ills { lying: true, ..Default::default() });
    file.write_all(b"lie").unwrap();
    file.sync_data().unwrap();
    assert_eq!(left(&disk, Model::FsyncOnly), files(&[("a", "one \0\0\0\0three")]));
}

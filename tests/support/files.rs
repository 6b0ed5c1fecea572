//! Random work on files, done on a real file system and told to the model.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use outlast::disk::Tree;
use outlast::disk::op::{Ino, Op, ROOT};
use outlast::disk::replay::Replay;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Files and folders that are worked on, few enough to meet again.
const FILES: [&str; 6] = ["a", "b", "c", "d/a", "d/b", "d/c"];

/// A moment after an operation.
pub struct Moment {
    /// How many operations the device had seen by then.
    pub seen: usize,
    /// What the model knows.
    pub replay: Replay,
    /// What was done, in words.
    pub what: String,
}

/// Work that a seed decides.
pub struct Workload {
    dice: ChaCha8Rng,
    replay: Replay,
    next: Ino,
}

impl Workload {
    pub fn new(seed: u64) -> Self {
        let dice = ChaCha8Rng::seed_from_u64(seed);
        Self { dice, replay: Replay::from_durable(Tree::default()), next: ROOT + 1 }
    }

    /// Whether a moment of the device is looked at: about one in three.
    pub fn takes(&mut self, index: usize) -> bool {
        // The same answer for every variant of the moment.
        (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(self.next) >> 32 & 0xff < 90
    }

    /// Does it on a file system; `seen` tells how many operations its device has seen.
    pub fn run(&mut self, volume: &Path, seen: impl Fn() -> usize) -> Vec<Moment> {
        let data = volume.join("data");
        fs::create_dir(data.join("d")).unwrap();
        self.replay.play(&Op::Mkdir { at: (ROOT, "d".into()), ino: self.next });
        self.next += 1;
        sync(volume);
        self.replay.play(&Op::SyncAll);
        let mut moments = vec![self.moment(seen(), "mkdir d; syncfs")];
        let steps = 8 + self.dice.next_u32() % 24;
        for _ in 0..steps {
            if let Some(what) = self.step(volume, &data) {
                moments.push(self.moment(seen(), &what));
            }
        }
        moments
    }

    fn moment(&self, seen: usize, what: &str) -> Moment {
        Moment { seen, replay: self.replay.clone(), what: what.into() }
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.dice.next_u32() % limit
    }

    fn place(&self, path: &str) -> (Ino, String) {
        match path.split_once('/') {
            Some((folder, name)) => (self.replay.now.entry(ROOT, folder).unwrap(), name.into()),
            None => (ROOT, path.into()),
        }
    }

    fn step(&mut self, volume: &Path, data: &Path) -> Option<String> {
        let name = FILES[self.below(6) as usize];
        let path = data.join(name);
        let at = self.place(name);
        let ino = self.replay.now.entry(at.0, &at.1);
        let choice = self.below(20);
        let Some(ino) = ino else {
            if choice >= 17 {
                return self.wide_step(choice, volume, data);
            }
            File::create(&path).unwrap();
            let ino = self.next;
            self.next += 1;
            self.replay.play(&Op::Create { at, ino });
            return Some(format!("create {name}"));
        };
        let len = self.replay.now.files[&ino].len();
        let covers = self.replay.played;
        Some(match choice {
            0..4 => self.write(&path, name, ino, len),
            4..6 => {
                let offset = u64::from(self.below(len as u32 + 1));
                self.write(&path, name, ino, offset)
            }
            6 => {
                let len = u64::from(self.below(20_000));
                OpenOptions::new().write(true).open(&path).unwrap().set_len(len).unwrap();
                self.replay.play(&Op::Truncate { ino, len });
                format!("truncate {name} {len}")
            }
            7..10 => {
                let other = FILES[self.below(6) as usize];
                if other == name {
                    return None;
                }
                let to = self.place(other);
                fs::rename(&path, data.join(other)).unwrap();
                self.replay.play(&Op::Rename { from: at, to });
                format!("rename {name} {other}")
            }
            10 => {
                fs::remove_file(&path).unwrap();
                self.replay.play(&Op::Unlink { at });
                format!("unlink {name}")
            }
            11..13 => {
                File::open(&path).unwrap().sync_all().unwrap();
                self.replay.play(&Op::Fsync { ino, covers, datasync: false });
                format!("fsync {name}")
            }
            13..15 => {
                File::open(&path).unwrap().sync_data().unwrap();
                self.replay.play(&Op::Fsync { ino, covers, datasync: true });
                format!("fdatasync {name}")
            }
            15..17 => {
                // Pages are written back although nobody asked for it, as the kernel does in its own time.
                let file = File::open(&path).unwrap();
                rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
                format!("write back {name}")
            }
            _ => return self.wide_step(choice, volume, data),
        })
    }

    /// What is not about one file.
    fn wide_step(&mut self, choice: u32, volume: &Path, data: &Path) -> Option<String> {
        let covers = self.replay.played;
        Some(match choice {
            17 => {
                let (folder, ino) = if self.below(2) == 0 { ("", ROOT) } else { ("d", ROOT + 1) };
                File::open(data.join(folder)).unwrap().sync_all().unwrap();
                self.replay.play(&Op::FsyncDir { ino, covers });
                format!("fsync folder /{folder}")
            }
            18 => {
                let bytes = [covers as u8; 5000];
                let file =
                    OpenOptions::new().create(true).append(true).open(volume.join("neighbour")).unwrap();
                std::io::Write::write_all(&mut &file, &bytes).unwrap();
                file.sync_all().unwrap();
                self.replay.play(&Op::Commit);
                "a neighbour syncs".into()
            }
            _ if self.below(3) == 0 => {
                sync(volume);
                self.replay.play(&Op::SyncAll);
                "syncfs".into()
            }
            _ => return None,
        })
    }

    fn write(&mut self, path: &Path, name: &str, ino: Ino, offset: u64) -> String {
        let size = [1, 40, 700, 4096, 9000][self.below(5) as usize] + self.below(300) as usize;
        let byte = 1 + self.below(255) as u8;
        let data = vec![byte; size];
        OpenOptions::new().write(true).open(path).unwrap().write_all_at(&data, offset).unwrap();
        self.replay.play(&Op::Write { ino, offset, data: data.into() });
        format!("write {name} {offset}+{size}")
    }
}

fn sync(volume: &Path) {
    rustix::fs::syncfs(File::open(volume).unwrap()).unwrap();
}

//! Outlast: when this Redis dies in this way, which acknowledged writes does it keep?
//!
//! Data flows one way, and so does this tour:
//!
//! 1. [`matrix`] turns `matrix.toml` into cases; pure. [`settings`] holds what the command line adds.
//! 2. [`server`] finds the binaries and images under test.
//! 3. [`engine`] runs one server, as a process or in a container; [`disk`] knows what holds its data.
//! 4. [`workload`] writes to it and keeps the ledger of every acknowledgement.
//! 5. [`fault`] makes it die in a chosen way and starts it again; [`survey`] reads everything back.
//! 6. [`oracle`] compares the ledger with what survived; pure.
//! 7. [`contract`] says whether that was allowed; pure.
//! 8. [`record`] is the data model, [`journal`] makes it durable, [`report`] renders it, [`publish`] puts the files in place.
//!
//! [`plan`] is a case with everything it points at, [`trial`] knows the order of things in one trial and [`epoch`]
//! judges one death in it. [`run`] strings the trials together; [`progress`] and [`summary`] are what a person sees
//! meanwhile and at the end; [`janitor`] sees to it that nothing is left behind. [`doctor`] says what can be used on a
//! machine, [`secrets`] keeps passwords out of records, [`schema`] tells editors and readers what the files look like, and [`glob`] is how names are picked. What is
//! marked as pure runs no server and asks no engine.
//!
//! The words, here and in matrix.toml, reports and documentation:
//!
//! | word | meaning |
//! |---|---|
//! | server | a build under test: a name, a version, an image or a binary |
//! | persistence, policy | the lines of redis.conf under test |
//! | storage | what holds the data directory |
//! | workload | what is written, by how many connections, how fast; each connection (a *lane*) owns its keys |
//! | fault | what happens to the server: a script of steps |
//! | case, trial | one coordinate of the matrix, and its run |
//! | epoch | the writes up to one death, and what the start after it showed of them |
//! | ledger | what the client knows of every write: sent, acknowledged, refused, or in doubt |
//! | loss | an acknowledged write whose effect is gone after recovery |
//! | shape | how the loss lies in the order of acknowledgement |
//! | promise, contract | what this policy may lose under this fault |
//! | budget | what the user tolerates, on top |
//! | verdict | what a trial says: kept, broken, known, inconclusive, unsupported, errored |
//!
//! Another repository runs its own matrix with a test target of three lines:
//!
//! ```no_run
//! // tests/persistence.rs, with `harness = false` in Cargo.toml
//! fn main() -> std::process::ExitCode {
//!     outlast::main()
//! }
//! ```

use std::process::ExitCode;

pub mod contract;
mod crew;
pub mod disk;
pub mod doctor;
pub mod engine;
pub mod epoch;
pub mod exhaust;
pub mod explore;
pub mod fault;
pub mod glob;
pub mod janitor;
pub mod journal;
pub mod lateness;
pub mod matrix;
pub mod oracle;
pub mod plan;
pub mod progress;
pub mod publish;
pub mod record;
pub mod report;
pub mod run;
pub mod schema;
pub mod secrets;
pub mod server;
pub mod settings;
pub mod summary;
pub mod survey;
pub mod trial;
mod turns;
pub mod workload;

/// The whole of a test target: reads the command line, runs the matrix, writes the reports.
///
/// Exit codes: 0 every promise kept; 1 a promise was broken, or more than the gate allows; 2 the command line or
/// matrix.toml is wrong, or no server can be had; 3 the lab failed, put no pressure or ran too little; 130 interrupted.
pub fn main() -> ExitCode {
    main_with(std::env::args_os())
}

/// [`main`] with a command line of the caller's; its first word is the program's name.
pub fn main_with(args: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    janitor::become_janitor(reap);
    match settings::Flags::parse_from_args(args) {
        Ok(flags) => run::main(&flags),
        Err(error) => {
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(run::exit::USAGE))
        }
    }
}

/// The words of matrix.toml that other modules own.
pub fn vocabulary() -> matrix::Vocabulary<'static> {
    fn step(text: &str) -> Result<(), matrix::StepMistake> {
        fault::parse(text).map(|_| ()).map_err(|mistake| matrix::StepMistake {
            word: mistake.word,
            message: mistake.message,
            candidates: mistake.candidates,
        })
    }
    const WORKLOADS: [&str; workload::KINDS.len()] = {
        let mut words = [""; workload::KINDS.len()];
        let mut at = 0;
        while at < words.len() {
            words[at] = workload::KINDS[at].0;
            at += 1;
        }
        words
    };
    fn needs_disk(text: &str) -> bool {
        fault::parse(text).is_ok_and(|step| step.needs_disk())
    }
    matrix::Vocabulary {
        step: &step,
        misplaced: fault::order::misplaced,
        needs_disk: &needs_disk,
        workloads: &WORKLOADS,
    }
}

/// Removes the containers and volumes of a run from the engine at this address; false when it does not obey.
pub fn reap(run: &str, engine: &str) -> bool {
    engine::docker::reap_blocking(run, engine)
}

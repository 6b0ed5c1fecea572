//! The small command beside the test target: what can be run here, and what is left over.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use outlast::{doctor, janitor, report, schema};

#[derive(Parser)]
#[command(name = "outlast", version, about = "Helpers around `cargo test --test persistence`.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tell which engines and servers of a matrix can be used here, and where they come from.
    Doctor {
        /// The matrix file.
        #[arg(long, env = "OUTLAST_MATRIX", default_value = "matrix.toml")]
        matrix: std::path::PathBuf,
    },
    /// Run the matrix, as `cargo test --test persistence --` does: same options, same exit codes.
    #[command(disable_help_flag = true)]
    Run {
        /// Options and filters of the test target.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
    /// Remove what killed runs left behind: folders, processes, containers, volumes, local images.
    Clean,
    /// Print the JSON Schema of matrix.toml (for editors) or of report.json (for whoever reads it).
    Schema {
        /// Of which file.
        #[arg(value_enum)]
        file: Described,
    },
    /// Look into a recorded disk: its operations, or one of the states that a power cut may have left.
    State {
        /// A trace: a file in `traces/` of a run's folder.
        trace: std::path::PathBuf,
        /// The state, such as fsync-only@120.0; without it the operations are listed.
        token: Option<String>,
        /// An empty folder to write its files into; without it they are listed.
        #[arg(long)]
        into: Option<std::path::PathBuf>,
    },
    /// Write the reports of a run again, from its journals.
    Report {
        /// The folder of a run below `reports/`.
        run: std::path::PathBuf,
    },
}

/// Files that have a schema.
#[derive(Clone, Copy, ValueEnum)]
enum Described {
    /// matrix.toml.
    Matrix,
    /// report.json.
    Report,
}

fn main() -> ExitCode {
    // A run starts its program once more, to clean up after it.
    janitor::become_janitor(outlast::reap);
    match Cli::parse().command {
        Command::Doctor { matrix } => doctor(&matrix),
        Command::Run { args } => outlast::main_with(std::iter::once("outlast run".into()).chain(args)),
        Command::Clean => clean(),
        Command::Schema { file } => describe(file),
        Command::State { trace, token, into } => state(&trace, token.as_deref(), into.as_deref()),
        Command::Report { run } => render(&run),
    }
}

fn doctor(matrix: &Path) -> ExitCode {
    match outlast::matrix::load(matrix, None, &outlast::vocabulary()) {
        Ok(matrix) => {
            let (text, usable) = doctor::examine(&matrix.servers);
            print!("{text}");
            if usable { ExitCode::SUCCESS } else { ExitCode::from(outlast::run::exit::USAGE) }
        }
        Err(mistakes) => {
            eprintln!("{mistakes}");
            ExitCode::from(outlast::run::exit::USAGE)
        }
    }
}

fn clean() -> ExitCode {
    let dead = janitor::dead_runs(&outlast::run::scratch());
    for folder in &dead {
        if janitor::clean(folder, outlast::reap) {
            println!("removed {}", folder.display());
        } else {
            println!("kept {}: the engine of that run does not answer", folder.display());
        }
    }
    let images = outlast::engine::docker::remove_local_images_blocking();
    println!("{} dead runs and {images} local images removed", dead.len());
    ExitCode::SUCCESS
}

fn describe(file: Described) -> ExitCode {
    let schema = match file {
        Described::Matrix => schema::matrix(),
        Described::Report => schema::report(),
    };
    match std::io::stdout().write_all(schema::text(&schema).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to print the schema: {error}");
            ExitCode::from(outlast::run::exit::LAB)
        }
    }
}

fn state(trace: &Path, token: Option<&str>, into: Option<&Path>) -> ExitCode {
    match outlast::explore::show(trace, token, into) {
        Ok(text) => {
            // A reader that has seen enough is no error.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(outlast::run::exit::USAGE)
        }
    }
}

fn render(run: &Path) -> ExitCode {
    let written = outlast::journal::read(run)
        .map_err(|error| error.to_string())
        .and_then(|lines| report::write(run, &report::assemble(lines)).map_err(|error| error.to_string()));
    match written {
        Ok(()) => {
            println!("{}", run.join("index.html").display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(outlast::run::exit::LAB)
        }
    }
}

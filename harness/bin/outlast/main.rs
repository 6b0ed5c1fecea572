//! The small command beside the test target: what can be run here, and what is left over.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use outlast::report::table::Axis;
use outlast::{doctor, janitor, schema};

mod merge;
mod show;

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
        matrix: PathBuf,
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
        /// Start the trial's server on it, read everything back, and judge it as the trial did. Exit code 1 when a promise
        /// is broken.
        #[arg(long, requires = "token")]
        boot: bool,
        /// The matrix of the trial.
        #[arg(long, value_name = "FILE", default_value = "matrix.toml")]
        matrix: std::path::PathBuf,
    },
    /// Write the reports of a run again, from its journals.
    Report {
        /// The folder of a run below `reports/`.
        run: PathBuf,
        /// Columns of trials.csv, separated by commas.
        #[arg(long, value_name = "NAMES", env = "OUTLAST_COLUMNS", value_delimiter = ',')]
        columns: Vec<String>,
        /// Write allure-results/ too.
        #[arg(long)]
        allure: bool,
    },
    /// Put the parts of a run together: one report, one gate, one exit code. A part that is missing fails.
    Merge {
        /// Folders of the parts, or folders that hold such folders.
        #[arg(required = true)]
        parts: Vec<PathBuf>,
        /// Folder for reports.
        #[arg(long, value_name = "DIR", env = "OUTLAST_REPORTS", default_value = "reports")]
        reports: PathBuf,
        /// Write allure-results/ too.
        #[arg(long)]
        allure: bool,
        /// Compare with an earlier run: its folder or its report.json.
        #[arg(long, value_name = "RUN", env = "OUTLAST_BASELINE")]
        baseline: Option<PathBuf>,
    },
    /// Print a run as a table.
    Show {
        /// The folder of a run, or its report.json.
        #[arg(default_value = "reports/latest")]
        run: PathBuf,
        /// What makes a row.
        #[arg(long, value_enum, value_name = "AXIS", default_value = "persistence")]
        by: Axis,
        /// In Markdown.
        #[arg(long)]
        markdown: bool,
    },
    /// Compare two runs. Exit code 1 when the later one is worse.
    Diff {
        /// The earlier run: its folder or its report.json.
        before: PathBuf,
        /// The later run.
        #[arg(default_value = "reports/latest")]
        after: PathBuf,
        /// In Markdown.
        #[arg(long, conflicts_with = "html")]
        markdown: bool,
        /// Write a page to this file.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
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
        Command::Report { run, columns, allure } => show::render(&run, columns, allure),
        Command::Merge { parts, reports, allure, baseline } => {
            merge::merge(&parts, &reports, allure, baseline.as_deref())
        }
        Command::Show { run, by, markdown } => show::show(&run, by, markdown),
        Command::Diff { before, after, markdown, html } => {
            show::diff(&before, &after, markdown, html.as_deref())
        }
        Command::State { trace, token, into, boot, matrix } => {
            state(&trace, token.as_deref(), into.as_deref(), boot.then_some(matrix.as_path()))
        }
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

fn state(trace: &Path, token: Option<&str>, into: Option<&Path>, boot: Option<&Path>) -> ExitCode {
    match outlast::explore::show(trace, token, into, boot) {
        Ok((text, kept)) => {
            // A reader that has seen enough is no error.
            let _ = std::io::stdout().write_all(text.as_bytes());
            if kept { ExitCode::SUCCESS } else { ExitCode::from(outlast::run::exit::BROKEN) }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(outlast::run::exit::USAGE)
        }
    }
}

//! `cargo test --test persistence`: the main job.

fn main() -> std::process::ExitCode {
    outlast::main()
}

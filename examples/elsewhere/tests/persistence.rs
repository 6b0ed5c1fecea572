//! `cargo test --test persistence`: which writes of this service survive which failure?

fn main() -> std::process::ExitCode {
    outlast::main()
}

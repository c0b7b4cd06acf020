//! The `pipeline` command.

fn main() -> std::process::ExitCode {
    pipeline::cli::main()
}

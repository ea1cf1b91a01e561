//! The `theseus` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    theseus_cli::theseus()
}

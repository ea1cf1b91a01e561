//! The `theseus-viewer` program: `theseus viewer` by itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    theseus_cli::viewer()
}

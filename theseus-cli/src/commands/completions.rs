//! `theseus completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::{Code, Failure};
use crate::output::print;

/// Print a shell's completions for theseus
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<Code, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "theseus", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Code::Done)
}

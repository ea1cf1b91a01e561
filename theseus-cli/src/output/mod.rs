//! How things are said: results on stdout, everything else on stderr, colours by meaning.

pub(crate) mod human;
mod outlook;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod rehearsal;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod wrap;

use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::AutoStream;
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::args::{Color, Global};
use crate::failure::{Code, Failure};

static QUIET: AtomicBool = AtomicBool::new(false);

/// Sets up colours and the log, once, before anything is said.
pub(crate) fn set_up(global: &Global) {
    let colour = match global.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    colour.write_global();
    QUIET.store(global.quiet, Ordering::Relaxed);
    let level = match global.verbose {
        // Who was refused by the viewer is for whoever looks after it.
        0 => "error,theseus_viewer::telling=warn",
        1 => "theseus=info,theseus_core=debug,theseus_marathon=debug,theseus_store=debug,warn",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("THESEUS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never)
        .without_time()
        .init();
}

/// Writes a result to stdout. A reader that has gone away is no failure: it has seen enough.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_line(text).map(drop)
}

/// Writes one JSON object to stdout, on a line of its own.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print_json_line(value).map(drop)
}

/// The same as one of many; `false` when nobody reads them any more.
pub(crate) fn print_json_line(value: &impl Serialize) -> Result<bool, Failure> {
    print_json_lines(std::slice::from_ref(value))
}

/// Several of them at once; `false` when nobody reads them any more.
pub(crate) fn print_json_lines<T: Serialize>(values: &[T]) -> Result<bool, Failure> {
    let mut text = Vec::new();
    for value in values {
        serde_json::to_writer(&mut text, value)
            .map_err(|error| Failure::new(Code::Failed, format!("cannot write JSON: {error}")))?;
        text.push(b'\n');
    }
    write_out(&text)
}

/// Whether what is written to stdout may have colours.
pub(crate) fn has_colours() -> bool {
    AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Writes many lines to stdout at once, which have no colours unless [`has_colours`]; `false` when
/// nobody reads them any more.
pub(crate) fn print_lines(text: &str) -> Result<bool, Failure> {
    if has_colours() {
        print_line(text)
    } else {
        write_out(text.as_bytes())
    }
}

fn write_out(bytes: &[u8]) -> Result<bool, Failure> {
    let mut stdout = std::io::stdout().lock();
    written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// Writes one line of many to stdout; `false` when nobody reads them any more.
pub(crate) fn print_line(text: &str) -> Result<bool, Failure> {
    let mut stdout = anstream::stdout().lock();
    written(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush()),
    )
}

fn written(result: std::io::Result<()>) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(
            Code::Failed,
            format!("cannot write to stdout: {error}"),
        )),
    }
}

/// Says something on stderr, unless only results and errors are wanted.
pub(crate) fn say(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        let _ = anstream::stderr().write_all(text.as_bytes());
    }
}

/// Whether a person looks at stderr and wants to.
pub(crate) fn is_lively() -> bool {
    !QUIET.load(Ordering::Relaxed) && std::io::stderr().is_terminal()
}

/// How many columns stdout has; `None` when it is no terminal.
pub(crate) fn width() -> Option<u16> {
    columns(&console::Term::stdout())
}

/// How many columns stderr has; `None` when it is no terminal.
pub(crate) fn width_of_errors() -> Option<u16> {
    columns(&console::Term::stderr())
}

fn columns(term: &console::Term) -> Option<u16> {
    term.size_checked().map(|(_, columns)| columns)
}

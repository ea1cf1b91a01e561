//! How fast Theseus is, as ratios against a baseline that is measured in the same run.
//!
//! `cargo run --release -p theseus-bench [NAME…]` measures everything, or what is named, and prints
//! a table. Slow figures fail nothing: this is for people to read. `README.md` beside it keeps the
//! figures of the past.

mod bare;
mod fleet;
mod marathon;
mod measure;
mod program;
mod python;
mod stopwatch;
mod table;
mod witness;

use std::error::Error;
use std::process::ExitCode;

use measure::MEASUREMENTS;
use tokio::runtime;

/// What went wrong, for whoever started the benchmark.
type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut builder = match words.first() {
        // What one core can do is measured on one thread.
        Some(word) if word == measure::LISTEN => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build();
    match runtime
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(&words)))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("theseus-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(words: &[String]) -> Result<(), Failure> {
    match words.split_first() {
        // This program once more: as the sandbox that is measured against, or as what is measured.
        Some((word, pace)) if word == marathon::SERVE => marathon::serve(pace).await,
        Some((word, url)) if word == measure::READ => measure::read(url).await,
        Some((word, urls)) if word == measure::LISTEN => measure::listen(urls).await,
        _ => measure(words).await,
    }
}

async fn measure(names: &[String]) -> Result<(), Failure> {
    let known = MEASUREMENTS.map(|(name, _)| name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("there is no {unknown:?}; known are {}", known.join(", ")).into());
    }
    program::build()?;
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (name, measurement) in MEASUREMENTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            eprintln!("measuring {name} …");
            match measurement().await {
                Ok(more) => rows.extend(more),
                Err(failure) => failed.push(format!("{name}: {failure}")),
            }
        }
    }
    print!("{}", table::render(&rows));
    if failed.is_empty() {
        Ok(())
    } else {
        Err(failed.join("; ").into())
    }
}

//! How fast Theseus is, as ratios against a baseline that is measured in the same run.
//!
//! `cargo run --release -p theseus-bench [NAME…]` measures everything, or what is named, and prints
//! a table. Slow figures fail nothing: this is for people to read. `README.md` beside it keeps the
//! figures of the past.

mod fleet;
mod marathon;
mod measure;
mod program;
mod stopwatch;
mod table;
mod witness;

use std::error::Error;
use std::process::ExitCode;

use measure::MEASUREMENTS;

/// What went wrong, for whoever started the benchmark.
type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match words.split_first() {
        // This program once more, as the sandbox that is measured against.
        Some((word, pace)) if word == marathon::SERVE => marathon::serve(pace).await,
        _ => measure(&words).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("theseus-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(names: &[String]) -> Result<(), Failure> {
    let known = MEASUREMENTS.map(|(name, _)| name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("there is no {unknown:?}; known are {}", known.join(", ")).into());
    }
    program::build()?;
    let mut rows = Vec::new();
    for (name, measurement) in MEASUREMENTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            eprintln!("measuring {name} …");
            rows.extend(measurement().await?);
        }
    }
    print!("{}", table::render(&rows));
    Ok(())
}

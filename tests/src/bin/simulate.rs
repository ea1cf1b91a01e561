//! Lives through simulated stories: `simulate --seeds 1000 --from 0`, or one of them with all that
//! happens in it: `simulate --trace 17`. Or kills deployers at all pairs of their effects:
//! `simulate --double-cuts`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use theseus_tests::simulation;
use theseus_tests::simulation::cases::cases;
use theseus_tests::simulation::crash::cut_twice;

const USAGE: &str = "usage: simulate [--seeds N] [--from S] | --trace SEED | --double-cuts";

/// What is asked for.
enum Wanted {
    Search { first: u64, count: u64 },
    Trace(u64),
    DoubleCuts,
}

fn main() -> ExitCode {
    match read(std::env::args().skip(1)) {
        Some(Wanted::Search { first, count }) => search(first, count),
        Some(Wanted::Trace(seed)) => trace(seed),
        Some(Wanted::DoubleCuts) => double_cuts(),
        None => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Option<Wanted> {
    let (mut first, mut count, mut traced) = (0, 200, None);
    while let Some(name) = arguments.next() {
        if name == "--double-cuts" {
            return Some(Wanted::DoubleCuts);
        }
        let number = arguments.next()?.parse().ok()?;
        match &*name {
            "--seeds" => count = number,
            "--from" => first = number,
            "--trace" => traced = Some(number),
            _ => return None,
        }
    }
    Some(traced.map_or(Wanted::Search { first, count }, Wanted::Trace))
}

fn search(first: u64, count: u64) -> ExitCode {
    let began = Instant::now();
    let failed = AtomicU64::new(0);
    simulation::search(first, count, |seed, violations| {
        if let Some(shown) = violations.first() {
            failed.fetch_add(1, Ordering::Relaxed);
            let more = violations.len() - 1;
            println!("seed {seed}: {shown} (and {more} more)");
            println!("  replay: cargo xtask simulate --trace {seed}");
        }
    });
    let failed = failed.into_inner();
    let took = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "it is shown in whole numbers")]
    let pace = count as f64 / took;
    println!("{count} seeds from {first}, {failed} failed, {took:.1} s, {pace:.0} seeds/s");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn trace(seed: u64) -> ExitCode {
    let told = simulation::run(seed);
    for line in &told.trace {
        println!("{line}");
    }
    if told.violations.is_empty() {
        println!("seed {seed}: all promises are kept");
        return ExitCode::SUCCESS;
    }
    for violation in &told.violations {
        println!("seed {seed}: {violation}");
    }
    ExitCode::FAILURE
}

fn double_cuts() -> ExitCode {
    for case in cases() {
        let began = Instant::now();
        let pairs = cut_twice(&case, 1);
        let took = began.elapsed().as_secs_f64();
        println!("{}: {pairs} pairs of kills, {took:.1} s", case.name);
    }
    ExitCode::SUCCESS
}

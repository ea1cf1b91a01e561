//! How long it takes to read a large manifest.

use criterion::Criterion;
use theseus_core::manifest::Manifest;

mod fleet;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let source = [fleet::source(10_000)];
    criterion.bench_function("manifest/parse 10,000 groups", |bencher| {
        bencher.iter_with_large_drop(|| Manifest::parse(&source));
    });
    criterion.final_summary();
}

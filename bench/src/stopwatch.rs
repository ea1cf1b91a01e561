//! Taking times. What is compared is measured in turns (A B A B …), so that whatever else the
//! machine does falls on both; the median keeps what was out of the ordinary from counting.

use std::time::{Duration, Instant};

use crate::Failure;

/// How long it takes.
pub(crate) async fn time(
    work: impl Future<Output = Result<(), Failure>>,
) -> Result<Duration, Failure> {
    let began = Instant::now();
    work.await?;
    Ok(began.elapsed())
}

/// The middle one of several.
pub(crate) fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

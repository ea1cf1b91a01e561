//! How soon `theseus` is there, and how large it is.

use tokio::process::Command;

use crate::Failure;
use crate::program;
use crate::stopwatch::{median, time};
use crate::table::{Row, megabytes};

const PAIRS: usize = 50;

pub(super) async fn measure() -> Result<Vec<Row>, Failure> {
    let theseus = program::path()?;
    let (mut versions, mut nothings) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let mut version = Command::new(&theseus);
        versions.push(time(program::run(version.arg("--version"))).await?);
        nothings.push(time(program::run(&mut Command::new("/bin/true"))).await?);
    }
    let size = std::fs::metadata(&theseus)?.len();
    Ok(vec![
        Row::ratio(
            "`theseus --version`",
            median(versions),
            "`/bin/true`",
            median(nothings),
            "< 5 ms",
        ),
        Row::new("size of `theseus`", megabytes(size), ""),
    ])
}

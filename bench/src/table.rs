//! The table of figures, in Markdown, so that it can go into `README.md` as it is.

use std::fmt::Write as _;
use std::time::Duration;

/// One figure.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    measured: String,
    baseline: String,
    ratio: String,
    target: String,
}

impl Row {
    /// A figure that stands for itself.
    pub(crate) fn new(what: &str, measured: impl Into<String>, target: &str) -> Self {
        Self {
            what: what.to_owned(),
            measured: measured.into(),
            baseline: String::new(),
            ratio: String::new(),
            target: target.to_owned(),
        }
    }

    /// A time beside another, which is called `name`.
    pub(crate) fn ratio(
        what: &str,
        measured: Duration,
        name: &str,
        baseline: Duration,
        target: &str,
    ) -> Self {
        Self {
            baseline: format!("{name}: {}", time(baseline)),
            ratio: format!("{:.2}", measured.as_secs_f64() / baseline.as_secs_f64()),
            ..Self::new(what, time(measured), target)
        }
    }

    /// A number of bytes beside another, which is called `name`.
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    pub(crate) fn size_ratio(
        what: &str,
        measured: u64,
        name: &str,
        baseline: u64,
        target: &str,
    ) -> Self {
        Self {
            baseline: format!("{name}: {}", megabytes(baseline)),
            ratio: format!("{:.2}", measured as f64 / baseline as f64),
            ..Self::new(what, megabytes(measured), target)
        }
    }
}

/// A time, in a unit that suits it.
pub(crate) fn time(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match millis {
        ..10.0 => format!("{millis:.2} ms"),
        ..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.2} s", millis / 1000.0),
    }
}

/// A number of bytes, in millions.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A number of bytes, in thousands.
pub(crate) fn kilobytes(bytes: u64) -> String {
    format!("{} kB", bytes.div_ceil(1000))
}

/// How many millions of bytes that is in a second.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn rate(bytes: u64, time: Duration) -> String {
    format!("{:.0} MB/s", bytes as f64 / 1e6 / time.as_secs_f64())
}

/// All rows under their headings, aligned.
pub(crate) fn render(rows: &[Row]) -> String {
    let headings = ["what", "measured", "baseline", "ratio", "target"];
    let cells: Vec<[&str; 5]> = rows
        .iter()
        .map(|row| {
            [
                &*row.what,
                &*row.measured,
                &*row.baseline,
                &*row.ratio,
                &*row.target,
            ]
        })
        .collect();
    let widths: [usize; 5] = std::array::from_fn(|column| {
        let longest = cells.iter().map(|row| row[column].chars().count()).max();
        longest.unwrap_or(0).max(headings[column].len())
    });
    let rule = widths.map(|width| "-".repeat(width));
    let rule: [&str; 5] = std::array::from_fn(|column| &*rule[column]);
    let mut text = String::new();
    for row in [headings, rule].iter().chain(&cells) {
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a string cannot fail.
            let _ = write!(text, "| {cell:<width$} ");
        }
        text.push_str("|\n");
    }
    text
}

//! Tables: aligned, without lines, and no wider than the terminal.

use console::{Alignment, measure_text_width, pad_str, truncate_str};

/// Between two columns.
const GAP: &str = "  ";
/// No column is cut shorter than this.
const NARROWEST: usize = 8;

/// A column's heading, and on which side its text stands.
pub(crate) struct Column(pub(crate) &'static str, pub(crate) Align);

/// On which side a column's text stands: words left, numbers right.
#[derive(Clone, Copy)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Lays rows out under their headings. With a `width` the longest cells are cut to fit it; without,
/// as in a pipe, nothing is lost.
pub(crate) fn render(columns: &[Column], rows: &[Vec<String>], width: Option<u16>) -> String {
    let widths = widths(columns, rows, width.map(usize::from));
    let headings: Vec<String> = columns.iter().map(|column| column.0.to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&headings).chain(rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(columns)
            .zip(&widths)
            .map(|((cell, column), width)| fit(cell, column.1, *width))
            .collect();
        text.push_str(cells.join(GAP).trim_end());
        text.push('\n');
    }
    text
}

fn fit(cell: &str, align: Align, width: usize) -> String {
    let side = match align {
        Align::Left => Alignment::Left,
        Align::Right => Alignment::Right,
    };
    pad_str(&truncate_str(cell, width, "…"), width, side, None).into_owned()
}

/// As wide as the widest cell, the widest columns first cut down to what there is.
fn widths(columns: &[Column], rows: &[Vec<String>], limit: Option<usize>) -> Vec<usize> {
    let mut widths: Vec<usize> = columns
        .iter()
        .map(|column| measure_text_width(column.0))
        .collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(measure_text_width(cell));
        }
    }
    let Some(limit) = limit else {
        return widths;
    };
    let gaps = GAP.len() * columns.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > limit {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => break,
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::style::{GOOD, paint};

    const COLUMNS: [Column; 3] = [
        Column("NAME", Align::Left),
        Column("READY", Align::Right),
        Column("ID", Align::Left),
    ];

    fn rows() -> Vec<Vec<String>> {
        vec![
            vec![
                paint(GOOD, "a"),
                "1/1".to_owned(),
                "0123456789abcdef".to_owned(),
            ],
            vec!["ingestor".to_owned(), "10/10".to_owned(), "x".to_owned()],
        ]
    }

    #[test]
    fn colours_take_no_room() {
        let text = render(&COLUMNS, &rows(), None);
        let plain = console::strip_ansi_codes(&text);
        assert_eq!(
            plain,
            "NAME      READY  ID\na           1/1  0123456789abcdef\ningestor  10/10  x\n"
        );
    }

    #[test]
    fn it_is_no_wider_than_the_terminal() {
        let text = render(&COLUMNS, &rows(), Some(27));
        assert!(
            text.lines().all(|line| measure_text_width(line) <= 27),
            "{text}"
        );
        assert!(text.contains("012345678…"), "{text}");
    }
}

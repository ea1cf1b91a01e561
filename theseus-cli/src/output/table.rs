//! Tables: aligned, without lines, as wide as the terminal and no wider.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

/// A column's heading, and whether numbers stand in it.
pub(crate) struct Column(pub(crate) &'static str, pub(crate) Align);

/// On which side a column's text stands.
#[derive(Clone, Copy)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Lays rows out under their headings. With a `width`, long cells are broken to fit it.
pub(crate) fn render(columns: &[Column], rows: Vec<Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    match width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(columns.iter().map(|Column(name, align)| cell(name, *align)));
    for row in rows {
        table.add_row(
            row.iter()
                .zip(columns)
                .map(|(text, Column(_, align))| cell(text, *align)),
        );
    }
    let count = columns.len();
    for (index, column) in table.column_iter_mut().enumerate() {
        // Two blanks between columns, none at the edges.
        column.set_padding((0, if index + 1 < count { 2 } else { 0 }));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cell(text: &str, align: Align) -> Cell {
    Cell::new(text).set_alignment(match align {
        Align::Left => CellAlignment::Left,
        Align::Right => CellAlignment::Right,
    })
}

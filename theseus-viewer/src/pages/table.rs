//! Tables. Their roles are said outright, because on narrow screens rows become cards, and browsers
//! then forget what a table is.

use maud::{Markup, html};

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    name: &'static str,
    class: &'static str,
}

impl Column {
    pub(super) const fn text(name: &'static str) -> Self {
        Self {
            name,
            class: "text",
        }
    }

    pub(super) const fn number(name: &'static str) -> Self {
        Self {
            name,
            class: "number",
        }
    }
}

/// A table of these rows, which can be told apart and ordered by the page's script.
pub(super) fn table(id: &str, caption: &str, columns: &[Column], rows: &Markup) -> Markup {
    html! {
        table role="table" {
            caption.unseen { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    @for column in columns { th.(column.class) scope="col" role="columnheader" { (column.name) } }
                }
            }
            tbody id=(id) role="rowgroup" { (rows) }
        }
    }
}

/// The cell that names a row.
pub(super) fn head(content: &Markup) -> Markup {
    html! { th scope="row" role="rowheader" { (content) } }
}

/// A cell with text.
pub(super) fn text(label: &str, content: &Markup) -> Markup {
    html! { td role="cell" data-label=(label) { (content) } }
}

/// A cell with a number.
pub(super) fn number(label: &str, content: &Markup) -> Markup {
    html! { td.number role="cell" data-label=(label) { (content) } }
}

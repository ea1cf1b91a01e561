//! Containers as cells: one small sign each, a few elements for all of them, so that ten thousand
//! are no burden. Each kind has a shape of its own, besides its colour.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use maud::{Markup, html};

use crate::view::{Kind, Mark};

/// How many cells there are in a row.
const COLUMNS: usize = 30;
/// The side of a cell with the space to the next one.
const PITCH: usize = 10;
/// How many cells are drawn at most.
const MOST: usize = 300;

/// How many colours there are for groups.
pub(super) const HUES: usize = 12;

/// A cell: its colour's class, and how it is.
type Cell = (&'static str, Mark);

/// Containers, coloured by how they are.
pub(super) fn by_health(marks: impl Iterator<Item = Mark>) -> Markup {
    let marks: Vec<Mark> = marks.collect();
    let cells = marks.iter().map(|mark| (class(mark.kind), *mark));
    draw(cells, &summary(&marks))
}

/// Containers in these colours.
pub(super) fn coloured(cells: impl Iterator<Item = (usize, Mark)>) -> Markup {
    const CLASSES: [&str; HUES] = [
        "g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "g9", "g10", "g11",
    ];
    let cells: Vec<(usize, Mark)> = cells.collect();
    let marks: Vec<Mark> = cells.iter().map(|(_, mark)| *mark).collect();
    let cells = cells.iter().map(|(hue, mark)| (CLASSES[hue % HUES], *mark));
    draw(cells, &summary(&marks))
}

/// How many there are of each kind, in words: `46 running, 2 unhealthy`.
pub(super) fn summary(marks: &[Mark]) -> String {
    let counts = Kind::ALL.into_iter().filter_map(|kind| {
        let count = marks.iter().filter(|mark| mark.kind == kind).count();
        (count > 0).then(|| format!("{count} {}", kind.word()))
    });
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() {
        "no containers".to_owned()
    } else {
        counts.join(", ")
    }
}

/// A key to the shapes.
pub(super) fn key() -> Markup {
    html! {
        ul.key aria-label="What the cells mean" {
            @for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Over) {
                li { (one(class(kind), Mark { kind, is_old: false })) " " (kind.word()) }
            }
            li { (one(class(Kind::Good), Mark { kind: Kind::Good, is_old: true })) " of another revision" }
        }
    }
}

/// A square in a group's colour.
pub(super) fn swatch(hue: usize) -> Markup {
    html! { svg.swatch.(format!("g{}", hue % HUES)) width="10" height="10" viewBox="0 0 8 8" aria-hidden="true" { path d="M0 0h8v8h-8z" {} } }
}

fn one(class: &'static str, mark: Mark) -> Markup {
    let mut path = String::new();
    shape(&mut path, 0, 0, mark);
    html! { svg.cells width="10" height="10" viewBox="0 0 8 8" aria-hidden="true" { path.(class) d=(path) {} } }
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Good => "good",
        Kind::Rising | Kind::Falling => "busy",
        Kind::Bad | Kind::Lost => "bad",
        Kind::Over => "idle",
    }
}

fn draw(cells: impl Iterator<Item = Cell>, label: &str) -> Markup {
    let mut paths: BTreeMap<&'static str, String> = BTreeMap::new();
    let mut count = 0;
    for (index, (class, mark)) in cells.enumerate() {
        count += 1;
        if index < MOST {
            let (x, y) = (index % COLUMNS * PITCH, index / COLUMNS * PITCH);
            shape(paths.entry(class).or_default(), x, y, mark);
        }
    }
    let shown = count.min(MOST);
    let width = (shown.min(COLUMNS) * PITCH).max(PITCH);
    let height = (shown.div_ceil(COLUMNS) * PITCH).max(PITCH);
    html! {
        svg.cells width=(width) height=(height) viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(label) {
            title { (label) }
            @for (class, path) in paths { path.(class) d=(path) {} }
        }
        @if count > shown { span.more { "+" (count - shown) } }
    }
}

/// Adds the shape of a container, in a square of 8 by 8.
fn shape(path: &mut String, x: usize, y: usize, mark: Mark) {
    // Writing to a string cannot fail.
    let _ = match (mark.kind, mark.is_old) {
        (Kind::Good, false) => write!(path, "M{x} {y}h8v8h-8z"),
        (Kind::Good, true) => write!(path, "M{} {}h4v4h-4z", x + 2, y + 2),
        // The inner square runs the other way round, and so is a hole.
        (Kind::Rising, _) => {
            write!(path, "M{x} {y}h8v8h-8zM{} {}v4h4v-4z", x + 2, y + 2)
        }
        (Kind::Falling, _) => write!(path, "M{x} {}h8v4h-8z", y + 4),
        (Kind::Bad, _) => write!(path, "M{x} {}h8l-4-8z", y + 8),
        (Kind::Lost, _) => write!(path, "M{} {y}l4 4-4 4-4-4z", x + 4),
        (Kind::Over, _) => write!(path, "M{x} {}h8v2h-8z", y + 3),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(kind: Kind) -> Mark {
        Mark {
            kind,
            is_old: false,
        }
    }

    #[test]
    fn cells_of_a_kind_are_one_element() {
        let marks = [Kind::Good, Kind::Bad, Kind::Good].map(mark);
        let drawn = by_health(marks.into_iter()).into_string();
        assert!(
            drawn.contains(r#"aria-label="2 running, 1 unhealthy""#),
            "{drawn}"
        );
        assert!(
            drawn.contains(r#"d="M0 0h8v8h-8zM20 0h8v8h-8z""#),
            "{drawn}"
        );
        assert!(drawn.contains(r#"d="M10 8h8l-4-8z""#), "{drawn}");
    }

    #[test]
    fn ten_thousand_cells_stay_small() {
        let drawn = by_health(std::iter::repeat_n(mark(Kind::Good), 10_000)).into_string();
        assert!(drawn.len() < 10_000, "{}", drawn.len());
        assert!(drawn.contains("+9700"), "{drawn}");
    }
}

//! Drawing what is used on a whole terminal, however small.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};
use theseus_core::told::Tone;
use theseus_core::usage::{By, Sort, Top};

use super::cells::{Cell, Heading, cells, headings, sum};
use super::view::View;
use crate::output::human;
use crate::output::style::inert;
use crate::output::table::Align;

/// What is drawn.
pub(super) struct Screen<'a> {
    /// The cluster.
    pub(super) name: &'a str,
    pub(super) top: &'a Top,
    pub(super) view: &'a View,
    /// What keeps it from being up to date.
    pub(super) trouble: Option<&'a str>,
    pub(super) now: Timestamp,
    pub(super) colours: bool,
}

/// Between two columns.
const GAP: usize = 2;
/// No column of words is cut shorter than this.
const NARROWEST: usize = 8;
/// Lines above the rows: what all comes to, how it is sorted, the headings.
const ABOVE: u16 = 3;
/// In fewer lines than these only headings and rows are shown.
const LOW: u16 = 7;

const HELP: [(&str, &str); 12] = [
    ("arrows, j k", "up and down"),
    ("PgUp, PgDn", "a page"),
    ("c  g  h", "by container, group, host"),
    ("s", "sort by the next column"),
    ("p", "sort by cpu"),
    ("m", "by memory"),
    ("t", "by how much is throttled"),
    ("r", "by restarts"),
    ("n", "by name"),
    ("the same again", "the other way round"),
    ("/", "only rows with a text"),
    ("q, Esc", "quit"),
];

/// How many rows fit.
pub(super) fn lines(size: Size) -> usize {
    let around = if size.height < LOW { 1 } else { ABOVE + 1 };
    usize::from(size.height.saturating_sub(around))
}

pub(super) fn draw(frame: &mut Frame<'_>, screen: &Screen<'_>) {
    let area = frame.area();
    let is_low = area.height < LOW;
    let mut lines = Vec::new();
    if !is_low {
        lines.push(title(screen));
        lines.push(how(screen));
    }
    lines.extend(table(screen, area));
    let room = usize::from(area.height.saturating_sub(u16::from(!is_low)));
    lines.truncate(room);
    frame.render_widget(Paragraph::new(lines), area);
    // A filter that is being written must be seen, however little room there is.
    if !is_low || screen.view.typing {
        let last = Rect {
            y: area.bottom().saturating_sub(1),
            height: area.height.min(1),
            ..area
        };
        frame.render_widget(Clear, last);
        frame.render_widget(Paragraph::new(footer(screen)), last);
    }
    if screen.view.help {
        help(frame);
    }
}

fn strong() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn faint() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// The colour of a meaning.
fn style(tone: Tone, colours: bool) -> Style {
    let colour = match tone {
        Tone::Plain => return Style::new(),
        Tone::Faint => return faint(),
        Tone::Good => Color::Green,
        Tone::Change => Color::Yellow,
        Tone::Bad => Color::Red,
    };
    if colours {
        return Style::new().fg(colour);
    }
    // Without colours what is wrong still stands out.
    if tone == Tone::Bad {
        strong()
    } else {
        Style::new()
    }
}

/// What everything comes to.
fn title(screen: &Screen<'_>) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("theseus top  {}  ", inert(screen.name)), strong()),
        Span::raw(sum(&screen.top.total)),
    ])
}

/// How it is sorted, and whether it is up to date.
fn how(screen: &Screen<'_>) -> Line<'static> {
    let view = screen.view;
    let by = match view.by {
        By::Container => "container",
        By::Group => "group",
        By::Host => "host",
    };
    let sort = match view.sort {
        Sort::Cpu => "cpu",
        Sort::Memory => "memory",
        Sort::Throttled => "throttled",
        Sort::Restarts => "restarts",
        Sort::Name => "name",
    };
    let reversed = if view.reversed { ", reversed" } else { "" };
    let filter = match view.filter.as_str() {
        "" => String::new(),
        filter => format!(", with \"{}\"", inert(filter)),
    };
    let age = human::age(Some(screen.top.at), screen.now);
    let mut spans = vec![Span::styled(
        format!("by {by}, sorted by {sort}{reversed}{filter}; {age} ago"),
        faint(),
    )];
    let bad = style(Tone::Bad, screen.colours);
    if let Some(trouble) = screen.trouble {
        spans.push(Span::styled(format!("  {}", inert(trouble)), bad));
    } else if let Some(quiet) = screen.top.quiet.first() {
        let more = match screen.top.quiet.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let host = inert(&quiet.host);
        spans.push(Span::styled(format!("  {host}{more} does not tell"), bad));
    }
    Line::from(spans)
}

/// The headings, and as many rows as there are from the first on the screen.
fn table(screen: &Screen<'_>, area: Rect) -> Vec<Line<'static>> {
    let view = screen.view;
    let headings = headings(view.by);
    let rows = view.rows(screen.top);
    let shown = rows.iter().enumerate().skip(view.first);
    let shown: Vec<(usize, Vec<Cell>)> = shown
        .take(usize::from(area.height))
        .map(|(index, row)| (index, cells(view.by, row, screen.now)))
        .collect();
    let wanted: Vec<usize> = (0..headings.len())
        .map(|column| {
            let cells = shown.iter().map(|(_, cells)| &cells[column].text);
            let longest = cells.map(|text| width_of(text)).max().unwrap_or(0);
            // The mark of what it is sorted by takes room, too.
            longest.max(width_of(headings[column].name) + 1)
        })
        .collect();
    let widths = fit(&headings, wanted, usize::from(area.width));
    let mut lines = vec![heading_line(&headings, &widths, view)];
    for (index, cells) in shown {
        let mut line = Line::default();
        for ((cell, heading), width) in cells.into_iter().zip(&headings).zip(&widths) {
            let Some(width) = width else { continue };
            let text = if heading.tells_by_its_end {
                &shorten(&cell.text, *width)
            } else {
                &cell.text
            };
            let text = pad(text, heading.align, *width);
            line.push_span(Span::styled(text, style(cell.tone, screen.colours)));
            line.push_span(Span::raw(" ".repeat(GAP)));
        }
        if index == view.marked {
            line = line.patch_style(Style::new().add_modifier(Modifier::REVERSED));
        }
        lines.push(line);
    }
    if rows.is_empty() {
        let why = if view.filter.is_empty() {
            "nothing runs"
        } else {
            "nothing with this text"
        };
        lines.push(Line::styled(why, faint()));
    }
    lines
}

fn heading_line(headings: &[Heading], widths: &[Option<usize>], view: &View) -> Line<'static> {
    let mut line = Line::default();
    for (heading, width) in headings.iter().zip(widths) {
        let Some(width) = width else { continue };
        let is_sorted = heading.sort == Some(view.sort);
        let mark = match (is_sorted, view.reversed) {
            (false, _) => "",
            (true, false) => "▾",
            (true, true) => "▴",
        };
        let text = pad(&format!("{}{mark}", heading.name), heading.align, *width);
        let style = if is_sorted {
            strong().add_modifier(Modifier::UNDERLINED)
        } else {
            strong()
        };
        line.push_span(Span::styled(text, style));
        line.push_span(Span::raw(" ".repeat(GAP)));
    }
    line
}

fn width_of(text: &str) -> usize {
    console::measure_text_width(text)
}

fn pad(text: &str, align: Align, width: usize) -> String {
    let side = match align {
        Align::Left => console::Alignment::Left,
        Align::Right => console::Alignment::Right,
    };
    let text = console::truncate_str(text, width, "…");
    console::pad_str(&text, width, side, None).into_owned()
}

/// The end of a text that is too long.
fn shorten(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let end = text.chars().skip(count + 1 - width.max(1));
    std::iter::once('…').chain(end).collect()
}

/// How wide each column is in so much room: words are cut first, and then the columns that matter
/// least go.
fn fit(headings: &[Heading], wanted: Vec<usize>, room: usize) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = wanted.into_iter().map(Some).collect();
    loop {
        let columns = widths.iter().flatten().count();
        let gaps = GAP * columns.saturating_sub(1);
        let taken: usize = widths.iter().flatten().sum::<usize>() + gaps;
        let Some(excess) = taken.checked_sub(room).filter(|it| *it > 0) else {
            return widths;
        };
        let is_words = |index: &usize| matches!(headings[*index].align, Align::Left);
        let cuttable = (0..widths.len())
            .filter(is_words)
            .filter(|index| widths[*index].is_some_and(|width| width > NARROWEST))
            .max_by_key(|index| widths[*index]);
        if let Some(width) = cuttable.and_then(|index| widths[index].as_mut()) {
            *width = width.saturating_sub(excess.min(1));
            continue;
        }
        if columns <= 1 {
            // Not even one column fits whole.
            for width in widths.iter_mut().flatten() {
                *width = room;
            }
            return widths;
        }
        let least = (0..widths.len())
            .filter(|index| widths[*index].is_some())
            .min_by_key(|index| headings[*index].weight);
        if let Some(least) = least {
            widths[least] = None;
        }
    }
}

fn footer(screen: &Screen<'_>) -> Line<'static> {
    if screen.view.typing {
        let filter = inert(&screen.view.filter);
        return Line::from(vec![
            Span::styled("/", strong()),
            Span::raw(filter),
            Span::styled(" ", Style::new().add_modifier(Modifier::REVERSED)),
            Span::styled("  Enter keeps it, Esc takes it away", faint()),
        ]);
    }
    let mut line = Line::default();
    for (key, what) in [
        ("q", "quit"),
        ("?", "help"),
        ("c g h", "containers, groups, hosts"),
        ("s", "sort"),
        ("/", "filter"),
    ] {
        line.push_span(Span::styled(key, strong()));
        line.push_span(Span::styled(format!(" {what}   "), faint()));
    }
    line
}

/// The keys, over everything else.
fn help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let keys = HELP.iter().map(|(key, _)| width_of(key)).max();
    let keys = keys.unwrap_or_default();
    let lines: Vec<Line<'_>> = HELP
        .iter()
        .map(|(key, what)| {
            Line::from(vec![
                Span::styled(format!(" {key:<keys$}  "), strong()),
                Span::raw(*what),
            ])
        })
        .collect();
    let longest = lines.iter().map(Line::width).max().unwrap_or_default();
    let width = u16::try_from(longest + 3)
        .unwrap_or(u16::MAX)
        .min(area.width);
    let height = u16::try_from(HELP.len() + 2).unwrap_or(u16::MAX);
    let height = height.min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, place);
    let block = Block::bordered().title(" keys ");
    frame.render_widget(Paragraph::new(lines).block(block), place);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::cells::tests::some;
    use super::super::keys::Key;
    use super::*;

    /// What a terminal of this size shows.
    fn drawn(width: u16, height: u16, view: &mut View, trouble: Option<&str>) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let top = some(view.by);
        let rows = view.rows(&top).len();
        view.settle(rows, lines(Size::new(width, height)));
        let screen = Screen {
            name: "the sandbox",
            top: &top,
            view,
            trouble,
            now: Timestamp::from_second(203).unwrap(),
            colours: true,
        };
        terminal.draw(|frame| draw(frame, &screen)).unwrap();
        terminal.backend().to_string()
    }

    fn view(by: By) -> View {
        View::new(by, Sort::Cpu)
    }

    #[test]
    fn a_usual_terminal() {
        insta::assert_snapshot!(drawn(100, 12, &mut view(By::Container), None));
        insta::assert_snapshot!(drawn(100, 8, &mut view(By::Group), None));
        insta::assert_snapshot!(drawn(100, 8, &mut view(By::Host), None));
    }

    #[test]
    fn a_small_terminal_shows_what_matters_most() {
        let mut view = view(By::Container);
        view.press(Key::Letter('m'), 1);
        insta::assert_snapshot!(drawn(50, 8, &mut view, None));
        insta::assert_snapshot!(drawn(24, 4, &mut view, None));
    }

    #[test]
    fn any_size_can_be_drawn() {
        for by in [By::Container, By::Group, By::Host] {
            for (width, height) in [(1, 1), (3, 2), (9, 3), (10, 40), (200, 1)] {
                let mut view = view(by);
                drawn(width, height, &mut view, Some("it is away"));
                view.help = true;
                drawn(width, height, &mut view, None);
                view.typing = true;
                drawn(width, height, &mut view, None);
            }
        }
    }

    #[test]
    fn help_a_filter_and_trouble() {
        let mut view = view(By::Container);
        view.help = true;
        insta::assert_snapshot!(drawn(70, 16, &mut view, None));
        view.help = false;
        view.typing = true;
        view.filter = "zz".to_owned();
        let trouble = Some("cannot reach marathon");
        insta::assert_snapshot!(drawn(90, 8, &mut view, trouble));
    }

    #[test]
    fn without_colours_nothing_is_coloured() {
        for tone in [Tone::Good, Tone::Change, Tone::Bad, Tone::Faint] {
            assert_eq!(style(tone, false).fg, None, "{tone:?}");
        }
    }
}

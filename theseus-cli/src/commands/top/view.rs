//! What is shown of what was seen, and how keys change that: pure, so that it can be tested.

use theseus_core::usage::{By, Row, Sort, Top};

use super::keys::Key;

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) by: By,
    pub(super) sort: Sort,
    /// Whether the order is the other way round.
    pub(super) reversed: bool,
    /// Only rows that hold this.
    pub(super) filter: String,
    /// Whether the filter is being written.
    pub(super) typing: bool,
    /// Whether the keys are told.
    pub(super) help: bool,
    /// Which row is marked.
    pub(super) marked: usize,
    /// Which row is the first on the screen.
    pub(super) first: usize,
}

/// What a key asks for besides another view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing.
    Stay,
    /// To end.
    Quit,
    /// To give the terminal back for a while.
    Suspend,
}

/// In this order `s` goes through them.
const SORTS: [Sort; 5] = [
    Sort::Cpu,
    Sort::Memory,
    Sort::Throttled,
    Sort::Restarts,
    Sort::Name,
];

impl View {
    pub(super) fn new(by: By, sort: Sort) -> Self {
        Self {
            by,
            sort,
            reversed: false,
            filter: String::new(),
            typing: false,
            help: false,
            marked: 0,
            first: 0,
        }
    }

    /// The rows that are shown, in their order.
    pub(super) fn rows<'a>(&self, top: &'a Top) -> Vec<&'a Row> {
        let wanted = self.filter.to_lowercase();
        let holds = |text: &str| text.to_lowercase().contains(&wanted);
        let is_wanted = |row: &&Row| {
            wanted.is_empty()
                || holds(&row.name)
                || row.host.as_deref().is_some_and(holds)
                || row.group.as_ref().is_some_and(|it| holds(&it.to_string()))
        };
        let mut rows: Vec<&Row> = top.rows.iter().filter(is_wanted).collect();
        if self.reversed {
            rows.reverse();
        }
        rows
    }

    /// Keeps the mark on a row and on the screen, where there are so many rows and so many lines.
    pub(super) fn settle(&mut self, rows: usize, lines: usize) {
        self.marked = self.marked.min(rows.saturating_sub(1));
        let lines = lines.max(1);
        let last = rows.saturating_sub(lines);
        self.first = self
            .first
            .clamp(self.marked.saturating_sub(lines - 1), self.marked)
            .min(last);
    }

    /// Does what a key says; a page has so many lines.
    pub(super) fn press(&mut self, key: Key, page: usize) -> Wish {
        match key {
            Key::Interrupt => return Wish::Quit,
            Key::Suspend => return Wish::Suspend,
            _ => {}
        }
        if self.typing {
            self.write(key);
            return Wish::Stay;
        }
        if std::mem::take(&mut self.help) {
            // Any key takes the help away, and does no more.
            return Wish::Stay;
        }
        let page = page.max(1);
        match key {
            Key::Letter('q') => return Wish::Quit,
            Key::Letter('?') => self.help = true,
            Key::Letter('/') => self.typing = true,
            Key::Letter('c') => self.turn(By::Container),
            Key::Letter('g') => self.turn(By::Group),
            Key::Letter('h') => self.turn(By::Host),
            Key::Letter('s') => self.sort_by_the_next(),
            Key::Letter('p') => self.sort_by(Sort::Cpu),
            Key::Letter('m') => self.sort_by(Sort::Memory),
            Key::Letter('t') => self.sort_by(Sort::Throttled),
            Key::Letter('r') => self.sort_by(Sort::Restarts),
            Key::Letter('n') => self.sort_by(Sort::Name),
            Key::Letter('j') | Key::Down => self.marked = self.marked.saturating_add(1),
            Key::Letter('k') | Key::Up => self.marked = self.marked.saturating_sub(1),
            Key::PageDown | Key::Letter(' ') => self.marked = self.marked.saturating_add(page),
            Key::PageUp => self.marked = self.marked.saturating_sub(page),
            Key::Home => self.marked = 0,
            Key::End => self.marked = usize::MAX,
            // The filter goes before the program does.
            Key::Escape if self.filter.is_empty() => return Wish::Quit,
            Key::Escape => self.filter.clear(),
            Key::Letter(_) | Key::Enter | Key::Back | Key::Interrupt | Key::Suspend => {}
        }
        Wish::Stay
    }

    fn write(&mut self, key: Key) {
        match key {
            Key::Letter(letter) => self.filter.push(letter),
            Key::Back => drop(self.filter.pop()),
            Key::Enter => self.typing = false,
            Key::Escape => {
                self.typing = false;
                self.filter.clear();
            }
            _ => return,
        }
        self.marked = 0;
    }

    fn turn(&mut self, by: By) {
        if self.by != by {
            self.by = by;
            self.marked = 0;
        }
    }

    /// Sorts so, or the other way round where it is sorted so already.
    fn sort_by(&mut self, sort: Sort) {
        self.reversed = self.sort == sort && !self.reversed;
        self.sort = sort;
    }

    fn sort_by_the_next(&mut self) {
        let now = SORTS.iter().position(|sort| *sort == self.sort);
        let next = now.map_or(0, |now| (now + 1) % SORTS.len());
        self.sort = SORTS[next];
        self.reversed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::tests::some;
    use super::*;

    fn view() -> View {
        View::new(By::Container, Sort::Cpu)
    }

    fn press(view: &mut View, keys: &str) {
        for key in keys.chars() {
            assert_eq!(view.press(Key::Letter(key), 10), Wish::Stay, "{key}");
        }
    }

    #[test]
    fn keys_sort_and_turn() {
        let mut view = view();
        press(&mut view, "m");
        assert_eq!((view.sort, view.reversed), (Sort::Memory, false));
        press(&mut view, "m");
        assert_eq!((view.sort, view.reversed), (Sort::Memory, true));
        press(&mut view, "s");
        assert_eq!((view.sort, view.reversed), (Sort::Throttled, false));
        press(&mut view, "rns");
        assert_eq!(view.sort, Sort::Cpu, "after the last comes the first");
        for (key, by) in [("g", By::Group), ("h", By::Host), ("c", By::Container)] {
            press(&mut view, key);
            assert_eq!(view.by, by);
        }
        assert_eq!(view.press(Key::Letter('q'), 10), Wish::Quit);
        assert_eq!(view.press(Key::Interrupt, 10), Wish::Quit);
        assert_eq!(view.press(Key::Suspend, 10), Wish::Suspend);
    }

    #[test]
    fn help_stays_until_the_next_key_which_does_no_more() {
        let mut view = view();
        press(&mut view, "?");
        assert!(view.help);
        press(&mut view, "q");
        assert!(!view.help);
        press(&mut view, "?");
        assert_eq!(view.press(Key::Interrupt, 10), Wish::Quit);
    }

    #[test]
    fn a_filter_is_written_and_taken_away() {
        let top = some(By::Container);
        let mut view = view();
        press(&mut view, "/Bq");
        assert_eq!(view.filter, "Bq");
        view.press(Key::Back, 10);
        press(&mut view, "b");
        view.press(Key::Enter, 10);
        let names: Vec<&str> = view.rows(&top).iter().map(|row| &*row.name).collect();
        assert_eq!(names, ["web_dev_r1.bbbb"]);
        assert_eq!(view.press(Key::Escape, 10), Wish::Stay, "the filter goes");
        assert_eq!(view.rows(&top).len(), 5);
        press(&mut view, "/agent-1");
        assert_eq!(view.rows(&top).len(), 5, "a host");
        assert_eq!(view.press(Key::Escape, 10), Wish::Stay);
        assert_eq!((view.typing, view.filter.as_str()), (false, ""));
        assert_eq!(view.press(Key::Escape, 10), Wish::Quit);
    }

    #[test]
    fn the_mark_stays_on_the_rows_and_the_screen() {
        let mut view = view();
        for (key, marked, first) in [
            (Key::Up, 0, 0),
            (Key::Down, 1, 0),
            (Key::PageDown, 4, 2),
            (Key::Letter('k'), 3, 2),
            (Key::End, 9, 7),
            (Key::PageUp, 6, 6),
            (Key::Home, 0, 0),
        ] {
            view.press(key, 3);
            view.settle(10, 3);
            assert_eq!((view.marked, view.first), (marked, first), "{key:?}");
        }
        view.press(Key::End, 3);
        view.settle(10, 3);
        view.settle(2, 3);
        assert_eq!((view.marked, view.first), (1, 0), "there are fewer now");
        view.settle(0, 0);
        assert_eq!((view.marked, view.first), (0, 0));
    }
}

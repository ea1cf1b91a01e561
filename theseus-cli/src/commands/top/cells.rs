//! What is told in each column of a row, for the table and for the screen.

use jiff::Timestamp;
use theseus_core::cluster::ContainerState;
use theseus_core::fullness::Fullness;
use theseus_core::told::Tone;
use theseus_core::usage::{Amount, By, Row, Sort, Top, Total};

use super::super::hosts::{bytes, none, number};
use super::super::ps::tone_of;
use crate::output::human;
use crate::output::style::{inert, toned};
use crate::output::table::{Align, Column, render};

/// What one column says of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) tone: Tone,
}

/// A column of the rows.
#[derive(Clone, Copy)]
pub(super) struct Heading {
    pub(super) name: &'static str,
    pub(super) align: Align,
    /// What is sorted by where it is sorted by this column.
    pub(super) sort: Option<Sort>,
    /// Where there is no room for all, those that matter least go first.
    pub(super) weight: u8,
    /// Whether the end of its texts says more than their beginning.
    pub(super) tells_by_its_end: bool,
}

const fn heading(name: &'static str, align: Align, sort: Option<Sort>, weight: u8) -> Heading {
    Heading {
        name,
        align,
        sort,
        weight,
        tells_by_its_end: false,
    }
}

const CPU: Heading = heading("CPU", Align::Right, Some(Sort::Cpu), 9);
const THROTTLED: Heading = heading("THROTTLED", Align::Right, Some(Sort::Throttled), 3);
const MEMORY: Heading = heading("MEMORY", Align::Right, Some(Sort::Memory), 8);
const RESTARTS: Heading = heading("RESTARTS", Align::Right, Some(Sort::Restarts), 5);

/// The columns of such rows.
pub(super) fn headings(by: By) -> Vec<Heading> {
    let numbers = [CPU, THROTTLED, MEMORY, RESTARTS];
    let name = |name| heading(name, Align::Left, Some(Sort::Name), 10);
    let mut headings = match by {
        By::Container => vec![
            name("GROUP"),
            heading("HOST", Align::Left, None, 4),
            heading("STATE", Align::Left, None, 6),
        ],
        By::Group => vec![name("GROUP"), heading("CONTAINERS", Align::Left, None, 6)],
        By::Host => vec![name("HOST"), heading("CONTAINERS", Align::Left, None, 6)],
    };
    // It is counted for groups and their places, not for machines.
    let counted = |it: &Heading| by != By::Host || it.sort != Some(Sort::Restarts);
    headings.extend(numbers.into_iter().filter(counted));
    if by == By::Container {
        headings.push(Heading {
            tells_by_its_end: true,
            ..heading("CONTAINER", Align::Left, None, 7)
        });
    }
    headings
}

/// What those columns say of a row.
pub(super) fn cells(by: By, row: &Row, now: Timestamp) -> Vec<Cell> {
    let mut cells = match by {
        By::Container => {
            let group = row.group.as_ref().map(ToString::to_string);
            let host = row.host.as_deref().map(inert);
            vec![
                plain(group.unwrap_or_else(none)),
                plain(host.unwrap_or_else(none)),
                state(row, now),
            ]
        }
        By::Group | By::Host => vec![plain(inert(&row.name)), count(row, now)],
    };
    cells.extend([
        cpu(&row.amount),
        throttled(&row.amount),
        memory(&row.amount),
    ]);
    if by != By::Host {
        cells.push(restarts(row.restarts));
    }
    if by == By::Container {
        cells.push(plain(inert(&row.name)));
    }
    cells
}

/// A table of all rows, below what they come to.
pub(super) fn table(top: &Top, width: Option<u16>) -> String {
    if top.rows.is_empty() {
        return "Nothing runs.\n".to_owned();
    }
    let columns: Vec<Column> = headings(top.by)
        .iter()
        .map(|heading| Column(heading.name, heading.align))
        .collect();
    let rows: Vec<Vec<String>> = top
        .rows
        .iter()
        .map(|row| {
            let cells = cells(top.by, row, top.at).into_iter();
            cells.map(|cell| toned(cell.tone, &cell.text)).collect()
        })
        .collect();
    format!("{}\n{}", sum(&top.total), render(&columns, &rows, width))
}

/// What everything comes to, in a line.
pub(super) fn sum(total: &Total) -> String {
    let count = human::count(total.containers as usize, "container");
    let lost = match total.out_of_reach {
        0 => String::new(),
        lost => format!(" ({lost} out of reach)"),
    };
    format!(
        "{count}{lost}, cpu {}, memory {}",
        cpu(&total.amount).text,
        memory(&total.amount).text
    )
}

fn plain(text: String) -> Cell {
    let tone = Tone::Plain;
    Cell { text, tone }
}

fn state(row: &Row, now: Timestamp) -> Cell {
    let since = || {
        let since = row.out_of_reach_since;
        since.map_or_else(String::new, |since| {
            format!(" {}", human::age(Some(since), now))
        })
    };
    let (text, tone) = match row.state {
        Some(ContainerState::Unreachable) => (format!("unreachable{}", since()), Tone::Bad),
        _ if row.out_of_reach > 0 => (format!("no answer{}", since()), Tone::Bad),
        Some(state) => (state.as_str().to_owned(), tone_of(state)),
        None => (none(), Tone::Plain),
    };
    Cell { text, tone }
}

fn count(row: &Row, now: Timestamp) -> Cell {
    let (count, lost) = (row.containers, row.out_of_reach);
    if lost == 0 {
        return plain(count.to_string());
    }
    let since = row.out_of_reach_since;
    let since = since.map(|since| format!(" {}", human::age(Some(since), now)));
    Cell {
        text: format!("{count} ({lost} out of reach{})", since.unwrap_or_default()),
        tone: Tone::Bad,
    }
}

fn cpu(amount: &Amount) -> Cell {
    let used = amount.cpu.map(|cpu| format!("{cpu:.2}"));
    // Whoever takes all of it is slowed down, which may be as it is meant.
    let tone = match fullness(amount.cpu.zip(amount.cpu_limit)) {
        Fullness::Full => Tone::Change,
        Fullness::Filling | Fullness::Roomy => Tone::Plain,
    };
    let text = of(used, amount.cpu_limit.map(number));
    Cell { text, tone }
}

fn memory(amount: &Amount) -> Cell {
    let (used, limit) = (amount.memory.map(mib), amount.memory_limit.map(mib));
    let tone = match fullness(used.zip(limit)) {
        Fullness::Full => Tone::Bad,
        Fullness::Filling => Tone::Change,
        Fullness::Roomy => Tone::Plain,
    };
    let text = of(used.map(bytes), limit.map(bytes));
    Cell { text, tone }
}

fn throttled(amount: &Amount) -> Cell {
    let Some(throttled) = amount.throttled else {
        return plain(none());
    };
    Cell {
        text: format!("{throttled:.2}"),
        tone: if throttled >= 0.01 {
            Tone::Change
        } else {
            Tone::Faint
        },
    }
}

fn restarts(restarts: Option<u32>) -> Cell {
    let Some(restarts) = restarts else {
        return plain(none());
    };
    Cell {
        text: restarts.to_string(),
        tone: if restarts > 0 {
            Tone::Change
        } else {
            Tone::Faint
        },
    }
}

/// What is used, of how much.
fn of(used: Option<String>, limit: Option<String>) -> String {
    match (used, limit) {
        (Some(used), Some(limit)) => format!("{used}/{limit}"),
        (Some(used), None) => used,
        (None, Some(limit)) => format!("-/{limit}"),
        (None, None) => none(),
    }
}

/// How much is taken of what may be; where either is not known nothing is said.
fn fullness(used: Option<(f64, f64)>) -> Fullness {
    used.map_or(Fullness::Roomy, |(used, limit)| Fullness::of(used, limit))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "it is told to a tenth of its largest unit"
)]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn row(name: &str, state: ContainerState, used: Option<(f64, u64)>) -> Row {
        Row {
            name: name.to_owned(),
            group: Some("web:dev".parse().unwrap()),
            host: Some("agent-1".into()),
            state: Some(state),
            containers: 1,
            amount: Amount {
                cpu: used.map(|it| it.0),
                cpu_limit: used.map(|_| 0.6),
                throttled: used.map(|it| it.0 / 10.0),
                memory: used.map(|it| it.1 << 20),
                memory_limit: used.map(|_| 128 << 20),
            },
            restarts: None,
            out_of_reach: 0,
            out_of_reach_since: None,
        }
    }

    /// Five containers, of which one is lost and one is on a host that does not answer.
    pub(in super::super) fn some(by: By) -> Top {
        let running = ContainerState::Running;
        let mut rows = vec![
            row("web_dev_r1.aaaa", running, Some((0.58, 125))),
            row("web_dev_r1.bbbb", running, Some((0.0, 40))),
            row("web_dev_r1.cccc", ContainerState::Staging, None),
            row("web_dev_r1.dddd", ContainerState::Unreachable, None),
            row("web_dev_r1.e\u{1b}e", running, None),
        ];
        rows[1].restarts = Some(3);
        rows[3].out_of_reach = 1;
        rows[3].out_of_reach_since = Some(at(60));
        rows[4].out_of_reach = 1;
        rows[4].out_of_reach_since = Some(at(180));
        if by != By::Container {
            let mut sum = row("web:dev", running, Some((0.58, 165)));
            sum.containers = 5;
            sum.out_of_reach = 2;
            sum.out_of_reach_since = Some(at(60));
            sum.restarts = Some(4);
            rows = vec![sum];
        }
        let total = Total {
            containers: 5,
            amount: Amount {
                cpu: Some(0.58),
                cpu_limit: Some(1.2),
                throttled: None,
                memory: Some(165 << 20),
                memory_limit: Some(256 << 20),
            },
            out_of_reach: 2,
        };
        Top {
            format_version: 1,
            at: at(200),
            by,
            rows,
            total,
            quiet: Vec::new(),
        }
    }

    #[test]
    fn tables() {
        for by in [By::Container, By::Group, By::Host] {
            let text = table(&some(by), None);
            let name = format!("{by:?}").to_lowercase();
            insta::assert_snapshot!(name, console::strip_ansi_codes(&text));
        }
    }

    #[test]
    fn there_are_as_many_cells_as_columns() {
        for by in [By::Container, By::Group, By::Host] {
            let row = &some(by).rows[0];
            assert_eq!(cells(by, row, at(0)).len(), headings(by).len());
        }
    }
}

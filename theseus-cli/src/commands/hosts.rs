//! `theseus hosts`

use std::cmp::Ordering;

use clap::ValueEnum;
use theseus_core::cluster::{HostState, Scope};
use theseus_core::hosts::{HostStatus, Hosts, Share, hosts};

use crate::args::{Format, Global};
use crate::connect::connect;
use crate::failure::{Code, Failure};
use crate::output::style::{BAD, CHANGE, GOOD, inert, paint};
use crate::output::table::{Align, Column, render};
use crate::output::{print, print_json, say, width};

const EXAMPLES: &str = "\
Examples:
  theseus hosts --sort mem
  theseus hosts --format json | jq '.hosts[] | select(.cpus.free > 2) | .host'";

/// Show the machines: what they have, what is taken of it, and which groups run there
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which hosts come first: `name`, or the fullest by `cpus`, `mem`, `disk`, `ports` or
    /// `containers`
    #[arg(long, value_enum, value_name = "BY", hide_possible_values = true, default_value_t = Sort::Name)]
    sort: Sort,
    /// Show what is free, and the hosts' attributes, too
    #[arg(long)]
    wide: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sort {
    Name,
    Cpus,
    Mem,
    Disk,
    Ports,
    Containers,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let connection = connect(global).await?;
    let (inventory, observed) = tokio::join!(
        connection.cluster.hosts(),
        connection.engine.observe(&Scope::All)
    );
    let mut told = hosts(&inventory?, &observed?);
    told.hosts.sort_by(|a, b| compare(args.sort, a, b));
    match global.format {
        Format::Json => print_json(&told)?,
        Format::Text if told.hosts.is_empty() => print("No hosts are known.\n")?,
        Format::Text => print(&table(&told, args.wide, width()))?,
    }
    if !told.complete && global.format == Format::Text {
        say("There may be more hosts: the Mesos master is out of reach, and tells all of them.\n");
    }
    Ok(Code::Done)
}

/// The fullest first, those of which nothing is known last; hosts that are equal stay in the order
/// of their names.
fn compare(sort: Sort, a: &HostStatus, b: &HostStatus) -> Ordering {
    let fullness = |part: fn(&HostStatus) -> &Share| {
        let ratio = |host| part(host).ratio().unwrap_or(-1.0);
        ratio(b).total_cmp(&ratio(a))
    };
    match sort {
        Sort::Name => Ordering::Equal,
        Sort::Cpus => fullness(|host| &host.cpus),
        Sort::Mem => fullness(|host| &host.mem),
        Sort::Disk => fullness(|host| &host.disk),
        Sort::Ports => fullness(|host| &host.ports),
        Sort::Containers => b.count().cmp(&a.count()),
    }
}

fn table(told: &Hosts, wide: bool, width: Option<u16>) -> String {
    let mut columns = vec![
        Column("HOST", Align::Left),
        Column("STATE", Align::Left),
        Column("CPUS", Align::Right),
        Column("MEM", Align::Right),
        Column("DISK", Align::Right),
        Column("PORTS", Align::Right),
    ];
    if wide {
        columns.extend([
            Column("FREE CPUS", Align::Right),
            Column("FREE MEM", Align::Right),
            Column("FREE DISK", Align::Right),
            Column("FREE PORTS", Align::Left),
            Column("ATTRIBUTES", Align::Left),
        ]);
    }
    columns.push(Column("CONTAINERS", Align::Left));
    let rows: Vec<Vec<String>> = told.hosts.iter().map(|host| row(host, wide)).collect();
    render(&columns, &rows, width)
}

fn row(host: &HostStatus, wide: bool) -> Vec<String> {
    let mut row = vec![
        inert(&host.host),
        state(host.state),
        of(&host.cpus, number),
        of(&host.mem, bytes),
        of(&host.disk, bytes),
        of(&host.ports, number),
    ];
    if wide {
        let free = |share: &Share, say: fn(f64) -> String| share.free.map_or_else(none, say);
        row.extend([
            free(&host.cpus, number),
            free(&host.mem, bytes),
            free(&host.disk, bytes),
            ports(host),
            attributes(host),
        ]);
    }
    let running = host.containers.iter();
    let running: Vec<String> = running
        .map(|it| format!("{} {}", it.count, it.group))
        .collect();
    row.push(if running.is_empty() {
        none()
    } else {
        running.join(", ")
    });
    row
}

pub(super) fn none() -> String {
    "-".to_owned()
}

/// What is taken, of how much.
pub(super) fn of(share: &Share, say: fn(f64) -> String) -> String {
    match (share.used, share.total) {
        (Some(used), Some(total)) => format!("{}/{}", say(used), say(total)),
        (None, Some(total)) => format!("?/{}", say(total)),
        (_, None) => none(),
    }
}

pub(super) fn ports(host: &HostStatus) -> String {
    let ranges = host.free_ports.as_deref().unwrap_or_default();
    let texts: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    if texts.is_empty() {
        none()
    } else {
        texts.join(",")
    }
}

pub(super) fn attributes(host: &HostStatus) -> String {
    let pairs: Vec<String> = host
        .attributes
        .iter()
        .map(|(name, value)| inert(&format!("{name}={value}")))
        .collect();
    if pairs.is_empty() {
        none()
    } else {
        pairs.join(" ")
    }
}

pub(super) fn state(state: HostState) -> String {
    match state {
        HostState::Active => paint(GOOD, "active"),
        HostState::Draining => paint(CHANGE, "draining"),
        HostState::Gone => paint(BAD, "gone"),
    }
}

/// With one digit after the point, where there is any.
pub(super) fn number(amount: f64) -> String {
    let text = format!("{amount:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// From MiB, in its largest unit: `96M`, `1.5G`, `2T`.
pub(super) fn bytes(mib: f64) -> String {
    let units = [("T", 1024.0 * 1024.0), ("G", 1024.0)];
    let fitting = units.into_iter().find(|(_, size)| mib >= *size);
    let (unit, size) = fitting.unwrap_or(("M", 1.0));
    format!("{}{unit}", number(mib / size))
}

#[cfg(test)]
mod tests {
    use theseus_core::hosts::{PortRange, Running};

    use super::*;

    fn host(name: &str, cpus: Option<(f64, f64)>, containers: u32) -> HostStatus {
        let share = cpus.map_or_else(Share::default, |(used, total)| Share {
            total: Some(total),
            used: Some(used),
            free: Some(total - used),
        });
        HostStatus {
            host: name.into(),
            state: HostState::Active,
            attributes: [("rack".to_owned(), "a\u{1b}".to_owned())].into(),
            cpus: share,
            mem: Share {
                total: share.total.map(|total| total * 1024.0),
                ..share
            },
            disk: Share::default(),
            ports: share,
            free_ports: Some(vec![PortRange(31_000..=31_000), PortRange(31_005..=31_006)]),
            containers: vec![Running {
                group: "web:dev".parse().unwrap(),
                count: containers,
            }],
        }
    }

    #[test]
    fn the_fullest_come_first_and_the_unknown_last() {
        let all = [
            host("a", None, 9),
            host("b", Some((1.0, 4.0)), 1),
            host("c", Some((2.0, 4.0)), 2),
        ];
        for (sort, expected) in [
            (Sort::Name, "abc"),
            (Sort::Cpus, "cba"),
            (Sort::Containers, "acb"),
        ] {
            let mut sorted = all.to_vec();
            sorted.sort_by(|a, b| compare(sort, a, b));
            let names: String = sorted.iter().map(|host| &*host.host).collect();
            assert_eq!(names, expected, "{sort:?}");
        }
    }

    #[test]
    fn a_table_of_hosts() {
        let told = Hosts {
            format_version: 1,
            complete: true,
            hosts: vec![host("a", None, 9), host("b", Some((1.25, 4.0)), 1)],
        };
        let plain = |wide| console::strip_ansi_codes(&table(&told, wide, None)).into_owned();
        let narrow = "\
HOST  STATE    CPUS    MEM  DISK  PORTS  CONTAINERS
a     active      -      -     -      -  9 web:dev
b     active  1.2/4  1.2M/4G     -  1.2/4  1 web:dev
";
        let squeezed = |text: &str| {
            let words = text
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>());
            words.map(|it| it.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(squeezed(&plain(false)), squeezed(narrow));
        let wide = plain(true);
        assert!(wide.contains("31000,31005-31006  rack=a\\u{1b}"), "{wide}");
    }

    #[test]
    fn amounts_are_told_in_their_largest_unit() {
        for (mib, told) in [
            (0.0, "0M"),
            (96.0, "96M"),
            (1536.0, "1.5G"),
            (2_097_152.0, "2T"),
        ] {
            assert_eq!(bytes(mib), told);
        }
    }
}

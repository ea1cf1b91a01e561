//! All machines: a tile each, with what it has and what is on it.

use maud::{Markup, html};
use theseus_core::cluster::HostState;

use super::filter::{self, Field, Filter, Form, Marks};
use super::layout::{group_path, machine_path};
use super::pen::Pen;
use super::{Ask, Sight, address, cells, empty, meter, warning, words};
use crate::view::{Known, Machine, Machines};

/// How many groups a tile names.
const MOST: usize = 6;

const STATES: [&str; 3] = ["active", "draining", "gone"];

/// By what containers are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    Health,
    Group,
}

impl Colours {
    fn of(ask: &Ask) -> Self {
        if ask.by == "group" {
            Self::Group
        } else {
            Self::Health
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Group => "group",
        }
    }
}

pub(super) fn write(sight: &Sight<'_>, pen: &mut Pen) -> Markup {
    let view = sight.view;
    let known = view.known.as_deref();
    let colours = Colours::of(sight.ask);
    let filter = Filter::of(sight.ask);
    let tiles: Vec<_> = known
        .into_iter()
        .flat_map(|known| known.machines.each().map(move |it| (known, it)))
        .map(|(known, (machine, changed))| (known, machine, changed, marks(machine)))
        .collect();
    let seen = tiles.iter().filter(|(.., it)| filter.matches(it)).count();
    let all = tiles.len();
    let rows = tiles.into_iter().map(|(known, machine, changed, marks)| {
        let hidden = !filter.matches(&marks);
        let id = format!("machine:{}", machine.status.host);
        let write = move |id: &str, _| tile(id, known, machine, colours, &marks, hidden);
        (id, changed, write)
    });
    let listed = known.map_or(view.version, |known| known.machines.list_changed());
    let told = known.map_or(view.version, |known| known.machines.changed.max(listed));
    html! {
        h1 { "Machines" }
        (pen.part("told", told, |_| html! { @if let Some(known) = known { (news(&known.machines)) } }))
        div.bar-of-choices {
            nav.choice aria-label="Colours of containers" {
                @for it in [Colours::Health, Colours::Group] {
                    @let href = address::with_query("/machines", &[("by", Some(it.name())), ("q", Some(&sight.ask.q))]);
                    a href=(href) aria-current=[(it == colours).then_some("true")] { "By " (it.name()) }
                }
            }
            @if let Some(href) = sight.links.agents() { a.outside href=(href) rel="noreferrer" { "In Mesos" } }
        }
        (form(sight, colours, seen, all))
        div #rows .tiles { (pen.rows("rows", listed, rows)) }
        (cells::key())
    }
}

/// How far what is shown is to be trusted.
pub(super) fn news(machines: &Machines) -> Markup {
    html! {
        @if let Some(trouble) = &machines.trouble {
            (warning("The cluster does not tell of its machines", trouble, "What they have is as it was told last."))
        }
        @if machines.told_at.is_none() && machines.trouble.is_none() {
            p.soft { "Asking the cluster for its machines…" }
        } @else if machines.each().next().is_none() {
            (empty("No machine is known.", &html! { "The cluster has none, or does not tell." }))
        } @else if !machines.is_complete {
            p.soft { "The cluster does not tell of all machines: these are those that it happens to know, and those that containers are on." }
        }
    }
}

fn form(sight: &Sight<'_>, colours: Colours, seen: usize, all: usize) -> Markup {
    let ask = sight.ask;
    let more = [
        Field::Text("service", "Service", &ask.service, None),
        Field::Choice("state", "State", &ask.state, &STATES),
    ];
    let form = Form {
        action: "/machines",
        list: "rows",
        noun: "machine",
        more: &more,
        kept: &[("by", colours.name())],
    };
    filter::form(&form, ask, seen, all)
}

fn marks(machine: &Machine) -> Marks {
    let host = &machine.status;
    let groups: Vec<String> = host
        .containers
        .iter()
        .map(|it| it.group.to_string())
        .collect();
    let mut services: Vec<&str> = host
        .containers
        .iter()
        .map(|it| it.group.service.as_str())
        .collect();
    services.dedup();
    let attributes: Vec<String> = host
        .attributes
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    Marks {
        text: format!(
            "{} {} {}",
            host.host,
            attributes.join(" "),
            groups.join(" ")
        )
        .to_lowercase(),
        service: services.join(" ").to_lowercase(),
        labels: String::new(),
        state: state_name(host.state).to_owned(),
        hosts: host.host.to_lowercase(),
    }
}

fn state_name(state: HostState) -> &'static str {
    match state {
        HostState::Active => "active",
        HostState::Draining => "draining",
        HostState::Gone => "gone",
    }
}

/// Whether a machine takes containers.
pub(super) fn state(state: HostState) -> Markup {
    let (class, sign) = match state {
        HostState::Active => ("good", "●"),
        HostState::Draining => ("odd", "◑"),
        HostState::Gone => ("bad", "✕"),
    };
    words::signed(class, sign, state_name(state))
}

fn tile(
    id: &str,
    known: &Known,
    machine: &Machine,
    colours: Colours,
    marks: &Marks,
    hidden: bool,
) -> Markup {
    let host = &machine.status;
    html! {
        article.tile id=(id) hidden[hidden] data-text=(marks.text) data-service=(marks.service)
            data-labels="" data-state=(marks.state) data-hosts=(marks.hosts) {
            h2 { a href=(machine_path(&host.host)) { (host.host) } " " (state(host.state)) }
            (resources(machine))
            p { (on_it(known, machine, colours == Colours::Group)) }
            (groups(machine, colours == Colours::Group))
        }
    }
}

/// What a machine has, and what is taken of that.
pub(super) fn resources(machine: &Machine) -> Markup {
    let host = &machine.status;
    html! {
        div.meters {
            (meter::share("cpus", &host.cpus, words::number))
            (meter::share("memory", &host.mem, words::mib))
            (meter::share("disk", &host.disk, words::mib))
            (meter::share("ports", &host.ports, words::whole))
        }
    }
}

/// The containers on a machine, as cells.
pub(super) fn on_it(known: &Known, machine: &Machine, by_group: bool) -> Markup {
    html! {
        @if machine.cells.is_empty() { span.soft { "no containers" } }
        @else if by_group {
            (cells::coloured(machine.cells.iter().map(|cell| {
                (hue(&known.at(cell.group).status.group.to_string()), cell.mark)
            })))
        } @else { (cells::by_health(machine.cells.iter().map(|cell| cell.mark))) }
    }
}

/// The groups on a machine, in the order of its cells.
fn groups(machine: &Machine, coloured: bool) -> Markup {
    let running = &machine.status.containers;
    html! {
        ul.groups {
            @for it in running.iter().take(MOST) {
                li {
                    @if coloured { (cells::swatch(hue(&it.group.to_string()))) " " }
                    a href=(group_path(&it.group)) { (it.group) } " " span.of { (it.count) }
                }
            }
            @if running.len() > MOST { li.soft { "and " (running.len() - MOST) " more" } }
        }
    }
}

/// The colour of a group: always the same one, whatever else there is.
pub(super) fn hue(group: &str) -> usize {
    let hash = group.bytes().fold(0_usize, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(usize::from(byte))
    });
    hash % cells::HUES
}

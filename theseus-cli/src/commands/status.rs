//! `theseus status`

use jiff::Timestamp;
use theseus_core::cluster::Scope;
use theseus_core::model::GroupSelector;
use theseus_core::registry::{self, Detail};
use theseus_core::status::{Condition, GroupStatus, Status, status};

use super::endpoints::doubt;
use super::selection::{select, unknown};
use crate::args::{Format, Global};
use crate::connect::{Connection, connect, connect_store};
use crate::failure::{Code, Failure};
use crate::output::style::{BAD, CHANGE, GOOD, NOTE, inert, paint};
use crate::output::table::{Align, Column, render};
use crate::output::{human, print, print_json, say, width};

const EXAMPLES: &str = "\
Examples:
  theseus status
  theseus status --recorded                by the registry, without asking the cluster
  theseus status ingestor --format json | jq '.groups[] | {group, healthy}'";

/// Show what is deployed, and how it is doing
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Groups such as ingestor:dev, or services; everything when none is named
    #[arg(value_name = "GROUP")]
    groups: Vec<GroupSelector>,
    /// Tell what is written down, without asking the cluster: quick however large it is, and there
    /// while it is away
    #[arg(long)]
    recorded: bool,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let status = if args.recorded {
        recorded(global, &args.groups).await?
    } else {
        look(&connect(global).await?, &args.groups).await?
    };
    match global.format {
        Format::Json => print_json(&status)?,
        Format::Text if status.groups.is_empty() => print("Nothing is deployed.\n")?,
        Format::Text => print(&table(&status, Timestamp::now(), width()))?,
    }
    for group in &status.groups {
        if let Some(reason) = &group.unread {
            let (group, reason) = (&group.group, inert(reason));
            say(&format!("What runs of {group} is not known: {reason}\n"));
        }
    }
    if global.format == Format::Text && status.foreign > 0 {
        say(&foreign(status.foreign));
    }
    Ok(Code::Done)
}

/// Looks at all groups, and keeps those that are meant.
pub(super) async fn look(
    connection: &Connection,
    groups: &[GroupSelector],
) -> Result<Status, Failure> {
    // Whoever names groups asks for nobody else's apps.
    let scope = if groups.is_empty() {
        Scope::Everything
    } else {
        Scope::All
    };
    let (observed, counts) = tokio::join!(
        connection.engine.observe(&scope),
        registry::counts(&*connection.store)
    );
    let observed = observed?;
    let mut status = status(&observed);
    status.tell_restarts(&counts?);
    let selected = select(&observed, groups)?;
    if !groups.is_empty() {
        status
            .groups
            .retain(|group| selected.contains(&&group.group));
    }
    Ok(status)
}

/// What is written down of the groups that are meant, with a note where that may not be so now.
async fn recorded(global: &Global, groups: &[GroupSelector]) -> Result<Status, Failure> {
    let store = connect_store(global).await?;
    let detail = match global.format {
        Format::Json => Detail::Containers,
        Format::Text => Detail::Counts,
    };
    let mut status = registry::status(&*store, detail).await?;
    let standing = registry::standing(&*store).await?;
    if let Some(doubt) = doubt(&standing, Timestamp::now()) {
        say(&format!("{} {doubt}\n", paint(NOTE, "note:")));
    }
    for selector in groups {
        let mut known = status.groups.iter().map(|it| &it.group);
        if !known.clone().any(|group| selector.matches(group)) {
            return Err(unknown(selector, known.by_ref()));
        }
    }
    if !groups.is_empty() {
        status
            .groups
            .retain(|it| groups.iter().any(|selector| selector.matches(&it.group)));
    }
    Ok(status)
}

/// That somebody else's apps run here, too.
fn foreign(apps: usize) -> String {
    let (apps, verb) = match apps {
        1 => ("1 app".to_owned(), "runs"),
        apps => (format!("{apps} apps"), "run"),
    };
    format!(
        "{} {apps} {verb} that no group accounts for; theseus adopt --list shows them\n",
        paint(NOTE, "note:")
    )
}

fn table(status: &Status, now: Timestamp, width: Option<u16>) -> String {
    let columns = [
        Column("GROUP", Align::Left),
        Column("STATE", Align::Left),
        Column("READY", Align::Right),
        Column("RESTARTS", Align::Right),
        Column("REV", Align::Right),
        Column("IMAGE", Align::Left),
        Column("AGE", Align::Right),
    ];
    let row = |group: &GroupStatus| {
        vec![
            group.group.to_string(),
            condition(group.condition()),
            format!("{}/{}", group.healthy, group.instances),
            restarts(group.restarts),
            group
                .revision
                .map_or_else(|| "-".to_owned(), |revision| revision.to_string()),
            group.image.as_deref().map_or_else(|| "-".to_owned(), inert),
            human::age(group.deployed_at, now),
        ]
    };
    render(
        &columns,
        &status.groups.iter().map(row).collect::<Vec<_>>(),
        width,
    )
}

/// How often containers were restarted; those that were not want no attention.
pub(super) fn restarts(restarts: Option<u32>) -> String {
    match restarts {
        None => "-".to_owned(),
        Some(0) => "0".to_owned(),
        Some(restarts) => paint(CHANGE, &restarts.to_string()),
    }
}

/// A condition in the colour of its meaning.
pub(super) fn condition(condition: Condition) -> String {
    let style = match condition {
        Condition::Well => GOOD,
        Condition::Down | Condition::Degraded | Condition::Failed => BAD,
        Condition::Paused | Condition::Drifted | Condition::Deploying | Condition::Removing => {
            CHANGE
        }
    };
    paint(style, condition.as_str())
}

//! `theseus history`

use jiff::Timestamp;
use theseus_core::audit;
use theseus_core::cluster::Scope;
use theseus_core::history::{History, Past};
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::records::Ended;
use theseus_core::state::GroupState;

use super::selection::unknown;
use crate::args::{Format, Global};
use crate::connect::connect;
use crate::failure::{Code, Failure};
use crate::output::style::{BAD, CHANGE, FAINT, GOOD, inert, paint};
use crate::output::table::{Align, Column, render};
use crate::output::{human, print, print_json, width};

const EXAMPLES: &str = "\
Examples:
  theseus history ingestor:dev
  theseus rollback ingestor:dev --to 3";

/// Show the revisions of a group, the latest first, also when it was removed
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A group such as ingestor:dev
    #[arg(value_name = "GROUP")]
    group: GroupId,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let connection = connect(global).await?;
    let (history, observed) = tokio::try_join!(
        connection.engine.history(&args.group),
        connection.engine.observe(&Scope::All),
    )?;
    let state = observed.groups.get(&args.group);
    if history.is_empty() && state.is_none_or(GroupState::is_absent) {
        let selector = GroupSelector::Group(args.group.clone());
        return Err(unknown(&selector, observed.groups.keys()));
    }
    let record = state.and_then(|state| state.record.as_ref());
    let current = record.map(|stored| stored.record.revision);
    let history = History::new(&args.group, &history, current);
    match global.format {
        Format::Json => print_json(&history)?,
        Format::Text if history.revisions.is_empty() => print("It has no history.\n")?,
        Format::Text => print(&table(&history, Timestamp::now(), width()))?,
    }
    Ok(Code::Done)
}

fn table(history: &History<'_>, now: Timestamp, width: Option<u16>) -> String {
    let columns = [
        Column("", Align::Left),
        Column("REV", Align::Right),
        Column("IMAGE", Align::Left),
        Column("AGE", Align::Right),
        Column("OUTCOME", Align::Left),
        Column("BY", Align::Left),
        Column("REASON", Align::Left),
    ];
    let or_dash = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), inert);
    let row = |past: &Past<'_>| {
        vec![
            if past.current {
                paint(GOOD, "▸")
            } else {
                String::new()
            },
            past.revision.to_string(),
            inert(past.image),
            human::age(Some(past.created_at), now),
            outcome(past.outcome),
            or_dash(audit::who(past.by)),
            or_dash(past.reason),
        ]
    };
    let rows: Vec<_> = history.revisions.iter().map(row).collect();
    render(&columns, &rows, width)
}

/// How a revision ended, in the colour of its meaning.
fn outcome(outcome: Option<Ended>) -> String {
    let Some(outcome) = outcome else {
        return paint(CHANGE, "under way");
    };
    let style = match outcome {
        Ended::Deployed | Ended::Adopted | Ended::Restored => GOOD,
        Ended::RolledBack | Ended::Failed => BAD,
        Ended::Superseded | Ended::Removed => FAINT,
    };
    paint(style, outcome.as_str())
}

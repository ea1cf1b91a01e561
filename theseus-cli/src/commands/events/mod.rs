//! `theseus events`

mod live;
mod trail;
mod words;

use std::time::Duration;

use jiff::Timestamp;
use theseus_core::model::GroupSelector;
use theseus_core::told::Told;

use self::live::live;
use crate::args::{Format, Global, parse_duration};
use crate::connect::{connect, connect_store};
use crate::failure::{Code, Failure};
use crate::interrupt;
use crate::output::style::{FAINT, NOTE, STRONG, paint};
use crate::output::{print_json_line, print_line, say};

const EXAMPLES: &str = "\
Examples:
  theseus events                         what happens from now on
  theseus events ingestor --since 1d     who did what to it since yesterday
  theseus events --since 1h --follow     the same, and then what happens";

/// Tell what happens, and who did what
///
/// What containers do comes from the cluster as it happens; who deployed, scaled or removed what, and
/// what came of it, is kept in the store, of which the latest 10,000 entries stay. A Marathon that has
/// no event stream sends what happens to the subscriber of mesos.yaml; without one it is looked at
/// every few seconds, and what has changed in between is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Groups such as ingestor:dev, or services; everything when none is named
    #[arg(value_name = "GROUP")]
    groups: Vec<GroupSelector>,
    /// Tell who did what in so long a time, such as 1h or 7d, and end there
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    since: Option<Duration>,
    /// After --since: go on with what happens
    #[arg(long, short, requires = "since")]
    follow: bool,
}

/// Tells what is meant.
struct Teller<'a> {
    format: Format,
    groups: &'a [GroupSelector],
}

impl Teller<'_> {
    /// Tells it; says whether anybody reads.
    fn tell(&self, told: &Told) -> Result<bool, Failure> {
        let is_meant = told.group().is_none_or(|group| {
            self.groups.is_empty() || self.groups.iter().any(|it| it.matches(group))
        });
        if !is_meant {
            return Ok(true);
        }
        if self.format == Format::Json {
            return print_json_line(told);
        }
        let sentence = words::sentence(told);
        let Some(group) = told.group() else {
            // That nothing is known for a while is no event of a group.
            say(&format!("{} {sentence}\n", paint(NOTE, "note:")));
            return Ok(true);
        };
        let at = told.at().unwrap_or_else(Timestamp::now);
        print_line(&format!(
            "{} {} {sentence}\n",
            paint(FAINT, &format!("{at:.0}")),
            paint(STRONG, &format!("{group}:")),
        ))
    }
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let teller = Teller {
        format: global.format,
        groups: &args.groups,
    };
    let is_live = args.since.is_none() || args.follow;
    if !is_live {
        let store = connect_store(global).await?;
        let mut trail = trail::since(args.since);
        let (written, _) = trail.catch_up(&*store, Timestamp::now()).await?;
        for record in written {
            if !teller.tell(&Told::Audit(record))? {
                break;
            }
        }
        return Ok(Code::Done);
    }
    let connection = connect(global).await?;
    let ended = tokio::select! {
        () = interrupt::requested() => Ok(Code::Done),
        ended = live(&connection, &teller, args.since) => ended,
    };
    // What was left with Marathon so that it tells what happens goes with whoever was told.
    connection.cluster.unsubscribe().await;
    ended
}

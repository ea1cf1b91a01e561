//! `theseus top`

mod cells;
mod keys;
mod live;
mod look;
mod screen;
mod terminal;
mod view;

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::ValueEnum;
use theseus_core::model::GroupSelector;
use theseus_core::usage::{By, Sort, Top};
use tokio::time::{Instant, sleep_until};

use self::look::Looker;
use crate::args::{Format, Global, parse_duration};
use crate::connect::connect;
use crate::failure::{Code, Failure};
use crate::interrupt;
use crate::output::style::{NOTE, inert, paint};
use crate::output::{print, print_json, print_json_line, say, width};

/// Counters tick too slowly to tell anything sooner.
const SHORTEST: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  theseus top                                 live, on the whole terminal; ? tells the keys
  theseus top ingestor --by host --sort memory
  theseus top --once                          a table
  theseus top --once --format json | jq '.rows[] | select(.memory > 0.9 * .memory_limit)'";

/// Show what containers use: cpu, memory, how much they are throttled, how often they restart
///
/// Two looks tell how busy a container is, so the first figures take as long as --every says. What
/// restarts is counted by the registrar, for each group since its revision was deployed, and for
/// each place of a fixed-host group.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Groups such as ingestor:dev, or services; everything when none is named
    #[arg(value_name = "GROUP")]
    groups: Vec<GroupSelector>,
    /// What a row is of: `container`, `group` or `host`
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true, default_value_t = ByWhat::Container)]
    by: ByWhat,
    /// Which rows come first: the most `cpu`, `memory`, `throttled` or `restarts`, or by `name`
    #[arg(long, value_enum, value_name = "BY", hide_possible_values = true, default_value_t = SortBy::Cpu)]
    sort: SortBy,
    /// How often to look, such as 2s; not more than twice a second
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse_pace)]
    every: Duration,
    /// Look, tell, and end
    #[arg(long)]
    once: bool,
}

fn parse_pace(text: &str) -> Result<Duration, String> {
    let every = parse_duration(text)?;
    if every < SHORTEST {
        return Err("expected 500ms or longer".to_owned());
    }
    Ok(every)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ByWhat {
    Container,
    Group,
    Host,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SortBy {
    Cpu,
    Memory,
    Throttled,
    Restarts,
    Name,
}

impl From<ByWhat> for By {
    fn from(by: ByWhat) -> Self {
        match by {
            ByWhat::Container => Self::Container,
            ByWhat::Group => Self::Group,
            ByWhat::Host => Self::Host,
        }
    }
}

impl From<SortBy> for Sort {
    fn from(sort: SortBy) -> Self {
        match sort {
            SortBy::Cpu => Self::Cpu,
            SortBy::Memory => Self::Memory,
            SortBy::Throttled => Self::Throttled,
            SortBy::Restarts => Self::Restarts,
            SortBy::Name => Self::Name,
        }
    }
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let is_live = !args.once && global.format == Format::Text;
    if is_live && !std::io::stdout().is_terminal() {
        return Err(
            Failure::usage("theseus top fills a terminal, and stdout is none")
                .hint("--once prints a table, --format json a line for each look"),
        );
    }
    let connection = connect(global).await?;
    let looker = Looker::new(&connection, &args.groups);
    let (by, sort) = (args.by.into(), args.sort.into());
    if is_live {
        let view = view::View::new(by, sort);
        return live::run(&connection.name, looker, view, args.every).await;
    }
    tokio::select! {
        () = interrupt::requested() => Ok(Code::Done),
        told = told(global, looker, args, by, sort) => told,
    }
}

/// Tells what is used, once or again and again.
async fn told(
    global: &Global,
    mut looker: Looker,
    args: &Args,
    by: By,
    sort: Sort,
) -> Result<Code, Failure> {
    let mut next = Instant::now() + args.every;
    looker.look().await?;
    loop {
        sleep_until(next).await;
        next = Instant::now() + args.every;
        let top = match looker.look().await {
            Ok(look) => look.top(by, sort, &args.groups),
            Err(failure) if args.once => return Err(failure),
            // The next look may tell.
            Err(failure) => {
                failure.print();
                continue;
            }
        };
        match (args.once, global.format) {
            (true, Format::Json) => print_json(&top)?,
            (true, Format::Text) => {
                print(&cells::table(&top, width()))?;
                note(&top);
            }
            (false, _) => {
                if print_json_line(&top)? {
                    continue;
                }
            }
        }
        return Ok(Code::Done);
    }
}

/// Says which hosts do not tell.
fn note(top: &Top) {
    for quiet in &top.quiet {
        say(&format!(
            "{} {} does not tell what its containers use: {}\n",
            paint(NOTE, "note:"),
            inert(&quiet.host),
            inert(&quiet.reason)
        ));
    }
}

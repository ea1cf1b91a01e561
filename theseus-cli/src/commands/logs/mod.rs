//! `theseus logs`

mod select;
mod show;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use theseus_core::cluster::{Cluster, LogStart, Output, Outputs};
use theseus_core::logs::{Query, Reader, Scene};
use theseus_core::model::duration;
use tokio::time::timeout;

use crate::args::{Format, Global};
use crate::connect::connect;
use crate::failure::{Code, Failure};
use crate::interrupt;
use crate::output::style::{NOTE, paint};
use crate::output::{has_colours, print_json_lines, print_lines, say};
use show::{Look, Printer, Tally};

/// How many of the last lines are told unless something else is asked for.
const USUAL_TAIL: u64 = 100;

/// How long taking back what was left with the engine may take once somebody wants to end.
const FAREWELL: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
  theseus logs ingestor:dev                     the last lines of each of its containers
  theseus logs ingestor:dev --follow            and what they write from now on, through rollouts too
  theseus logs ingestor --since 10m --stderr    what went wrong lately, in all groups of the service
  theseus logs ingestor:dev --grep 'timeout|refused'
  theseus logs ingestor:dev --previous          of containers that are over
  theseus logs b8d1e0a2 --tail all              one container, from the oldest line that is kept
  theseus logs ingestor:dev -f --format json    for programs: an object a line";

/// Show what containers write, and follow it
///
/// Both outputs of every container are told in one order: by the time with which lines begin where they
/// do (2026-01-02T03:04:05Z), and for each output as it was written. Lines of stderr are marked with !
/// instead of |. Files that a rotation has renamed or compressed are read as well.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are what a person may ask for"
)]
pub(crate) struct Args {
    /// Groups such as ingestor:dev, services, or containers by their ids or as logs shows them
    #[arg(value_name = "GROUP|CONTAINER", required = true)]
    names: Vec<String>,
    /// Go on with what is written, also by containers that come later
    #[arg(long, short)]
    follow: bool,
    /// Only the last lines of each output, or `all` [default: 100, or all with --since or --grep]
    #[arg(long, short = 'n', value_name = "LINES", value_parser = parse_tail)]
    tail: Option<Tail>,
    /// Let --tail count the lines of all containers together
    #[arg(long, requires = "tail")]
    in_all: bool,
    /// Only what was written in so long a time, such as 10m, or since a time, such as
    /// 2026-01-02T03:04:05Z; lines that do not tell their time are shown
    #[arg(long, value_name = "DURATION|TIME", value_parser = parse_since)]
    since: Option<Since>,
    /// Only lines that match this regular expression; (?i) at its beginning ignores case
    #[arg(long, value_name = "REGEX", value_parser = parse_regex)]
    grep: Option<Regex>,
    /// Only stdout
    #[arg(long, conflicts_with = "stderr")]
    stdout: bool,
    /// Only stderr
    #[arg(long)]
    stderr: bool,
    /// Of containers that are over, as long as their hosts keep what they wrote
    #[arg(long, conflicts_with = "follow")]
    previous: bool,
    /// Begin each line with when it was written, where that is known
    #[arg(long, short)]
    timestamps: bool,
    /// Leave out which container has written a line
    #[arg(long)]
    no_prefix: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    All,
    Lines(u64),
}

fn parse_tail(text: &str) -> Result<Tail, String> {
    match text {
        "all" => Ok(Tail::All),
        _ => text
            .parse()
            .map(Tail::Lines)
            .map_err(|_| "expected a number of lines, or all".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    Ago(Duration),
    Time(Timestamp),
}

fn parse_since(text: &str) -> Result<Since, String> {
    if let Some(ago) = duration::parse(text) {
        return Ok(Since::Ago(ago));
    }
    text.parse().map(Since::Time).map_err(|_| {
        format!(
            "expected {}, or a time such as 2026-01-02T03:04:05Z",
            duration::EXPECTED
        )
    })
}

fn parse_regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| {
        let told = error.to_string();
        let last = told.lines().last().unwrap_or_default();
        last.trim_start_matches("error: ").to_owned()
    })
}

impl Args {
    fn query(&self, now: Timestamp) -> Query {
        let since = self.since.map(|since| match since {
            Since::Time(time) => time,
            Since::Ago(ago) => {
                let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
                now.saturating_sub(ago).unwrap_or(Timestamp::MIN)
            }
        });
        let start = match (self.tail, since) {
            (Some(Tail::Lines(lines)), _) => LogStart::LastLines(lines),
            (_, Some(since)) => LogStart::Since(since),
            (Some(Tail::All), None) => LogStart::Oldest,
            (None, None) if self.grep.is_some() => LogStart::Oldest,
            (None, None) => LogStart::LastLines(USUAL_TAIL),
        };
        let most = match self.tail {
            Some(Tail::Lines(lines)) if self.in_all => usize::try_from(lines).ok(),
            _ => None,
        };
        Query {
            outputs: match (self.stdout, self.stderr) {
                (true, _) => Outputs::Only(Output::Stdout),
                (_, true) => Outputs::Only(Output::Stderr),
                _ => Outputs::Both,
            },
            start,
            since,
            grep: self.grep.clone(),
            most,
            follow: self.follow,
            ..Query::default()
        }
    }
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let connection = connect(global).await?;
    let mut query = args.query(Timestamp::now());
    let chosen = select::select(&connection, args, query.since).await?;
    for note in &chosen.notes {
        say(&format!("{} {note}\n", paint(NOTE, "note:")));
    }
    query.joining = chosen.joining;
    let look = Look {
        prefix: !args.no_prefix && !chosen.is_one_container,
        group: !chosen.is_one_group,
        timestamps: args.timestamps,
    };
    let printer = Printer::new(look, has_colours());
    let scene = Scene {
        cluster: Arc::clone(&connection.cluster),
        store: Arc::clone(&connection.store),
    };
    end_when_asked(Arc::clone(&connection.cluster));
    let reader = Reader::new(scene, query, chosen.speakers);
    let told = tell(reader, printer, global.format).await;
    connection.cluster.unsubscribe().await;
    told?.outcome()
}

/// Tells all of it, or until nobody reads any more.
async fn tell(mut reader: Reader, mut printer: Printer, format: Format) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    while let Some(batch) = reader.next().await {
        tally.count(&batch);
        let is_read = match format {
            Format::Json => print_json_lines(&batch)?,
            Format::Text => {
                let (lines, words) = printer.text(&batch);
                let is_read = lines.is_empty() || print_lines(&lines)?;
                say(&words);
                is_read
            }
        };
        if !is_read {
            return Ok(Tally::default());
        }
    }
    Ok(tally)
}

/// Ends the process as soon as somebody asks for it, also while whoever reads does not.
fn end_when_asked(cluster: Arc<dyn Cluster>) {
    tokio::spawn(async move {
        interrupt::requested().await;
        // What was left with Marathon so that it tells what happens goes, too.
        let _ = timeout(FAREWELL, cluster.unsubscribe()).await;
        std::process::exit(i32::from(Code::Done as u8));
    });
}

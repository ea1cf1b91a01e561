//! `theseus events`

mod words;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use theseus_core::audit::{self, AUDIT, AuditRecord, Outcome};
use theseus_core::cluster::Events;
use theseus_core::model::GroupSelector;
use theseus_core::records;
use theseus_core::store::{Entry, Page, Revision, Store, StoreError, Watched};
use theseus_core::told::Told;
use tokio::time::sleep;

use crate::args::{Format, Global, parse_duration};
use crate::connect::{Connection, connect, connect_store};
use crate::failure::{Code, Failure};
use crate::interrupt;
use crate::output::style::{FAINT, NOTE, STRONG, paint};
use crate::output::{print_json_line, print_line, say};

/// How soon the store is asked again that broke off.
const AGAIN: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  theseus events                         what happens from now on
  theseus events ingestor --since 1d     who did what to it since yesterday
  theseus events --since 1h --follow     the same, and then what happens";

/// Tell what happens, and who did what
///
/// What containers do comes from the cluster as it happens; who deployed, scaled or removed what, and
/// what came of it, is kept in the store, of which the latest 10,000 entries stay.
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
        let _ = Trail::new(args.since).catch_up(&*store, &teller).await?;
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

/// What was told of the audit trail.
struct Trail {
    /// Everything from here on is told.
    since: Timestamp,
    /// What is told already of what may be read again.
    told: BTreeSet<(Timestamp, String, &'static str)>,
}

impl Trail {
    fn new(since: Option<Duration>) -> Self {
        let ago =
            SignedDuration::try_from(since.unwrap_or_default()).unwrap_or(SignedDuration::MAX);
        let since = Timestamp::now().saturating_sub(ago);
        Self {
            since: since.unwrap_or(Timestamp::MIN),
            told: BTreeSet::new(),
        }
    }

    /// Tells what is written and was not told; gives where the trail goes on.
    async fn catch_up(
        &mut self,
        store: &dyn Store,
        teller: &Teller<'_>,
    ) -> Result<(bool, Revision), Failure> {
        // What is written while the trail is read is told once more by a watch from here.
        let page = store.list(AUDIT, Page::first(1)).await?;
        let mut is_read = true;
        for record in audit::since(store, self.since).await? {
            is_read = is_read && self.tell(record, teller)?;
        }
        Ok((is_read, page.revision))
    }

    fn tell(&mut self, record: AuditRecord, teller: &Teller<'_>) -> Result<bool, Failure> {
        let outcome: Outcome = record.outcome;
        let key = (record.at, record.group.to_string(), outcome.as_str());
        if record.at < self.since || !self.told.insert(key) {
            return Ok(true);
        }
        // Clocks differ: what is read again goes back a little from the last that was told.
        let recent = record.at.saturating_sub(SignedDuration::from_mins(1));
        if let Ok(recent) = recent
            && recent > self.since
        {
            self.since = recent;
            self.told.retain(|(at, ..)| *at >= recent);
        }
        teller.tell(&Told::Audit(record))
    }
}

type Writes = BoxStream<'static, Result<Watched, StoreError>>;

/// Tells what happens, until nobody reads any more.
async fn live(
    connection: &Connection,
    teller: &Teller<'_>,
    since: Option<Duration>,
) -> Result<Code, Failure> {
    let store = &*connection.store;
    let mut trail = Trail::new(since);
    let (mut is_read, revision) = trail.catch_up(store, teller).await?;
    let mut writes: Option<Writes> = Some(store.watch(AUDIT, revision).await?);
    let mut events: Events = connection.cluster.events().await?;
    while is_read {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => {
                    if let Some(told) = Told::of(event) {
                        is_read = teller.tell(&told)?;
                    }
                }
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(Code::Done),
            },
            written = written(&mut writes) => match written {
                Some(entry) => {
                    if let Ok(stored) = records::decode::<AuditRecord>(&entry) {
                        is_read = trail.tell(stored.record, teller)?;
                    }
                }
                None => writes = take_up(store, &mut trail, teller).await,
            },
        }
    }
    Ok(Code::Done)
}

/// What is added to the trail; `None` when that is not known any more.
async fn written(writes: &mut Option<Writes>) -> Option<Entry> {
    while let Some(Ok(watched)) = writes.as_mut()?.next().await {
        if let Watched::Put(entry) = watched {
            return Some(entry);
        }
    }
    None
}

/// Takes the trail up again where it broke off.
async fn take_up(store: &dyn Store, trail: &mut Trail, teller: &Teller<'_>) -> Option<Writes> {
    sleep(AGAIN).await;
    match trail.catch_up(store, teller).await {
        Ok((_, revision)) => store.watch(AUDIT, revision).await.ok(),
        Err(failure) => {
            tracing::debug!(?failure, "the trail is away");
            None
        }
    }
}

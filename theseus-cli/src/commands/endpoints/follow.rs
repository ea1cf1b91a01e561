//! Going on: telling what changes, writing the file anew, running the command.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use theseus_core::causes::chain;
use theseus_core::registry::{self, Change, ContainerRecord, Endpoint, Watch};
use theseus_core::store::Store;
use tokio::process::Child;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::template::Template;
use super::{Args, all, doubt, lines, output};
use crate::failure::{Code, Failure};
use crate::interrupt;
use crate::output::style::{BAD, NOTE, paint};
use crate::output::{print_json_line, say};

/// What has changed is acted on when it has been quiet for so long,
const QUIET: Duration = Duration::from_millis(300);
/// and after so long in any case.
const LONGEST: Duration = Duration::from_secs(3);
/// How soon the store is asked again that did not answer.
const AGAIN: Duration = Duration::from_secs(1);
/// How often it is looked whether the registry is kept.
const STANDING: Duration = Duration::from_secs(10);

/// A line about one endpoint: `up` when it listens there from now on, `down` when it does no more,
/// `changed` when it is not what it was and listens there still.
#[derive(Serialize)]
struct Moved<'a> {
    event: &'static str,
    #[serde(flatten)]
    endpoint: &'a Endpoint,
}

/// A line about the registry.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line<'a> {
    /// All that listen at the start are told.
    All { endpoints: usize },
    /// Nobody keeps the registry true, and why.
    Stale { reason: &'a str },
    /// Somebody does again.
    Kept,
}

/// What has changed and is not acted on.
struct Pending {
    first: Instant,
    last: Instant,
}

impl Pending {
    fn due(&self) -> Instant {
        (self.last + QUIET).min(self.first + LONGEST)
    }
}

struct Follower<'a> {
    args: &'a Args,
    template: Option<&'a Template>,
    watch: Watch,
    pending: Option<Pending>,
    /// The command, while it runs.
    child: Option<Child>,
    /// Whether it has run at all.
    has_run: bool,
    /// Why the registry is not believed, as it was told last.
    doubt: Option<String>,
    /// What was told last of the store.
    trouble: Option<String>,
}

/// Goes on until it is told to stop, or nobody reads any more.
pub(super) async fn follow(
    store: Arc<dyn Store>,
    args: &Args,
    template: Option<&Template>,
) -> Result<Code, Failure> {
    let mut follower = Follower {
        args,
        template,
        watch: registry::watch(Arc::clone(&store), &args.groups),
        pending: None,
        child: None,
        has_run: false,
        doubt: None,
        trouble: None,
    };
    let going_on = follower.go_on(&*store);
    tokio::select! {
        () = interrupt::requested() => Ok(Code::Done),
        ended = going_on => ended,
    }
}

impl Follower<'_> {
    async fn go_on(&mut self, store: &dyn Store) -> Result<Code, Failure> {
        // All that there is at the start.
        let first = loop {
            match self.watch.next().await {
                Ok(first) => break first,
                Err(error) => self.complain(&chain(&error)).await,
            }
        };
        let mut is_read = self.tell(&first)?;
        if self.args.watch {
            let endpoints = self.endpoints().len();
            is_read &= print_json_line(&Line::All { endpoints })?;
        }
        self.act()?;
        let mut looks = interval(STANDING);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while is_read {
            let due = self.pending.as_ref().map(Pending::due);
            tokio::select! {
                told = self.watch.next() => match told {
                    Ok(changes) => is_read = self.changed(&changes)?,
                    Err(error) => self.complain(&chain(&error)).await,
                },
                _ = looks.tick() => is_read = self.look(store).await?,
                ended = ended(&mut self.child) => {
                    self.child = None;
                    self.has_run = true;
                    let command = self.args.exec.as_ref();
                    if let Some(complaint) = command.and_then(|it| it.complaint(ended)) {
                        say(&format!("{} {complaint}\n", paint(BAD, "error:")));
                    }
                }
                // What changes while the command runs waits for its end.
                () = until(due), if self.child.is_none() && due.is_some() => self.act()?,
            }
        }
        Ok(Code::Done)
    }

    fn changed(&mut self, changes: &[Change]) -> Result<bool, Failure> {
        self.trouble = None;
        if changes.is_empty() {
            return Ok(true);
        }
        let now = Instant::now();
        let first = self.pending.as_ref().map_or(now, |it| it.first);
        self.pending = Some(Pending { first, last: now });
        self.tell(changes)
    }

    /// Tells what changed; says whether anybody reads.
    fn tell(&self, changes: &[Change]) -> Result<bool, Failure> {
        if !self.args.watch {
            return Ok(true);
        }
        for change in changes {
            let (event, record) = match change {
                Change::Up(record) => ("up", record),
                Change::Changed(record) => ("changed", record),
                Change::Down(record) => ("down", record),
            };
            for endpoint in record.endpoints(self.args.port.as_deref()) {
                let endpoint = &endpoint;
                if !print_json_line(&Moved { event, endpoint })? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Writes the file, and runs the command where that is due.
    fn act(&mut self) -> Result<(), Failure> {
        self.pending = None;
        let containers: Vec<ContainerRecord> = self.watch.containers().cloned().collect();
        let mut is_new = true;
        if let (Some(template), Some(path)) = (self.template, &self.args.out) {
            let text = template.render(&containers, self.args.port.as_deref())?;
            is_new = output::write(path, &text)?;
        }
        if let Some(command) = &self.args.exec
            && (is_new || (self.template.is_none() && !self.has_run))
        {
            let endpoints = all(&containers, self.args.port.as_deref());
            match command.start(lines(&endpoints)) {
                Ok(child) => self.child = Some(child),
                Err(error) => {
                    let complaint = command.complaint(Err(error)).unwrap_or_default();
                    return Err(Failure::usage(complaint));
                }
            }
        }
        Ok(())
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let containers = self.watch.containers();
        containers
            .flat_map(|it| it.endpoints(self.args.port.as_deref()))
            .collect()
    }

    /// Tells when the registry is not kept any more, and when it is again.
    async fn look(&mut self, store: &dyn Store) -> Result<bool, Failure> {
        let Ok(standing) = registry::standing(store).await else {
            // The watch tells what is wrong with the store.
            return Ok(true);
        };
        let doubt = doubt(&standing, Timestamp::now());
        if doubt.is_some() == self.doubt.is_some() {
            return Ok(true);
        }
        self.doubt = doubt;
        if self.args.watch {
            return print_json_line(&match &self.doubt {
                Some(reason) => Line::Stale { reason },
                None => Line::Kept,
            });
        }
        if let Some(doubt) = &self.doubt {
            say(&format!("{} {doubt}\n", paint(NOTE, "note:")));
        }
        Ok(true)
    }

    /// Says once what is wrong with the store, and waits a little.
    async fn complain(&mut self, message: &str) {
        if self.trouble.as_deref() != Some(message) {
            say(&format!(
                "{} {message}; trying again\n",
                paint(NOTE, "note:")
            ));
            self.trouble = Some(message.to_owned());
        }
        sleep(AGAIN).await;
    }
}

async fn ended(child: &mut Option<Child>) -> std::io::Result<std::process::ExitStatus> {
    match child {
        Some(child) => child.wait().await,
        None => std::future::pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

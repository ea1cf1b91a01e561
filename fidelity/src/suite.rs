//! All probes, on one Marathon.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use tokio::time::{Instant, sleep};

use crate::answer::Answer;
use crate::names::Names;
use crate::probe::{Probe, delete, get};
use crate::report::{Report, Trial};
use crate::trial::{Target, try_out};
use crate::version::Version;
use crate::wire::{Lost, Wire};

/// What is to be tried, and where.
#[derive(Clone)]
pub struct Suite {
    /// The way to the Marathon.
    pub wire: Arc<dyn Wire>,
    /// Its address, without a slash at the end.
    pub url: String,
    /// The version whose facts must hold; the one that it tells, if none is given.
    pub version: Option<Version>,
    /// The group under which everything is made: a name of one segment.
    pub group: String,
    /// How long anything may take that happens soon.
    pub patience: Duration,
    /// As many probes are tried at the same time.
    pub parallel: usize,
    /// Only those whose names hold this text.
    pub only: Option<String>,
}

impl std::fmt::Debug for Suite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Suite({})", self.url)
    }
}

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no answer to be had.
    #[error("cannot reach {url}")]
    Unreachable {
        /// The address.
        url: String,
        /// What went wrong.
        source: Lost,
    },
    /// It tells no version.
    #[error(
        "{url} does not answer as a Marathon: /v2/info says {told}; if it is one, give its version with --version"
    )]
    NoMarathon {
        /// The address.
        url: String,
        /// What it said.
        told: String,
    },
    /// There is something that the probes would touch.
    #[error("the group {group} exists: nothing is tried, and nothing was changed")]
    GroupExists {
        /// The group.
        group: String,
    },
    /// The name would reach beyond a group of its own.
    #[error("{group:?} is no name for a group of the probes' own")]
    BadGroup {
        /// The name.
        group: String,
    },
}

/// What is about to be tried.
#[derive(Debug)]
pub struct Outline {
    /// The version whose facts must hold.
    pub version: Version,
    /// The probes for it.
    pub probes: Vec<Probe>,
}

impl Suite {
    /// A name for the group that nobody has.
    pub fn fresh_group() -> String {
        let mut id = uuid::Uuid::new_v4().simple().to_string();
        id.truncate(8);
        format!("theseus-fidelity-{id}")
    }

    fn target(&self) -> Target<'_> {
        Target {
            wire: &*self.wire,
            url: &self.url,
            patience: self.patience,
        }
    }

    /// Looks, and changes nothing: which version it is, and whether the group is free.
    pub async fn look(&self) -> Result<Outline, Refusal> {
        let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
        if self.group.is_empty() || !self.group.chars().all(plain) {
            let group = self.group.clone();
            return Err(Refusal::BadGroup { group });
        }
        let version = match self.version {
            Some(version) => version,
            None => self.told_version().await?,
        };
        let group = format!("/{}", self.group);
        let there = self.ask(&format!("/v2/groups{group}")).await?;
        if there.status != StatusCode::NOT_FOUND {
            return Err(Refusal::GroupExists { group });
        }
        let mut probes = crate::probes::all();
        probes.retain(|it| {
            let named = self.only.as_ref();
            it.is_for(version) && named.is_none_or(|only| it.name().contains(only.as_str()))
        });
        Ok(Outline { version, probes })
    }

    async fn told_version(&self) -> Result<Version, Refusal> {
        let info = self.ask("/v2/info").await?;
        let told = info.at("/version").and_then(|it| it.as_str());
        told.and_then(Version::parse)
            .ok_or_else(|| Refusal::NoMarathon {
                url: self.url.clone(),
                told: info.to_string(),
            })
    }

    async fn ask(&self, path: &str) -> Result<Answer, Refusal> {
        let answer = self.target().ask(&get(path), &Names::default()).await;
        answer.map_err(|source| Refusal::Unreachable {
            url: self.url.clone(),
            source,
        })
    }

    /// Tries the probes, telling each that is done, until all are or `stop` is; then cleans up.
    pub async fn run(
        &self,
        outline: &Outline,
        tell: impl Fn(&Trial),
        stop: impl Future<Output = ()>,
    ) -> Report {
        let tried = stream::iter(outline.probes.iter().enumerate())
            .map(|(number, probe)| async move {
                let trial = try_out(self.target(), probe, self.names(probe)).await;
                (number, trial)
            })
            .buffer_unordered(self.parallel);
        let mut trials = Vec::new();
        let mut stopped = false;
        tokio::pin!(tried, stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => {
                    stopped = true;
                    break;
                }
                next = tried.next() => match next {
                    Some((number, trial)) => {
                        tell(&trial);
                        trials.push((number, trial));
                    }
                    None => break,
                },
            }
        }
        trials.sort_by_key(|(number, _)| *number);
        Report {
            version: outline.version,
            trials: trials.into_iter().map(|(_, trial)| trial).collect(),
            stopped,
            left: self.clean_up().await.err(),
        }
    }

    /// Ends the subscriptions that probes did not end themselves: those with the group for a path.
    async fn unsubscribe(&self) {
        let list = get("/v2/eventSubscriptions");
        let Ok(there) = self.target().ask(&list, &Names::default()).await else {
            return;
        };
        let urls = there.at("/callbackUrls").and_then(|it| it.as_array());
        let path = format!("/{}", self.group);
        let urls = urls.into_iter().flatten().filter_map(|it| it.as_str());
        for url in urls.filter(|it| it.ends_with(&path)) {
            let end = delete(&format!("/v2/eventSubscriptions?callbackUrl={url}"));
            // What is left of it goes by itself, since nobody answers there any more.
            let _ = self.target().ask(&end, &Names::default()).await;
        }
    }

    fn names(&self, probe: &Probe) -> Names {
        let mut names = Names::default();
        names.set("top", format!("/{}", self.group));
        names.set("g", format!("/{}/{}", self.group, probe.name()));
        names.set("bare", format!("{}/{}", self.group, probe.name()));
        names.set("g_", format!("{}_{}", self.group, probe.name()));
        names
    }

    /// Deletes the group, and waits until it and its deployments are gone.
    async fn clean_up(&self) -> Result<(), String> {
        self.unsubscribe().await;
        let end = Instant::now() + self.patience;
        let group = format!("/v2/groups/{}", self.group);
        let prefix = format!("/{}/", self.group);
        let ask = async |request| {
            let answer = self.target().ask(&request, &Names::default()).await;
            answer.map_err(|lost| format!("/{}: {lost}", self.group))
        };
        loop {
            let there = ask(get(&group)).await?;
            let deployments = ask(get("/v2/deployments")).await?;
            let is_gone = there.status == StatusCode::NOT_FOUND;
            let is_quiet = !deployments.text().contains(&prefix);
            if is_gone && is_quiet {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(format!("the group /{}: {there}", self.group));
            }
            if !is_gone && is_quiet {
                ask(delete(&format!("{group}?force=true"))).await?;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
}

//! `theseus endpoints`

mod exec;
mod follow;
mod output;
mod template;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use theseus_core::model::{GroupId, GroupSelector};
use theseus_core::registry::{self, ContainerRecord, Endpoint, Found, Standing};
use theseus_core::store::Store;
use theseus_core::suggest;

use self::exec::Words;
use self::template::Template;
use crate::args::{Format, Global};
use crate::connect::connect_store;
use crate::failure::{Code, Failure};
use crate::output::style::{NOTE, paint};
use crate::output::{human, print, print_json, say};

const EXAMPLES: &str = "\
Examples:
  theseus endpoints ingestor --port api
  theseus endpoints ingestor:dev --port api --watch
  theseus endpoints web api --template haproxy.cfg.j2 --out /etc/haproxy/haproxy.cfg \\
      --exec 'systemctl reload haproxy'

The command of --exec is run without a shell: it is split into words as a shell would (quotes and
backslashes), and nothing in it is expanded. For a shell's own, write: --exec 'sh -c \"… && …\"'.
It gets the endpoints on its standard input, one host:port a line; what it prints goes to stderr. It
runs once at the start, and then when something has changed and been quiet for 300 ms, after 3 s at the
latest; never twice at the same time. With --template, only when the file has changed.";

/// Show where containers listen: host:port of those that do their work
///
/// It reads the registry in the store, and needs no cluster. Where nobody keeps the registry true
/// (see theseus registrar), it says how old it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Groups such as ingestor:dev, or services
    #[arg(value_name = "GROUP", required = true)]
    groups: Vec<GroupSelector>,
    /// The port, by its name; needed where containers have several
    #[arg(long, value_name = "NAME")]
    port: Option<String>,
    /// Go on, and tell what changes as lines of JSON
    #[arg(long, short)]
    watch: bool,
    /// Go on, and run a command whenever something has changed
    #[arg(long, value_name = "COMMAND", value_parser = Words::parse)]
    exec: Option<Words>,
    /// Write what this template (in the manner of Jinja) makes of them
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Write it into this file, at once and as a whole
    #[arg(long, value_name = "FILE", requires = "template")]
    out: Option<PathBuf>,
}

/// What is told to programs.
#[derive(Serialize)]
struct Told<'a> {
    format_version: u32,
    /// The registry was seen to be true at this time, or later.
    as_of: Option<Timestamp>,
    /// Whether it is kept true at the moment.
    kept: bool,
    endpoints: &'a [Endpoint],
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let template = args.template.as_deref().map(Template::read).transpose()?;
    let goes_on = args.watch || args.exec.is_some();
    if goes_on && template.is_some() && args.out.is_none() {
        return Err(Failure::usage(
            "what a template makes is written again and again, and needs a file",
        )
        .hint("give --out FILE"));
    }
    let store = connect_store(global).await?;
    if goes_on {
        return follow::follow(store, args, template.as_ref()).await;
    }
    let selectors = &args.groups;
    if let Some(template) = &template {
        let (containers, standing) = tokio::try_join!(
            registry::containers(&*store, selectors),
            registry::standing(&*store),
        )?;
        tell_doubt(&standing);
        known(&*store, selectors, containers.iter().map(|it| &it.group)).await?;
        let text = template.render(&containers, args.port.as_deref())?;
        match &args.out {
            Some(path) => drop(output::write(path, &text)?),
            None => print(&text)?,
        }
        return Ok(Code::Done);
    }
    let port = args.port.as_deref();
    match global.format {
        Format::Json => {
            let (endpoints, standing) = tokio::try_join!(
                registry::endpoints(&*store, selectors, port),
                registry::standing(&*store),
            )?;
            tell_doubt(&standing);
            known(&*store, selectors, endpoints.iter().map(|it| &it.group)).await?;
            print_json(&Told {
                format_version: 1,
                as_of: standing.word.as_ref().map(|word| word.as_of),
                kept: standing.is_kept(),
                endpoints: &endpoints,
            })?;
        }
        Format::Text => {
            let mut listed = Listed::default();
            let ((), standing) = tokio::try_join!(
                registry::each_endpoint(&*store, selectors, port, |it| listed.add(it)),
                registry::standing(&*store),
            )?;
            tell_doubt(&standing);
            known(&*store, selectors, listed.groups.iter()).await?;
            match port {
                Some(port) if listed.lines.is_empty() => {
                    has_port(&*store, selectors, port).await?;
                }
                Some(_) => {}
                None => have_one_port(&listed.ports)?,
            }
            print(&listed.lines)?;
        }
    }
    Ok(Code::Done)
}

/// Endpoints as people are told them, and whose they are.
#[derive(Default)]
struct Listed {
    /// `host:port` a line.
    lines: String,
    ports: BTreeSet<String>,
    groups: Vec<GroupId>,
}

impl Listed {
    fn add(&mut self, found: Found<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.lines, "{found}");
        if !self.ports.contains(found.port) {
            self.ports.insert(found.port.to_owned());
        }
        if self.groups.last() != Some(found.group) {
            self.groups.push(found.group.clone());
        }
    }
}

fn tell_doubt(standing: &Standing) {
    if let Some(doubt) = doubt(standing, Timestamp::now()) {
        say(&format!("{} {doubt}\n", paint(NOTE, "note:")));
    }
}

/// Refuses what the registry knows nothing of. Nobody is asked about what something was found of.
async fn known<'a>(
    store: &dyn Store,
    selectors: &[GroupSelector],
    found: impl Iterator<Item = &'a GroupId> + Clone,
) -> Result<(), Failure> {
    for selector in selectors {
        let is_found = found.clone().any(|group| selector.matches(group));
        if !is_found && !registry::is_known(store, selector).await? {
            return Err(
                Failure::new(Code::Failed, format!("the registry knows no {selector}")).hint(
                    "theseus status lists what is deployed; theseus registrar keeps the registry",
                ),
            );
        }
    }
    Ok(())
}

/// Where these containers listen.
fn all(containers: &[ContainerRecord], port: Option<&str>) -> Vec<Endpoint> {
    let endpoints = containers.iter().flat_map(|it| it.endpoints(port));
    endpoints.collect()
}

/// `host:port` a line.
fn lines(endpoints: &[Endpoint]) -> String {
    endpoints
        .iter()
        .flat_map(|endpoint| [endpoint.address.as_str(), "\n"])
        .collect()
}

/// Refuses several ports: a list of different ones is of no use to anybody.
fn have_one_port(names: &BTreeSet<String>) -> Result<(), Failure> {
    if names.len() <= 1 {
        return Ok(());
    }
    let list: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(Failure::usage("the containers have several ports")
        .hint(format!("choose with --port: {}", list.join(", "))))
}

/// Refuses a port that none of the containers has, if there are any.
async fn has_port(
    store: &dyn Store,
    selectors: &[GroupSelector],
    port: &str,
) -> Result<(), Failure> {
    let containers = registry::containers(store, selectors).await?;
    let ports = containers.iter().flat_map(|it| it.ports.keys());
    let names: BTreeSet<&str> = ports.map(String::as_str).collect();
    if containers.is_empty() || names.contains(port) {
        return Ok(());
    }
    let failure = Failure::usage(format!("no container has a port {port:?}"));
    Err(match suggest::nearest(port, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None if names.is_empty() => failure.hint("they have no ports"),
        None => {
            let list = names.into_iter().collect::<Vec<_>>().join(", ");
            failure.hint(format!("they have: {list}"))
        }
    })
}

/// Why the registry may not be what runs now, if it may not.
pub(super) fn doubt(standing: &Standing, now: Timestamp) -> Option<String> {
    let Some(word) = &standing.word else {
        return Some(match standing.leader {
            Some(_) => "the registrar has only just begun".to_owned(),
            None => "no registrar has ever kept the registry: start one with theseus registrar"
                .to_owned(),
        });
    };
    let age = human::age(Some(word.as_of), now);
    match (&standing.leader, &word.trouble) {
        (None, _) => Some(format!(
            "no registrar leads: this is what ran at {:.0}, {age} ago",
            word.as_of
        )),
        (Some(_), Some(trouble)) => Some(format!(
            "the registrar is in trouble: this is what ran at {:.0}, {age} ago ({trouble})",
            word.as_of
        )),
        (Some(_), None) => None,
    }
}

#[cfg(test)]
mod tests {
    use theseus_core::records::LockRecord;
    use theseus_core::registry::RegistryRecord;

    use super::*;

    #[test]
    fn how_old_the_registry_is_is_said_where_nobody_keeps_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let leader = || LockRecord {
            by: "ana".to_owned(),
            since: at(0),
        };
        let word = |trouble: Option<&str>| RegistryRecord {
            by: "ana".to_owned(),
            as_of: at(100),
            trouble: trouble.map(str::to_owned),
        };
        for (leader, word, expected) in [
            (Some(leader()), Some(word(None)), None),
            (
                None,
                Some(word(None)),
                Some("no registrar leads: this is what ran at 1970-01-01T00:01:40Z, 60s ago"),
            ),
            (
                Some(leader()),
                Some(word(Some("it is away"))),
                Some(
                    "the registrar is in trouble: this is what ran at 1970-01-01T00:01:40Z, 60s ago (it is away)",
                ),
            ),
            (
                None,
                None,
                Some("no registrar has ever kept the registry: start one with theseus registrar"),
            ),
        ] {
            let standing = Standing { leader, word };
            assert_eq!(doubt(&standing, at(160)).as_deref(), expected);
        }
    }
}

//! `theseus adopt`

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;
use theseus_core::cluster::{AppId, Revision, Unsaid};
use theseus_core::engine::{Adopted, Candidate};
use theseus_core::model::{GroupId, Spec};

use super::carry_out::confirmed;
use super::export::Output;
use crate::args::{Format, Global};
use crate::connect::{Connection, connect};
use crate::failure::{Code, Failure};
use crate::output::style::{BAD, CHANGE, FAINT, GOOD, inert, paint};
use crate::output::table::{Align, Column, render};
use crate::output::{human, print, print_json, say, width, width_of_errors};

const EXAMPLES: &str = "\
Examples:
  theseus adopt --list                             apps that no group accounts for
  theseus adopt /shop/web --as web:shop --out web.yaml
  theseus adopt --all --dry-run                    all of them, under names made of their ids";

/// Take apps over that others have made, as they run: nothing restarts
///
/// Marathon is told nothing. From then on the app is a group's revision: it is scaled in place, and
/// the next deploy that changes it replaces it by an app of Theseus's own. What an app has and no
/// manifest can say stays as long as the app does; it is told, and takes --lossy.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["app", "all", "list"]))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(crate) struct Args {
    /// The id of an app
    #[arg(value_name = "APP_ID")]
    app: Option<String>,
    /// The group that it becomes, instead of the one that its id proposes
    #[arg(long = "as", value_name = "GROUP", requires = "app")]
    group: Option<GroupId>,
    /// All apps that no group accounts for, as the groups that their ids propose
    #[arg(long)]
    all: bool,
    /// Show these apps, and change nothing
    #[arg(long)]
    list: bool,
    /// Also what has something that no manifest can say, and that its next revision will not have
    #[arg(long, conflicts_with = "list")]
    lossy: bool,
    /// Find out what would be adopted, and adopt nothing
    #[arg(long, conflicts_with = "list")]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short, conflicts_with = "list")]
    yes: bool,
    #[command(flatten)]
    output: Output,
}

/// What was done, for programs.
#[derive(Serialize)]
struct Report<'a> {
    format_version: u32,
    /// Whether nothing was written down.
    dry_run: bool,
    adopted: Vec<Taken<'a>>,
    left: Vec<Left<'a>>,
    manifest: &'a str,
}

/// An app that was taken over.
#[derive(Serialize)]
struct Taken<'a> {
    app: &'a AppId,
    group: &'a GroupId,
    revision: Revision,
    unsaid: &'a [Unsaid],
}

/// An app that was left as it is.
#[derive(Serialize)]
struct Left<'a> {
    app: &'a AppId,
    group: Option<&'a GroupId>,
    instances: u32,
    unsaid: &'a [Unsaid],
    reason: Option<&'a str>,
}

pub(crate) async fn run(global: &Global, args: &Args) -> Result<Code, Failure> {
    let connection = connect(global).await?;
    let mut candidates = match &args.app {
        Some(app) => vec![named(&connection, app, args.group.as_ref()).await?],
        None => connection.engine.strays().await?,
    };
    if args.list {
        list(global, &candidates)?;
        return Ok(Code::Done);
    }
    if !args.lossy {
        candidates.iter_mut().for_each(keep_whole);
    }
    if let (Some(_), [only]) = (&args.app, &candidates[..])
        && let Some(obstacle) = &only.obstacle
    {
        return Err(barred(only, obstacle));
    }
    // What can be found out before anybody is asked.
    let tried = connection.engine.adopt(&candidates, true).await?;
    refuse(&mut candidates, &tried);
    say(&preview(&candidates));
    let count = candidates.iter().filter(|it| is_free(it)).count();
    let mut done = tried;
    if count > 0 && !args.dry_run {
        let question = format!("Adopt {}?", human::count(count, "app"));
        if !(args.yes || confirmed(&question)?) {
            return Ok(Code::Done);
        }
        done = connection.engine.adopt(&candidates, false).await?;
        refuse(&mut candidates, &done);
    }
    report(global, args, &candidates, &done)
}

/// The app that was named.
async fn named(
    connection: &Connection,
    app: &str,
    group: Option<&GroupId>,
) -> Result<Candidate, Failure> {
    let id = AppId(format!("/{}", app.trim_start_matches('/')));
    let found = connection.engine.stray(&id, group.cloned()).await?;
    found.ok_or_else(|| {
        Failure::usage(format!(
            "there is no app {} that is not a group's",
            inert(&id.0)
        ))
        .hint("theseus adopt --list shows those that no group accounts for")
    })
}

/// Keeps an app from being taken over that would lose something.
fn keep_whole(candidate: &mut Candidate) {
    if !candidate.unsaid.is_empty() && candidate.obstacle.is_none() {
        let what = human::count(candidate.unsaid.len(), "field");
        candidate.obstacle = Some(format!(
            "it has {what} that no manifest can say; with --lossy it is adopted all the same"
        ));
    }
}

fn is_free(candidate: &Candidate) -> bool {
    candidate.obstacle.is_none()
}

/// Notes what was found to stand in the way.
fn refuse(candidates: &mut [Candidate], results: &[Adopted]) {
    for candidate in candidates.iter_mut().filter(|it| it.obstacle.is_none()) {
        let result = results.iter().find(|it| it.app == candidate.app);
        candidate.obstacle = result.and_then(|it| it.revision.clone().err());
    }
}

fn barred(candidate: &Candidate, obstacle: &str) -> Failure {
    let mut message = format!(
        "{} cannot be adopted: {}",
        inert(&candidate.app.0),
        inert_lines(obstacle)
    );
    for unsaid in &candidate.unsaid {
        message.push_str("\n  ");
        message.push_str(&inert(&unsaid.to_string()));
    }
    let failure = Failure::new(Code::Failed, message);
    match candidate.group {
        None => failure.hint("say which group it becomes: --as GROUP"),
        Some(_) => failure,
    }
}

/// Text of several lines, each harmless.
fn inert_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(inert).collect();
    lines.join("\n")
}

/// What is about to happen, app by app.
fn preview(candidates: &[Candidate]) -> String {
    let mut text = table(candidates, width_of_errors());
    for candidate in candidates.iter().filter(|it| is_free(it)) {
        for unsaid in &candidate.unsaid {
            let line = format!(
                "{} of {} stays until its next revision",
                inert(&unsaid.to_string()),
                inert(&candidate.app.0)
            );
            let _ = writeln!(text, "{} {line}", paint(CHANGE, "lossy:"));
        }
    }
    text
}

fn table(candidates: &[Candidate], width: Option<u16>) -> String {
    let columns = [
        Column("APP", Align::Left),
        Column("GROUP", Align::Left),
        Column("INSTANCES", Align::Right),
        Column("IMAGE", Align::Left),
        Column("", Align::Left),
    ];
    let row = |candidate: &Candidate| {
        let group = candidate.group.as_ref();
        let image = candidate.spec.as_ref().map(|spec| inert(&spec.image));
        vec![
            inert(&candidate.app.0),
            group.map_or_else(|| "-".to_owned(), ToString::to_string),
            candidate.instances.to_string(),
            image.unwrap_or_else(|| "-".to_owned()),
            match (&candidate.obstacle, candidate.unsaid.len()) {
                (Some(obstacle), _) => {
                    let first = obstacle.lines().next().unwrap_or_default();
                    paint(BAD, &format!("left alone: {}", inert(first)))
                }
                (None, 0) => paint(GOOD, "can be adopted"),
                (None, unsaid) => {
                    let fields = human::count(unsaid, "field");
                    paint(CHANGE, &format!("can be adopted, but for {fields}"))
                }
            },
        ]
    };
    render(
        &columns,
        &candidates.iter().map(row).collect::<Vec<_>>(),
        width,
    )
}

fn list(global: &Global, candidates: &[Candidate]) -> Result<(), Failure> {
    match global.format {
        Format::Json => print_json(&Report {
            format_version: 1,
            dry_run: true,
            adopted: Vec::new(),
            left: candidates.iter().map(left).collect(),
            manifest: "",
        }),
        Format::Text if candidates.is_empty() => print("Every app that runs is a group's.\n"),
        Format::Text => {
            let mut text = table(candidates, width());
            for candidate in candidates {
                for unsaid in &candidate.unsaid {
                    let line = format!("{}  {}", candidate.app, unsaid);
                    let _ = writeln!(text, "{}", paint(FAINT, &inert(&line)));
                }
            }
            print(&text)
        }
    }
}

fn left(candidate: &Candidate) -> Left<'_> {
    Left {
        app: &candidate.app,
        group: candidate.group.as_ref(),
        instances: candidate.instances,
        unsaid: &candidate.unsaid,
        reason: candidate.obstacle.as_deref(),
    }
}

fn report(
    global: &Global,
    args: &Args,
    candidates: &[Candidate],
    done: &[Adopted],
) -> Result<Code, Failure> {
    let mut groups: Vec<(&GroupId, &Arc<Spec>)> = Vec::new();
    let (mut adopted, mut left_alone) = (Vec::new(), Vec::new());
    for candidate in candidates {
        let result = done.iter().find(|it| it.app == candidate.app);
        match (
            result.map(|it| &it.revision),
            &candidate.group,
            &candidate.spec,
        ) {
            (Some(Ok(revision)), Some(group), Some(spec)) if is_free(candidate) => {
                groups.push((group, spec));
                adopted.push(Taken {
                    app: &candidate.app,
                    group,
                    revision: *revision,
                    unsaid: &candidate.unsaid,
                });
            }
            _ => left_alone.push(left(candidate)),
        }
    }
    let text = if groups.is_empty() {
        String::new()
    } else {
        args.output.manifest(&groups)?
    };
    let verb = if args.dry_run { "could be" } else { "is" };
    let count = human::count(adopted.len(), "app");
    say(&format!(
        "{count} {verb} adopted, {} left alone.\n",
        left_alone.len()
    ));
    let is_refused = args.app.is_some() && adopted.is_empty();
    match global.format {
        Format::Json => print_json(&Report {
            format_version: 1,
            dry_run: args.dry_run,
            adopted,
            left: left_alone,
            manifest: &text,
        })?,
        Format::Text if args.output.out.is_none() => print(&text)?,
        Format::Text => {}
    }
    match (is_refused, candidates) {
        (true, [only]) => {
            let obstacle = only.obstacle.as_deref().unwrap_or_default();
            Err(barred(only, obstacle))
        }
        _ => Ok(Code::Done),
    }
}

//! The pages on which something is asked for, shown, and confirmed. They work without a script.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use theseus_core::manifest::Source;
use theseus_core::model::{GroupId, MAX_INSTANCES};
use theseus_core::plan::{Likeness, Plan};

use super::asked::bug;
use super::program::{Aborted, not_told};
use super::shelf::Shown;
use super::{Asked, Control, Kind, abort, engine_for, markup, planned};
use crate::guard::Caller;
use crate::named;
use crate::pages::{self as frame};
use crate::refusal::Refusal;
use crate::routes::{Answers, App, Entry, Needs};

/// The longest manifest that is taken from a form, in bytes of its encoding. Programs send longer
/// ones.
const FORM: usize = 4 << 20;
/// The longest form without a manifest.
const SMALL: usize = 16 << 10;

pub(super) fn table() -> Vec<Entry> {
    let change = Needs::Changing;
    vec![
        Entry::ask("/deploy", get(paste)),
        Entry::take("/deploy/plan", change, FORM, post(show)),
        Entry::take("/deploy/confirm", change, SMALL, post(confirm)),
        Entry::show("/deploys", get(works)),
        Entry::show("/deploys/{id}", get(work)),
        Entry::ask("/groups/{group}/do/{kind}", get(ask)),
        Entry::take("/groups/{group}/do/{kind}", change, SMALL, post(tell)),
        Entry::open("/assets/actions.js", get(script)),
        Entry::open("/assets/actions.css", get(style)),
    ]
}

async fn script() -> impl IntoResponse {
    let body = include_str!("actions.js");
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], body)
}

async fn style() -> impl IntoResponse {
    let body = include_str!("actions.css");
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], body)
}

fn page(title: &str, content: &Markup) -> Markup {
    frame::still(
        title,
        "/deploy",
        &html! {
            h1 { (title) }
            link rel="stylesheet" href="/assets/actions.css";
            script src="/assets/actions.js" defer {}
            (content)
        },
    )
}

fn see(place: String) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}

#[derive(Deserialize)]
struct Pasted {
    manifest: String,
}

async fn paste() -> Markup {
    page("Deploy", &paste_form("", None))
}

fn paste_form(manifest: &str, wrong: Option<&str>) -> Markup {
    html! {
        form.sheet #paste action="/deploy/plan" method="post" {
            @if let Some(wrong) = wrong {
                div.problem #wrong role="alert" {
                    p { span.sign aria-hidden="true" { "✕ " } "Nothing was done." }
                    pre tabindex="0" { (wrong) }
                }
            }
            p {
                label for="manifest" { "Manifest, in YAML or JSON" } " "
                span.detail #hint { "Paste it here, or drop a file." }
            }
            textarea #manifest name="manifest" rows="18" required spellcheck="false" autocomplete="off" autocapitalize="off" wrap="off"
                aria-describedby="hint" aria-invalid=[wrong.map(|_| "true")] { "\n" (manifest) }
            p {
                button.primary type="submit" { "Show the plan" }
                " " span.detail { "Nothing is changed before you have seen it." }
            }
        }
    }
}

async fn show(State(app): State<App>, pasted: Result<Form<Pasted>, FormRejection>) -> Response {
    let Form(Pasted { manifest }) = match pasted {
        Ok(pasted) => pasted,
        Err(rejection) => return unread(&rejection),
    };
    // Browsers send lines that end as those of no editor do.
    let manifest = manifest.replace("\r\n", "\n");
    let asked = Asked::Manifest(vec![Source::new("manifest", manifest.as_str())]);
    match asked.plan(&app.viewer).await {
        Ok(plan) => confirmation(&app, "Deploy", asked, &plan, None),
        Err(refusal) => {
            let form = paste_form(&manifest, Some(refusal.reason()));
            (refusal.status(), page("Deploy", &form)).into_response()
        }
    }
}

fn unread(rejection: &FormRejection) -> Response {
    let refusal = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "that is more than a page takes",
        )
        .help("deploy it with: theseus deploy FILE"),
        status => Refusal::new(status, "that form cannot be read"),
    };
    refusal.answer(Answers::Page)
}

/// Shows a plan, and asks whether it is to be carried out.
fn confirmation(
    app: &App,
    title: &str,
    asked: Asked,
    plan: &Plan,
    moved: Option<&str>,
) -> Response {
    let back = match &asked {
        Asked::Manifest(_) => "/".to_owned(),
        Asked::Group(group, _) => format!("/groups/{group}"),
    };
    // What is not to be confirmed is not kept.
    let key = (!plan.is_empty()).then(|| {
        let likeness = Likeness::of(plan).map_err(bug)?;
        app.shelf.keep(Shown { asked, likeness }).map_err(bug)
    });
    let key = match key.transpose() {
        Ok(key) => key,
        Err(refusal) => return refusal.answer(Answers::Page),
    };
    let content = html! {
        @if let Some(moved) = moved {
            p.problem role="alert" {
                span.sign aria-hidden="true" { "▲ " }
                strong { "Nothing was done: " } (moved) " since the plan was shown. This is the plan now."
            }
        }
        (markup::plan(plan))
        @if let Some(key) = key {
            form.sheet action="/deploy/confirm" method="post" {
                input type="hidden" name="plan" value=(key);
                p {
                    button.primary type="submit" { "Carry it out" } " "
                    a.button href=(back) { "Leave it" }
                }
            }
        } @else {
            p { "There is nothing to do. " a href="/" { "See all groups" } }
        }
    };
    let status = if moved.is_some() {
        StatusCode::CONFLICT
    } else {
        StatusCode::OK
    };
    (status, page(title, &content)).into_response()
}

#[derive(Deserialize)]
struct Confirmed {
    plan: String,
}

async fn confirm(
    State(app): State<App>,
    caller: Caller,
    confirmed: Result<Form<Confirmed>, FormRejection>,
) -> Response {
    let Form(Confirmed { plan: key }) = match confirmed {
        Ok(confirmed) => confirmed,
        Err(rejection) => return unread(&rejection),
    };
    let Some(Shown { asked, likeness }) = app.shelf.take(&key) else {
        let reason = "that plan was carried out already, or was shown too long ago";
        let refusal = Refusal::new(StatusCode::GONE, reason).help("ask for a plan once more");
        return refusal.answer(Answers::Page);
    };
    let plan = match asked.plan(&app.viewer).await {
        Ok(plan) => plan,
        Err(refusal) => return refusal.answer(Answers::Page),
    };
    let moved = match Likeness::of(&plan) {
        Ok(now) => likeness.moved(&now),
        Err(error) => return bug(error).answer(Answers::Page),
    };
    if let Some(moved) = moved {
        return confirmation(
            &app,
            "The plan has changed",
            asked,
            &plan,
            Some(&moved.to_string()),
        );
    }
    match planned(&app, caller, plan, asked.deed()) {
        Ok(work) => see(format!("/deploys/{}", work.id)),
        Err(refusal) => refusal.answer(Answers::Page),
    }
}

#[derive(Debug, Deserialize)]
struct Number {
    /// How many containers, or which revision.
    number: Option<String>,
}

async fn ask(
    State(app): State<App>,
    Path((group, kind)): Path<(String, String)>,
    Query(Number { number }): Query<Number>,
) -> Response {
    let (group, kind) = match meant(&group, &kind) {
        Ok(meant) => meant,
        Err(refusal) => return refusal.answer(Answers::Page),
    };
    let number = match number.filter(|number| !number.is_empty()) {
        None => None,
        Some(number) => match number.parse() {
            Ok(number) if number <= MAX_INSTANCES => Some(number),
            _ => {
                let reason = format!("{number:?} is no number from 0 to {MAX_INSTANCES}");
                return Refusal::new(StatusCode::BAD_REQUEST, reason).answer(Answers::Page);
            }
        },
    };
    if let Kind::Control(control) = kind {
        return ask_control(&app, &group, kind, control).await;
    }
    let Some(ask) = kind.ask(number) else {
        let refusal = Refusal::new(
            StatusCode::BAD_REQUEST,
            "how many containers is it to have?",
        );
        return refusal.answer(Answers::Page);
    };
    let title = format!("{} {group}", kind.label());
    let asked = Asked::Group(group, ask);
    match asked.plan(&app.viewer).await {
        Ok(plan) => confirmation(&app, &title, asked, &plan, None),
        Err(refusal) => refusal.answer(Answers::Page),
    }
}

async fn ask_control(app: &App, group: &GroupId, kind: Kind, control: Control) -> Response {
    let look = match app.viewer.engine().look(group).await {
        Ok(look) => look,
        Err(error) => return super::out_of_reach(&error).answer(Answers::Page),
    };
    let Some(rollout) = look.and_then(|look| look.rollout) else {
        let reason = format!("nothing is under way in {group}");
        return Refusal::new(StatusCode::CONFLICT, reason).answer(Answers::Page);
    };
    let content = html! {
        p { (kind.words()) }
        p.detail {
            @match (rollout.revision, &rollout.image) {
                (Some(revision), Some(image)) => { "Its rollout leads to revision " (revision) ", " (image) ". " },
                _ => "It is being removed. ",
            }
            "It waits for " (rollout.waiting) "."
        }
        form.sheet action={ "/groups/" (group) "/do/" (kind.as_str()) } method="post" {
            @if control == Control::Pause {
                p {
                    label for="reason" { "Why, for others to read" }
                    input #reason name="reason" maxlength="500";
                }
            }
            p {
                button.primary type="submit" { (kind.label()) " " (group) } " "
                a.button href={ "/groups/" (group) } { "Leave it" }
            }
        }
    };
    page(&format!("{} {group}", kind.label()), &content).into_response()
}

#[derive(Deserialize)]
struct Told {
    reason: Option<String>,
}

async fn tell(
    State(app): State<App>,
    caller: Caller,
    Path((group, kind)): Path<(String, String)>,
    told: Result<Form<Told>, FormRejection>,
) -> Response {
    let Form(Told { reason }) = match told {
        Ok(told) => told,
        Err(rejection) => return unread(&rejection),
    };
    match do_tell(&app, caller, &group, &kind, reason).await {
        Ok(place) => see(place),
        Err(refusal) => refusal.answer(Answers::Page),
    }
}

async fn do_tell(
    app: &App,
    caller: Caller,
    group: &str,
    kind: &str,
    reason: Option<String>,
) -> Result<String, Refusal> {
    let (group, kind) = meant(group, kind)?;
    let Kind::Control(control) = kind else {
        let reason = "that is only done once its plan was shown";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, reason));
    };
    let engine = engine_for(&app.viewer, caller);
    match control {
        Control::Pause => {
            let reason = reason.filter(|reason| !reason.trim().is_empty());
            let reason = reason.as_deref().unwrap_or("no reason was given");
            engine.pause(&group, reason).await.map_err(not_told)?;
        }
        Control::Promote => engine.promote(&group).await.map_err(not_told)?,
        Control::Abort => {
            if let Aborted::Here(work) = abort(app, caller, &group).await? {
                return Ok(format!("/deploys/{}", work.id));
            }
        }
    }
    Ok(format!("/groups/{group}"))
}

fn meant(group: &str, kind: &str) -> Result<(GroupId, Kind), Refusal> {
    let id = named::group(group)?;
    let kind = kind.parse().map_err(|()| {
        let reason = format!("{kind:?} is nothing that could be asked for");
        Refusal::new(StatusCode::NOT_FOUND, reason)
    })?;
    Ok((id, kind))
}

async fn works(State(app): State<App>) -> Markup {
    let works = app.works.all();
    let now = Timestamp::now();
    page(
        "Deploys",
        &html! {
            p.detail { "What is carried out by this viewer, and was since it was started. Events tell of everything else." }
            @if works.is_empty() { div.empty { p { "Nothing yet." } } }
            ul.works {
                @for work in &works {
                    li {
                        a href={ "/deploys/" (work.id) } { (work.deed.title()) }
                        " " span.detail {
                            (frame::age(work.started_at, now)) " ago, "
                            @if work.is_over() { "over" } @else { "under way" }
                        }
                    }
                }
            }
        },
    )
}

async fn work(State(app): State<App>, Path(id): Path<String>) -> Response {
    let Some(work) = app.works.find(&id) else {
        let refusal = Refusal::new(StatusCode::NOT_FOUND, "this viewer knows of no such deploy")
            .help("it remembers what it carried out since it was started; Events tell of the rest");
        return refusal.answer(Answers::Page);
    };
    let content = html! {
        @if !work.is_over() { noscript { meta http-equiv="refresh" content="2"; } }
        (markup::work(&work, Timestamp::now()))
        p.detail { "What is begun goes on as long as this viewer runs; whoever resumes it takes it up." }
    };
    page(work.deed.title(), &content).into_response()
}

//! What is around every page.

use axum::http::StatusCode;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::inert::inert;
use super::{Page, address};
use crate::guard::Caller;

/// The places that every page leads to.
const PLACES: [(&str, &str); 4] = [
    ("/", "Overview"),
    ("/machines", "Machines"),
    ("/usage", "Usage"),
    ("/events", "Events"),
];

/// What a page that is kept true while it is open tells its script.
pub(super) struct Live {
    /// What it follows.
    pub(super) stream: String,
    /// The view that it was made of.
    pub(super) version: u64,
    /// What it was made of besides.
    pub(super) late: String,
    /// When.
    pub(super) now: Timestamp,
}

/// A page that is kept true while it is open.
pub(super) fn live(page: &Page, live: &Live, content: &Markup) -> Markup {
    let aside = html! {
        div.live {
            p #link role="status" data-link="off" { noscript { "Reloads every 30 s" } }
            button #hold type="button" aria-pressed="false" hidden title="Leaves the page as it is until you go on" { "Freeze" }
        }
    };
    let main = html! {
        main #content tabindex="-1" data-live=(live.stream) data-version=(live.version)
            data-late=(live.late) data-now=(live.now.as_millisecond()) { (content) }
    };
    let refresh = html! { noscript { meta http-equiv="refresh" content="30"; } };
    around(&page.title(), page.place(), &refresh, &aside, &main)
}

/// A page that stays as it is, such as one that says what went wrong. `place` is the one of the
/// places that it belongs to, if it does to any.
pub(crate) fn still(title: &str, place: &str, content: &Markup) -> Markup {
    let nothing = PreEscaped(String::new());
    let main = html! { main #content tabindex="-1" { (content) } };
    around(title, place, &nothing, &nothing, &main)
}

/// The page of whoever does not get what he asked for.
pub(crate) fn refused(status: StatusCode, reason: &str, help: Option<&str>) -> Markup {
    let title = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::CONFLICT | StatusCode::GONE => "Not possible now",
        _ => status.canonical_reason().unwrap_or("That did not work"),
    };
    let content = html! {
        h1 { (title) }
        @for line in reason.lines() { p { (sentence(line)) } }
        @if let Some(help) = help { p { (sentence(help)) } }
        p { "What there is: " @for (index, (path, name)) in PLACES.iter().enumerate() {
            @if index > 0 { ", " } a href=(path) { (name) }
        } "." }
    };
    still(title, "", &content)
}

/// Words of an error as a sentence.
fn sentence(words: &str) -> String {
    let mut rest = words.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    let mut text: String = first.chain(rest).collect();
    if !text.ends_with(['.', '?', '!']) {
        text.push('.');
    }
    text
}

fn around(title: &str, place: &str, head: &Markup, aside: &Markup, main: &Markup) -> Markup {
    inert(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Theseus" }
                link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/viewer.css";
                (head)
                script src="/assets/viewer.js" defer {}
            }
            body {
                a.skip href="#content" { "Skip to content" }
                header {
                    a.brand href="/" { img src="/assets/icon.svg" alt="" width="20" height="20"; "Theseus" }
                    nav aria-label="Pages" {
                        ul { @for (path, name) in PLACES {
                            li { a href=(path) aria-current=[(path == place).then_some("page")] { (name) } }
                        } }
                    }
                    (aside)
                    (own(place))
                }
                (main)
            }
        }
    })
}

/// What whoever looks may do besides.
fn own(place: &str) -> Markup {
    let caller = Caller::now();
    html! {
        @if caller.may_change() {
            a.own href="/deploy" aria-current=[(place == "/deploy").then_some("page")] { "Deploy" }
        }
        @if caller.has_session() {
            form.own method="post" action="/sign-out" { button type="submit" { "Sign out" } }
        }
    }
}

/// The way to a page, from the places down.
pub(super) fn trail(steps: &[(String, &str)]) -> Markup {
    html! {
        nav.trail aria-label="Breadcrumb" {
            ol { @for (path, name) in steps { li { a href=(path) { (name) } } } }
        }
    }
}

/// The address of a group.
pub(super) fn group_path(group: &theseus_core::model::GroupId) -> String {
    format!("/groups/{}", address::segment(&group.to_string()))
}

/// The address of a container.
pub(super) fn container_path(group: &theseus_core::model::GroupId, id: &str) -> String {
    format!("{}/containers/{}", group_path(group), address::segment(id))
}

/// The address of a machine.
pub(super) fn machine_path(host: &str) -> String {
    format!("/machines/{}", address::segment(host))
}

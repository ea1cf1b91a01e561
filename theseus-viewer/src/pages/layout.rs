//! What is around every page.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::Page;
use crate::view::Version;

/// A page that is kept true while it is open.
pub(super) fn live(page: &Page, version: Version, now: Timestamp, content: &Markup) -> Markup {
    let title = page.title();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head(&title))
                noscript { meta http-equiv="refresh" content="10"; }
                script src="/assets/viewer.js" defer {}
            }
            body {
                (banner(&html! {
                    p #link role="status" data-link="off" { noscript { "Reloads every 10 s" } }
                }))
                main data-events=(page.events()) data-version=(version.0) data-now=(now.as_millisecond()) {
                    @if *page != Page::Overview {
                        nav aria-label="Breadcrumb" { a href=(Page::Overview.path()) { "All groups" } }
                    }
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

/// The page for an address that has none.
pub(crate) fn not_found(reason: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { (head("Not found")) }
            body {
                (banner(&html! {}))
                main {
                    h1 { "Not found" }
                    p { (reason) }
                    p { a href=(Page::Overview.path()) { "See all groups" } }
                }
            }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content="width=device-width, initial-scale=1";
        meta name="color-scheme" content="light dark";
        title { (title) " · Theseus" }
        link rel="icon" href="/assets/icon.svg" type="image/svg+xml";
        link rel="stylesheet" href="/assets/viewer.css";
    }
}

fn banner(aside: &Markup) -> Markup {
    html! {
        header {
            a.brand href=(Page::Overview.path()) { img src="/assets/icon.svg" alt="" width="20" height="20"; "Theseus" }
            (aside)
        }
    }
}

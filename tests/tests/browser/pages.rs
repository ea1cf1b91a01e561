//! Every page there is, found by following links, and from the keyboard alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use theseus_tests::program::free_port;

use crate::browser::{Browser, large};
use theseus_browser::{ENTER, TAB};

/// Opens the pages that links lead to, so many of each kind at most, and looks at each.
pub(crate) async fn crawl(
    browser: &Browser,
    of_a_kind: usize,
    look: impl AsyncFn(&str),
) -> Vec<String> {
    let mut found = Vec::new();
    let mut known = BTreeSet::from(["/".to_owned()]);
    let mut next = VecDeque::from(["/".to_owned()]);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(path) = next.pop_front() {
        // Names of things are what tells pages of one kind apart.
        let kind: Vec<&str> = path
            .split(['/', '?'])
            .enumerate()
            .map(|(depth, part)| if depth == 2 || depth == 4 { "*" } else { part })
            .collect();
        let seen = kinds.entry(kind.join("/")).or_default();
        *seen += 1;
        if *seen > of_a_kind {
            continue;
        }
        browser.goto(&path).await;
        look(&path).await;
        let links = browser
            .ask(
                "return [...document.querySelectorAll('a[href]')]
                    .map((link) => new URL(link.href))
                    .filter((link) => link.origin === location.origin && !link.search)
                    .map((link) => link.pathname)",
            )
            .await;
        for link in links.as_array().unwrap() {
            let link = link.as_str().unwrap().to_owned();
            if known.insert(link.clone()) {
                next.push_back(link);
            }
        }
        found.push(path);
    }
    found
}

/// A page of each kind that there is, those that nothing leads to as well.
pub(crate) async fn one_of_each_kind(browser: &Browser) -> Vec<String> {
    let mut pages = crawl(browser, 1, async |_| {}).await;
    let others = [
        "/sign-in",
        "/groups/search:prod/do/scale?number=99",
        "/nowhere",
    ];
    pages.extend(others.map(str::to_owned));
    pages
}

const TEXT: &str = "return document.body.innerText";

#[tokio::test]
#[ignore = "needs chromium"]
async fn every_page_that_a_link_leads_to_opens_without_a_complaint() {
    let port = free_port();
    let _viewer = large().viewer(port).await;
    let browser = Browser::open(&format!("http://localhost:{port}")).await;
    browser.goto_live("/").await;
    browser
        .until_it(TEXT, |text| {
            text.as_str()
                .is_some_and(|text| text.contains("running containers"))
        })
        .await;
    let pages = crawl(&browser, 2, async |page| {
        let heading = browser
            .ask("return document.querySelector('h1')?.innerText")
            .await;
        assert!(heading.as_str().is_some_and(|it| !it.is_empty()), "{page}");
        browser
            .until(
                "return document.querySelector('main[data-live]') === null
                    || document.getElementById('link').dataset.link === 'live'",
                true,
            )
            .await;
        browser.assert_clean(&[]).await;
    })
    .await;
    for place in ["/", "/machines", "/usage", "/events"] {
        assert!(
            pages.iter().any(|page| page == place),
            "{place} in {pages:?}"
        );
    }
    for kind in ["/groups/", "/containers/", "/logs", "/machines/"] {
        assert!(
            pages.iter().any(|page| page.contains(kind)),
            "{kind} in {pages:?}"
        );
    }
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn from_the_keyboard_a_group_is_found_and_opened() {
    let browser = large().browser().await;
    browser.goto_live("/").await;
    let rows = "return [...document.querySelectorAll('#rows tr')]
        .filter((row) => row.checkVisibility()).map((row) => row.id)";
    browser
        .until_it(rows, |rows| {
            rows.as_array().is_some_and(|rows| rows.len() >= 200)
        })
        .await;
    browser.press("/").await;
    browser
        .until("return document.activeElement.name", "q")
        .await;
    browser.press("pay dev").await;
    browser
        .until(rows, serde_json::json!(["row:payments:dev"]))
        .await;
    for _ in 0..20 {
        browser.press(TAB).await;
        let focused = browser
            .ask("return document.activeElement.getAttribute('href')")
            .await;
        if focused == "/groups/payments:dev" {
            break;
        }
    }
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_ne!(browser.ask(outline).await, "none", "the focus is seen");
    browser.press(ENTER).await;
    browser
        .until("return location.pathname", "/groups/payments:dev")
        .await;
    // What every page begins with leads past it.
    browser.goto_live("/").await;
    browser.press(TAB).await;
    browser.press(ENTER).await;
    browser.until("return location.hash", "#content").await;
    browser.assert_clean(&[]).await;
    browser.close().await;
}

//! What changes while a page is open, and what becomes of it while nobody tells.

use serde_json::{Value, json};
use theseus_tests::program::free_port;

use crate::browser::{Browser, NOBODY_ANSWERS, large};

/// The rows of containers that the page shows.
const ROWS: &str =
    "return [...document.querySelectorAll('#rows tr')].map((row) => row.id.slice(4))";

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_container_that_is_killed_goes_and_another_comes_without_a_reload() {
    let large = large();
    let _ = large.ingestor("killed");
    let browser = large.browser().await;
    browser.goto_live("/groups/killed:dev").await;
    let count = |rows: &Value| rows.as_array().map_or(0, Vec::len);
    let before = browser.until_it(ROWS, |rows| count(rows) == 4).await;
    let killed = before[0].as_str().unwrap().to_owned();
    let untouched = before[1].as_str().unwrap();
    browser
        .ask(&format!(
            "window.loaded = 1; document.getElementById('row:{untouched}').marked = true"
        ))
        .await;

    large
        .post("/v2/tasks/delete", json!({"ids": [killed]}))
        .await;

    let is_replaced = |rows: &Value| {
        let rows: Vec<&str> = rows
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        rows.len() == 4 && !rows.contains(&killed.as_str())
    };
    browser.until_it(ROWS, is_replaced).await;
    browser
        .until(
            "return [...document.querySelectorAll('#rows tr')]
                .every((row) => row.innerText.includes('running'))",
            true,
        )
        .await;
    assert_eq!(
        browser.ask("return window.loaded").await,
        1,
        "it was not loaded anew"
    );
    let mark = format!("return document.getElementById('row:{untouched}').marked");
    assert_eq!(
        browser.ask(&mark).await,
        true,
        "what did not change was not touched"
    );
    browser.assert_clean(&[]).await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_connection_that_is_cut_is_shown_and_healed() {
    let large = large();
    let _ = large.ingestor("cut");
    let port = free_port();
    let first = large.viewer(port).await;
    let browser = Browser::open(&format!("http://localhost:{port}")).await;
    browser.goto_live("/").await;
    browser.ask("window.loaded = 1").await;
    let link = "return document.getElementById('link').dataset.link";

    browser
        .until("return document.body.innerText.includes('payments')", true)
        .await;

    drop(first);
    browser.until(link, "lost").await;
    assert!(
        browser.text().await.contains("payments"),
        "what was known stays"
    );
    let scaled = large.home.run(&["scale", "cut:dev", "5", "--yes"]);
    let _ = scaled.exits(0);

    let _second = large.viewer(port).await;
    browser.until(link, "live").await;
    browser
        .until_it(
            "return document.getElementById('row:cut:dev').innerText",
            |row| row.as_str().is_some_and(|row| row.contains("/ 5")),
        )
        .await;
    assert_eq!(
        browser.ask("return window.loaded").await,
        1,
        "it was not loaded anew"
    );
    browser.assert_clean(&NOBODY_ANSWERS).await;
    browser.close().await;
}

/// How many pages a viewer keeps true.
async fn streams(viewer: &str) -> u64 {
    let metrics = theseus_tests::client()
        .get(format!("{viewer}/metrics"))
        .send();
    let text = metrics.await.unwrap().text().await.unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("theseus_viewer_streams "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_page_that_was_left_holds_no_connection_and_is_true_again_when_gone_back_to() {
    let large = large();
    let _ = large.ingestor("left");
    let port = free_port();
    let _viewer = large.viewer(port).await;
    let browser = Browser::open(&format!("http://localhost:{port}")).await;
    let left = "/groups/left:dev";
    // More than a browser keeps connections to one place.
    for page in [
        "/groups/stock:dev",
        "/groups/stock:prod/logs",
        "/machines",
        "/groups/mail:dev",
        "/groups/mail:prod",
        "/usage",
        "/events",
        left,
    ] {
        browser.goto(page).await;
    }
    browser.goto_live("/").await;
    let began = std::time::Instant::now();
    loop {
        let streams = streams(&browser.viewer).await;
        if streams == 1 {
            break;
        }
        // What is left is given up by browsers themselves only after most of a minute.
        let is_soon = began.elapsed() < std::time::Duration::from_secs(20);
        assert!(
            is_soon,
            "{streams} pages are kept true, of which one is seen"
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }

    let scaled = large.home.run(&["scale", "left:dev", "6", "--yes"]);
    let _ = scaled.exits(0);
    browser.ask("history.back()").await;
    browser.until("return location.pathname", left).await;
    let count = |rows: &Value| rows.as_array().map_or(0, Vec::len);
    browser.until_it(ROWS, |rows| count(rows) == 6).await;
    browser.assert_clean(&[]).await;
    browser.close().await;
}

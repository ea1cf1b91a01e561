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
    let _ = large.ingestor("killed").await;
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
    let _ = large.ingestor("cut").await;
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
    let _ = large.ingestor("left").await;
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

/// What the cells of a row or a tile say in words.
fn cells(row: &str) -> String {
    format!("return document.getElementById('{row}')?.querySelector('svg.cells')?.ariaLabel")
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_cell_changes_where_it_is_drawn_and_what_happened_is_told() {
    let large = large();
    let group = "{labels: [dev], image: celled, instances: 4, mem: 64, ports: {api: 5000},
        health: {http: {port: api, path: /}}}";
    large.deploy("celled", group).await;
    // Who takes the place of another starts for the rest of the story.
    let script = json!({"image": "celled", "startDelayMs": 3_600_000});
    large.post("/sandbox/scripts", script).await;
    let group = large.group("celled:dev");
    let containers = group["containers"].as_array().unwrap().clone();
    let kill = async |index: usize| {
        let id = containers[index]["id"].as_str().unwrap();
        large.post("/v2/tasks/delete", json!({"ids": [id]})).await;
    };
    let browser = large.browser().await;

    browser.goto_live("/").await;
    let celled = cells("row:celled:dev");
    browser.until(&celled, "4 running").await;
    let other = "document.getElementById('row:payments:staging')";
    browser
        .ask(&format!("window.loaded = 1; {other}.marked = true"))
        .await;
    kill(0).await;
    browser.until(&celled, "3 running, 1 starting").await;
    let kept = format!("return [window.loaded, {other}.marked]");
    assert_eq!(browser.ask(&kept).await, json!([1, true]));

    browser.goto_live("/machines").await;
    let machine = containers[1]["host"].as_str().unwrap();
    let of_machine = cells(&format!("machine:{machine}"));
    let is_sick = |label: &Value| {
        let label = label.as_str().unwrap_or_default();
        label.ends_with(", 1 unhealthy")
    };
    browser
        .until_it(&of_machine, |label| label.is_string() && !is_sick(label))
        .await;
    browser.ask("window.loaded = 1").await;
    let sick = containers[1]["id"].as_str().unwrap();
    let sickens = format!("/sandbox/tasks/{sick}/unhealthy");
    large.post(&sickens, json!({"message": ""})).await;
    browser.until_it(&of_machine, is_sick).await;
    assert_eq!(browser.ask("return window.loaded").await, 1);

    browser.goto_live("/events").await;
    browser.ask("window.loaded = 1").await;
    let killed = containers[2]["id"].as_str().unwrap();
    kill(2).await;
    let told = format!(
        "return [...document.querySelectorAll('#rows tr')].map((row) => row.innerText)
            .find((text) => text.includes('celled:dev') && text.includes('{killed}'))"
    );
    browser
        .until_it(&told, |row| {
            row.as_str().is_some_and(|row| row.contains("is over"))
        })
        .await;
    assert_eq!(browser.ask("return window.loaded").await, 1);
    browser.assert_clean(&[]).await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn more_tabs_than_a_browser_has_connections_are_true_when_they_are_seen() {
    let large = large();
    let _ = large.ingestor("tabs").await;
    let browser = large.browser().await;
    let driver = &browser.chromium.driver;
    let link = "return document.getElementById('link').dataset.link";

    browser.goto_live("/groups/tabs:dev").await;
    browser.ask("window.loaded = 1").await;
    let first = driver.front().await.unwrap();
    for page in ["/", "/machines", "/events", "/usage"] {
        for _ in 0..2 {
            let _ = driver.tab().await.unwrap();
            browser.goto_live(page).await;
        }
    }
    let scaled = large.home.run(&["scale", "tabs:dev", "6", "--yes"]);
    let _ = scaled.exits(0);

    driver.turn_to(&first).await.unwrap();
    browser.until(link, "live").await;
    let count = |rows: &Value| rows.as_array().map_or(0, Vec::len);
    browser.until_it(ROWS, |rows| count(rows) == 6).await;
    assert_eq!(
        browser.ask("return window.loaded").await,
        1,
        "it was not loaded anew"
    );
    browser.assert_clean(&[]).await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_page_loaded_anew_in_the_middle_of_a_rollout_goes_on_from_there() {
    let large = large();
    let manifest = large.ingestor("reloaded").await;
    let script = json!({"image": "reloaded:2", "startDelayMs": 3_600_000, "times": 1});
    large.post("/sandbox/scripts", script).await;
    let next = manifest.replace("5000/reloaded", "5000/reloaded:2");
    large.home.write("reloaded.yaml", &next);
    let _deployer = large.home.start(&["deploy", "reloaded.yaml", "--yes"]);
    let browser = large.browser().await;
    browser.goto_live("/groups/reloaded:dev").await;
    let rollout = "return document.getElementById('rollout')?.innerText";
    let says = |text: &'static str| {
        move |told: &Value| told.as_str().is_some_and(|told| told.contains(text))
    };
    browser
        .until_it(rollout, says("Rollout to revision 2"))
        .await;

    browser.ask("window.loaded = 1; location.reload()").await;
    browser
        .until("return window.loaded ?? null", Value::Null)
        .await;
    browser
        .until(
            "return document.getElementById('link')?.dataset.link",
            "live",
        )
        .await;
    let _ = browser
        .until_it(rollout, says("Rollout to revision 2"))
        .await;

    // It goes on before the eyes of whoever loaded it anew, up to its end.
    let group = large.group("reloaded:dev");
    let mut containers = group["containers"].as_array().unwrap().iter();
    let slow = containers.find(|it| it["revision"] == 2).unwrap();
    let fails = format!("/sandbox/tasks/{}/fail", slow["id"].as_str().unwrap());
    large.post(&fails, json!({"message": "too slow"})).await;
    browser
        .until_it(rollout, |told| !says("Rollout to")(told))
        .await;
    let is_new = "return [...document.querySelectorAll('#rows tr')]
        .every((row) => row.innerText.includes('running') && row.innerText.includes('r2'))";
    browser.until(is_new, true).await;
    assert_eq!(large.group("reloaded:dev")["revision"], 2);
    browser.assert_clean(&[]).await;
    browser.close().await;
}

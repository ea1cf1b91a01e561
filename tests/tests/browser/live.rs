//! What changes while a page is open, and what becomes of it while nobody tells.

use serde_json::{Value, json};
use theseus_tests::program::{Home, Running, free_port};

use crate::browser::{Browser, world};

/// The rows of containers that the page shows.
const ROWS: &str =
    "return [...document.querySelectorAll('#rows tr')].map((row) => row.id.slice(4))";

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_container_that_is_killed_goes_and_another_comes_without_a_reload() {
    let (_home, sandbox) = world(&[]);
    let browser = Browser::open(&sandbox.viewer).await;
    browser.goto_live("/groups/ingestor:dev").await;
    let count = |rows: &Value| rows.as_array().map_or(0, Vec::len);
    let before = browser.until_it(ROWS, |rows| count(rows) == 4).await;
    let killed = before[0].as_str().unwrap().to_owned();
    let untouched = before[1].as_str().unwrap();
    browser
        .ask(&format!(
            "window.loaded = 1; document.getElementById('row:{untouched}').marked = true"
        ))
        .await;

    let answer = theseus_tests::client()
        .post(format!("{}/v2/tasks/delete", sandbox.url))
        .json(&json!({"ids": [killed]}))
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{answer:?}");

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

fn viewer(home: &Home, port: u16) -> Running {
    let listen = format!("127.0.0.1:{port}");
    home.start(&["viewer", "--listen", &listen])
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_connection_that_is_cut_is_shown_and_healed() {
    let (home, _sandbox) = world(&[]);
    let port = free_port();
    let first = viewer(&home, port);
    let browser = Browser::open(&format!("http://localhost:{port}")).await;
    let began = std::time::Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            began.elapsed() < crate::browser::PATIENCE,
            "the viewer listens"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    browser.goto_live("/").await;
    browser.ask("window.loaded = 1").await;
    let link = "return document.getElementById('link').dataset.link";

    drop(first);
    browser.until(link, "lost").await;
    assert!(
        browser.text().await.contains("ingestor"),
        "what was known stays"
    );
    let _ = home.run(&["scale", "ingestor:dev", "5", "--yes"]).exits(0);

    let _second = viewer(&home, port);
    browser.until(link, "live").await;
    browser
        .until_it(
            "return document.getElementById('row:ingestor:dev').innerText",
            |row| row.as_str().is_some_and(|row| row.contains("/ 5")),
        )
        .await;
    assert_eq!(
        browser.ask("return window.loaded").await,
        1,
        "it was not loaded anew"
    );
    // That nobody answered is no news.
    browser
        .assert_clean(&[
            "net::ERR_CONNECTION_REFUSED",
            "net::ERR_INCOMPLETE_CHUNKED_ENCODING",
            "net::ERR_CONNECTION_RESET",
            "net::ERR_EMPTY_RESPONSE",
        ])
        .await;
    browser.close().await;
}

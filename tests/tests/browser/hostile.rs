//! What others write into a cluster stays text, wherever it is shown.

use serde_json::{Value, json};

use crate::browser::large;
use crate::pages::crawl;

/// What would run if it became a part of a page, whether as an element, in an attribute or in a script.
const EVIL: &str = "'\"></title></script><img src=x onerror=window.hostile=1>";

#[tokio::test]
#[ignore = "needs chromium"]
async fn whatever_is_written_anywhere_stays_text() {
    let large = large();
    let said = format!("\u{1b}[31m{EVIL}\u{1b}[0m\u{8}\u{8}\u{1b}]0;owned\u{7}");
    let script = json!({"image": "hostile", "logGreeting": said});
    large.post("/sandbox/scripts", script).await;
    let spec = |image: &str| {
        json!({
            "labels": ["dev"], "image": image, "instances": 2, "mem": 64,
            "command": ["sh", "-c", EVIL], "environment": {"NOTE": EVIL}, "metadata": {"note": EVIL},
        })
    };
    large
        .deploy("hostile", &spec("hostile:1").to_string())
        .await;
    let next = json!({"deploy": {"hostile": spec("hostile:2")}}).to_string();
    large.home.write("hostile.json", &next);
    let deploy = ["deploy", "hostile.json", "--yes"];
    let _ = large.home.run_with("USER", EVIL, &deploy).exits(0);
    let containers = large.group("hostile:dev")["containers"].clone();
    let id = containers[0]["id"].as_str().unwrap();
    let fails = format!("/sandbox/tasks/{id}/fail");
    large.post(&fails, json!({"message": said})).await;

    let browser = large.browser().await;
    let is_harmless = "return [
        window.hostile ?? null,
        document.querySelectorAll('[onerror], img[src=x], script:not([src])').length,
        [...document.body.innerText].filter((it) => it < ' ' && it !== '\\n' && it !== '\\t').length,
    ]";
    let look = async |page: &str| {
        assert_eq!(
            browser.ask(is_harmless).await,
            json!([null, 0, 0]),
            "{page}"
        );
    };
    let seen = async |page: &str| {
        browser.goto(page).await;
        let shown = "return document.body.textContent";
        browser
            .until_it(shown, |it| it.as_str().is_some_and(|it| it.contains(EVIL)))
            .await;
        look(page).await;
    };
    for page in [
        "/groups/hostile:dev",
        "/groups/hostile:dev?from=1&to=2",
        "/groups/hostile:dev/logs",
        "/events",
    ] {
        seen(page).await;
    }
    let first = "return document.querySelector('#rows a.code')?.getAttribute('href')";
    browser.goto_live("/groups/hostile:dev").await;
    let container = browser.until_it(first, Value::is_string).await;
    seen(container.as_str().unwrap()).await;
    for page in [
        "/?q=%22%3E%3Cimg%20src=x%20onerror=window.hostile=1%3E",
        "/machines?q=%3C/script%3E%3Cimg%20src=x%20onerror=window.hostile=1%3E",
        "/groups/hostile:dev/logs?q=%3Cimg%20src=x%20onerror=window.hostile=1%3E",
        "/usage?by=%22%3E%3Cimg%20src=x%20onerror=window.hostile=1%3E",
        "/groups/%22%3E%3Cimg%20src=x%20onerror=window.hostile=1%3E",
        "/machines/%3Cimg%20src=x%20onerror=window.hostile=1%3E",
        "/%3Cimg%20src=x%20onerror=window.hostile=1%3E",
    ] {
        browser.goto(page).await;
        look(page).await;
    }
    let _ = crawl(&browser, 1, look).await;
    browser
        .assert_clean(&["404 (Not Found)", "400 (Bad Request)"])
        .await;
    let _ = large.home.run(&["remove", "hostile:dev", "--yes"]).exits(0);
    browser.close().await;
}

//! Where older lines go among those that a page has: what the page is told stands here, line by line.

use serde_json::{Value, json};
use theseus_browser::Chromium;

use crate::browser::{Browser, large};

/// A row as the server makes it: whose it is, when it was written if that is told, and what it is
/// told apart by.
fn row((who, at, text): (&str, Option<u64>, &str)) -> String {
    let at = at.map_or_else(String::new, |at| format!(" data-at=\"{at}\""));
    format!(
        "<li{at}><span class=\"who\" title=\"{who}\">{who}</span><span class=\"what\">{text}</span></li>"
    )
}

type Row = (&'static str, Option<u64>, &'static str);

/// Has the next page told this when it follows, and when it is scrolled back.
async fn tell(chromium: &Chromium, now: &[Row], older: &[Row]) {
    let rows = |rows: &[Row]| rows.iter().map(|it| row(*it)).collect::<String>();
    let now = json!({"rows": rows(now), "places": {"a": "there"}, "isCaughtUp": true});
    let older = json!({"rows": rows(older), "places": {}});
    let source = format!(
        "{{ const real = window.fetch;
        const live = () => new ReadableStream({{
            start: (it) => it.enqueue(new TextEncoder().encode({} + '\\n')),
        }});
        window.fetch = async (address, how) =>
            address.includes('/logs/live') ? new Response(live())
                : address.includes('/logs/older') ? new Response({})
                : real(address, how); }}",
        json!(now.to_string()),
        json!(older.to_string()),
    );
    let script = json!({"source": source});
    chromium
        .driver
        .tools("Page.addScriptToEvaluateOnNewDocument", script)
        .await
        .unwrap();
}

const WHAT: &str =
    "return [...document.querySelectorAll('#log .what')].map((it) => it.textContent)";

async fn placed(browser: &Browser, now: &[Row], older: &[Row]) -> Value {
    tell(&browser.chromium, now, older).await;
    browser.goto("/groups/search:prod/logs").await;
    let texts: Vec<&str> = now.iter().map(|(.., text)| *text).collect();
    browser.until(WHAT, json!(texts)).await;
    browser
        .ask("document.getElementById('log-older').click()")
        .await;
    let all = now.len() + older.len();
    browser
        .until_it(WHAT, |it| it.as_array().is_some_and(|it| it.len() == all))
        .await
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn lines_without_a_time_stay_with_what_they_follow() {
    let browser = large().browser().await;
    let now = [
        ("a", Some(10), "a10"),
        ("a", None, "a10 at frame"),
        ("b", Some(20), "b20"),
        ("c", None, "c says"),
        ("a", Some(30), "a30"),
    ];
    // What tells none comes behind its own former line, not behind what others wrote later.
    let older = [
        ("a", None, "a begins"),
        ("a", Some(5), "a5"),
        ("a", None, "a5 at frame"),
        ("b", Some(15), "b15"),
        ("b", None, "b15 at frame"),
        ("d", Some(25), "d25"),
    ];
    let found = placed(&browser, &now, &older).await;
    assert_eq!(
        found,
        json!([
            "a begins",
            "a5",
            "a5 at frame",
            "a10",
            "a10 at frame",
            "b15",
            "b15 at frame",
            "b20",
            "c says",
            "d25",
            "a30"
        ])
    );

    // A clock that was put back does not put a line behind what its container wrote later.
    let older = [
        ("a", Some(12), "a12"),
        ("a", None, "a12 at frame"),
        ("a", Some(9), "a9"),
    ];
    let found = placed(&browser, &now, &older).await;
    assert_eq!(
        found.as_array().unwrap()[..4],
        json!(["a12", "a12 at frame", "a9", "a10"])
            .as_array()
            .unwrap()[..]
    );
    let older = [("b", Some(22), "b22"), ("b", None, "b22 at frame")];
    let found = placed(&browser, &now, &older).await;
    assert_eq!(
        found.as_array().unwrap()[1..5],
        json!(["a10 at frame", "b22", "b22 at frame", "b20"])
            .as_array()
            .unwrap()[..]
    );

    // Where nothing tells a time, each stands before what its container wrote next.
    let older = [("c", None, "c before"), ("a", None, "a before")];
    let found = placed(&browser, &now, &older).await;
    assert_eq!(
        found,
        json!([
            "a before",
            "a10",
            "a10 at frame",
            "b20",
            "c before",
            "c says",
            "a30"
        ])
    );
    browser.assert_clean(&[]).await;
    browser.close().await;
}

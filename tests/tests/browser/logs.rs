//! Reading what containers write.

use serde_json::{Value, json};
use theseus_tests::program::free_port;

use crate::browser::{Browser, Large, NOBODY_ANSWERS, large};

/// How many rows of the log are to be seen.
const ROWS: &str = "return document.querySelectorAll('#log > li:not([hidden])').length";
const LAST: &str = "return document.getElementById('log').lastElementChild?.textContent";
const STATE: &str = "return document.getElementById('log-state').innerText";

fn has(value: &Value, text: &str) -> bool {
    value.as_str().is_some_and(|value| value.contains(text))
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A group of two that have written a lot, some of it into files that were rotated since, and go on.
async fn talkative(service: &str) -> &'static Large {
    let large = large();
    let rotation = json!({"lines": 150, "keep": 9, "compress": true});
    let script = json!({
        "image": service, "logEveryMs": 200, "logBacklog": 1000, "logRotation": rotation
    });
    large.post("/sandbox/scripts", script).await;
    let group = format!("{{labels: [prod], image: {service}, instances: 2, mem: 64}}");
    large.deploy(service, &group).await;
    large
}

/// How much of the end of a log is out of sight when something came last and its rows have their
/// heights, in pixels.
async fn out_of_sight(browser: &Browser) -> f64 {
    let settled = "const done = arguments[arguments.length - 1];
        const log = document.getElementById('log');
        new MutationObserver((_, observer) => {
            observer.disconnect();
            const rows = log.children.length;
            let frames = 0;
            const look = () => {
                if (rows !== log.children.length) return done('more came');
                frames += 1;
                if (frames < 8) return requestAnimationFrame(look);
                done(log.scrollHeight - log.scrollTop - log.clientHeight);
            };
            look();
        }).observe(log, { childList: true })";
    loop {
        let hidden = browser.chromium.driver.execute_async(settled).await;
        // More came meanwhile, unless it is a number.
        if let Some(hidden) = hidden.unwrap().as_f64() {
            return hidden;
        }
    }
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_log_is_followed_held_searched_and_kept() {
    let large = talkative("talkers").await;
    let browser = large.browser().await;
    browser.goto("/groups/talkers:prod/logs").await;
    browser.until_it(STATE, |state| has(state, "live")).await;
    let before = count(&browser.until_it(ROWS, |rows| count(rows) >= 400).await);
    browser.until_it(ROWS, |rows| count(rows) > before).await;
    let is_at_end = "const log = document.getElementById('log');
        return log.scrollHeight - log.scrollTop - log.clientHeight < 40";
    // What is new is seen, and stays so once it is painted and its rows have their heights.
    let hidden = out_of_sight(&browser).await;
    assert!(hidden < 40.0, "{hidden} pixels are out of sight");
    // So it is where every line takes several rows.
    browser.wear(360, "light").await;
    browser.until(is_at_end, true).await;
    browser.wear(1280, "light").await;
    browser.until(is_at_end, true).await;

    // While it is held nothing moves, whatever is written; then it goes on with what was.
    browser.click("#log-pause").await;
    browser.until_it(STATE, |state| has(state, "paused")).await;
    let held = browser.ask(LAST).await;
    let newest = || {
        let told = large
            .home
            .run(&["logs", "talkers:prod", "--stdout", "--tail=1"]);
        told.exits(0).stdout
    };
    let then = newest();
    while newest() == then {
        tokio::task::yield_now().await;
    }
    assert_eq!(browser.ask(LAST).await, held);
    browser.click("#log-pause").await;
    browser.until_it(LAST, |last| *last != held).await;

    // What is looked for stays, and all else goes.
    browser
        .ask("document.getElementById('log-form').elements.q.focus()")
        .await;
    browser.press("starting talkers").await;
    browser.until(ROWS, 0).await;
    browser.until_it(STATE, |state| has(state, "0 of ")).await;
    browser
        .ask(
            "const field = document.getElementById('log-form').elements.q;
            field.value = '';
            field.dispatchEvent(new Event('input', { bubbles: true }))",
        )
        .await;
    browser.until_it(ROWS, |rows| count(rows) > before).await;

    // Back to what was written long before, page by page, into files that are compressed by now.
    let older = "document.getElementById('log').scrollTop = 0;
        return document.getElementById('log').firstElementChild.textContent";
    browser
        .until_it(older, |first| has(first, "starting talkers"))
        .await;
    assert!(count(&browser.ask(ROWS).await) > 2000);
    browser
        .ask("document.getElementById('log').scrollTop = 1000")
        .await;
    browser
        .until(
            "return document.getElementById('log-end').checkVisibility()",
            true,
        )
        .await;
    browser.click("#log-end").await;
    browser.until(is_at_end, true).await;

    // All of it, as a file.
    let file = browser
        .chromium
        .driver
        .execute_async(
            "const done = arguments[arguments.length - 1];
            fetch(document.querySelector('a[download]').href).then(async (answer) =>
                done([answer.headers.get('content-disposition'), (await answer.text()).split('\\n').length]))",
        )
        .await
        .unwrap();
    assert!(
        has(&file[0], "attachment; filename=\"talkers-prod.log\""),
        "{file}"
    );
    assert!(count(&file[1]) > 2000, "{file}");

    // One of them, and what it complains of.
    browser
        .ask(
            "const form = document.getElementById('log-form');
            form.elements.container.selectedIndex = 1;
            form.elements.output.value = 'stderr';
            form.elements.output.dispatchEvent(new Event('change', { bubbles: true }))",
        )
        .await;
    browser
        .until_it("return location.search", |query| {
            has(query, "output=stderr") && has(query, "container=")
        })
        .await;
    browser.until_it(STATE, |state| has(state, "live")).await;
    let whose = "return [...new Set([...document.querySelectorAll('#log .who')].map((it) => it.title))].length";
    browser.until(whose, 1).await;
    browser.assert_clean(&[]).await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_container_shows_its_log_as_it_is_written() {
    let large = talkative("writers").await;
    let browser = large.browser().await;
    browser.goto_live("/groups/writers:prod").await;
    let first = "return document.querySelector('#rows a.code')?.getAttribute('href')";
    let first = browser.until_it(first, Value::is_string).await;
    browser.goto_live(first.as_str().unwrap()).await;
    browser.until_it(STATE, |state| has(state, "live")).await;
    let before = browser.until_it(LAST, Value::is_string).await;
    browser.until_it(LAST, |last| *last != before).await;
    // What else is on the page is kept true beside it.
    assert!(browser.text().await.contains("Running for"));
    // A page that nobody sees reads nothing, and goes on when it is seen again.
    let hide = |is_hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ value: {is_hidden}, configurable: true }});
            document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    browser.ask(&hide(true)).await;
    browser
        .until_it(STATE, |state| has(state, "as of now"))
        .await;
    browser.ask(&hide(false)).await;
    browser.until_it(STATE, |state| has(state, "live")).await;
    // What is over is not waited for.
    let _ = large
        .home
        .run(&["remove", "writers:prod", "--yes"])
        .exits(0);
    browser.until_it(STATE, |state| has(state, "ended")).await;
    browser.assert_clean(&[]).await;
    browser.close().await;
}

/// Of how many lines that are there the one before is missing, of containers that write five a second,
/// and how many are there twice.
const FLAWS: &str = "let [holes, doubles] = [0, 0];
    const last = new Map();
    const all = new Set();
    for (const row of document.getElementById('log').children) {
        const who = row.querySelector('.who').title;
        if (!row.textContent.includes('GET')) continue;
        if (Number(row.dataset.at) - (last.get(who) ?? Infinity) > 300) holes += 1;
        if (all.has(row.textContent)) doubles += 1;
        last.set(who, Number(row.dataset.at));
        all.add(row.textContent);
    }
    return [holes, doubles]";

#[tokio::test]
#[ignore = "needs chromium"]
async fn whoever_has_scrolled_back_keeps_the_place_when_the_connection_breaks() {
    let large = talkative("readers").await;
    let port = free_port();
    let first = large.viewer(port).await;
    let browser = Browser::open(&format!("http://localhost:{port}")).await;
    browser.goto_live("/").await;
    browser
        .until("return document.body.innerText.includes('readers')", true)
        .await;
    browser.goto("/groups/readers:prod/logs").await;
    browser.until_it(STATE, |state| has(state, "live")).await;
    browser
        .ask("document.getElementById('log').scrollTop = 1000")
        .await;
    let end = "return document.getElementById('log-end').checkVisibility()";
    browser.until(end, true).await;
    let place = "return document.getElementById('log').scrollTop";
    let before = browser.ask(place).await;

    drop(first);
    browser
        .until_it(STATE, |state| has(state, "to go on, jump to the end"))
        .await;
    assert_eq!(browser.ask(place).await, before, "what is read stays");
    assert_eq!(browser.ask(FLAWS).await, json!([0, 0]));
    let _second = large.viewer(port).await;
    assert_eq!(browser.ask(place).await, before, "it waits to be wanted");

    browser.click("#log-end").await;
    browser.until_it(STATE, |state| has(state, "live")).await;
    assert!(out_of_sight(&browser).await < 40.0);
    assert_eq!(browser.ask(FLAWS).await, json!([0, 0]));
    // What was written meanwhile lies before it, as far back as anybody scrolls.
    let count_of = count(&browser.ask(ROWS).await);
    let older = "document.getElementById('log').scrollTop = 0;
        return document.getElementById('log').children.length";
    browser
        .until_it(older, |rows| count(rows) > count_of + 500)
        .await;
    assert_eq!(browser.ask(FLAWS).await, json!([0, 0]));
    browser.assert_clean(&NOBODY_ANSWERS).await;
    browser.close().await;
}

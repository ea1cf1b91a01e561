//! How pages look: pictures of them are left in `target/browser`, to be looked at, and nothing is wider
//! than the window.

use theseus_tests::program::{Home, free_port};

use crate::browser::{Browser, large, target};
use crate::pages::one_of_each_kind;

/// Leaves a picture of what is in a window of this width; says what is wider.
async fn look(browser: &Browser, name: &str, width: u32, theme: &str) -> Option<String> {
    browser.wear(width, theme).await;
    // The window of a telephone grows with what is too wide for it.
    let wide = browser
        .ask("return document.documentElement.scrollWidth")
        .await;
    let picture = browser.chromium.driver.picture().await.unwrap();
    std::fs::write(
        target().join(format!("{name}-{width}-{theme}.png")),
        picture,
    )
    .unwrap();
    let wide = wide.as_u64().unwrap();
    (wide > width.into()).then(|| format!("{name} at {width}: it is {wide} wide"))
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn what_is_empty_under_way_stale_or_wrong_looks_as_if_it_was_meant() {
    let home = Home::new();
    let sandbox = home.sandbox("20ms");
    let port = free_port();
    let _viewer = home.start(&["viewer", &format!("--port={port}")]);
    let browser = Browser::open(&format!("http://localhost:{port}")).await;
    let mut wide = Vec::new();
    let mut look_at = async |name: &str| {
        for (width, theme) in [
            (360, "light"),
            (1280, "light"),
            (1280, "dark"),
            (2560, "dark"),
        ] {
            wide.extend(look(&browser, name, width, theme).await);
        }
    };
    for page in ["", "machines", "usage", "events"] {
        browser.goto_live(&format!("/{page}")).await;
        browser.until(&no("Looking at cluster"), true).await;
        look_at(&format!("empty-{page}")).await;
    }
    browser.goto("/groups/web:prod").await;
    look_at("wrong-group").await;
    browser.goto("/groups/web:prod/logs").await;
    look_at("wrong-logs").await;

    home.write(
        "web.yaml",
        "deploy:\n  web: {labels: ['prod'], image: 'web:1', instances: 6}\n",
    );
    let _ = home.run(&["deploy", "web.yaml", "--yes"]).exits(0);
    let script = serde_json::json!({"image": "web:2", "startDelayMs": 3_600_000});
    let url = format!("{}/sandbox/scripts", sandbox.url);
    let told = theseus_tests::client().post(url).json(&script).send().await;
    assert!(told.unwrap().status().is_success());
    home.write(
        "web.yaml",
        "deploy:\n  web: {labels: ['prod'], image: 'web:2', instances: 6}\n",
    );
    let _ = home
        .run(&["deploy", "web.yaml", "--yes", "--detach"])
        .exits(0);
    browser.goto_live("/groups/web:prod").await;
    browser.until(&has("Rollout to revision 2"), true).await;
    look_at("rollout-group").await;
    browser.goto_live("/").await;
    look_at("rollout-overview").await;

    drop(sandbox);
    browser.until(&has("Out of touch"), true).await;
    look_at("stale-overview").await;
    browser.goto_live("/groups/web:prod").await;
    look_at("stale-group").await;
    browser.goto("/groups/web:prod/logs").await;
    look_at("stale-logs").await;
    browser.goto_live("/machines").await;
    look_at("stale-machines").await;
    assert!(wide.is_empty(), "{wide:#?}");
    browser.close().await;
}

fn has(text: &str) -> String {
    format!("return document.body.innerText.includes('{text}')")
}

fn no(text: &str) -> String {
    format!("return !document.body.innerText.includes('{text}')")
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn pages_fit_windows_of_every_width_in_both_themes() {
    let browser = large().browser().await;
    let pages = one_of_each_kind(&browser).await;
    let mut wide = Vec::new();
    for page in &pages {
        let name = page.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let name: String = name.chars().take(40).collect();
        browser.goto(page).await;
        for theme in ["light", "dark"] {
            for width in [360, 1280, 2560] {
                browser.wear(width, theme).await;
                wide.extend(look(&browser, &name, width, theme).await);
            }
        }
    }
    assert!(wide.is_empty(), "{wide:#?}");
    browser.assert_clean(&["404 (Not Found)"]).await;
    browser.close().await;
}

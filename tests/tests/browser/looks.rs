//! How pages look: pictures of them are left in `target/browser`, to be looked at, and nothing is wider
//! than the window.

use crate::browser::{Browser, target, world};
use crate::pages::one_of_each_kind;

#[tokio::test]
#[ignore = "needs chromium"]
async fn pages_fit_windows_of_every_width_in_both_themes() {
    let (home, sandbox) = world(&["--allow-changes"]);
    home.write(
        "web.yaml",
        "deploy:\n  web:\n  - {labels: ['prod'], image: 'registry.example.com/shop/web:2024-11-03', instances: 30, cpus: 0.1, mem: 32}\n  - {labels: ['canary', 'prod'], image: web, instances: 2, cpus: 0.1, mem: 32}\n",
    );
    let _ = home.run(&["deploy", "web.yaml", "--yes"]).exits(0);
    let browser = Browser::open(&sandbox.viewer).await;
    let pages = one_of_each_kind(&browser, &home).await;
    let mut wide = Vec::new();
    for page in &pages {
        let name: String = page
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(40)
            .collect();
        browser.goto(page).await;
        for theme in ["light", "dark"] {
            for width in [360, 1280, 2560] {
                browser.wear(width, theme).await;
                let over = browser
                    .ask("return document.documentElement.scrollWidth - window.innerWidth")
                    .await;
                if over.as_i64().is_some_and(|over| over > 0) {
                    wide.push(format!("{page} at {width}: {over} too many"));
                }
                let picture = target().join(format!("{name}-{width}-{theme}.png"));
                std::fs::write(picture, browser.chromium.driver.picture().await.unwrap()).unwrap();
            }
        }
    }
    assert!(wide.is_empty(), "{wide:#?}");
    browser.assert_clean(&["404 (Not Found)"]).await;
    browser.close().await;
}

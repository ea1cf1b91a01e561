//! Signing in, and changing what runs: nothing is done that was not shown.

use serde_json::Value;
use theseus_tests::program::Home;

use crate::browser::{Browser, Large, large};
use theseus_browser::ENTER;

const PARCELS: &str = "deploy:\n  parcels: {labels: ['prod'], image: 'parcels:1', instances: 2}\n";

/// Goes to a page as somebody who has not signed in, and signs in.
async fn sign_in(browser: &Browser, home: &Home, path: &str) {
    browser.goto(path).await;
    browser.until("return location.pathname", "/sign-in").await;
    browser
        .until("return document.activeElement.id", "token")
        .await;
    browser.press(theseus_tests::TOKEN).await;
    browser.press(ENTER).await;
    browser
        .until_it(
            "return document.getElementById('wrong')?.innerText",
            |wrong| {
                wrong
                    .as_str()
                    .is_some_and(|wrong| wrong.contains("not the token"))
            },
        )
        .await;
    browser.press(&home.viewer_token()).await;
    browser.press(ENTER).await;
    browser.until("return location.pathname", path).await;
}

/// Presses the button of these words.
async fn push(browser: &Browser, words: &str) {
    let script = format!(
        "const button = [...document.querySelectorAll('button')]
            .find((button) => button.innerText.startsWith('{words}') && button.checkVisibility());
        button?.click();
        return button !== undefined"
    );
    browser.until(&script, true).await;
}

async fn fill(browser: &Browser, manifest: &str) {
    let text = serde_json::to_string(manifest).unwrap();
    browser
        .until_it(
            &format!(
                "const field = document.getElementById('manifest');
                if (field === null) return false; field.value = {text}; return true"
            ),
            |filled| *filled == true,
        )
        .await;
}

async fn shows(browser: &Browser, text: &str) {
    browser
        .until_it("return document.body.innerText", |page| {
            page.as_str().is_some_and(|page| page.contains(text))
        })
        .await;
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_manifest_is_deployed_once_its_plan_was_shown() {
    let large = large();
    let browser = Browser::open(&large.sandbox.viewer).await;
    sign_in(&browser, &large.home, "/deploy").await;
    let cookies = browser.ask("return document.cookie").await;
    assert_eq!(cookies, "", "scripts do not see the session");

    // Faults are told as the command tells them, and what was written stays.
    fill(&browser, "deploy:\n  parcels: {imgae: x}\n").await;
    push(&browser, "Show the plan").await;
    shows(&browser, "did you mean image?").await;
    let kept = browser
        .ask("return document.getElementById('manifest').value")
        .await;
    assert_eq!(kept, "deploy:\n  parcels: {imgae: x}\n");

    fill(&browser, PARCELS).await;
    push(&browser, "Show the plan").await;
    shows(&browser, "Plan: 1 to create.").await;
    assert!(
        browser
            .text()
            .await
            .contains("start 2 containers of revision 1")
    );
    let not_yet = large.group("parcels:prod");
    assert!(not_yet.is_null(), "nothing is done yet: {not_yet}");
    push(&browser, "Carry it out").await;
    browser
        .until_it("return location.pathname", |path| {
            path.as_str()
                .is_some_and(|path| path.starts_with("/deploys/"))
        })
        .await;
    browser
        .until_it(
            "return document.querySelector('.result')?.innerText",
            |result| {
                result
                    .as_str()
                    .is_some_and(|result| result.contains("done"))
            },
        )
        .await;
    assert_eq!(large.group("parcels:prod")["healthy"], 2);
    let trail = large.home.run(&["events", "--since", "1h"]).exits(0).stdout;
    assert!(trail.contains("(viewer)"), "{trail}");
    browser
        .assert_clean(&["401 (Unauthorized)", "422 (Unprocessable"])
        .await;
    browser.close().await;
}

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_group_is_changed_from_its_page_and_only_as_it_was_shown() {
    let large = large();
    let _ = large.ingestor("changed").await;
    let browser = Browser::open(&large.sandbox.viewer).await;
    sign_in(&browser, &large.home, "/groups/changed:dev").await;
    // What only a rollout can be told is there only while there is one.
    browser
        .until(
            OFFERED,
            serde_json::json!(["Scale", "Restart", "Roll back"]),
        )
        .await;

    let scale = |number: u32| format!("document.querySelector('.actions input').value = {number}");
    browser.ask(&scale(6)).await;
    push(&browser, "Scale").await;
    shows(&browser, "from 4 to 6 containers").await;
    // Somebody else is faster.
    let _ = large
        .home
        .run(&["scale", "changed:dev", "5", "--yes"])
        .exits(0);
    push(&browser, "Carry it out").await;
    shows(
        &browser,
        "what is deployed has changed since the plan was shown",
    )
    .await;
    shows(&browser, "from 5 to 6 containers").await;
    assert_eq!(large.group("changed:dev")["instances"], 5);
    push(&browser, "Carry it out").await;
    shows(&browser, "done").await;
    assert_eq!(large.group("changed:dev")["instances"], 6);

    // There is nothing to go back to, and that is told.
    browser.goto("/groups/changed:dev").await;
    push(&browser, "Roll back").await;
    shows(&browser, "no earlier revision").await;

    browser.goto_live("/").await;
    push(&browser, "Sign out").await;
    browser.until("return location.pathname", "/sign-in").await;
    browser.goto("/groups/changed:dev").await;
    browser.until("return location.pathname", "/sign-in").await;
    browser
        .assert_clean(&["401 (Unauthorized)", "409 (Conflict)"])
        .await;
    browser.close().await;
}

/// Waits until the group is as wanted.
async fn until_status(large: &Large, group: &str, is: impl Fn(&Value) -> bool) {
    let began = std::time::Instant::now();
    loop {
        let status = large.group(group);
        if is(&status) {
            return;
        }
        assert!(began.elapsed() < crate::browser::PATIENCE, "{status}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// The controls that a group's page offers.
const OFFERED: &str = "return [...document.querySelectorAll('.actions button')]
    .filter((button) => button.checkVisibility()).map((button) => button.innerText)";

#[tokio::test]
#[ignore = "needs chromium"]
async fn a_file_that_is_dropped_is_deployed_and_its_rollout_held_resumed_and_taken_back() {
    let large = large();
    let manifest = large.ingestor("dropped").await;
    let browser = Browser::open(&large.sandbox.viewer).await;
    sign_in(&browser, &large.home, "/deploy").await;

    // New containers that never come up: its rollout goes on for as long as nobody ends it.
    let script = serde_json::json!({"image": "dropped:2", "startDelayMs": 3_600_000});
    large.post("/sandbox/scripts", script).await;
    let manifest = manifest.replace("5000/dropped", "5000/dropped:2");
    let drop = format!(
        "const data = new DataTransfer();
        data.items.add(new File([{}], 'dropped.yaml'));
        const way = {{ dataTransfer: data, bubbles: true, cancelable: true }};
        document.getElementById('manifest').dispatchEvent(new DragEvent('drop', way))",
        serde_json::to_string(&manifest).unwrap()
    );
    browser.ask(&drop).await;
    browser
        .until(
            "return document.getElementById('manifest').value",
            manifest.clone(),
        )
        .await;
    push(&browser, "Show the plan").await;
    shows(&browser, "Plan: 1 to roll.").await;
    push(&browser, "Carry it out").await;
    shows(&browser, "waiting for").await;

    browser.goto_live("/groups/dropped:dev").await;
    shows(&browser, "Rollout to revision 2").await;
    browser
        .until_it(OFFERED, |offered| offered.to_string().contains("Pause"))
        .await;
    push(&browser, "Pause").await;
    shows(&browser, "stops before its next change").await;
    browser
        .ask("document.getElementById('reason').value = 'lunch'")
        .await;
    push(&browser, "Pause dropped:dev").await;
    browser
        .until("return location.pathname", "/groups/dropped:dev")
        .await;
    shows(&browser, "Paused by").await;
    shows(&browser, "lunch").await;

    push(&browser, "Resume").await;
    shows(&browser, "Plan: 1 to resume.").await;
    // Whoever was paused may still be about to leave: then the plan is shown once more.
    browser
        .until_it(
            "if (location.pathname.startsWith('/deploys/')) return true;
            [...document.querySelectorAll('button')]
                .find((button) => button.innerText === 'Carry it out')?.click();
            return false",
            |is_begun| *is_begun == true,
        )
        .await;
    shows(&browser, "waiting for").await;
    browser.goto_live("/groups/dropped:dev").await;
    shows(&browser, "Carried out by").await;

    push(&browser, "Abort").await;
    shows(&browser, "is taken back").await;
    push(&browser, "Abort dropped:dev").await;
    browser
        .until_it("return location.pathname", |path| {
            path.as_str().is_some_and(|path| !path.contains("/do/"))
        })
        .await;
    until_status(large, "dropped:dev", |group| {
        group["revision"] == 1 && group["rollout"].is_null() && group["healthy"] == 4
    })
    .await;
    browser.goto_live("/groups/dropped:dev").await;
    shows(&browser, "well").await;

    // Its containers are replaced one by one, and it is what it was.
    let before = large.group("dropped:dev")["containers"].clone();
    carry_out(&browser, "Restart").await;
    until_status(large, "dropped:dev", |group| {
        let is_new = |it: &Value| {
            before
                .as_array()
                .unwrap()
                .iter()
                .all(|old| old["id"] != it["id"])
        };
        let containers = group["containers"].as_array().unwrap();
        group["healthy"] == 4 && containers.len() == 4 && containers.iter().all(is_new)
    })
    .await;

    // What was deployed before is deployed again.
    let next = manifest.replace("dropped:2", "dropped:3");
    large.home.write("next.yaml", &next);
    let _ = large.home.run(&["deploy", "next.yaml", "--yes"]).exits(0);
    browser.goto_live("/groups/dropped:dev").await;
    carry_out(&browser, "Roll back").await;
    until_status(large, "dropped:dev", |group| {
        let image = group["image"].as_str().unwrap_or_default();
        group["rollout"].is_null() && group["healthy"] == 4 && image.ends_with("5000/dropped")
    })
    .await;
    browser.assert_clean(&["401 (Unauthorized)"]).await;
    browser.close().await;
}

/// Asks for it, has the plan shown, and has that carried out to its end.
async fn carry_out(browser: &Browser, button: &str) {
    push(browser, button).await;
    shows(browser, "Plan: 1 to ").await;
    push(browser, "Carry it out").await;
    browser
        .until_it(
            "return document.querySelector('.result')?.innerText",
            |result| result.as_str().is_some_and(|it| it.contains("done")),
        )
        .await;
}

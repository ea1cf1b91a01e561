//! What axe-core has to say of every page, by the rules of WCAG 2.1 A and AA.

use std::process::Command;

use tempfile::TempDir;

use crate::browser::large;
use crate::pages::one_of_each_kind;

/// The version whose rules are asked; npm checks that it is what the registry says.
const AXE: &str = "axe-core@4.14.1";

/// axe-core, from npm.
fn axe() -> String {
    let directory = TempDir::new().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let output = command
            .args(arguments)
            .current_dir(directory.path())
            .output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(
            output.status.success(),
            "{program} {arguments:?}: {output:?}"
        );
    };
    run("npm", &["pack", "--silent", AXE]);
    let packed = AXE.replace('@', "-") + ".tgz";
    run("tar", &["-xzf", &packed, "package/axe.min.js"]);
    std::fs::read_to_string(directory.path().join("package/axe.min.js")).unwrap()
}

#[tokio::test]
#[ignore = "needs chromium and npm"]
async fn no_page_breaks_a_rule_of_accessibility() {
    let axe = axe();
    let browser = large().browser().await;
    let pages = one_of_each_kind(&browser).await;
    let script = format!(
        "const done = arguments[arguments.length - 1];
        {axe};
        axe.run(document, {{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}}).then(
            (found) => done(found.violations.map((it) =>
                `${{it.id}}: ${{it.help}}: ${{it.nodes.map((node) => node.target.join(' ')).slice(0, 3).join(', ')}}`)),
            (error) => done([`axe failed: ${{error}}`]))"
    );
    let mut broken = Vec::new();
    for page in &pages {
        browser.goto(page).await;
        for theme in ["light", "dark"] {
            browser.wear(1280, theme).await;
            let found = browser
                .chromium
                .driver
                .execute_async(&script)
                .await
                .unwrap();
            for rule in found.as_array().unwrap() {
                broken.push(format!("{page}, {theme}: {rule}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    browser.close().await;
}

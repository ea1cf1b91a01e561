//! A Chromium without a window, driven by a chromedriver of its own.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use theseus_tests::program::{Home, SandboxProgram};

use crate::driver::Driver;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How soon it looks again.
const AGAIN: Duration = Duration::from_millis(40);

/// A browser, and the viewer that it looks at.
pub(crate) struct Browser {
    pub(crate) driver: Driver,
    /// The viewer's address.
    pub(crate) viewer: String,
    _chromedriver: Killed,
    _profile: TempDir,
}

/// A process that is killed with this.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Browser {
    /// Opens one to look at the viewer at this address.
    pub(crate) async fn open(viewer: &str) -> Self {
        let (chromedriver, port) = chromedriver();
        let profile = TempDir::new().unwrap();
        let data = format!("--user-data-dir={}", profile.path().display());
        let mut arguments = vec![
            "--headless=new",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            &data,
        ];
        // Chromium's own sandbox does not start for root.
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            arguments.push("--no-sandbox");
        }
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        });
        let address = format!("http://127.0.0.1:{port}");
        let driver = Driver::open(&address, wanted).await.unwrap();
        Self {
            driver,
            viewer: viewer.to_owned(),
            _chromedriver: chromedriver,
            _profile: profile,
        }
    }

    /// Goes to a page of the viewer.
    pub(crate) async fn goto(&self, path: &str) {
        let address = format!("{}{path}", self.viewer);
        self.driver.goto(&address).await.unwrap();
    }

    /// Goes to a page that is kept true, and waits until it is.
    pub(crate) async fn goto_live(&self, path: &str) {
        self.goto(path).await;
        self.until(
            "return document.getElementById('link')?.dataset.link",
            "live",
        )
        .await;
    }

    /// What a script gives. All of the page is read in one call, since it changes under the feet of
    /// whoever holds on to a part of it.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        self.driver.execute(script).await.unwrap()
    }

    /// Waits until a script gives this.
    pub(crate) async fn until(&self, script: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        self.until_it(script, |value| *value == expected).await;
    }

    /// Waits until what a script gives satisfies the condition, and gives it.
    pub(crate) async fn until_it(&self, script: &str, is: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            // While one page gives way to the next there is nothing to be asked.
            let value = self.driver.execute(script).await.unwrap_or_default();
            if is(&value) {
                return value;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{script} gives {value} at {}",
                self.ask("return location.href + '\\n' + document.body?.innerText")
                    .await
            );
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Presses keys, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        self.driver.press(keys).await.unwrap();
    }

    /// The text of the page.
    pub(crate) async fn text(&self) -> String {
        let text = self.ask("return document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Shows what comes in a window of this width, light or dark.
    pub(crate) async fn wear(&self, width: u32, theme: &str) {
        let size =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        let theme = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        for (command, what) in [
            ("Emulation.setDeviceMetricsOverride", size),
            ("Emulation.setEmulatedMedia", theme),
        ] {
            self.driver.tools(command, what).await.unwrap();
        }
    }

    /// Asserts that the browser has complained of nothing but what is expected, and that nobody was
    /// asked for anything but the viewer. Whoever breaks the Content-Security-Policy is complained of.
    pub(crate) async fn assert_clean(&self, expected: &[&str]) {
        let message = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        let complaints = self.driver.log("browser").await.unwrap();
        let complaints: Vec<_> = complaints
            .iter()
            .filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG")
            .filter(|entry| !expected.iter().any(|it| message(entry).contains(it)))
            .collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
        let happened = self.driver.log("performance").await.unwrap();
        for entry in happened {
            let message: Value = serde_json::from_str(&message(&entry)).unwrap();
            if message["message"]["method"] != "Network.requestWillBeSent" {
                continue;
            }
            let address = &message["message"]["params"]["request"]["url"];
            let address = address.as_str().unwrap();
            let is_ours = address.starts_with(&self.viewer)
                || ["data:", "about:", "chrome:"]
                    .iter()
                    .any(|it| address.starts_with(it));
            assert!(is_ours, "{address} is asked for");
        }
    }

    /// Ends it well. Whoever forgets to leaves that to the end of its driver.
    pub(crate) async fn close(self) {
        let _ = self.driver.quit().await;
    }
}

/// Starts a chromedriver on a free port.
fn chromedriver() -> (Killed, u16) {
    let started = Command::new("chromedriver")
        .args(["--port=0", "--log-level=SEVERE"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut process = Killed(started.expect("chromedriver is installed"));
    let said = BufReader::new(process.0.stdout.take().unwrap());
    for line in said.lines() {
        let line = line.unwrap();
        if let Some((_, port)) = line.split_once("was started successfully on port ") {
            return (process, port.trim_end_matches('.').parse().unwrap());
        }
    }
    panic!("chromedriver does not say where it listens")
}

/// A home with a sandbox, and the README's group on it.
pub(crate) fn world(more: &[&str]) -> (Home, SandboxProgram) {
    let home = Home::new();
    home.write("ingestor.yaml", theseus_tests::INGESTOR);
    let mut arguments = more.to_vec();
    if !arguments.contains(&"--start-delay") {
        arguments.extend(["--start-delay", "200ms"]);
    }
    let sandbox = home.sandbox_with(&arguments);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    (home, sandbox)
}

/// The token of the sandbox's viewer.
pub(crate) fn token(home: &Home) -> String {
    let states = std::fs::read_dir(home.path().join("state/theseus")).unwrap();
    let mut tokens = states.map(|entry| entry.unwrap().path().join("viewer.token"));
    let token = tokens.find_map(|path| std::fs::read_to_string(path).ok());
    token.expect("the token is there").trim().to_owned()
}

/// Where what is made of the tests is left to be looked at.
pub(crate) fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let directory = test.ancestors().nth(3).unwrap().join("browser");
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

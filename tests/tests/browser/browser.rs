//! What the stories do with a Chromium: whatever goes wrong panics.

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use theseus_browser::Chromium;
use theseus_tests::fleet;
use theseus_tests::program::{Home, Reaper, Running, SandboxProgram, status};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What Chromium complains of while a viewer is away, or has only begun to look: no news to anybody who
/// ended it.
pub(crate) const NOBODY_ANSWERS: [&str; 5] = [
    "503 (Service Unavailable)",
    "net::ERR_CONNECTION_REFUSED",
    "net::ERR_INCOMPLETE_CHUNKED_ENCODING",
    "net::ERR_CONNECTION_RESET",
    "net::ERR_EMPTY_RESPONSE",
];
/// How soon it looks again.
const AGAIN: Duration = Duration::from_millis(40);

/// A browser, and the viewer that it looks at.
pub(crate) struct Browser {
    pub(crate) chromium: Chromium,
    /// The viewer's address.
    pub(crate) viewer: String,
}

impl Browser {
    /// Opens one to look at the viewer at this address.
    pub(crate) async fn open(viewer: &str) -> Self {
        let logs = ["browser", "performance"];
        let chromium = Chromium::start(theseus_tests::client(), &logs).await;
        Self {
            chromium: chromium.expect("chromium starts"),
            viewer: viewer.to_owned(),
        }
    }

    /// Goes to a page of the viewer.
    pub(crate) async fn goto(&self, path: &str) {
        let address = format!("{}{path}", self.viewer);
        let began = Instant::now();
        // While networks come and go, Chromium breaks off what it loads: that alone is tried again.
        loop {
            let gone = self.chromium.driver.goto(&address).await;
            let is_there = "return document.querySelector('main') !== null";
            if gone.is_ok() && self.ask(is_there).await == true {
                return;
            }
            let told = match &gone {
                Ok(()) => self.text().await,
                Err(error) => error.to_string(),
            };
            let is_broken_off = told.contains("ERR_NETWORK_CHANGED");
            let may_pass = is_broken_off && began.elapsed() < PATIENCE;
            assert!(may_pass, "{address}: {told}");
            tokio::time::sleep(AGAIN).await;
        }
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
        self.chromium.driver.execute(script).await.unwrap()
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
            let value = self
                .chromium
                .driver
                .execute(script)
                .await
                .unwrap_or_default();
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
        self.chromium.driver.press(keys).await.unwrap();
    }

    /// Clicks on what is there by this name.
    pub(crate) async fn click(&self, selector: &str) {
        let script = format!("document.querySelector('{selector}').click()");
        self.ask(&script).await;
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
            self.chromium.driver.tools(command, what).await.unwrap();
        }
    }

    /// Asserts that the browser has complained of nothing but what is expected, and that nobody was
    /// asked for anything but the viewer. Whoever breaks the Content-Security-Policy is complained of.
    pub(crate) async fn assert_clean(&self, expected: &[&str]) {
        let message = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        let complaints = self.chromium.driver.log("browser").await.unwrap();
        let complaints: Vec<_> = complaints
            .iter()
            .filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG")
            .filter(|entry| !expected.iter().any(|it| message(entry).contains(it)))
            .collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
        let happened = self.chromium.driver.log("performance").await.unwrap();
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
        let _ = self.chromium.close().await;
    }
}

/// The sandbox that the stories share: 200 groups and 10,000 containers, around which each puts what
/// it tells of. Its viewer changes things for who has signed in.
pub(crate) struct Large {
    pub(crate) home: Home,
    pub(crate) sandbox: SandboxProgram,
    _reaper: Reaper,
}

/// Started by the first story that needs it.
pub(crate) fn large() -> &'static Large {
    static LARGE: OnceLock<Large> = OnceLock::new();
    LARGE.get_or_init(|| {
        let home = Home::new();
        let hosts = fleet::HOSTS.to_string();
        let sandbox = home.sandbox_with(&[
            "--start-delay",
            "200ms",
            "--hosts",
            &hosts,
            "--allow-changes",
        ]);
        let reaper = Reaper::of(&home, &sandbox);
        home.write("fleet.yaml", &fleet::manifest());
        let _ = home.run(&["deploy", "fleet.yaml", "--yes"]).exits(0);
        Large {
            home,
            sandbox,
            _reaper: reaper,
        }
    })
}

impl Large {
    /// A browser that has signed in.
    pub(crate) async fn browser(&self) -> Browser {
        let browser = Browser::open(&self.sandbox.viewer).await;
        browser.goto("/sign-in").await;
        let token = self.home.viewer_token();
        browser
            .ask(&format!(
                "document.getElementById('token').value = '{token}';
                document.querySelector('.sheet button').click()"
            ))
            .await;
        browser.until("return location.pathname", "/").await;
        browser
    }

    /// Deploys what is meant to run for one story.
    pub(crate) async fn deploy(&self, service: &str, groups: &str) {
        let manifest = format!("deploy:\n  {service}: {groups}\n");
        self.carry_out(service, &manifest).await;
    }

    /// The README's group as a service of this name, with an image of this name: gives its manifest.
    pub(crate) async fn ingestor(&self, service: &str) -> String {
        let manifest = theseus_tests::INGESTOR
            .replace("ingestor:", &format!("{service}:"))
            .replace("flask\n", &format!("{service}\n"));
        self.carry_out(service, &manifest).await;
        manifest
    }

    /// Deploys a service, and waits until the viewer knows it.
    async fn carry_out(&self, service: &str, manifest: &str) {
        let file = format!("{service}.yaml");
        self.home.write(&file, manifest);
        let _ = self.home.run(&["deploy", &file, "--yes"]).exits(0);
        let groups = format!("{}/api/v1/groups?group={service}", self.sandbox.viewer);
        let began = Instant::now();
        loop {
            let asked = theseus_tests::client()
                .get(&groups)
                .bearer_auth(self.home.viewer_token());
            let told: Value = asked.send().await.unwrap().json().await.unwrap();
            if told["groups"].as_array().is_some_and(|it| !it.is_empty()) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the viewer knows {service}");
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// What is told of a group; nothing if it is not there.
    pub(crate) fn group(&self, id: &str) -> Value {
        let status = status(&self.home);
        let mut groups = status["groups"].as_array().unwrap().iter();
        let group = groups.find(|group| group["group"] == id);
        group.cloned().unwrap_or_default()
    }

    /// Sends the sandbox a request that it does as it is told.
    pub(crate) async fn post(&self, path: &str, body: Value) {
        let address = format!("{}{path}", self.sandbox.url);
        let answer = theseus_tests::client().post(address).json(&body).send();
        let answer = answer.await.unwrap();
        assert!(answer.status().is_success(), "{path}: {answer:?}");
    }

    /// Another viewer of the same, that only shows; it listens.
    pub(crate) async fn viewer(&self, port: u16) -> Running {
        let listen = format!("127.0.0.1:{port}");
        let viewer = self.home.start(&["viewer", "--listen", &listen]);
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "the viewer listens");
            tokio::time::sleep(AGAIN).await;
        }
        viewer
    }
}

/// Where what is made of the tests is left to be looked at.
pub(crate) fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let directory = test.ancestors().nth(3).unwrap().join("browser");
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

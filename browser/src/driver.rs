//! A session with a chromedriver, as the W3C's `WebDriver` has it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// The key that sends a form. It writes nothing.
pub const ENTER: &str = "\u{e007}";
/// The key that moves the focus on.
pub const TAB: &str = "\u{e004}";

/// Why a browser does not do what it is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The program cannot be started, or not read.
    #[error("chromedriver does not run")]
    Process(#[from] std::io::Error),
    /// It does not say where it listens.
    #[error("chromedriver does not say where it listens")]
    Silent,
    /// It does not answer.
    #[error("chromedriver does not answer")]
    Unanswered(#[from] reqwest::Error),
    /// It answers with something else than it should.
    #[error("chromedriver gives no {0}")]
    Garbled(&'static str),
    /// It has something to say against a command.
    #[error("{0}")]
    Refused(String),
}

type Answer<T> = Result<T, DriverError>;

/// A tab of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab(String);

/// One window of a browser.
#[derive(Debug)]
pub struct Driver {
    http: Client,
    /// The address of the session.
    session: String,
}

impl Driver {
    /// Opens a window with what the browser is to be like, by the driver at this address.
    pub async fn open(http: Client, address: &str, capabilities: Value) -> Answer<Self> {
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}});
        let sessions = format!("{address}/session");
        let opened = send(&http, Method::POST, &sessions, wanted).await?;
        let id = opened["sessionId"].as_str();
        let id = id.ok_or(DriverError::Garbled("session"))?;
        let session = format!("{sessions}/{id}");
        Ok(Self { http, session })
    }

    /// Goes to an address, and waits until its page is there.
    pub async fn goto(&self, address: &str) -> Answer<()> {
        self.command("url", json!({"url": address})).await.map(drop)
    }

    /// Opens one more tab, and goes on there.
    pub async fn tab(&self) -> Answer<Tab> {
        let opened = self.command("window/new", json!({"type": "tab"})).await?;
        let handle = opened["handle"].as_str();
        let tab = Tab(handle.ok_or(DriverError::Garbled("tab"))?.to_owned());
        self.turn_to(&tab).await?;
        Ok(tab)
    }

    /// The tab in front.
    pub async fn front(&self) -> Answer<Tab> {
        let address = format!("{}/window", self.session);
        let handle = send(&self.http, Method::GET, &address, Value::Null).await?;
        let handle = handle.as_str().ok_or(DriverError::Garbled("tab"))?;
        Ok(Tab(handle.to_owned()))
    }

    /// Goes on in another tab, which comes to the front.
    pub async fn turn_to(&self, tab: &Tab) -> Answer<()> {
        self.command("window", json!({"handle": tab.0}))
            .await
            .map(drop)?;
        self.tools("Page.bringToFront", json!({})).await.map(drop)
    }

    /// What a script gives.
    pub async fn execute(&self, script: &str) -> Answer<Value> {
        let script = json!({"script": script, "args": []});
        self.command("execute/sync", script).await
    }

    /// What a script hands to the function that it is given as its last argument.
    pub async fn execute_async(&self, script: &str) -> Answer<Value> {
        let script = json!({"script": script, "args": []});
        self.command("execute/async", script).await
    }

    /// Presses and releases one key after the other.
    pub async fn press(&self, keys: &str) -> Answer<()> {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|way| json!({"type": way, "value": key})))
            .collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        let actions = json!({"actions": [keyboard]});
        self.command("actions", actions).await.map(drop)
    }

    /// A picture of what is in the window, as PNG.
    pub async fn picture(&self) -> Answer<Vec<u8>> {
        let address = format!("{}/screenshot", self.session);
        let picture = send(&self.http, Method::GET, &address, Value::Null).await?;
        let text = picture.as_str().unwrap_or_default();
        let decoded = BASE64_STANDARD.decode(text);
        decoded.map_err(|_| DriverError::Garbled("picture"))
    }

    /// What was logged of a kind since it was last asked for: each with `level` and `message`.
    pub async fn log(&self, kind: &str) -> Answer<Vec<Value>> {
        let entries = self.command("se/log", json!({"type": kind})).await?;
        Ok(entries.as_array().cloned().unwrap_or_default())
    }

    /// A command of Chromium's own developer tools.
    pub async fn tools(&self, command: &str, parameters: Value) -> Answer<Value> {
        let command = json!({"cmd": command, "params": parameters});
        self.command("goog/cdp/execute", command).await
    }

    /// Closes the window.
    pub async fn quit(self) -> Answer<()> {
        let closed = send(&self.http, Method::DELETE, &self.session, Value::Null);
        closed.await.map(drop)
    }

    async fn command(&self, name: &str, parameters: Value) -> Answer<Value> {
        let address = format!("{}/{name}", self.session);
        send(&self.http, Method::POST, &address, parameters).await
    }
}

async fn send(http: &Client, method: Method, address: &str, body: Value) -> Answer<Value> {
    let mut request = http.request(method, address);
    if !body.is_null() {
        request = request.json(&body);
    }
    let answer = request.send().await?;
    let is_good = answer.status().is_success();
    let mut answer: Value = answer.json().await?;
    let value = answer["value"].take();
    if is_good {
        Ok(value)
    } else {
        Err(DriverError::Refused(value.to_string()))
    }
}

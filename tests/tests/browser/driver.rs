//! A session with a chromedriver, as the W3C's `WebDriver` has it: only the few commands that are needed.
//!
//! The crates that have all of them ask `serde_json` to keep the order of keys. Cargo would then build
//! everything so that is tested, and other JSON would be tested than is written by what people build.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// Keys that write nothing.
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const TAB: &str = "\u{e004}";

/// What a driver has to say against a command.
pub(crate) type Answer<T> = Result<T, String>;

/// One window of a browser.
pub(crate) struct Driver {
    http: Client,
    /// The address of the session.
    session: String,
}

impl Driver {
    /// Opens a window with what the browser is to be like, by the driver at this address.
    pub(crate) async fn open(address: &str, capabilities: Value) -> Answer<Self> {
        let http = theseus_tests::client();
        let wanted = json!({"capabilities": {"alwaysMatch": capabilities}});
        let sessions = format!("{address}/session");
        let opened = send(&http, Method::POST, &sessions, wanted).await?;
        let id = opened["sessionId"].as_str().ok_or("there is no session")?;
        let session = format!("{sessions}/{id}");
        Ok(Self { http, session })
    }

    /// Goes to an address, and waits until its page is there.
    pub(crate) async fn goto(&self, address: &str) -> Answer<Value> {
        self.command("url", json!({"url": address})).await
    }

    /// What a script gives.
    pub(crate) async fn execute(&self, script: &str) -> Answer<Value> {
        let script = json!({"script": script, "args": []});
        self.command("execute/sync", script).await
    }

    /// What a script hands to the function that it is given as its last argument.
    pub(crate) async fn execute_async(&self, script: &str) -> Answer<Value> {
        let script = json!({"script": script, "args": []});
        self.command("execute/async", script).await
    }

    /// Presses and releases one key after the other.
    pub(crate) async fn press(&self, keys: &str) -> Answer<Value> {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|way| json!({"type": way, "value": key})))
            .collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.command("actions", json!({"actions": [keyboard]}))
            .await
    }

    /// A picture of what is in the window, as PNG.
    pub(crate) async fn picture(&self) -> Answer<Vec<u8>> {
        let address = format!("{}/screenshot", self.session);
        let picture = send(&self.http, Method::GET, &address, Value::Null).await?;
        let text = picture.as_str().unwrap_or_default();
        BASE64_STANDARD
            .decode(text)
            .map_err(|error| error.to_string())
    }

    /// What was logged of a kind since it was last asked for: each with `level` and `message`.
    pub(crate) async fn log(&self, kind: &str) -> Answer<Vec<Value>> {
        let entries = self.command("se/log", json!({"type": kind})).await?;
        Ok(entries.as_array().cloned().unwrap_or_default())
    }

    /// A command of Chromium's own developer tools.
    pub(crate) async fn tools(&self, command: &str, parameters: Value) -> Answer<Value> {
        let command = json!({"cmd": command, "params": parameters});
        self.command("goog/cdp/execute", command).await
    }

    /// Closes the window.
    pub(crate) async fn quit(self) -> Answer<Value> {
        send(&self.http, Method::DELETE, &self.session, Value::Null).await
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
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let is_good = answer.status().is_success();
    let mut answer: Value = answer.json().await.map_err(|error| error.to_string())?;
    let value = answer["value"].take();
    if is_good {
        Ok(value)
    } else {
        Err(value.to_string())
    }
}

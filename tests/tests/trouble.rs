//! What is not a Marathon, or not one that lets us in: each tells its address and the next step, and
//! ends with the exit code that the design promises.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;
use theseus_tests::program::{Home, Ran, deployed};

/// A server of one answer, which it gives to whoever asks whatever; and what it was asked.
struct Fake {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// A server that handles each connection, once its request is read, in this way.
    fn new(handle: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (told, handle) = (Arc::clone(&asked), Arc::new(handle));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(mut connection) = connection else {
                    return;
                };
                let (told, handle) = (Arc::clone(&told), Arc::clone(&handle));
                thread::spawn(move || {
                    let request = head(&mut connection);
                    told.lock().expect("nobody panics").push(request.clone());
                    handle(&request, &mut connection);
                });
            }
        });
        Self { address, asked }
    }

    /// A server that answers with these words.
    fn saying(status: &'static str, headers: &'static str, body: impl Into<String>) -> Self {
        let body = body.into();
        Self::new(move |_, connection| {
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let _ = connection.write_all(answer.as_bytes());
        })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics").clone()
    }
}

/// The head of a request; no more of it if it never ends.
fn head(connection: &mut TcpStream) -> String {
    let _ = connection.set_read_timeout(Some(Duration::from_secs(5)));
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") && read.len() < 10_000 {
        match connection.read(&mut byte) {
            Ok(1) => read.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Answers as a Marathon with nothing on it, but in one place.
fn marathon_but(place: &'static str, odd: &'static str) -> Fake {
    Fake::new(move |request, connection| {
        // A proxy is told the whole address.
        let target = request.split(' ').nth(1).unwrap_or_default();
        let path = &target[target.find("/v2/").unwrap_or(0)..];
        let body = match path.split('?').next().unwrap_or_default() {
            it if it == place => odd,
            "/v2/info" => r#"{"version":"1.11.0","leader":"a:8080"}"#,
            "/v2/apps" => r#"{"apps":[]}"#,
            "/v2/deployments" => "[]",
            _ => "{}",
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        let _ = connection.write_all(answer.as_bytes());
    })
}

/// Sends without end, until the other side has enough.
fn endless(head: &'static str, chunk: &'static [u8]) -> Fake {
    Fake::new(move |_, connection| {
        let _ = connection.write_all(head.as_bytes());
        let much = chunk.repeat(64 << 10);
        while connection.write_all(&much).is_ok() {}
    })
}

fn status_of(address: &str) -> (Home, Ran) {
    let home = Home::new();
    home.write(
        "mesos.yaml",
        &format!("marathon: {{urls: ['http://{address}']}}\n"),
    );
    let ran = home.run(&["status"]);
    (home, ran)
}

const GARBLED: &str = "does the address under marathon in mesos.yaml belong to a Marathon?";
const DENIED: &str = "check user and password-file";
const AWAY: &str = "is it running";

/// What answers so is told with its address, with this message and with this next step, and ends the
/// program with the code for what is out of reach.
fn assert_told(what: &str, fake: &Fake, message: &str, next: &str) {
    let (_home, ran) = status_of(&fake.address);
    let Ran { stdout, stderr, .. } = ran.exits(5);
    assert_eq!(stdout, "", "{what}");
    for part in [&*format!("http://{}", fake.address), message, next] {
        assert!(stderr.contains(part), "{what}: {part}: {stderr}");
    }
    assert!(!stderr.contains('\u{1b}'), "{what}: {stderr:?}");
    assert!(stderr.lines().count() <= 4, "{what}: {stderr}");
}

#[test]
fn what_is_no_marathon_is_told_with_its_address_and_the_next_step() {
    const LOGIN: &str = "<html><body><form action=/login>Log in</form></body></html>";
    let html = "content-type: text/html\r\n";
    for (what, fake, message, next) in [
        (
            "HTML",
            Fake::saying("200 OK", html, LOGIN),
            "its answer is none to what was asked: an HTML page",
            GARBLED,
        ),
        (
            "another JSON",
            Fake::saying("200 OK", "", r#"{"kind":"APIVersions"}"#),
            "missing field `version`",
            GARBLED,
        ),
        (
            "a list",
            Fake::saying("200 OK", "", "[1, 2]"),
            "its answer is none to what was asked",
            GARBLED,
        ),
        (
            "an empty 200",
            Fake::saying("200 OK", "", ""),
            "its answer is empty",
            AWAY,
        ),
        (
            "a page to log in",
            Fake::saying(
                "302 Found",
                "location: https://login.example/sso?a=b\r\n",
                "",
            ),
            "HTTP 302 leads away, to https://login.example/sso",
            GARBLED,
        ),
        (
            "401",
            Fake::saying("401 Unauthorized", html, LOGIN),
            "HTTP 401",
            DENIED,
        ),
        (
            "403",
            Fake::saying("403 Forbidden", html, LOGIN),
            "HTTP 403",
            DENIED,
        ),
        (
            "404",
            Fake::saying("404 Not Found", html, LOGIN),
            "HTTP 404",
            GARBLED,
        ),
        (
            "502",
            Fake::saying("502 Bad Gateway", html, LOGIN),
            "HTTP 502",
            AWAY,
        ),
        (
            "a version that is none",
            Fake::saying("200 OK", "", r#"{"version":"latest\u001b[31m"}"#),
            "latest",
            GARBLED,
        ),
        (
            "a version before all others",
            Fake::saying("200 OK", "", r#"{"version":"0.6.1"}"#),
            "0.6.1",
            GARBLED,
        ),
    ] {
        assert_told(what, &fake, message, next);
    }
}

#[test]
fn what_never_ends_or_is_too_much_is_told_too() {
    for (what, fake, message, next) in [
        (
            "text without end",
            endless("HTTP/1.1 200 OK\r\n\r\n", b"x"),
            "some other text",
            GARBLED,
        ),
        (
            "a head without end",
            endless("HTTP/1.1 200 OK\r\nx: ", b"x"),
            "",
            AWAY,
        ),
        (
            "JSON without end",
            endless("HTTP/1.1 200 OK\r\n\r\n{", b" "),
            "it answers with more than",
            GARBLED,
        ),
        (
            "a gigabyte",
            Fake::saying("200 OK", "content-length: 1073741824\r\nx-", "{"),
            "",
            AWAY,
        ),
        (
            "SSH",
            Fake::new(|_, connection| drop(connection.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"))),
            "",
            AWAY,
        ),
        (
            "numbers out of range",
            marathon_but("/v2/apps", r#"{"apps": 1e999}"#),
            "its answer is none to what was asked",
            GARBLED,
        ),
    ] {
        assert_told(what, &fake, message, next);
    }
}

#[test]
fn what_is_foreign_or_odd_in_a_list_spoils_nothing() {
    let odd = r#"{"apps": [
        {"id": "/theseus/ingestor/dev/r1", "instances": 4294967296000, "tasks": []},
        {"id": "/theseus/x", "instances": -1},
        {"id": "/theseus/web/dev/r1", "instances": 1e999},
        {"id": "/shop/cart", "instances": "many"},
        {"id": "/shop/odd", "cpus": 1e999}
    ]}"#;
    let fake = marathon_but("/v2/apps", odd);
    let (home, ran) = status_of(&fake.address);
    let Ran { stdout, stderr, .. } = ran.exits(0);
    assert!(stdout.contains("ingestor:dev"), "{stdout}");
    assert!(!stdout.contains("cart"), "{stdout}");
    let unknown = "What runs of web:dev is not known: /theseus/web/dev/r1: number out of range";
    assert!(stderr.contains(unknown), "{stderr}");
    let listed = home.run(&["adopt", "--list"]).exits(0).stdout;
    let odd = listed.lines().find(|it| it.starts_with("/shop/odd"));
    let odd = odd.expect("it is listed");
    assert!(
        odd.contains("it cannot be read: number out of range"),
        "{odd}"
    );
    assert!(listed.contains("/shop/cart"), "{listed}");
    let _ = home.run(&["remove", "ingestor:prod", "--yes"]);
    let asked = fake.asked();
    assert!(asked.iter().all(|it| it.starts_with("GET ")), "{asked:?}");
}

#[test]
fn secrets_are_sent_where_they_belong_and_shown_nowhere() {
    let secret = "hunter2-canary";
    let home = Home::new();
    home.write("password", secret);
    let fake = marathon_but("/none", "");
    let local = format!(
        "marathon: {{urls: ['http://{}'], user: ana, password-file: password}}\n",
        fake.address
    );
    home.write("mesos.yaml", &local);
    let ran = home.run(&["status", "-vv"]).exits(0);
    let shown = format!("{}{}", ran.stdout, ran.stderr);
    let encoded = "YW5hOmh1bnRlcjItY2FuYXJ5";
    let asked = fake.asked().join("\n");
    assert!(asked.contains(encoded), "{asked}");
    assert!(
        !shown.contains(secret) && !shown.contains(encoded),
        "{shown}"
    );

    // Where all can read them they do not go, unless that is asked for.
    for allow in ["", ", allow-plain-http: true"] {
        let open = format!(
            "marathon: {{host: marathon.invalid, user: ana, password-file: password{allow}}}\n"
        );
        home.write("mesos.yaml", &open);
        let code = if allow.is_empty() { 2 } else { 5 };
        let ran = home.run(&["status"]).exits(code);
        assert!(
            ran.stderr.contains("http://marathon.invalid:8080"),
            "{ran:?}"
        );
        assert_eq!(
            allow.is_empty(),
            ran.stderr.contains("allow-plain-http: true")
        );
    }
}

#[test]
fn a_proxy_of_the_environment_is_heeded_but_not_for_this_machine() {
    let proxy = marathon_but("/none", "");
    let proxy_url = format!("http://{}", proxy.address);
    let home = Home::new();
    home.write("mesos.yaml", "marathon: {host: marathon.invalid}\n");
    let status = |no_proxy: &str| {
        let mut command = home.command(&["status"]);
        command
            .env("HTTP_PROXY", &proxy_url)
            .env("NO_PROXY", no_proxy);
        let output = command.output().expect("theseus runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("perhaps it is the proxy"), "{told}");
        output.status.code()
    };
    assert_eq!(status(""), Some(0));
    let asked = proxy.asked();
    let through = "GET http://marathon.invalid:8080/v2/info ";
    assert!(asked.iter().any(|it| it.starts_with(through)), "{asked:?}");
    let before = proxy.asked().len();
    assert_eq!(status("marathon.invalid"), Some(5));
    assert_eq!(proxy.asked().len(), before);
    let local = marathon_but("/none", "");
    home.write(
        "mesos.yaml",
        &format!("marathon: {{urls: ['http://{}']}}\n", local.address),
    );
    assert_eq!(status(""), Some(0));
    assert_eq!(proxy.asked().len(), before);
}

/// A home whose Marathon is behind a proxy, with the variable that leads there; and what `status` says.
fn behind(proxy: &Fake, url: &str, variable: &str, login: &str) -> Ran {
    let home = Home::new();
    home.write("mesos.yaml", &format!("marathon: {{urls: ['{url}']}}\n"));
    home.run_with(
        variable,
        format!("http://{login}{}", proxy.address),
        &["status"],
    )
}

#[test]
fn what_a_proxy_answers_in_marathons_place_is_told_as_that() {
    let html = "content-type: text/html\r\n";
    let page = "<html><body>Sign in to the network <form></form></body></html>";
    for (proxy, message) in [
        (Fake::saying("200 OK", html, page), "an HTML page"),
        (
            Fake::saying("302 Found", "location: http://portal.example/login\r\n", ""),
            "HTTP 302 leads away, to http://portal.example/login",
        ),
        (
            Fake::saying("407 Proxy Authentication Required", html, page),
            "HTTP 407",
        ),
        (
            Fake::saying("511 Network Authentication Required", html, page),
            "HTTP 511",
        ),
    ] {
        let ran = behind(&proxy, "http://marathon.invalid:8080", "HTTP_PROXY", "").exits(5);
        for part in [
            "http://marathon.invalid:8080",
            message,
            "HTTP_PROXY is set",
            "NO_PROXY",
        ] {
            assert!(ran.stderr.contains(part), "{part}: {ran:?}");
        }
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn that_a_proxy_may_be_gone_is_told_however_many_marathons_there_are() {
    let home = Home::new();
    home.write(
        "mesos.yaml",
        "marathon: {urls: ['http://a.invalid:8080', 'http://b.invalid:8080']}\n",
    );
    let nobody = "http://127.0.0.1:1".to_owned();
    let ran = home.run_with("HTTP_PROXY", nobody, &["status"]).exits(5);
    for part in ["try: curl http://a.invalid:8080/ping", "HTTP_PROXY is set"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
}

#[test]
fn over_tls_a_proxy_is_asked_for_a_way_through_and_knows_who_asks() {
    let proxy = Fake::saying("407 Proxy Authentication Required", "", "");
    let url = "https://marathon.invalid:8443";
    let ran = behind(&proxy, url, "HTTPS_PROXY", "ana:hunter2@").exits(5);
    let asked = proxy.asked().join("\n").to_lowercase();
    assert!(
        asked.starts_with("connect marathon.invalid:8443 "),
        "{asked}"
    );
    assert!(asked.contains("proxy-authorization: basic "), "{asked}");
    for part in [url, "HTTPS_PROXY is set"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
}

/// What people read, without what differs each time.
fn plain(text: &str, home: &Home, address: &str) -> String {
    let address = address.trim_start_matches("http://");
    let port = address.rsplit(':').next().unwrap_or(address);
    let text = text.replace(address, "ADDRESS").replace(port, "PORT");
    let text = text.replace(&home.path().display().to_string(), "HOME");
    let mut words = Vec::new();
    for line in text.lines() {
        let line: Vec<_> = line
            .split(' ')
            .map(|word| {
                let number = word.trim_end_matches([',', ':']);
                let is_time = number.ends_with("ms") || number.ends_with('s');
                if is_time && number.starts_with(|c: char| c.is_ascii_digit()) {
                    word.replace(number, "TIME")
                } else {
                    word.to_owned()
                }
            })
            .collect();
        words.push(line.join(" "));
    }
    words.join("\n")
}

#[test]
fn a_doctor_finds_nothing_in_a_sandbox() {
    let (home, sandbox) = deployed("50ms");
    let ran = home.run(&["doctor"]).exits(0);
    insta::assert_snapshot!("doctor_sandbox", plain(&ran.stdout, &home, &sandbox.url));
    let told = home.run(&["doctor", "--format", "json"]).exits(0).json();
    assert_eq!(told["format_version"], 1);
    let states = told["checks"].as_array().expect("checks").iter();
    let states: Vec<_> = states.map(|it| (&it["check"], &it["state"])).collect();
    assert!(states.contains(&(&json!("store"), &json!("ok"))), "{told}");
    assert!(
        states.iter().all(|(_, state)| **state != "failed"),
        "{told}"
    );
}

#[test]
fn a_doctor_tells_as_which_version_marathon_is_spoken_to() {
    let home = Home::new();
    let newer = r#"{"version":"1.12.3-rc1","leader":"a:8080"}"#;
    let fake = marathon_but("/v2/info", newer);
    for (version, told) in [
        (
            "",
            "! version       Marathon 1.12.3 is newer than any that is known here; it is spoken to as if it were 1.11",
        ),
        (
            ", version: '1.4'",
            "! version       Marathon calls its version \"1.12.3-rc1\", and is spoken to as 1.4, as configured",
        ),
    ] {
        let urls = format!("urls: ['http://{}']", fake.address);
        home.write("mesos.yaml", &format!("marathon: {{{urls}{version}}}\n"));
        let ran = home.run(&["doctor"]).exits(0);
        let version = "✔ version       Marathon 1.12.3-rc1";
        for part in [version, told] {
            assert!(
                ran.stdout.lines().any(|it| it == part),
                "{part}: {}",
                ran.stdout
            );
        }
    }
}

#[test]
fn a_doctor_says_what_to_mend() {
    let home = Home::new();
    let fake = marathon_but("/none", "");
    home.write(
        "mesos.yaml",
        &format!(
            "marathon: {{urls: ['http://127.0.0.1:1', 'http://{}']}}\n",
            fake.address
        ),
    );
    let ran = home.run(&["doctor"]).exits(0);
    insta::assert_snapshot!("doctor_warns", plain(&ran.stdout, &home, &fake.address));

    home.write("mesos.yaml", "marathon: {urls: ['http://127.0.0.1:1']}\n");
    let ran = home.run(&["doctor"]).exits(5);
    insta::assert_snapshot!("doctor_fails", plain(&ran.stdout, &home, "127.0.0.1:99999"));

    home.write("mesos.yaml", "marathon: {hots: a}\n");
    let ran = home.run(&["doctor"]).exits(2);
    assert!(ran.stdout.contains("hots"), "{ran:?}");
    let told = home.run(&["doctor", "--format", "json"]).exits(2).json();
    assert_eq!(told["checks"][0]["state"], "failed");
    assert!(told["checks"][0]["advice"].is_string(), "{told}");

    home.write("password", "secret");
    home.write(
        "mesos.yaml",
        "marathon: {host: marathon.invalid, user: ana, password-file: password}\n",
    );
    let ran = home.run(&["doctor"]).exits(2);
    assert!(ran.stdout.contains("allow-plain-http"), "{ran:?}");
}

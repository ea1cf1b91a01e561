//! `theseus-viewer` as its users start it: a program of its own.

use std::time::Instant;

use reqwest::{Certificate, Client, StatusCode};
use theseus_tests::program::{Home, deployed, free_port};
use theseus_tests::{PATIENCE, TOKEN};

/// Waits until somebody answers at this address, and gives what is answered.
async fn answered(http: &Client, url: &str) -> String {
    let began = Instant::now();
    loop {
        match http.get(url).send().await {
            Ok(answer) if answer.status().is_success() => return answer.text().await.unwrap(),
            other => assert!(began.elapsed() < PATIENCE, "{url}: {other:?}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn it_serves_health_and_pages_and_tells_who_was_refused() {
    let (home, _sandbox) = deployed("20ms");
    home.write("token", TOKEN);
    let port = free_port();
    let at = format!("--port={port}");
    let viewer = home.start_viewer(&[&at, "--token-file=token", "--allow-changes"]);
    let (http, url) = (theseus_tests::client(), format!("http://127.0.0.1:{port}"));
    assert_eq!(answered(&http, &format!("{url}/health")).await, "ok");
    let began = Instant::now();
    loop {
        let page = http.get(&url).bearer_auth(TOKEN).send().await.unwrap();
        let page = page.text().await.unwrap();
        if page.contains("/groups/ingestor:dev") {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{page}");
    }
    let scale = format!("{url}/api/v1/groups/ingestor:dev/scale");
    let ask = || http.post(&scale).json(&serde_json::json!({"instances": 9}));
    for (request, expected) in [
        (ask(), StatusCode::UNAUTHORIZED),
        (ask().bearer_auth("wrong"), StatusCode::UNAUTHORIZED),
        (
            ask()
                .bearer_auth(TOKEN)
                .header("origin", "http://evil.example"),
            StatusCode::FORBIDDEN,
        ),
        (
            ask().bearer_auth(TOKEN).header("host", "evil.example"),
            StatusCode::FORBIDDEN,
        ),
    ] {
        assert_eq!(request.send().await.unwrap().status(), expected);
    }
    viewer.signal("INT");
    let ran = viewer.end().exits(0);
    for why in ["no-token", "wrong-token", "origin", "host"] {
        let told = format!("why=\"{why}\"");
        let line = ran.stderr.lines().find(|line| line.contains(&told));
        let line = line.unwrap_or_else(|| panic!("{why} in {}", ran.stderr));
        for part in [
            "from=\"127.0.0.1\"",
            "method=\"POST\"",
            "ingestor:dev/scale",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
    assert!(!ran.stderr.contains(TOKEN), "{}", ran.stderr);
}

/// Writes a certificate for `localhost` and its key into a home.
fn renew(home: &Home) -> Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    home.write("cert.pem", &made.cert.pem());
    home.write("key.pem", &made.signing_key.serialize_pem());
    Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}

/// Somebody who has never been here, and trusts just this one.
fn newcomer(trusted: &Certificate) -> Client {
    let builder = Client::builder().tls_certs_only([trusted.clone()]);
    builder.build().unwrap()
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let (home, _sandbox) = deployed("20ms");
    // Whoever comes first provides what TLS is made of.
    let _ = theseus_tests::client();
    let first = renew(&home);
    let port = free_port();
    let at = format!("--port={port}");
    let _viewer = home.start_viewer(&[&at, "--cert-file=cert.pem", "--key-file=key.pem"]);
    let health = format!("https://localhost:{port}/health");
    assert_eq!(answered(&newcomer(&first), &health).await, "ok");
    let second = renew(&home);
    assert_eq!(answered(&newcomer(&second), &health).await, "ok");
    let former = newcomer(&first).get(&health).send().await;
    assert!(former.is_err(), "{former:?}");
}

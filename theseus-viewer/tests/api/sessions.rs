//! Signing in and out, and what else a browser or a program brings.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use serde_json::Value;
use theseus_core::model::{GroupId, Spec};
use theseus_core::records::{self, GroupRecord};
use theseus_core::store::{Store as _, Txn, Write};
use theseus_store::MemoryStore;
use theseus_viewer::{Access, AllowedHosts, Changes, router};

use crate::world::{
    HOST, PATIENCE, TOKEN, answer, ask, guarded, open, sign_in, text, token, viewer, viewer_of,
};

const OWN: [(&str, &str); 2] = [
    ("origin", "http://localhost:5001"),
    ("sec-fetch-site", "same-origin"),
];
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn a_browser_signs_in_and_out() {
    let viewer = viewer();
    let router = guarded(&viewer, Changes::Allowed);
    let get = |path: &str, headers: &[(&str, &str)]| {
        let request = ask(&Method::GET, path, headers, Body::empty());
        answer(&router, request)
    };
    let led = get("/groups/a:b?x=1&y=2", &[]).await;
    assert_eq!(led.status(), StatusCode::SEE_OTHER);
    let place = led.headers()[header::LOCATION].to_str().unwrap().to_owned();
    assert_eq!(place, "/sign-in?to=%2Fgroups%2Fa:b%3Fx%3D1%26y%3D2");
    let page = text(get(&place, &[]).await).await;
    assert!(
        page.contains(r#"value="/groups/a:b?x=1&amp;y=2""#),
        "{page}"
    );
    assert!(
        !page.contains("Sign out") && !page.contains("/deploy"),
        "{page}"
    );

    let wrong = ask(
        &Method::POST,
        "/sign-in",
        &[OWN[0], OWN[1], FORM],
        "token=wrong&to=/",
    );
    let refused = answer(&router, wrong).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(text(refused).await.contains("that is not the token"));

    let session = sign_in(&router).await;
    assert!(!session.contains(TOKEN), "the cookie is not the token");
    let page = text(get("/", &[("cookie", &session)]).await).await;
    assert!(
        page.contains("Sign out") && page.contains(r#"href="/deploy""#),
        "{page}"
    );
    let others = format!("theseus-5002=x; a=b; {session}");
    assert_eq!(
        get("/", &[("cookie", &others)]).await.status(),
        StatusCode::OK
    );

    let headers = [OWN[0], OWN[1], ("cookie", &session)];
    let out = ask(&Method::POST, "/sign-out", &headers, Body::empty());
    let out = answer(&router, out).await;
    assert_eq!(out.headers()[header::LOCATION], "/sign-in");
    let cookie = out.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("Max-Age=0"), "{cookie}");
    let after = get("/", &[("cookie", &session)]).await;
    assert_eq!(after.status(), StatusCode::SEE_OTHER);
}

/// Writes down that a group is deployed.
async fn deployed(store: &MemoryStore, group: &str) {
    let group: GroupId = group.parse().unwrap();
    let record = GroupRecord {
        group: group.clone(),
        revision: 1,
        spec: Arc::new(Spec::new("flask:1")),
        deployed_at: Timestamp::now(),
        adopted: None,
    };
    let put = Write::Put(records::group_key(&group), records::encode(&record));
    let txn = Txn {
        compares: Vec::new(),
        writes: vec![put],
    };
    store.commit(txn).await.unwrap();
}

#[tokio::test]
async fn what_is_open_ends_with_the_session() {
    let store = Arc::new(MemoryStore::new());
    deployed(&store, "a:b").await;
    let viewer = viewer_of(store);
    let router = guarded(&viewer, Changes::Forbidden);
    let session = sign_in(&router).await;
    let bearer = format!("Bearer {TOKEN}");
    let open = async |path: &str, header: (&str, &str)| {
        let opened = async {
            loop {
                let request = ask(&Method::GET, path, &[header], Body::empty());
                let response = answer(&router, request).await;
                if response.status() == StatusCode::OK {
                    return response.into_body().into_data_stream();
                }
                // Nothing is known before the first look.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, opened)
            .await
            .expect("it is opened")
    };
    let paths = ["/live", "/api/v1/groups/a:b/logs?follow=true"];
    let mut theirs = Vec::new();
    for path in paths {
        theirs.push((path, open(path, ("cookie", &session)).await));
    }
    let mut own = open(paths[1], ("authorization", &bearer)).await;

    let headers = [OWN[0], OWN[1], ("cookie", &session)];
    let out = ask(&Method::POST, "/sign-out", &headers, Body::empty());
    assert_eq!(answer(&router, out).await.status(), StatusCode::SEE_OTHER);
    for (path, stream) in theirs {
        let ended = tokio::time::timeout(PATIENCE, stream.count()).await;
        assert!(ended.is_ok(), "{path} goes on");
    }
    // Whoever has the token itself needs no session.
    while let Some(told) = own.next().now_or_never() {
        assert!(told.is_some(), "it goes on");
    }
}

#[tokio::test]
async fn cookies_are_kept_from_scripts_other_sites_and_plain_lines() {
    let viewer = viewer();
    let hosts = AllowedHosts::new(["theseus.example.com".to_owned()]);
    let access = Access::with_token(hosts, token(), Changes::Forbidden).over_tls();
    let router = router(viewer, access);
    let headers = [
        ("host", "theseus.example.com"),
        ("origin", "https://theseus.example.com"),
        FORM,
    ];
    let request = ask(
        &Method::POST,
        "/sign-in",
        &headers,
        format!("token={TOKEN}"),
    );
    let response = answer(&router, request).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Host-theseus-viewer="), "{cookie}");
    for word in [
        "HttpOnly",
        "SameSite=Strict",
        "Secure",
        "Path=/",
        "Max-Age=",
    ] {
        assert!(cookie.contains(word), "{word} in {cookie}");
    }
    assert!(response.headers().contains_key("strict-transport-security"));
    // The same page over a plain line is somebody else's.
    let plain = [headers[0], ("origin", "http://theseus.example.com"), FORM];
    let request = ask(&Method::POST, "/sign-in", &plain, format!("token={TOKEN}"));
    assert_eq!(
        answer(&router, request).await.status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn who_is_wrong_too_often_waits_and_who_is_signed_in_does_not() {
    let viewer = viewer();
    let router = guarded(&viewer, Changes::Forbidden);
    let session = sign_in(&router).await;
    let bearer = |token: &str| {
        let value = format!("Bearer {token}");
        let headers = [("authorization", value.as_str())];
        answer(
            &router,
            ask(&Method::GET, "/api/v1/status", &headers, Body::empty()),
        )
    };
    for _ in 0..10 {
        assert_eq!(bearer("wrong").await.status(), StatusCode::UNAUTHORIZED);
    }
    let refused = bearer(TOKEN).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    let request = ask(&Method::GET, "/", &[("cookie", &session)], Body::empty());
    assert_eq!(answer(&router, request).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_link_on_another_site_leads_here_and_nothing_else_does() {
    let viewer = viewer();
    let router = open(&viewer);
    for (headers, expected) in [
        (
            [
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
            StatusCode::OK,
        ),
        (
            [
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
            ],
            StatusCode::FORBIDDEN,
        ),
        (
            [
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-mode", "no-cors"),
                ("sec-fetch-dest", "script"),
            ],
            StatusCode::FORBIDDEN,
        ),
        (
            [
                ("sec-fetch-site", "none"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
            StatusCode::OK,
        ),
    ] {
        let request = ask(&Method::GET, "/", &headers, Body::empty());
        assert_eq!(
            answer(&router, request).await.status(),
            expected,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn bodies_are_of_a_kind_and_of_a_length() {
    let viewer = viewer();
    let router = guarded(&viewer, Changes::Allowed);
    let bearer = format!("Bearer {TOKEN}");
    let post = |path: &'static str, kind: &'static str, body: Body, token: Option<&str>| {
        let mut headers = vec![("content-type", kind)];
        headers.extend(token.map(|token| ("authorization", token)));
        answer(&router, ask(&Method::POST, path, &headers, body))
    };
    let manifest = "deploy: {a: {image: x, labels: [b]}}";
    for (kind, expected) in [
        ("application/yaml", StatusCode::OK),
        ("application/x-yaml; charset=utf-8", StatusCode::OK),
        ("text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            "application/x-www-form-urlencoded",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
    ] {
        let response = post("/api/v1/plan", kind, manifest.into(), Some(&bearer)).await;
        assert_eq!(response.status(), expected, "{kind}");
    }
    let faulty = "deploy:\n  a: {imgae: x, labels: []}\n";
    let response = post("/deploy", "application/yaml", faulty.into(), Some(&bearer)).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = serde_json::from_str(&text(response).await).unwrap();
    let told = problem["error"].as_str().unwrap();
    assert!(
        told.contains("manifest:2:7: deploy.a") && told.contains("did you mean image"),
        "{told}"
    );
    assert!(
        problem["faults"].as_array().unwrap().len() >= 2,
        "{problem}"
    );

    // A long one is refused by its length, and before that by who sends it.
    let long = || Body::from(vec![b' '; (16 << 20) + 1]);
    let response = post("/deploy", "application/yaml", long(), Some(&bearer)).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let response = post("/deploy", "application/yaml", long(), None).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let small = "{\"instances\": 1}".to_owned() + &" ".repeat(20_000);
    let path = "/api/v1/groups/a:b/scale";
    let response = post(path, "application/json", small.into(), Some(&bearer)).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn what_is_told_names_no_token_and_counts_denials() {
    let viewer = viewer();
    let router = guarded(&viewer, Changes::Forbidden);
    let bearer = format!("Bearer {TOKEN}");
    let foreign = ask(
        &Method::GET,
        "/",
        &[("host", "evil.example")],
        Body::empty(),
    );
    assert_eq!(
        answer(&router, foreign).await.status(),
        StatusCode::FORBIDDEN
    );
    let request = ask(
        &Method::GET,
        "/metrics",
        &[("authorization", &bearer)],
        Body::empty(),
    );
    let told = text(answer(&router, request).await).await;
    assert!(
        told.contains("theseus_viewer_denials_total{reason=\"host\"} 1"),
        "{told}"
    );
    assert!(
        !told.contains(TOKEN) && told.contains("theseus_viewer_in_touch"),
        "{told}"
    );
    assert_eq!(HOST, "localhost:5001");
}

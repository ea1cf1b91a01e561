//! What containers write, as a page and as lines for programs.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode};
use futures_util::StreamExt as _;
use serde_json::Value;
use theseus_core::cluster::{LogPiece, Output};

use crate::world::{Ending, World, app, ask, running};

fn piece(output: Output, text: &str) -> LogPiece {
    LogPiece::Bytes {
        output,
        bytes: text.as_bytes().to_vec().into(),
        written: None,
    }
}

/// A group with two containers that have written this.
async fn world(pieces: Vec<LogPiece>) -> World {
    let world = World::with(vec![app(
        "web:dev",
        1,
        vec![running("w.1"), running("w.2")],
    )]);
    *world.cluster.logs.lock().unwrap() = pieces;
    world.page_with("/groups/web:dev", "w.2").await;
    world
}

#[tokio::test]
async fn the_last_lines_are_a_page_that_obeys_none_of_them() {
    let evil = "\u{1b}[31m<script>alert(1)</script>\u{1b}[0m\u{7}\n";
    let world = world(vec![
        piece(Output::Stdout, "hello\n"),
        piece(Output::Stderr, evil),
    ])
    .await;
    let (status, page) = world.get("/groups/web:dev/logs").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(page.matches(">hello<").count(), 2, "{page}");
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\\u{7}"),
        "{page}"
    );
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(page.contains("tail=400"), "older lines: {page}");
    let (_, one) = world.get("/groups/web:dev/logs?container=w.2&q=HELL").await;
    assert_eq!(one.matches(">hello<").count(), 1, "{one}");
    assert!(!one.contains("alert(1)"), "{one}");
    let (_, group) = world.get("/groups/web:dev").await;
    assert!(group.contains("/groups/web:dev/logs"), "{group}");
    let (_, container) = world.get("/groups/web:dev/containers/w.1").await;
    assert!(
        container.contains("/groups/web:dev/logs?container=w.1"),
        "{container}"
    );
    assert_eq!(container.matches(">hello<").count(), 1, "{container}");
    assert!(!container.contains("<script>alert"), "{container}");
}

#[tokio::test]
async fn what_comes_later_is_written_as_what_was_there() {
    let evil = "<b>\u{1b}[31m\u{7}\n";
    let world = world(vec![
        piece(Output::Stdout, "hello\n"),
        piece(Output::Stderr, evil),
    ])
    .await;
    let path = "/groups/web:dev/logs/live?container=w.1";
    let (status, told) = world.get(path).await;
    assert_eq!(status, StatusCode::OK);
    let pieces: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let rows: String = pieces
        .iter()
        .map(|piece| piece["rows"].as_str().unwrap())
        .collect();
    assert_eq!(pieces.last().unwrap()["isCaughtUp"], true);
    assert!(rows.contains("&lt;b&gt;\\u{7}"), "{rows}");
    let (_, page) = world.get("/groups/web:dev/logs?container=w.1").await;
    assert!(page.contains(&rows), "{rows} in {page}");
    let refused = world.get("/groups/web:dev/logs/live?container=w.3").await;
    assert_eq!(refused.0, StatusCode::NOT_FOUND);
    assert!(refused.1.starts_with('{'), "{}", refused.1);
}

#[tokio::test]
async fn only_containers_that_were_seen_are_asked_for() {
    let world = world(Vec::new()).await;
    for (path, expected) in [
        (
            "/groups/web:dev/logs?container=..%2f..%2fetc%2fpasswd",
            StatusCode::NOT_FOUND,
        ),
        ("/groups/web:prod/logs", StatusCode::NOT_FOUND),
        ("/groups/nothing/logs", StatusCode::NOT_FOUND),
        ("/groups/web:dev/logs?output=stdin", StatusCode::BAD_REQUEST),
        ("/groups/web:dev/logs?tail=many", StatusCode::BAD_REQUEST),
        (
            "/groups/web:dev/logs?tail=999999999",
            StatusCode::BAD_REQUEST,
        ),
    ] {
        assert_eq!(world.get(path).await.0, expected, "{path}");
        let api = format!("/api/v1{path}");
        assert_eq!(world.get(&api).await.0, expected, "{api}");
    }
    assert!(world.cluster.asked.lock().unwrap().is_empty());
    let (status, page) = world.get("/groups/web:dev/logs").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Nothing is told."), "{page}");
}

#[tokio::test]
async fn programs_read_lines() {
    let world = world(vec![piece(Output::Stdout, "one\ntwo\n")]).await;
    let (status, text) = world.get("/api/v1/groups/web:dev/logs?container=w.1").await;
    assert_eq!(status, StatusCode::OK);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<(&str, &str)> = lines
        .iter()
        .map(|it| {
            let text = it["text"].as_str().unwrap_or_default();
            (it["event"].as_str().unwrap(), text)
        })
        .collect();
    assert_eq!(told, [("line", "one"), ("line", "two"), ("caught-up", "")]);
    assert_eq!(lines[0]["container"], "w.1");
    let (_, text) = world
        .get("/api/v1/groups/web:dev/logs?container=w.1&text=true&tail=all")
        .await;
    assert_eq!(text, "w.1 stdout one\nw.1 stdout two\n");
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_as_a_file_has_every_line_and_no_other() {
    let world = world(vec![piece(Output::Stdout, "one\n\n")]).await;
    let path = "/api/v1/groups/web:dev/logs?container=w.1&text=true&tail=all";
    let whole = "w.1 stdout one\nw.1 stdout \n";
    *world.cluster.ending.lock().unwrap() = Ending::Never;
    let response = world.request(ask(Method::GET, path)).await;
    let mut body = response.into_body().into_data_stream();
    let mut text = String::new();
    let reading = async {
        while let Some(chunk) = body.next().await {
            text.push_str(str::from_utf8(&chunk.unwrap()).unwrap());
        }
    };
    let long = tokio::time::timeout(Duration::from_secs(100), reading).await;
    assert!(long.is_err(), "it goes on");
    assert_eq!(text, whole);

    // What is missing is told where it is missing.
    *world.cluster.ending.lock().unwrap() = Ending::Lost;
    let (_, text) = world.get(path).await;
    let rest = text.strip_prefix(whole).unwrap();
    assert!(rest.starts_with("-- w.1 cannot be read: "), "{text}");
    assert_eq!(rest.lines().count(), 1, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_page_has_an_end_however_much_was_written() {
    let lines = |page: &str| page.matches("class=\"mark\"").count();
    let many = "more\n".repeat(14_999) + "the last\n";
    let world = world(vec![piece(Output::Stdout, &many)]).await;
    let (status, page) = world.get("/groups/web:dev/logs?tail=all").await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        (19_000..=20_000).contains(&lines(&page)),
        "{}",
        lines(&page)
    );
    assert!(page.contains(">the last<"));
    assert!(page.contains("more than a page has"));
    assert!(page.contains("data-lines=\"20000\"") && page.contains("tail=all&amp;text=true"));
    let (_, page) = world.get("/groups/web:dev/logs?container=w.1").await;
    assert_eq!(lines(&page), 15_000);
    assert!(!page.contains("more than a page has") && !page.contains("Not all of it came"));

    // Few lines may be long ones.
    let long = format!("{}\n", "x".repeat(50_000)).repeat(400);
    *world.cluster.logs.lock().unwrap() = vec![piece(Output::Stdout, &long)];
    let (_, page) = world.get("/groups/web:dev/logs").await;
    assert!(page.len() < 6 << 20, "{} bytes", page.len());
    assert!(lines(&page) > 50 && page.contains("more than a page has"));

    // What does not come is not waited for, and said to be missing.
    *world.cluster.logs.lock().unwrap() = vec![piece(Output::Stdout, "one\n")];
    *world.cluster.ending.lock().unwrap() = Ending::Never;
    let (_, page) = world.get("/groups/web:dev/logs").await;
    assert_eq!(lines(&page), 2, "{page}");
    assert!(page.contains("Not all of it came within 5 s."), "{page}");
    let (_, page) = world.get("/groups/web:dev/containers/w.1").await;
    assert!(page.contains("Not all of it came within 1 s."), "{page}");
}

#[tokio::test]
async fn before_no_place_is_nothing() {
    let world = world(vec![piece(Output::Stdout, "one\n")]).await;
    let older = async |places: &str| {
        let mut request = ask(Method::POST, "/groups/web:dev/logs/older");
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        // As one of our own pages asks.
        let site = HeaderValue::from_static("same-origin");
        request.headers_mut().insert("sec-fetch-site", site);
        *request.body_mut() = format!("{{\"places\":{places}}}").into();
        let answer = world.request(request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        serde_json::from_slice::<Value>(&body.unwrap()).unwrap()
    };
    assert_eq!(older("{}").await["rows"], "");
    let rows = older("{\"w.1\":\"there\"}").await["rows"].clone();
    assert_eq!(rows.as_str().unwrap().matches(">one<").count(), 1, "{rows}");
}

#[tokio::test]
async fn a_containers_page_is_there_when_too_many_logs_are_read() {
    let world = world(vec![piece(Output::Stdout, "hello\n")]).await;
    *world.cluster.ending.lock().unwrap() = Ending::Never;
    let live = "/groups/web:dev/logs/live?container=w.1&follow=true";
    let mut readers = Vec::new();
    let refused = loop {
        let answer = world.request(ask(Method::GET, live)).await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
        readers.push(answer);
        assert!(readers.len() < 1000, "there is a limit");
    };
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(RETRY_AFTER));
    *world.cluster.ending.lock().unwrap() = Ending::Well;

    let path = "/groups/web:dev/containers/w.1";
    let (status, page) = world.get(path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        page.contains("It is not read here now: too many logs are being read."),
        "{page}"
    );
    for rest in ["Running for", "Usage", "theseus logs w.1 --follow"] {
        assert!(page.contains(rest), "{rest} in {page}");
    }
    assert!(!page.contains(">hello<"), "{page}");
    let (status, page) = world.get("/groups/web:dev/logs").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.contains("Too many logs are being read."), "{page}");

    // Whoever ceases to read makes room for the next.
    drop(readers);
    let (_, page) = world.get(path).await;
    assert!(page.contains(">hello<"), "{page}");
}

#[tokio::test]
async fn a_page_of_many_containers_begins_with_fewer_lines_of_each() {
    let lines = |page: &str| page.matches("class=\"mark\"").count();
    let containers = (0..50).map(|it| running(&format!("w.{it}"))).collect();
    let world = World::with(vec![app("web:dev", 1, containers)]);
    world.page_with("/groups/web:dev", "w.49").await;
    let (_, page) = world.get("/groups/web:dev/logs").await;
    assert!(page.contains("data-lines=\"20\""), "{page}");
    let (_, page) = world.get("/groups/web:dev/logs?output=stderr").await;
    assert!(page.contains("data-lines=\"40\""), "{page}");
    // Whoever asks for more, or for one of them, gets it.
    *world.cluster.logs.lock().unwrap() = vec![piece(Output::Stdout, &"more\n".repeat(300))];
    let (_, page) = world.get("/groups/web:dev/logs?tail=100").await;
    assert!(page.contains("data-lines=\"100\""), "{}", lines(&page));
    let (_, page) = world.get("/groups/web:dev/logs?container=w.7").await;
    assert!(page.contains("data-lines=\"200\""), "{}", lines(&page));
}

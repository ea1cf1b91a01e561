//! Every route × every kind of caller. A route without a row fails, and so does a row without a route.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Response, StatusCode, header};
use theseus_viewer::{Changes, Viewer, routes};

use crate::world::{TOKEN, answer, ask, guarded, open, sign_in, viewer};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The route answers it, whatever it says.
    In,
    /// It is led to where people sign in.
    SignIn,
    /// It wants the token.
    Token,
    /// It is refused, whatever it brings.
    No,
}

/// Routes that are alike in whom they serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Shows itself to everybody.
    Open,
    /// A page.
    Page,
    /// What programs read.
    Data,
    /// What programs ask with a body, and nothing is changed.
    Question,
    /// A page on which a change is asked for.
    Ask,
    /// Where such a page's form goes.
    Form,
    /// What programs change.
    Change,
    /// Where the sign-in's form goes.
    SignIn,
    /// Where the sign-out's form goes.
    SignOut,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// A program on this machine, of an open viewer.
    OpenProgram,
    /// A page of that viewer.
    OpenPage,
    /// A page of another site, of an open viewer.
    OpenOtherSite,
    /// Somebody who brings nothing.
    Anonymous,
    /// Somebody with another token.
    WrongToken,
    /// A program with the token.
    Program,
    /// The same, of a viewer that only shows.
    ProgramOfShowing,
    /// A page in a browser that is signed in.
    SignedIn,
    /// A page of another site in that browser.
    OtherSite,
    /// That browser, which does not say from where it asks.
    Unsaid,
    /// A program with the token, which asks for another host.
    OtherHost,
}

const CALLERS: [Caller; 11] = [
    Caller::OpenProgram,
    Caller::OpenPage,
    Caller::OpenOtherSite,
    Caller::Anonymous,
    Caller::WrongToken,
    Caller::Program,
    Caller::ProgramOfShowing,
    Caller::SignedIn,
    Caller::OtherSite,
    Caller::Unsaid,
    Caller::OtherHost,
];

impl Kind {
    /// What becomes of what each of the callers asks.
    fn verdicts(self) -> [Verdict; 11] {
        use Verdict::{In, No, SignIn, Token};
        match self {
            Self::Open => [In, In, No, In, In, In, In, In, No, In, No],
            Self::Page => [In, In, No, SignIn, Token, In, In, In, No, In, No],
            Self::Data => [In, In, No, Token, Token, In, In, In, No, In, No],
            Self::Question => [In, In, No, Token, Token, In, In, In, No, No, No],
            Self::Ask => [No, No, No, SignIn, Token, In, No, In, No, In, No],
            Self::Form => [No, No, No, SignIn, Token, No, No, In, No, No, No],
            Self::Change => [No, No, No, Token, Token, In, No, In, No, No, No],
            Self::SignIn => [No, In, No, No, No, No, No, In, No, No, No],
            Self::SignOut => [No, In, No, SignIn, Token, No, No, In, No, No, No],
        }
    }
}

/// The rows.
const ROWS: [(Method, &str, Kind); 57] = [
    (Method::GET, "/", Kind::Page),
    (Method::GET, "/groups/{group}", Kind::Page),
    (
        Method::GET,
        "/groups/{group}/containers/{container}",
        Kind::Page,
    ),
    (Method::GET, "/groups/{group}/logs", Kind::Page),
    (Method::GET, "/groups/{group}/logs/live", Kind::Data),
    (Method::POST, "/groups/{group}/logs/older", Kind::Question),
    (Method::GET, "/assets/logs.css", Kind::Open),
    (Method::GET, "/assets/logs.js", Kind::Open),
    (Method::GET, "/api/v1/groups/{group}/logs", Kind::Data),
    (Method::GET, "/machines", Kind::Page),
    (Method::GET, "/machines/{host}", Kind::Page),
    (Method::GET, "/usage", Kind::Page),
    (Method::GET, "/events", Kind::Page),
    (Method::GET, "/live", Kind::Data),
    (Method::GET, "/health", Kind::Open),
    (Method::GET, "/metrics", Kind::Data),
    (Method::GET, "/assets/viewer.css", Kind::Open),
    (Method::GET, "/assets/viewer.js", Kind::Open),
    (Method::GET, "/assets/icon.svg", Kind::Open),
    (Method::GET, "/assets/actions.js", Kind::Open),
    (Method::GET, "/assets/actions.css", Kind::Open),
    (Method::GET, "/sign-in", Kind::Open),
    (Method::POST, "/sign-in", Kind::SignIn),
    (Method::POST, "/sign-out", Kind::SignOut),
    (Method::GET, "/deploy", Kind::Ask),
    (Method::POST, "/deploy/plan", Kind::Form),
    (Method::POST, "/deploy/confirm", Kind::Form),
    (Method::GET, "/deploys", Kind::Page),
    (Method::GET, "/deploys/{id}", Kind::Page),
    (Method::GET, "/groups/{group}/do/{kind}", Kind::Ask),
    (Method::POST, "/groups/{group}/do/{kind}", Kind::Form),
    (Method::GET, "/api/v1/openapi.json", Kind::Data),
    (Method::GET, "/api/v1/status", Kind::Data),
    (Method::GET, "/api/v1/groups", Kind::Data),
    (Method::GET, "/api/v1/groups/{group}", Kind::Data),
    (Method::GET, "/api/v1/groups/{group}/rollout", Kind::Data),
    (Method::GET, "/api/v1/groups/{group}/history", Kind::Data),
    (
        Method::GET,
        "/api/v1/groups/{group}/history/{revision}",
        Kind::Data,
    ),
    (Method::GET, "/api/v1/rollouts", Kind::Data),
    (Method::GET, "/api/v1/containers", Kind::Data),
    (Method::GET, "/api/v1/containers/{container}", Kind::Data),
    (Method::GET, "/api/v1/hosts", Kind::Data),
    (Method::GET, "/api/v1/hosts/{host}", Kind::Data),
    (Method::GET, "/api/v1/audit", Kind::Data),
    (Method::GET, "/api/v1/usage", Kind::Data),
    (Method::GET, "/api/v1/endpoints", Kind::Data),
    (Method::GET, "/api/v1/deploys", Kind::Data),
    (Method::GET, "/api/v1/deploys/{id}", Kind::Data),
    (Method::POST, "/api/v1/plan", Kind::Question),
    (Method::POST, "/deploy", Kind::Change),
    (Method::POST, "/api/v1/groups/{group}/scale", Kind::Change),
    (Method::POST, "/api/v1/groups/{group}/restart", Kind::Change),
    (
        Method::POST,
        "/api/v1/groups/{group}/rollback",
        Kind::Change,
    ),
    (Method::POST, "/api/v1/groups/{group}/resume", Kind::Change),
    (Method::POST, "/api/v1/groups/{group}/pause", Kind::Change),
    (Method::POST, "/api/v1/groups/{group}/promote", Kind::Change),
    (Method::POST, "/api/v1/groups/{group}/abort", Kind::Change),
];

/// Makes one caller's request of a router that is his alone.
async fn verdict(viewer: &Viewer, caller: Caller, method: &Method, path: &str) -> Verdict {
    let changing = || guarded(viewer, Changes::Allowed);
    let router: Router = match caller {
        Caller::OpenProgram | Caller::OpenPage | Caller::OpenOtherSite => open(viewer),
        Caller::ProgramOfShowing => guarded(viewer, Changes::Forbidden),
        _ => changing(),
    };
    let bearer = format!("Bearer {TOKEN}");
    let session = match caller {
        Caller::SignedIn | Caller::OtherSite | Caller::Unsaid => sign_in(&router).await,
        _ => String::new(),
    };
    let own_page = [
        ("origin", "http://localhost:5001"),
        ("sec-fetch-site", "same-origin"),
    ];
    let other_site = [
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let mut headers: Vec<(&str, &str)> = match caller {
        Caller::OpenProgram | Caller::Anonymous | Caller::Unsaid => Vec::new(),
        Caller::OpenPage | Caller::SignedIn => own_page.to_vec(),
        Caller::OpenOtherSite | Caller::OtherSite => other_site.to_vec(),
        Caller::WrongToken => vec![("authorization", "Bearer 2f6b0a9c4d7e815390ab6cde12f34568")],
        Caller::Program | Caller::ProgramOfShowing => vec![("authorization", &bearer)],
        Caller::OtherHost => vec![("authorization", &bearer), ("host", "evil.example:5001")],
    };
    if !session.is_empty() {
        headers.push(("cookie", &session));
    }
    let response = answer(&router, ask(method, path, &headers, Body::empty())).await;
    told(&response)
}

fn told(response: &Response<Body>) -> Verdict {
    let place = response.headers().get(header::LOCATION);
    let to_sign_in = place.is_some_and(|place| place.as_bytes().starts_with(b"/sign-in?to="));
    match response.status() {
        StatusCode::UNAUTHORIZED => Verdict::Token,
        StatusCode::FORBIDDEN => Verdict::No,
        StatusCode::SEE_OTHER if to_sign_in => Verdict::SignIn,
        _ => Verdict::In,
    }
}

#[tokio::test]
async fn every_route_serves_just_whom_it_is_for() {
    let mut rows: BTreeMap<(String, String), Kind> = ROWS
        .iter()
        .map(|(method, path, kind)| ((method.to_string(), (*path).to_owned()), *kind))
        .collect();
    assert_eq!(rows.len(), ROWS.len(), "a row is there twice");
    let viewer = viewer();
    let mut wrong = Vec::new();
    for route in routes() {
        let row = rows.remove(&(route.method.to_string(), route.path.clone()));
        let kind = row.unwrap_or_else(|| panic!("{} {} has no row", route.method, route.path));
        let path = route
            .path
            .replace("{group}", "a:b")
            .replace("{kind}", "restart")
            .replace("{revision}", "1")
            .replace("{id}", "1")
            .replace("{container}", "c")
            .replace("{host}", "h");
        for (caller, expected) in CALLERS.into_iter().zip(kind.verdicts()) {
            let verdict = verdict(&viewer, caller, &route.method, &path).await;
            if verdict != expected {
                let route = (&route.method, &route.path);
                wrong.push(format!(
                    "{route:?} by {caller:?}: {verdict:?}, not {expected:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rows.is_empty(), "rows without a route: {rows:?}");
}

#[tokio::test]
async fn addresses_that_there_are_not_tell_nothing_and_do_nothing() {
    let viewer = viewer();
    let router = guarded(&viewer, Changes::Allowed);
    for (method, path, expected) in [
        (Method::GET, "/nowhere", StatusCode::NOT_FOUND),
        (Method::GET, "/api/v1/nowhere", StatusCode::NOT_FOUND),
        (Method::POST, "/", StatusCode::METHOD_NOT_ALLOWED),
        (
            Method::POST,
            "/api/v1/status",
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            Method::PUT,
            "/api/v1/status",
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (Method::OPTIONS, "/deploy", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let response = answer(&router, ask(&method, path, &[], Body::empty())).await;
        assert_eq!(response.status(), expected, "{method} {path}");
        let is_json = response.headers()[header::CONTENT_TYPE] == "application/json";
        assert_eq!(is_json, path.starts_with("/api/"), "{method} {path}");
    }
}

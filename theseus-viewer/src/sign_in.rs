//! Signing in: a browser gives the token once, and holds a session from then on.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;

use std::sync::Arc;

use crate::access::SESSION_LIFE;
use crate::guard::{Caller, Gate, SECURE, cookie_name};
use crate::pages;
use crate::refusal::Refusal;
use crate::routes::{Answers, Entry, Needs};
use crate::telling::Attempt;

/// A token and where to go on, in bytes.
const FORM: usize = 8 << 10;

/// The routes of signing in and out.
pub(crate) fn table() -> Vec<Entry> {
    vec![
        Entry::open("/sign-in", get(ask)),
        Entry::take("/sign-in", Needs::Nothing, FORM, post(sign_in)),
        Entry::take("/sign-out", Needs::Looking, FORM, post(sign_out)),
    ]
}

#[derive(Debug, Deserialize)]
struct Back {
    /// The page to go on with.
    to: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    token: String,
    to: Option<String>,
}

async fn ask(State(gate): State<Arc<Gate>>, Query(back): Query<Back>) -> Response {
    if gate.access().token().is_none() {
        return to("/");
    }
    form(StatusCode::OK, &place(back.to.as_deref()), None)
}

async fn sign_in(
    State(gate): State<Arc<Gate>>,
    caller: Caller,
    headers: HeaderMap,
    given: Result<Form<Given>, FormRejection>,
) -> Response {
    let Ok(Form(given)) = given else {
        let refusal = Refusal::new(
            StatusCode::BAD_REQUEST,
            "there is no token in what was sent",
        );
        return refusal.answer(Answers::Page);
    };
    let place = place(given.to.as_deref());
    let attempt = Attempt {
        from: caller.address(),
        method: &Method::POST,
        path: "/sign-in",
    };
    if let Err(refusal) = gate.try_token(given.token.trim(), attempt) {
        return refused(&refusal, &place);
    }
    let session = match gate.sign_in() {
        Ok(session) => session,
        Err(error) => {
            tracing::error!(%error, "no session can be begun");
            let reason = "no session can be begun";
            return Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, reason).answer(Answers::Page);
        }
    };
    let life = SESSION_LIFE.as_secs();
    let cookie = cookie(&gate, &headers, session.reveal(), life);
    (
        StatusCode::SEE_OTHER,
        [(LOCATION, place), (SET_COOKIE, cookie)],
    )
        .into_response()
}

async fn sign_out(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Response {
    gate.sign_out(&headers);
    let cookie = cookie(&gate, &headers, "", 0);
    let place = "/sign-in".to_owned();
    (
        StatusCode::SEE_OTHER,
        [(LOCATION, place), (SET_COOKIE, cookie)],
    )
        .into_response()
}

fn cookie(gate: &Gate, headers: &HeaderMap, value: &str, seconds: u64) -> String {
    let name = cookie_name(headers);
    let rest = format!("Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    if gate.access().is_https() {
        format!("{SECURE}{name}={value}; {rest}; Secure")
    } else {
        format!("{name}={value}; {rest}")
    }
}

/// The page to go on with: one of ours, whatever was asked for.
fn place(asked: Option<&str>) -> String {
    asked
        .filter(|place| {
            let mut characters = place.chars();
            characters.next() == Some('/')
                && !matches!(characters.next(), Some('/' | '\\'))
                && place.chars().all(|c| c.is_ascii_graphic())
                && !place.starts_with("/sign-")
                && HeaderValue::from_str(place).is_ok()
        })
        .unwrap_or("/")
        .to_owned()
}

fn to(place: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response()
}

fn refused(refusal: &Refusal, place: &str) -> Response {
    let mut response = form(refusal.status(), place, Some(refusal.reason()));
    if let Some((name, value)) = refusal.header() {
        response.headers_mut().insert(name, value);
    }
    response
}

fn form(status: StatusCode, place: &str, wrong: Option<&str>) -> Response {
    (status, pages::still("Sign in", "", &content(place, wrong))).into_response()
}

fn content(place: &str, wrong: Option<&str>) -> Markup {
    html! {
        h1 { "Sign in" }
        link rel="stylesheet" href="/assets/actions.css";
        p { "This viewer shows itself to whoever has its token." }
        form.sheet action="/sign-in" method="post" {
            @if let Some(wrong) = wrong {
                p.problem #wrong role="alert" { span.sign aria-hidden="true" { "✕ " } (wrong) }
            }
            input type="hidden" name="to" value=(place);
            label for="token" { "Token" }
            input #token type="password" name="token" required autofocus autocomplete="current-password"
                spellcheck="false" aria-describedby=[wrong.map(|_| "wrong")];
            p { button.primary type="submit" { "Sign in" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_only_with_pages_of_ours() {
        for (asked, expected) in [
            (None, "/"),
            (Some("/groups/a:b?x=1"), "/groups/a:b?x=1"),
            (Some("//evil.example"), "/"),
            (Some("/\\evil.example"), "/"),
            (Some("https://evil.example"), "/"),
            (Some("/a\r\nset-cookie: x"), "/"),
            (Some("/sign-out"), "/"),
            (Some(""), "/"),
        ] {
            assert_eq!(place(asked), expected, "{asked:?}");
        }
    }
}

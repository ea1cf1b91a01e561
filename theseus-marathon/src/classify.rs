//! What an answer means: one total function from status, headers and body to a [`Failure`].
//!
//! The rule behind the table: what surely did nothing may be sent again; what may have done
//! something is looked at first; everything else has somebody who can mend it.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use theseus_core::cluster::{Operation, OperationId};

use crate::failure::{Failure, Held};
use crate::fields::Fault;

/// What is said of a success that nobody would answer with who was meant.
pub(crate) const NOT_JSON: &str = "its answer is none to what was asked";

/// How much of a body is shown, in characters.
const EXCERPT: usize = 200;

/// An answer, of which everything but a success is explained here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply<'a> {
    pub(crate) status: StatusCode,
    /// How long the server asks to wait.
    pub(crate) retry_after: Option<Duration>,
    /// Where the server sends us, if it does.
    pub(crate) leads_to: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// Why the request failed; `None` when it did not.
pub(crate) fn classify(reply: Reply<'_>, is_write: bool) -> Option<Failure> {
    // The body of a success may be very large, and tells nothing of a failure.
    (!reply.status.is_success()).then(|| failure(reply, is_write))
}

fn failure(reply: Reply<'_>, is_write: bool) -> Failure {
    let told = Told::of(reply.body);
    let reason = || format!("HTTP {}: {}", reply.status.as_u16(), told.text);
    let nothing_done = || Failure::Unreachable {
        cause: reason().into(),
        after: reply.retry_after,
    };
    match reply.status.as_u16() {
        300..400 => Failure::Garbled(match reply.leads_to {
            Some(place) => format!(
                "HTTP {} leads away, to {}",
                reply.status.as_u16(),
                excerpt(place)
            ),
            None => format!("HTTP {} leads away", reply.status.as_u16()),
        }),
        400 | 422 => Failure::Refused(told.faults()),
        403 if told.is_about_number_of_deployments() => Failure::Busy(Held {
            operations: Vec::new(),
            reason: Some(told.text),
        }),
        401 | 403 => Failure::Denied(reason()),
        // An HTML page, or a path that Marathon does not know, is not about an app.
        404 if told.is_marathons() && !told.is_about_the_path() => Failure::Gone(told.text),
        409 => match told.deployments() {
            Some(deployments) => Failure::busy(deployments),
            None if told.is_marathons() => Failure::Refused(told.faults()),
            None => Failure::Busy(Held::default()),
        },
        429 => nothing_done(),
        500 if told.is_about_the_path() => Failure::Garbled(reason()),
        // Without a leader, or with too much to do, a filter says so in HTML before Marathon looks
        // at the request. Marathon itself says 503, in JSON, when storing a change took too long.
        503 if reply.retry_after.is_some() || !begins_with(reply.body, b"{") => nothing_done(),
        408 | 500..600 => Failure::on_the_way(is_write, reason()),
        _ => Failure::Garbled(reason()),
    }
}

/// A success whose body is not what it should be: after a write nobody knows what was done.
pub(crate) fn misread(error: &serde_json::Error, is_write: bool) -> Failure {
    let reason = format!("{NOT_JSON}: {error}");
    if is_write {
        Failure::Unclear(reason.into())
    } else if error.is_eof() && error.line() == 1 && error.column() == 0 {
        // So does a standby of 0.8 that does not reach its leader.
        Failure::unreachable("its answer is empty")
    } else if error.is_eof() {
        Failure::unreachable("its answer is cut short")
    } else {
        Failure::Garbled(reason)
    }
}

/// Whether this is the first that is not blank. It can be told of a body that was cut, too.
fn begins_with(body: &[u8], what: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(what)
}

/// What a body tells about a failure.
struct Told {
    json: Value,
    /// In words.
    text: String,
}

impl Told {
    fn of(body: &[u8]) -> Self {
        let json = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = match json["message"].as_str() {
            Some(message) => excerpt(message),
            None if begins_with(body, b"<") => "an HTML page".to_owned(),
            None if body.is_empty() => "without a word".to_owned(),
            None => excerpt(&String::from_utf8_lossy(
                &body[..body.len().min(4 * EXCERPT)],
            )),
        };
        Self { json, text }
    }

    /// Marathon answers in objects; what stands before it does not. One that was cut is none.
    fn is_marathons(&self) -> bool {
        self.json.is_object()
    }

    fn is_about_the_path(&self) -> bool {
        self.text.starts_with("URI not found")
    }

    /// `--max_running_deployments` of them run.
    fn is_about_number_of_deployments(&self) -> bool {
        self.text.contains("of running deployments")
    }

    /// The deployments that hold an app. That it exists already is a conflict without any.
    fn deployments(&self) -> Option<Vec<Operation>> {
        let deployments = self.json["deployments"].as_array()?;
        let ids = deployments.iter().filter_map(|one| one["id"].as_str());
        Some(
            ids.map(|id| Operation::unknown(OperationId(id.to_owned())))
                .collect(),
        )
    }

    /// Marathon's reasons: at least one.
    fn faults(&self) -> Vec<Fault> {
        let listed = [&self.json["details"], &self.json["errors"]];
        let mut faults: Vec<_> = listed
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .flat_map(faults_of)
            .collect();
        if faults.is_empty() {
            let message = match self.json["details"].as_str() {
                Some(details) => format!("{}: {}", self.text, excerpt(details)),
                None => self.text.clone(),
            };
            faults.push(Fault {
                path: None,
                message,
            });
        }
        faults
    }
}

/// The reasons of one place: `{path, errors: […]}`, before 1.0 `{attribute, error}`.
fn faults_of(detail: &Value) -> Vec<Fault> {
    let path = detail["path"].as_str().or(detail["attribute"].as_str());
    let several = detail["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let errors = several.iter().chain([&detail["error"]]);
    errors
        .filter_map(Value::as_str)
        .map(|message| Fault {
            path: path.map(str::to_owned),
            message: excerpt(message),
        })
        .collect()
}

/// One line, not too long, and nothing in it that a terminal would act on.
pub(crate) fn excerpt(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The class of an answer, in words, for tables.
    fn class(status: u16, body: &str, is_write: bool) -> String {
        let reply = Reply {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: None,
            leads_to: None,
            body: body.as_bytes(),
        };
        match classify(reply, is_write) {
            None => "success".to_owned(),
            Some(Failure::Unreachable { .. }) => "retry".to_owned(),
            Some(Failure::Unclear(_)) => "look".to_owned(),
            Some(Failure::Busy(held)) => {
                let ids: Vec<_> = held.operations.into_iter().map(|it| it.id.0).collect();
                format!("busy {}", ids.join(","))
            }
            Some(Failure::Gone(what)) => format!("gone {what}"),
            Some(Failure::Refused(faults)) => {
                let faults: Vec<_> = faults
                    .into_iter()
                    .map(|fault| format!("{}={}", fault.path.unwrap_or_default(), fault.message))
                    .collect();
                format!("refused {}", faults.join("; "))
            }
            Some(Failure::Denied(_)) => "denied".to_owned(),
            Some(Failure::Garbled(_)) => "garbled".to_owned(),
            Some(Failure::Untrusted { .. }) => unreachable!("an answer came"),
        }
    }

    #[test]
    fn what_each_answer_means() {
        const HTML: &str = "<html><head><title>Error</title></head></html>";
        const LOCKED: &str = r#"{"message":"App is locked by one or more deployments.","deployments":[{"id":"d1"},{"id":"d2"}]}"#;
        for (status, body, read, write) in [
            (200, "", "success", "success"),
            (201, HTML, "success", "success"),
            (202, "", "success", "success"),
            (302, "", "garbled", "garbled"),
            (307, "", "garbled", "garbled"),
            (400, HTML, "refused =an HTML page", "refused =an HTML page"),
            (
                400,
                r#"{"message":"Invalid JSON","details":"no }"}"#,
                "refused =Invalid JSON: no }",
                "refused =Invalid JSON: no }",
            ),
            (401, "", "denied", "denied"),
            (403, HTML, "denied", "denied"),
            (
                403,
                r#"{"message":"Max number (100) of running deployments is achieved."}"#,
                "busy ",
                "busy ",
            ),
            (
                404,
                r#"{"message":"App '/x' does not exist"}"#,
                "gone App '/x' does not exist",
                "gone App '/x' does not exist",
            ),
            (
                404,
                r#"{"message":"URI not found: /v3"}"#,
                "garbled",
                "garbled",
            ),
            (404, HTML, "garbled", "garbled"),
            (405, "", "garbled", "garbled"),
            (408, "", "retry", "look"),
            (409, LOCKED, "busy d1,d2", "busy d1,d2"),
            (
                409,
                r#"{"message":"An app with id [/x] already exists."}"#,
                "refused =An app with id [/x] already exists.",
                "refused =An app with id [/x] already exists.",
            ),
            (409, HTML, "busy ", "busy "),
            (
                422,
                r#"{"message":"Object is not valid","details":[{"path":"/cpus","errors":["too few","odd"]},{"path":"/id","errors":["bad"]}]}"#,
                "refused /cpus=too few; /cpus=odd; /id=bad",
                "refused /cpus=too few; /cpus=odd; /id=bad",
            ),
            (
                422,
                r#"{"message":"Bean is not valid","errors":[{"attribute":"cpus","error":"too few"}]}"#,
                "refused cpus=too few",
                "refused cpus=too few",
            ),
            (
                422,
                r#"{"message":"'version' is alone"}"#,
                "refused ='version' is alone",
                "refused ='version' is alone",
            ),
            (
                422,
                "",
                "refused =without a word",
                "refused =without a word",
            ),
            (429, "", "retry", "retry"),
            (500, r#"{"message":"URI not found"}"#, "garbled", "garbled"),
            (500, r#"{"message":"oh"}"#, "retry", "look"),
            (502, HTML, "retry", "look"),
            (503, HTML, "retry", "retry"),
            (503, "Too many concurrent requests", "retry", "retry"),
            (
                503,
                r#"{"message":"storing took too long"}"#,
                "retry",
                "look",
            ),
            (503, r#"{"message":"cut sho"#, "retry", "look"),
            (504, HTML, "retry", "look"),
            (599, "", "retry", "look"),
            (418, "I'm a teapot", "garbled", "garbled"),
            (999, "", "garbled", "garbled"),
        ] {
            assert_eq!(class(status, body, false), read, "read: {status} {body}");
            assert_eq!(class(status, body, true), write, "write: {status} {body}");
        }
    }

    #[test]
    fn who_asks_for_patience_did_nothing() {
        let patience = Some(Duration::from_secs(7));
        let reply = Reply {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: patience,
            leads_to: None,
            body: br#"{"message":"later"}"#,
        };
        let Some(Failure::Unreachable { cause, after }) = classify(reply, true) else {
            panic!("nothing was done");
        };
        assert_eq!(after, patience);
        assert_eq!(cause.to_string(), "HTTP 503: later");
    }

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(excerpt("a\n\u{1b}[31m  b\t"), "a [31m b");
        let long = excerpt(&"é".repeat(1000));
        assert_eq!(long.chars().count(), EXCERPT + 1);
    }

    proptest! {
        #[test]
        fn any_answer_has_a_meaning(
            status in 100..1000_u16,
            body in proptest::collection::vec(any::<u8>(), 0..200),
            is_write: bool,
        ) {
            let status = StatusCode::from_u16(status).unwrap();
            let reply = Reply { status, retry_after: None, leads_to: None, body: &body };
            prop_assert_eq!(classify(reply, is_write).is_none(), status.is_success());
        }

        #[test]
        fn any_json_has_a_meaning(
            details in "(\\[|\\{|\\}|\\]|\"path\":|\"errors\":|\"attribute\":|\"a\"|,|1|null){0,12}",
        ) {
            let body = format!("{{\"message\":\"m\",\"details\":{details}}}");
            let reply = Reply {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                retry_after: None,
                leads_to: None,
                body: body.as_bytes(),
            };
            let Some(Failure::Refused(faults)) = classify(reply, true) else {
                panic!("422 is a refusal");
            };
            prop_assert!(!faults.is_empty());
        }
    }
}

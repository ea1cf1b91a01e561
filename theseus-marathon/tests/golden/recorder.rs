//! A Marathon that writes down what it is told, and answers what it is to answer.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use theseus_marathon::{Marathon, MarathonConfig, ServiceTransport};
use tower::service_fn;

/// What was told, each as `METHOD path?query`, with the body below it.
pub(crate) type Told = Arc<Mutex<Vec<String>>>;

/// A Marathon of this version. `answer` says what is answered to `METHOD path`: nothing stands for
/// what is not there; `/v2/info` is answered anyway.
pub(crate) fn marathon(
    version: &str,
    answer: impl Fn(&str) -> Option<Value> + Send + Sync + 'static,
) -> (Marathon, Told) {
    let told = Told::default();
    let config = MarathonConfig {
        urls: vec!["http://marathon:8080".parse().unwrap()],
        ..MarathonConfig::default()
    };
    let (version, answer) = (version.to_owned(), Arc::new(answer));
    let record = told.clone();
    let service = service_fn(move |request: Request<Full<Bytes>>| {
        let (version, answer, record) = (version.clone(), answer.clone(), record.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let answer = if head.uri.path() == "/v2/info" {
                Some(json!({"version": version}))
            } else {
                let line = format!("{} {}", head.method, head.uri.path_and_query().unwrap());
                record.lock().unwrap().push(shown(&line, &body));
                answer(&format!("{} {}", head.method, head.uri.path()))
            };
            let (status, body) = match answer {
                Some(body) => (StatusCode::OK, body),
                None => (
                    StatusCode::NOT_FOUND,
                    json!({"message": "it does not exist"}),
                ),
            };
            let body = Full::new(Bytes::from(body.to_string()));
            let response = Response::builder().status(status).body(body).unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    let marathon = Marathon::over(config, Arc::new(ServiceTransport::new(service))).unwrap();
    (marathon, told)
}

fn shown(line: &str, body: &[u8]) -> String {
    if body.is_empty() {
        return line.to_owned();
    }
    let body: Value = serde_json::from_slice(body).unwrap();
    format!("{line}\n{body:#}")
}

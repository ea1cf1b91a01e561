//! The shapes of requests and answers, endpoint by endpoint.

mod apps;
#[path = "../common/mod.rs"]
mod common;
mod events;
mod others;
mod trouble;

use serde_json::Value;

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

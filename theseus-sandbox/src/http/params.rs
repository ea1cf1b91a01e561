//! Query parameters, which may repeat, and the ids in paths.

use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::error::ApiError;
use crate::path_id::PathId;

#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let query =
            query.map_err(|error| ApiError::message(StatusCode::BAD_REQUEST, error.body_text()))?;
        Ok(Self(query.0))
    }
}

impl Params {
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.first(name)
            .map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }
}

/// The segments of a path after `prefix`; empty ones, of double slashes, do not count.
pub(super) fn segments(path: &str, prefix: &str) -> Vec<String> {
    let rest = path.strip_prefix(prefix).unwrap_or_default();
    rest.split('/')
        .filter(|segment| !segment.is_empty())
        .map(decode)
        .collect()
}

/// Undoes percent-encoding; what is none is left as it is.
fn decode(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = segment
            .get(index + 1..index + 3)
            .filter(|_| bytes[index] == b'%');
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            decoded.push(byte);
            index += 3;
        } else {
            decoded.push(bytes[index]);
            index += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

pub(super) fn path_id<S: AsRef<str>>(segments: &[S]) -> Result<PathId, ApiError> {
    let joined: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    PathId::absolute(&joined.join("/")).map_err(ApiError::unprocessable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fall_into_decoded_segments() {
        assert_eq!(segments("/v2/apps//a/b", "/v2/apps"), ["a", "b"]);
        assert_eq!(segments("/v2/apps/a%2Fb/%zz%", "/v2/apps"), ["a/b", "%zz%"]);
        assert_eq!(segments("/v2/apps/é%C3%A9", "/v2/apps"), ["éé"]);
    }
}

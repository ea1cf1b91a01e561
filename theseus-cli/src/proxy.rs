//! The proxy that the environment puts before addresses elsewhere, which may answer in their place.

use std::env;

use axum::http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use theseus_marathon::is_loopback;
use url::Url;

/// The variable by which requests to this address go to a proxy, if they do.
pub(crate) fn before(address: &str) -> Option<&'static str> {
    let to: Uri = address.parse().ok()?;
    // The very rules by which requests are sent, `NO_PROXY` among them.
    Matcher::from_env().intercept(&to)?;
    among(address, |name| {
        env::var_os(name).is_some_and(|value| !value.is_empty())
    })
}

fn among(address: &str, is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    let url: Url = address.parse().ok()?;
    if is_loopback(&url) {
        return None;
    }
    let names = if url.scheme() == "https" {
        ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    } else {
        ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    };
    names.into_iter().find(|name| is_set(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_variable_counts() {
        for (address, set, expected) in [
            ("http://a:8080", "HTTP_PROXY", Some("HTTP_PROXY")),
            ("http://a:8080", "HTTPS_PROXY", None),
            ("https://a:8443", "https_proxy", Some("https_proxy")),
            ("https://a:8443", "ALL_PROXY", Some("ALL_PROXY")),
            ("http://127.0.0.1:8080", "HTTP_PROXY", None),
            ("http://localhost:8080", "HTTP_PROXY", None),
            (
                "http://localhost.example.com:8080",
                "HTTP_PROXY",
                Some("HTTP_PROXY"),
            ),
            ("somewhere", "HTTP_PROXY", None),
        ] {
            assert_eq!(among(address, |name| name == set), expected, "{address}");
        }
    }
}

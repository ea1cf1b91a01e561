//! The proxy that the environment puts before addresses elsewhere, which may answer in their place.

use std::env;

/// The variable by which requests to this address go to a proxy, unless `NO_PROXY` says otherwise.
pub(crate) fn before(address: &str) -> Option<&'static str> {
    among(address, |name| {
        env::var_os(name).is_some_and(|value| !value.is_empty())
    })
}

fn among(address: &str, is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    let (scheme, rest) = address.split_once("://")?;
    let is_here = ["localhost", "127.", "[::1]"];
    if is_here.iter().any(|here| rest.starts_with(here)) {
        return None;
    }
    let names = if scheme == "https" {
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
            ("somewhere", "HTTP_PROXY", None),
        ] {
            assert_eq!(among(address, |name| name == set), expected, "{address}");
        }
    }
}

//! A container's ports, as links where a browser can follow them.

use std::net::Ipv6Addr;

use maud::{Markup, html};
use theseus_core::status::ContainerStatus;

use super::words;

/// A container's named ports.
pub(super) fn list(container: &ContainerStatus) -> Markup {
    let host = container.host.as_deref().and_then(authority);
    html! {
        @if container.ports.is_empty() { (words::dash()) }
        @else {
            ul.ports { @for (name, port) in &container.ports {
                li { (name) " " @match &host {
                    Some(host) => a href=(format!("http://{host}:{port}/")) rel="noreferrer" { (port) },
                    None => b { (port) },
                } }
            } }
        }
    }
}

/// The host as it stands in an address, if it is plainly a name or an IP address: whatever else it
/// is could turn the address into something else.
fn authority(host: &str) -> Option<String> {
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return Some(format!("[{address}]"));
    }
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    let is_name = host.len() <= 253 && host.split('.').all(is_label);
    is_name.then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_addresses_become_links() {
        for (host, expected) in [
            ("host-1.example", Some("host-1.example")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("fe80::1", Some("[fe80::1]")),
            ("", None),
            ("a..b", None),
            ("user@host", None),
            ("host/path", None),
            ("host:80", None),
            ("javascript:alert(1)", None),
            ("\"><script>", None),
            ("hôte", None),
        ] {
            assert_eq!(authority(host).as_deref(), expected, "{host}");
        }
    }
}

//! Who one is to a registry, as `docker login` has written it down.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde_json::Value;

/// Images without a registry come from here, under the name that `docker login` gives it.
const HUB: &str = "https://index.docker.io/v1/";

/// What is to be told to the registry of an image; nothing if nobody has logged in there.
pub(super) fn of(image: &str, file: Option<&Path>) -> Option<DockerCredentials> {
    let text = std::fs::read(file?).ok()?;
    let config: Value = serde_json::from_slice(&text).ok()?;
    let entry = config.get("auths")?.get(registry(image))?;
    let identitytoken = entry["identitytoken"].as_str().map(str::to_owned);
    let auth = entry["auth"].as_str()?;
    let auth = String::from_utf8(STANDARD.decode(auth).ok()?).ok()?;
    let (username, password) = auth.split_once(':')?;
    Some(DockerCredentials {
        username: Some(username.to_owned()),
        password: Some(password.to_owned()),
        serveraddress: Some(registry(image).to_owned()),
        identitytoken,
        ..DockerCredentials::default()
    })
}

/// The registry that an image names. What comes before the first slash is one only if it looks
/// like a host.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => HUB,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_tells_its_registry() {
        assert_eq!(registry("web:1"), HUB);
        assert_eq!(registry("shop/web"), HUB);
        assert_eq!(registry("10.0.0.1:5000/web"), "10.0.0.1:5000");
        assert_eq!(registry("localhost/web"), "localhost");
    }
}

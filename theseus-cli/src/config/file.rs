//! `mesos.yaml` as it is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use theseus_core::model::duration;
use url::Url;

use crate::failure::Failure;

/// Larger than any configuration.
const MAX_BYTES: u64 = 1 << 20;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) marathon: Option<Marathon>,
    pub(crate) mesos: Option<Mesos>,
    pub(crate) etcd: Option<Etcd>,
    pub(crate) subscriber: Option<Subscriber>,
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
    pub(crate) default_context: Option<String>,
}

/// A named pair of cluster and store.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    pub(crate) marathon: Option<Marathon>,
    pub(crate) mesos: Option<Mesos>,
    pub(crate) etcd: Option<Etcd>,
    pub(crate) subscriber: Option<Subscriber>,
}

/// How Marathon is reached.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Marathon {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    #[serde(default)]
    pub(crate) urls: Vec<Url>,
    /// Which version it is spoken to as, whatever it says itself.
    pub(crate) version: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    /// A token of DC/OS.
    pub(crate) token_file: Option<PathBuf>,
    /// Any other token.
    pub(crate) bearer_token_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) allow_plain_http: bool,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) timeouts: Timeouts,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Timeouts {
    /// Until a connection stands.
    #[serde(default, deserialize_with = "duration")]
    pub(crate) connect: Option<Duration>,
    /// From there until an answer begins.
    #[serde(default, deserialize_with = "duration")]
    pub(crate) answer: Option<Duration>,
    /// From there to its end.
    #[serde(default, deserialize_with = "duration")]
    pub(crate) body: Option<Duration>,
}

/// A duration as in manifests, and more than none.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match duration::parse(&text) {
        Some(duration) if !duration.is_zero() => Ok(Some(duration)),
        _ => Err(D::Error::custom(format!(
            "{text:?} is not {}, and more than 0",
            duration::EXPECTED
        ))),
    }
}

/// Where a Mesos master is reached, of a Marathon that does not tell.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mesos {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) url: Option<Url>,
}

/// How etcd is reached.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Etcd {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    #[serde(default)]
    pub(crate) endpoints: Vec<String>,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) prefix: Option<String>,
}

/// Where the registrar listens, and where Marathon's callbacks arrive, of versions that have no event
/// stream.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscriber {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

/// Reads the configuration: the file that was asked for, else `./mesos.yaml`, else the user's own.
/// No file at all is an empty configuration.
pub(crate) fn load(asked: Option<&Path>) -> Result<(File, Option<PathBuf>), Failure> {
    let path = match asked {
        Some(path) => path.to_owned(),
        None => match usual_places().into_iter().find(|path| path.exists()) {
            Some(path) => path,
            None => return Ok((File::default(), None)),
        },
    };
    let size = std::fs::metadata(&path)
        .map_err(|error| Failure::file("read", &path, &error))?
        .len();
    if size > MAX_BYTES {
        return Err(Failure::usage(format!(
            "{}: too large for a configuration",
            path.display()
        )));
    }
    let text =
        std::fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
    Ok((parse(&text, &path)?, Some(path)))
}

fn usual_places() -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from("mesos.yaml")];
    if let Ok(base) = etcetera::choose_base_strategy() {
        places.push(base.config_dir().join("theseus").join("mesos.yaml"));
    }
    places
}

fn parse(text: &str, path: &Path) -> Result<File, Failure> {
    if text.trim().is_empty() {
        return Ok(File::default());
    }
    serde_yaml::from_str(text).map_err(|error| {
        let place = error.location().map_or_else(String::new, |l| format!(":{}:{}", l.line(), l.column()));
        Failure::usage(format!("{}{place}: {error}", path.display()))
            .hint("it holds marathon: {host, port}, mesos: {host, port}, etcd: {host, port}, subscriber: {host, port} and contexts:")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_original_configuration_is_understood() {
        let text = "marathon: {host: 10.0.0.1, port: 8080}\netcd: {host: 10.0.0.1, port: 2379}\nsubscriber: {host: 10.0.0.1, port: 5000}\n";
        let file = parse(text, Path::new("mesos.yaml")).unwrap();
        assert_eq!(file.marathon.unwrap().port, Some(8080));
        assert_eq!(file.etcd.unwrap().host.as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let failure = parse("marathon:\n  hots: a\n", Path::new("mesos.yaml")).unwrap_err();
        let shown = format!("{failure:?}");
        assert!(
            shown.contains("mesos.yaml:2:3") && shown.contains("hots"),
            "{shown}"
        );
    }

    #[test]
    fn a_version_is_read_as_it_is_written() {
        // As a number, 1.10 would be 1.1.
        for version in ["'1.10'", "1.10"] {
            let text = format!("marathon: {{host: a, version: {version}}}\n");
            let file = parse(&text, Path::new("mesos.yaml")).unwrap();
            assert_eq!(file.marathon.unwrap().version.as_deref(), Some("1.10"));
        }
    }
}

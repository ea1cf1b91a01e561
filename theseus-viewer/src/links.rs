//! The pages that Marathon and Mesos themselves have of the same things.

use theseus_core::cluster::AppId;
use url::Url;

use crate::pages::address;

/// Where those pages are, as far as somebody said so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    marathon: Option<String>,
    mesos: Option<String>,
}

impl Links {
    /// The pages of Marathon at this address. An address that no browser can follow, or with
    /// credentials in it, is left out.
    #[must_use]
    pub fn marathon(mut self, base: &Url) -> Self {
        self.marathon = followable(base);
        self
    }

    /// The pages of the Mesos master at this address; the same goes for it.
    #[must_use]
    pub fn mesos(mut self, base: &Url) -> Self {
        self.mesos = followable(base);
        self
    }

    /// Marathon's page of an app.
    pub(crate) fn app(&self, app: &AppId) -> Option<String> {
        let base = self.marathon.as_ref()?;
        Some(format!("{base}/ui/#/apps/{}", address::segment(&app.0)))
    }

    /// Marathon's page of a container.
    pub(crate) fn task(&self, app: &AppId, task: &str) -> Option<String> {
        Some(format!("{}/{}", self.app(app)?, address::segment(task)))
    }

    /// Mesos's page of all machines: it finds one by an id that only Mesos knows.
    pub(crate) fn agents(&self) -> Option<String> {
        Some(format!("{}/#/agents", self.mesos.as_ref()?))
    }
}

fn followable(base: &Url) -> Option<String> {
    let is_web = matches!(base.scheme(), "http" | "https");
    let is_open = base.username().is_empty() && base.password().is_none();
    let is_plain = base.query().is_none() && base.fragment().is_none();
    (is_web && is_open && is_plain).then(|| base.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_of_the_web_are_linked_to() {
        for (base, expected) in [
            ("http://m:8080", Some("http://m:8080/ui/#/apps/%2Fa")),
            (
                "https://m/marathon/",
                Some("https://m/marathon/ui/#/apps/%2Fa"),
            ),
            ("javascript:alert(1)", None),
            ("ftp://m", None),
            ("http://ana:secret@m", None),
            ("http://m/?token=1", None),
        ] {
            let links = Links::default().marathon(&base.parse().unwrap());
            let link = links.app(&AppId("/a".to_owned()));
            assert_eq!(link.as_deref(), expected, "{base}");
        }
        assert_eq!(Links::default().agents(), None);
    }
}

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

/// That no page may link there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an address of pages such as https://marathon.example.com: http or https, and without \
     credentials, a query or a fragment"
)]
pub struct UnfitLink;

impl Links {
    /// Marathon's pages are at this address.
    pub fn marathon(mut self, base: &Url) -> Result<Self, UnfitLink> {
        self.marathon = Some(followable(base)?);
        Ok(self)
    }

    /// Those of the Mesos master are at this one.
    pub fn mesos(mut self, base: &Url) -> Result<Self, UnfitLink> {
        self.mesos = Some(followable(base)?);
        Ok(self)
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

/// The address, if a browser can follow it and nothing is in it that is nobody's business.
fn followable(base: &Url) -> Result<String, UnfitLink> {
    let is_web = matches!(base.scheme(), "http" | "https");
    let is_open = base.username().is_empty() && base.password().is_none();
    let is_plain = base.query().is_none() && base.fragment().is_none();
    if is_web && is_open && is_plain {
        Ok(base.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(UnfitLink)
    }
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
            let link = links.map(|links| links.app(&AppId("/a".to_owned())));
            assert_eq!(link.ok().flatten().as_deref(), expected, "{base}");
        }
        assert_eq!(Links::default().agents(), None);
    }
}

//! How the group of an app may be called, to judge by the app's id.

use theseus_core::model::{GroupId, Label, Labels};

/// What the first Theseus put between the parts of an id: `ingestorD.L-dev-.-eu-D.L…D.L`.
const MARK: &str = "D.L";

/// The label of an app whose id has no more than one segment.
const ONLY: &str = "default";

/// A name for the group: for `/shop/prod/web` the service `web` with the labels `prod` and `shop`.
/// It is only proposed; two ids may lead to the same one.
pub(super) fn of(app: &str) -> Option<GroupId> {
    let app = app.trim_matches('/');
    if app.contains(MARK) {
        return first(app);
    }
    let mut segments = app.split('/');
    let service = segments.next_back()?;
    let labels = labels(segments)?;
    let labels = if labels.is_empty() {
        vec![ONLY.parse().ok()?]
    } else {
        labels
    };
    group(service, labels)
}

/// An id of the first Theseus: the service, its labels, and a number that every update changes. A
/// slot's number may follow. It quoted labels with `-` and joined them with `.`.
fn first(app: &str) -> Option<GroupId> {
    let mut parts = app.split(MARK);
    let (service, quoted, _number) = (parts.next()?, parts.next()?, parts.next()?);
    let inner = quoted.strip_prefix('-')?.strip_suffix('-')?;
    group(service, labels(inner.split("-.-"))?)
}

fn labels<'a>(words: impl Iterator<Item = &'a str>) -> Option<Vec<Label>> {
    words.map(|word| word.parse().ok()).collect()
}

fn group(service: &str, labels: Vec<Label>) -> Option<GroupId> {
    Some(GroupId::new(service.parse().ok()?, Labels::new(labels)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_proposed_from_ids() {
        for (app, expected) in [
            ("/web", Some("web:default")),
            ("/prod/web", Some("web:prod")),
            ("/shop/prod/web", Some("web:prod,shop")),
            ("/prod/prod/web", Some("web:prod")),
            ("/prod.eu/web-api", Some("web-api:prod.eu")),
            ("web", Some("web:default")),
            ("/", None),
            ("", None),
            ("/-/web", None),
            ("/a//web", None),
            (
                "/ingestorD.L-dev-D.L0c1f3d1e-9f0a-4b0e-8d5a-2f6c1f1a2b3cD.L",
                Some("ingestor:dev"),
            ),
            ("ingestorD.L-dev-D.L0c1f3d1eD.L", Some("ingestor:dev")),
            (
                "ingestorD.L-dev-.-eu-west-D.L0c1f3d1eD.L0",
                Some("ingestor:dev,eu-west"),
            ),
            ("ingestorD.LdevD.L0c1fD.L", None),
            ("ingestorD.L--D.L0c1fD.L", None),
            ("ingestorD.L-dev-", None),
            ("D.L", None),
        ] {
            let expected = expected.map(|group| group.parse().unwrap());
            assert_eq!(of(app), expected, "{app}");
        }
    }

    proptest! {
        #[test]
        fn any_id_may_be_there(app in ".{0,40}|[a-zD.L/-]{0,30}") {
            let _ = of(&app);
        }
    }
}

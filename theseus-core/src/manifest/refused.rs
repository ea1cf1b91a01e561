//! What a good manifest asks for in vain: refusals of whoever is to run it become faults, each at
//! the field that it is about.

use std::collections::BTreeMap;

use crate::cluster::Refusal;
use crate::model::GroupId;

use super::decode::{Mention, Mentions};
use super::fault::Segment;
use super::finding::{Findings, Spot};
use super::secret::shown_key;
use super::text::Span;
use super::tree::{Node, Value};

/// The refusals of groups.
pub(super) type Refusals = BTreeMap<GroupId, Vec<Refusal>>;

/// Notes what is refused of the groups that are to be deployed. `roots` are the sources' trees.
pub(super) fn note<'t>(
    roots: &[Option<&'t Node<'t>>],
    mentions: &Mentions,
    refusals: &Refusals,
    findings: &mut Findings,
) {
    for (id, mention) in mentions.all.iter().filter(|(_, it)| it.wanted.is_some()) {
        let Some(refusals) = refusals.get(id) else {
            continue;
        };
        let root = roots.get(mention.at.source).copied().flatten();
        let group = root.and_then(|root| group(root, mention));
        for Refusal { field, message } in refusals {
            let mut place = group.clone().unwrap_or_else(|| Place::of(id, mention));
            if let Some(field) = field {
                place.descend(field);
            }
            let spot = Spot {
                span: place.span,
                ..mention.at
            };
            findings.add(spot, place.path, message.clone());
        }
    }
}

/// Where a group is written.
fn group<'t>(root: &'t Node<'t>, mention: &Mention) -> Option<Place<'t>> {
    let Value::Map(manifest) = &root.value else {
        return None;
    };
    let Value::Map(services) = &manifest.get("deploy")?.node.value else {
        return None;
    };
    let path = |name: &str| {
        vec![
            Segment::Key("deploy".to_owned()),
            Segment::Key(shown_key(name)),
        ]
    };
    services
        .iter()
        .find_map(|(name, entry)| match &entry.node.value {
            Value::List(groups) => {
                let index = groups.iter().position(|it| it.span == mention.at.span)?;
                let mut path = path(name);
                path.push(Segment::Index(index));
                Some(Place {
                    span: mention.at.span,
                    node: Some(&groups[index]),
                    path,
                })
            }
            _ => (entry.key == mention.at.span).then(|| Place {
                span: entry.key,
                node: Some(&entry.node),
                path: path(name),
            }),
        })
}

/// A place in a source, and what is written there.
#[derive(Debug, Clone)]
struct Place<'t> {
    span: Span,
    /// `None` below what is not written, and so is as it is by default.
    node: Option<&'t Node<'t>>,
    path: Vec<Segment>,
}

impl Place<'_> {
    fn of(group: &GroupId, mention: &Mention) -> Self {
        Self {
            span: mention.at.span,
            node: None,
            path: vec![Segment::Key(group.to_string())],
        }
    }

    /// Goes on to a field such as `ports.api` or `fetch[0].cache`, as far as it is written. The
    /// place is that of the last part that is; the path is that of the field.
    fn descend(&mut self, field: &str) {
        let mut rest = field;
        while !rest.is_empty() {
            rest = match index(rest) {
                Some((index, rest)) => {
                    self.enter_item(index);
                    rest
                }
                None => self.enter_key(rest.trim_start_matches('.')),
            };
        }
    }

    fn enter_item(&mut self, index: usize) {
        let item = match self.node.map(|node| &node.value) {
            Some(Value::List(items)) => items.get(index),
            _ => None,
        };
        self.node = item;
        self.span = item.map_or(self.span, |item| item.span);
        self.path.push(Segment::Index(index));
    }

    /// Enters the value of a key, which may hold dots itself, and gives what is left of the field.
    fn enter_key<'f>(&mut self, field: &'f str) -> &'f str {
        let ends = field.match_indices(['.', '[']).map(|(at, _)| at);
        let ends: Vec<usize> = ends.chain([field.len()]).filter(|end| *end > 0).collect();
        if let Some(Value::Map(map)) = self.node.map(|node| &node.value) {
            for &end in ends.iter().rev() {
                if let Some(entry) = map.get(&field[..end]) {
                    let is_scalar = matches!(entry.node.value, Value::Scalar(_));
                    self.span = if is_scalar {
                        entry.node.span
                    } else {
                        entry.key
                    };
                    self.node = Some(&entry.node);
                    self.path.push(Segment::Key(shown_key(&field[..end])));
                    return &field[end..];
                }
            }
        }
        self.node = None;
        let end = ends.first().copied().unwrap_or(field.len());
        self.path.push(Segment::Key(shown_key(&field[..end])));
        &field[end..]
    }
}

/// The index that a rest of a field begins with, and what is behind it.
fn index(field: &str) -> Option<(usize, &str)> {
    let (index, rest) = field.strip_prefix('[')?.split_once(']')?;
    Some((index.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::cluster::Refusal;
    use crate::manifest::{Manifest, Source};

    const TEXT: &str = "\
deploy:
  web:
    image: a:1
    labels: [dev]
    environment: {PASSWORD: hunter2, DB: {secret: db}}
    fetch:
      - http://x/a
      - {uri: http://x/b, cache: true}
    metadata:
      com.example.team: shop
  db:
    - {image: b:1, labels: [one]}
    - image: b:1
      labels: [two]
      constraints: [[rack, IS, a]]
";

    fn checked(refused: &[(&str, Option<&str>)]) -> String {
        let mut refusals = super::Refusals::new();
        for (group, field) in refused {
            refusals
                .entry(group.parse().unwrap())
                .or_default()
                .push(Refusal {
                    field: field.map(str::to_owned),
                    message: "it is too new".to_owned(),
                });
        }
        let sources = [Source::new("theseus.yaml", TEXT)];
        match Manifest::parse_for(&sources, &refusals) {
            Ok(manifest) => format!("{} groups", manifest.deploy().len()),
            Err(faults) => {
                let lines = faults.iter();
                let lines = lines.map(|it| format!("{} {}: {}", it.place, it.path, it.message));
                lines.collect::<Vec<_>>().join("\n")
            }
        }
    }

    #[test]
    fn each_refusal_is_at_its_field() {
        for (group, field, expected) in [
            ("web:dev", Some("image"), "3:12 deploy.web.image"),
            (
                "web:dev",
                Some("environment.DB"),
                "5:38 deploy.web.environment.DB",
            ),
            (
                "web:dev",
                Some("environment.OTHER"),
                "5:5 deploy.web.environment.OTHER",
            ),
            (
                "web:dev",
                Some("fetch[1].cache"),
                "8:34 deploy.web.fetch[1].cache",
            ),
            (
                "web:dev",
                Some("fetch[0].extract"),
                "7:9 deploy.web.fetch[0].extract",
            ),
            ("web:dev", Some("fetch[7]"), "6:5 deploy.web.fetch[7]"),
            (
                "web:dev",
                Some("metadata.com.example.team"),
                "10:25 deploy.web.metadata.\"com.example.team\"",
            ),
            // As it is by default.
            ("web:dev", Some("network"), "2:3 deploy.web.network"),
            (
                "web:dev",
                Some("update.max-surge"),
                "2:3 deploy.web.update.max-surge",
            ),
            ("web:dev", None, "2:3 deploy.web"),
            ("db:one", None, "12:7 deploy.db[0]"),
            (
                "db:two",
                Some("constraints[0]"),
                "15:21 deploy.db[1].constraints[0]",
            ),
        ] {
            assert_eq!(
                checked(&[(group, field)]),
                format!("theseus.yaml:{expected}: it is too new"),
                "{field:?}"
            );
        }
    }

    #[test]
    fn nobody_refuses_what_is_not_deployed() {
        assert_eq!(checked(&[]), "3 groups");
        assert_eq!(checked(&[("other:dev", Some("image"))]), "3 groups");
    }

    #[test]
    fn a_secret_stays_one() {
        let mut refusals = super::Refusals::new();
        let refusal = Refusal {
            field: Some("environment.DB".to_owned()),
            message: "it is too new".to_owned(),
        };
        refusals.insert("web:dev".parse().unwrap(), vec![refusal]);
        let sources = [Source::new("theseus.yaml", TEXT)];
        let shown = Manifest::parse_for(&sources, &refusals)
            .unwrap_err()
            .to_string();
        assert!(
            shown.contains("DB") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn any_field_is_somewhere(field in "[a-z.\\[\\]0-9é]{0,20}|.{0,20}") {
            let told = checked(&[("web:dev", Some(&field))]);
            prop_assert!(told.starts_with("theseus.yaml:"));
        }
    }
}

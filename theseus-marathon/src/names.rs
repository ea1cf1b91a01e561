//! How the parts of a group are called in Marathon: `/theseus/{service}/{labels}/` and
//! * `r{revision}` for all containers of a revision, as in `/theseus/ingestor/dev/r3`;
//! * `r{revision}.s{slot}` for the container in one slot of it, as in `/theseus/db/prod/r3.s0`;
//! * `stable` for the one app that Marathon itself brings from revision to revision.
//!
//! None of these is one of the words that Marathon keeps for its own paths (`restart`, `tasks`,
//! `versions`).
//!
//! An app id may hold fewer characters than a name, so names are escaped, and so that the way back
//! is exact: lower-case letters and digits stay, as do `-` and `.` where an app id may have them.
//! Any other character becomes `zz` and its number in two hexadecimal digits. A `z` is escaped too
//! wherever it would stand before another `z`, so that `zz` always begins an escape. Labels are in
//! alphabetical order, joined by `.zz.`, which is no escape and so is in no label.

use std::fmt::Write as _;

use theseus_core::cluster::{AppId, Part, Revision};
use theseus_core::model::{GroupId, Label, Labels, ServiceName};

/// Where all of Theseus's apps are.
pub(crate) const ROOT: &str = "/theseus/";

/// The longest an app id may be, in bytes. Mesos names a task's directory after the id and some
/// sixty characters more, and a directory's name has 255 at most.
const MAX_LENGTH: usize = 195;

const LABEL_SEPARATOR: &str = ".zz.";

const STABLE: &str = "stable";

/// What an app id tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// Whose app it is.
    pub(crate) group: GroupId,
    /// Which part of the group it runs.
    pub(crate) part: Part,
    /// Of which revision; `None` for a stable app, which has one revision after the other.
    pub(crate) revision: Option<Revision>,
}

/// The app id does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the names of {group} are too long: Marathon would have to call it {length} characters, of \
     {MAX_LENGTH} possible; upper-case letters and '_' count four"
)]
pub(crate) struct TooLong {
    group: GroupId,
    length: usize,
}

/// The path of an app of whatever name, as Marathon takes it, if it can be nothing but one.
pub(crate) fn path(app: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let app = app.strip_prefix('/').unwrap_or(app);
    let mut segments = app.split('/');
    let is_safe = |segment: &str| {
        let dots_only = segment.bytes().all(|byte| byte == b'.');
        !dots_only && segment.chars().all(is_plain)
    };
    segments.all(is_safe).then(|| format!("/{app}"))
}

/// The app that runs a part of a revision of a group.
pub(crate) fn encode(group: &GroupId, revision: Revision, part: Part) -> Result<AppId, TooLong> {
    let id = spell(group, &last_segment(revision, part));
    if id.len() > MAX_LENGTH {
        return Err(TooLong {
            group: group.clone(),
            length: id.len(),
        });
    }
    Ok(AppId(id))
}

/// What an app id tells; `None` for what Theseus did not name.
pub(crate) fn decode(app: &str) -> Option<Name> {
    let mut segments = app.strip_prefix(ROOT)?.split('/');
    let (Some(service), Some(labels), Some(last), None) = (
        segments.next(),
        segments.next(),
        segments.next(),
        segments.next(),
    ) else {
        return None;
    };
    let service: ServiceName = unescape(service)?.parse().ok()?;
    let labels = labels
        .split(LABEL_SEPARATOR)
        .map(|label| unescape(label)?.parse().ok())
        .collect::<Option<Vec<Label>>>()?;
    let (revision, part) = read_last_segment(last)?;
    let group = GroupId::new(service, Labels::new(labels)?);
    // Several texts may read as the same name, but only one of them is ours.
    let is_ours = spell(&group, &last_segment(revision.unwrap_or_default(), part)) == app;
    is_ours.then_some(Name {
        group,
        part,
        revision,
    })
}

fn last_segment(revision: Revision, part: Part) -> String {
    match part {
        Part::Whole => format!("r{revision}"),
        Part::Slot(slot) => format!("r{revision}.s{slot}"),
        Part::Stable => STABLE.to_owned(),
    }
}

fn read_last_segment(text: &str) -> Option<(Option<Revision>, Part)> {
    if text == STABLE {
        return Some((None, Part::Stable));
    }
    let numbers = text.strip_prefix('r')?;
    let (revision, part) = match numbers.split_once(".s") {
        Some((revision, slot)) => (revision, Part::Slot(slot.parse().ok()?)),
        None => (numbers, Part::Whole),
    };
    Some((Some(revision.parse().ok()?), part))
}

fn spell(group: &GroupId, last_segment: &str) -> String {
    let mut id = String::from(ROOT);
    escape(group.service.as_str(), &mut id);
    for (index, label) in group.labels.iter().enumerate() {
        id.push_str(if index == 0 { "/" } else { LABEL_SEPARATOR });
        escape(label.as_str(), &mut id);
    }
    id.push('/');
    id.push_str(last_segment);
    id
}

fn escape(name: &str, to: &mut String) {
    let name = name.as_bytes();
    for (at, &byte) in name.iter().enumerate() {
        if is_plain(name, at) {
            to.push(char::from(byte));
        } else {
            write!(to, "zz{byte:02x}").expect("a String takes all text");
        }
    }
}

/// Whether the character stands for itself.
fn is_plain(name: &[u8], at: usize) -> bool {
    let next = name.get(at + 1).copied();
    let before = at.checked_sub(1).map(|before| name[before]);
    let both = |allowed: fn(u8) -> bool| before.is_some_and(allowed) && next.is_some_and(allowed);
    match name[at] {
        // Never recurses further: what it looks at is no 'z'.
        b'z' => next != Some(b'z') && (next.is_none() || is_plain(name, at + 1)),
        b'a'..=b'y' | b'0'..=b'9' => true,
        b'-' => both(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
        b'.' => both(|byte| byte.is_ascii_alphanumeric()),
        _ => false,
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(escaped) = rest.strip_prefix("zz") {
            let byte = u8::from_str_radix(escaped.get(..2)?, 16).ok()?;
            name.push(char::from(byte));
            rest = &escaped[2..];
        } else {
            name.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(group: &str, revision: Revision, part: Part) -> String {
        encode(&group.parse().unwrap(), revision, part).unwrap().0
    }

    fn name(group: GroupId, revision: Revision, part: Part) -> Name {
        Name {
            group,
            part,
            revision: (part != Part::Stable).then_some(revision),
        }
    }

    /// What every version of Marathon takes for a segment of an id.
    fn is_legal(segment: &str) -> bool {
        let alphanumeric = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
        segment.split('.').all(|word| {
            let word = word.as_bytes();
            word.first().is_some_and(alphanumeric)
                && word.last().is_some_and(alphanumeric)
                && word.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
        })
    }

    fn word() -> impl Strategy<Value = String> {
        // 'z', upper case and separators far more often than in life: that is where it is hard.
        "[azAZ09]([azAZ7_.-]{0,8}[azAZ09])?"
    }

    fn group() -> impl Strategy<Value = GroupId> {
        (word(), proptest::collection::vec(word(), 1..4)).prop_map(|(service, labels)| {
            let labels = labels.iter().map(|label| label.parse().unwrap());
            GroupId::new(service.parse().unwrap(), Labels::new(labels).unwrap())
        })
    }

    fn part() -> impl Strategy<Value = Part> {
        prop_oneof![
            Just(Part::Whole),
            Just(Part::Stable),
            (0..3_u32).prop_map(Part::Slot),
            any::<u32>().prop_map(Part::Slot),
        ]
    }

    #[test]
    fn usual_names_stay_readable() {
        for (group, revision, expected) in [
            ("ingestor:dev", 3, "/theseus/ingestor/dev/r3"),
            (
                "ingestor:dev,canary",
                1,
                "/theseus/ingestor/canary.zz.dev/r1",
            ),
            ("web-api:eu.west-1", 12, "/theseus/web-api/eu.west-1/r12"),
            ("zoo:a--b", 1, "/theseus/zoo/a--b/r1"),
            ("Web_Api:x", 1, "/theseus/zz57ebzz5fzz41pi/x/r1"),
            ("buzz:pizzA", 1, "/theseus/buzz7az/pizz7azz7azz41/r1"),
            ("a.-b:a..b", 1, "/theseus/azz2ezz2db/azz2ezz2eb/r1"),
        ] {
            assert_eq!(id(group, revision, Part::Whole), expected, "{group}");
            let name = name(group.parse().unwrap(), revision, Part::Whole);
            assert_eq!(decode(expected), Some(name));
        }
    }

    #[test]
    fn each_part_of_a_group_has_its_name() {
        for (part, expected) in [
            (Part::Whole, "/theseus/db/prod/r3"),
            (Part::Slot(0), "/theseus/db/prod/r3.s0"),
            (Part::Slot(12), "/theseus/db/prod/r3.s12"),
            (Part::Stable, "/theseus/db/prod/stable"),
        ] {
            assert_eq!(id("db:prod", 3, part), expected);
            let name = name("db:prod".parse().unwrap(), 3, part);
            assert_eq!(decode(expected), Some(name));
        }
    }

    #[test]
    fn what_theseus_did_not_name_is_foreign() {
        for app in [
            "",
            "/",
            "/theseus",
            "/theseus/ingestor/dev",
            "/theseus/ingestor/dev/r3/x",
            "/theseus/ingestor/dev/3",
            "/theseus/ingestor/dev/r03",
            "/theseus/ingestor/dev/r+3",
            "/theseus/ingestor/dev/r99999999999",
            "/theseus/ingestor/dev/r3.s",
            "/theseus/ingestor/dev/r3.s00",
            "/theseus/ingestor/dev/r3.s-1",
            "/theseus/ingestor/dev/r3.s1.s1",
            "/theseus/ingestor/dev/r.s1",
            "/theseus/ingestor/dev/s1",
            "/theseus/ingestor/dev/stable.s1",
            "/theseus/ingestor/dev/stables",
            "/theseus/ingestor/dev/restart",
            "/theseus/ingestor/dev/tasks",
            "/theseus/ingestor/dev/versions",
            "/theseus/ingestor//r3",
            "/theseus/ingestor/dev.zz.canary/r1",
            "/theseus/ingestor/dev.zz.dev/r1",
            "/theseus/zz61/dev/r1",
            "/theseus/zz5F/dev/r1",
            "/theseus/azz/dev/r1",
            "/theseus/azzé/dev/r1",
            "/theseus/zzff/dev/r1",
            "/theseus/Ingestor/dev/r1",
            "/other/ingestor/dev/r1",
            "theseus/ingestor/dev/r1",
        ] {
            assert_eq!(decode(app), None, "{app}");
        }
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        let group: GroupId = format!("{}:dev", "A".repeat(50)).parse().unwrap();
        let error = encode(&group, 1, Part::Whole).unwrap_err().to_string();
        assert!(error.contains("216 characters, of 195"), "{error}");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(group in group(), revision: Revision, part in part()) {
            let id = spell(&group, &last_segment(revision, part));
            prop_assert_eq!(decode(&id), Some(name(group, revision, part)), "{}", id);
        }

        #[test]
        fn ids_are_legal(group in group(), revision: Revision, part in part()) {
            let id = spell(&group, &last_segment(revision, part));
            prop_assert!(id[1..].split('/').all(is_legal), "{}", id);
            let reserved = ["restart", "tasks", "versions"];
            prop_assert!(!reserved.iter().any(|word| id.ends_with(&format!("/{word}"))), "{}", id);
        }

        #[test]
        fn apps_do_not_collide(
            one in (group(), 1..4_u32, part()),
            two in (group(), 1..4_u32, part()),
        ) {
            let spelled = |(group, revision, part): &(GroupId, Revision, Part)| {
                spell(group, &last_segment(*revision, *part))
            };
            let named = |(group, revision, part): &(GroupId, Revision, Part)| {
                name(group.clone(), *revision, *part)
            };
            prop_assert_eq!(spelled(&one) == spelled(&two), named(&one) == named(&two));
            // And those of one group, where it is most likely.
            let two = (one.0.clone(), two.1, two.2);
            prop_assert_eq!(spelled(&one) == spelled(&two), named(&one) == named(&two));
        }

        #[test]
        fn whatever_decodes_encodes_to_itself(
            id in "/theseus/[a-cyz0-9.zA-]{1,12}/[a-fz0-9.zz-]{1,12}/(r[0-9]{1,3}(\\.s[0-9]{1,2})?|stable)",
        ) {
            if let Some(Name { group, part, revision }) = decode(&id) {
                let last = last_segment(revision.unwrap_or_default(), part);
                prop_assert_eq!(spell(&group, &last), id);
            }
        }

        #[test]
        fn decoding_takes_any_text(text in ".{0,40}") {
            let _ = decode(&text);
            let _ = decode(&format!("{ROOT}{text}"));
        }
    }
}

//! How a revision of a group is called in Marathon: `/theseus/{service}/{labels}/r{revision}`, as in
//! `/theseus/ingestor/dev/r3`.
//!
//! An app id may hold fewer characters than a name, so names are escaped, and so that the way back
//! is exact: lower-case letters and digits stay, as do `-` and `.` where an app id may have them.
//! Any other character becomes `zz` and its number in two hexadecimal digits. A `z` is escaped too
//! wherever it would stand before another `z`, so that `zz` always begins an escape. Labels are in
//! alphabetical order, joined by `.zz.`, which is no escape and so is in no label.

use std::fmt::Write as _;

use theseus_core::cluster::{AppId, Revision};
use theseus_core::model::{GroupId, Label, Labels, ServiceName};

/// Where all of Theseus's apps are.
pub(crate) const ROOT: &str = "/theseus/";

/// The longest an app id may be, in bytes. Mesos names a task's directory after the id and some
/// sixty characters more, and a directory's name has 255 at most.
const MAX_LENGTH: usize = 195;

const LABEL_SEPARATOR: &str = ".zz.";

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

/// The app that runs a revision of a group.
pub(crate) fn encode(group: &GroupId, revision: Revision) -> Result<AppId, TooLong> {
    let id = spell(group, revision);
    if id.len() > MAX_LENGTH {
        return Err(TooLong {
            group: group.clone(),
            length: id.len(),
        });
    }
    Ok(AppId(id))
}

/// The revision of a group that an app runs; `None` for what Theseus did not name.
pub(crate) fn decode(app: &str) -> Option<(GroupId, Revision)> {
    let mut segments = app.strip_prefix(ROOT)?.split('/');
    let (Some(service), Some(labels), Some(revision), None) = (
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
    let group = GroupId::new(service, Labels::new(labels)?);
    let revision = revision.strip_prefix('r')?.parse().ok()?;
    // Several texts may read as the same name, but only one of them is ours.
    (spell(&group, revision) == app).then_some((group, revision))
}

fn spell(group: &GroupId, revision: Revision) -> String {
    let mut id = String::from(ROOT);
    escape(group.service.as_str(), &mut id);
    for (index, label) in group.labels.iter().enumerate() {
        id.push_str(if index == 0 { "/" } else { LABEL_SEPARATOR });
        escape(label.as_str(), &mut id);
    }
    write!(id, "/r{revision}").expect("a String takes all text");
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

    fn id(group: &str, revision: Revision) -> String {
        encode(&group.parse().unwrap(), revision).unwrap().0
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

    fn name() -> impl Strategy<Value = String> {
        // 'z', upper case and separators far more often than in life: that is where it is hard.
        "[azAZ09]([azAZ7_.-]{0,8}[azAZ09])?"
    }

    fn group() -> impl Strategy<Value = GroupId> {
        (name(), proptest::collection::vec(name(), 1..4)).prop_map(|(service, labels)| {
            let labels = labels.iter().map(|label| label.parse().unwrap());
            GroupId::new(service.parse().unwrap(), Labels::new(labels).unwrap())
        })
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
            assert_eq!(id(group, revision), expected, "{group}");
            assert_eq!(decode(expected), Some((group.parse().unwrap(), revision)));
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
        let error = encode(&group, 1).unwrap_err().to_string();
        assert!(error.contains("216 characters, of 195"), "{error}");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(group in group(), revision: Revision) {
            let id = spell(&group, revision);
            prop_assert_eq!(decode(&id), Some((group, revision)), "{}", id);
        }

        #[test]
        fn ids_are_legal(group in group(), revision: Revision) {
            let id = spell(&group, revision);
            prop_assert!(id[1..].split('/').all(is_legal), "{}", id);
        }

        #[test]
        fn groups_do_not_collide(one in group(), two in group()) {
            prop_assert_eq!(spell(&one, 1) == spell(&two, 1), one == two);
        }

        #[test]
        fn whatever_decodes_encodes_to_itself(id in "/theseus/[a-cyz0-9.zA-]{1,12}/[a-fz0-9.zz-]{1,12}/r[0-9]{1,3}") {
            if let Some((group, revision)) = decode(&id) {
                prop_assert_eq!(spell(&group, revision), id);
            }
        }

        #[test]
        fn decoding_takes_any_text(text in ".{0,40}") {
            let _ = decode(&text);
            let _ = decode(&format!("{ROOT}{text}"));
        }
    }
}

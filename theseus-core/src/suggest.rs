//! The valid name that was probably meant, for whoever tells a person about an unknown one.

/// Longer than any valid name by far: not worth comparing.
const MAX_LENGTH: usize = 64;

/// The candidate that is nearest to what was written, unless none is near. `_` and `-`, capitals
/// and small letters are the same here; of a word and its beginning (`env`, `environment`) each
/// is near the other.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if written.len() > MAX_LENGTH {
        return None;
    }
    let written = normal(written);
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance(&written, &normal(candidate))?, candidate)))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

fn normal(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// How many letters are wrong, missing, too many or swapped; `None` when it is another word.
fn distance(one: &str, other: &str) -> Option<usize> {
    let distance = strsim::osa_distance(one, other);
    let shorter = one.len().min(other.len());
    let allowed = (one.len().max(other.len()) / 3).max(1);
    let begins = shorter >= 3 && (one.starts_with(other) || other.starts_with(one));
    (begins || (distance <= allowed && distance < shorter.max(1))).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant() {
        let names = [
            "image",
            "instances",
            "cpus",
            "mem",
            "environment",
            "force-pull",
            "ports",
            "health",
        ];
        for (written, expected) in [
            ("imgae", Some("image")),
            ("instance", Some("instances")),
            ("cpu", Some("cpus")),
            ("memory", Some("mem")),
            ("env", Some("environment")),
            ("enviroment", Some("environment")),
            ("force_pull", Some("force-pull")),
            ("forcePull", Some("force-pull")),
            ("Ports", Some("ports")),
            ("helth", Some("health")),
            ("replicas", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, names), expected, "{written}");
        }
        assert_eq!(nearest(&"image".repeat(1000), names), None);
    }
}

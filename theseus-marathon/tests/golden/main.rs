//! What each version of Marathon is told and what it answers, beside each other: the exact JSON of a
//! set of manifests, the exact requests of each change, and recorded answers that all come to the
//! same.

mod answers;
mod changes;
mod manifests;
mod recorder;

/// One of each generation, and those that do not do as the others of theirs.
pub(crate) const VERSIONS: [&str; 13] = [
    "0.7.0", "0.7.6", "0.8.1", "0.10.1", "0.15.7", "1.0.0", "1.1.1", "1.3.13", "1.4.0", "1.4.13",
    "1.5.11", "1.8.222", "1.11.0",
];

/// What every version has to say to something, the oldest first, with those that say the same
/// together.
pub(crate) fn grouped(say: impl Fn(&str) -> String) -> Vec<(Vec<&'static str>, String)> {
    let mut said: Vec<(Vec<&str>, String)> = Vec::new();
    for version in VERSIONS {
        let text = say(version);
        match said.iter_mut().find(|(_, known)| *known == text) {
            Some((versions, _)) => versions.push(version),
            None => said.push((vec![version], text)),
        }
    }
    said
}

/// Checks all that against a snapshot, which says what it is about.
pub(crate) fn assert_matrix(name: &str, about: &str, parts: &[(Vec<&str>, String)]) {
    let parts = parts.iter().map(|(versions, text)| {
        let versions = versions.join(", ");
        format!("=== {versions} ===\n{}\n", text.trim_end())
    });
    let text = format!(
        "{}\n\n{}",
        about.trim_end(),
        parts.collect::<Vec<_>>().join("\n")
    );
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

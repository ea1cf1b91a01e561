//! What is deployed while somebody is killed.

use super::crash::Case;

/// A group in a manifest.
fn group(image: &str, instances: u32, more: &str) -> String {
    format!(
        "deploy:\n  web:\n    labels: [dev]\n    image: {image}\n    instances: {instances}\n    \
         cpus: 0.1\n    mem: 32\n    ports: {{api: 5000}}\n    \
         health: {{http: {{port: api}}, grace: 10s, interval: 5s}}\n{more}"
    )
}

/// Each kind of rollout once.
pub fn cases() -> Vec<Case> {
    let fixed = "    custom-constraints: fixed-host\n";
    let native = "    update: {strategy: native}\n";
    let canary = "    update: {canary: 1, bake: 5s}\n";
    let strict = "    update: {max-failed-starts: 1}\n";
    let case = |name, before: Option<String>, manifest, excess| Case {
        name,
        before,
        manifest,
        excess,
    };
    let removal = "remove: {web: {labels: [dev], image: none}}".to_owned();
    let one = |more: &str| Some(group("app:1", 3, more));
    vec![
        case("create", None, group("app:1", 3, ""), 0),
        case("scale up", one(""), group("app:1", 5, ""), 0),
        case("scale down", one(""), group("app:1", 1, ""), 0),
        case("roll", one(""), group("app:2", 3, ""), 0),
        case(
            "roll with a canary",
            one(canary),
            group("app:2", 3, canary),
            0,
        ),
        case(
            "roll on fixed hosts",
            one(fixed),
            group("app:2", 3, fixed),
            0,
        ),
        case("native update", one(native), group("app:2", 3, native), 0),
        case("remove", one(""), removal, 0),
        case("failing roll", one(strict), group("crash:2", 3, strict), 8),
    ]
}

//! Checking the checkers: bugs are planted into a copy of the workspace, one at a time, and each
//! must turn the test red that is there to find it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;

/// A bug, and who is to find it.
struct Bug {
    name: &'static str,
    file: &'static str,
    /// Stands in the file once.
    find: &'static str,
    replace: &'static str,
    /// What `cargo test` is to run.
    rung: &'static [&'static str],
}

const DECISIONS: &[&str] = &["-p", "theseus-core", "--lib", "--", "rollout::tests"];
const LOCKS: &[&str] = &["-p", "theseus-core", "--lib", "--", "engine::hold"];
const SIMULATION: &[&str] = &[
    "-p",
    "theseus-tests",
    "--test",
    "simulation",
    "--",
    "no_promise",
];
const CRASHES: &[&str] = &["-p", "theseus-tests", "--test", "crashes", "--", "one_kill"];

const BUGS: &[Bug] = &[
    Bug {
        name: "skip the floor check",
        file: "theseus-core/src/rollout/retire.rs",
        find: "(false, true) => self.spare > 0 && self.spare_ready > 0,",
        replace: "(false, true) => true,",
        rung: DECISIONS,
    },
    Bug {
        name: "skip the floor check, in simulation",
        file: "theseus-core/src/rollout/retire.rs",
        find: "(false, true) => self.spare > 0 && self.spare_ready > 0,",
        replace: "(false, true) => true,",
        rung: SIMULATION,
    },
    Bug {
        name: "ignore the ceiling",
        file: "theseus-core/src/rollout/replace.rs",
        find: "ceiling.saturating_sub(census.created())",
        replace: "instances",
        rung: DECISIONS,
    },
    Bug {
        name: "ignore the ceiling, in simulation",
        file: "theseus-core/src/rollout/replace.rs",
        find: "ceiling.saturating_sub(census.created())",
        replace: "instances",
        rung: SIMULATION,
    },
    Bug {
        name: "count a staging container as ready",
        file: "theseus-core/src/cluster.rs",
        find: "container.state == ContainerState::Running\n            && match",
        replace: "container.state != ContainerState::Ended\n            && match",
        rung: SIMULATION,
    },
    Bug {
        name: "finish without looking",
        file: "theseus-core/src/rollout/replace.rs",
        find: "            && self.census.new_ready == self.bounds.instances\n",
        replace: "",
        rung: DECISIONS,
    },
    Bug {
        name: "write the rollout down without its lock",
        file: "theseus-core/src/engine/begin.rs",
        find: "lock: Some(hold.key().to_owned()),",
        replace: "lock: None,",
        rung: SIMULATION,
    },
    Bug {
        name: "do not compare the other lock",
        file: "theseus-core/src/engine/journal.rs",
        find: "compares.extend(other_lock.map(|key| Compare::Absent(key.to_owned())));",
        replace: "let _ = other_lock;",
        rung: SIMULATION,
    },
    Bug {
        name: "ignore the lost lease",
        file: "theseus-core/src/engine/hold.rs",
        find: "!self.lost.load(Ordering::Relaxed) && self.age() + MARGIN < self.lease.ttl",
        replace: "true",
        rung: LOCKS,
    },
    Bug {
        name: "delete the old app too early",
        file: "theseus-core/src/rollout/retire.rs",
        find: "self.is_old && everything && replacement.is_full()",
        replace: "self.is_old",
        rung: SIMULATION,
    },
    Bug {
        name: "forget failed starts",
        file: "theseus-core/src/rollout/starts.rs",
        find: "Fate::Counts => self.vanished += 1,",
        replace: "Fate::Counts => {}",
        rung: DECISIONS,
    },
    Bug {
        name: "resume with another revision",
        file: "theseus-core/src/plan/mod.rs",
        find: "            } if **target == *spec => {\n                return Course::new(\n                    Action::Resume,\n                    *revision,",
        replace: "            } if **target == *spec => {\n                return Course::new(\n                    Action::Resume,\n                    *revision + 1,",
        rung: CRASHES,
    },
    Bug {
        name: "forget the rollout after it is done",
        file: "theseus-core/src/engine/journal.rs",
        find: "let mut writes = vec![write, Write::Delete(rollout_key.clone())];",
        replace: "let mut writes = vec![write];",
        rung: CRASHES,
    },
];

/// Plants all bugs, or those whose names hold this text.
pub(crate) fn run(only: Option<&str>) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.ok_or("the workspace has no folder")?;
    let copy = root.join("target").join("planted");
    let chosen = BUGS
        .iter()
        .filter(|bug| only.is_none_or(|only| bug.name.contains(only)));
    let mut missed = Vec::new();
    let mut green: Vec<&[&str]> = Vec::new();
    for bug in chosen {
        refresh(root, &copy)?;
        // A test that is red anyway finds nothing.
        if !green.contains(&bug.rung) {
            if finds(&copy, bug)? {
                return Err(format!("red without any bug: {}", bug.rung.join(" ")));
            }
            green.push(bug.rung);
        }
        let found = plant(&copy, bug).and_then(|()| finds(&copy, bug))?;
        println!(
            "{:<40} {:<10} {}",
            bug.name,
            if found { "found" } else { "MISSED" },
            bug.rung.join(" ")
        );
        if !found {
            missed.push(bug.name);
        }
    }
    if missed.is_empty() {
        Ok(())
    } else {
        Err(format!("nobody finds: {}", missed.join(", ")))
    }
}

/// Copies what git knows of the workspace, as it is now. Files that have not changed are left
/// alone, so that they are not built again.
fn refresh(root: &Path, copy: &Path) -> Outcome {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output();
    let listed = listed.map_err(|error| format!("cannot run git: {error}"))?;
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root.join(name), copy.join(name));
        let Ok(wanted) = fs::read(&from) else {
            continue;
        };
        if fs::read(&to).is_ok_and(|known| known == wanted) {
            continue;
        }
        let folder = to.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&to, wanted))
            .map_err(|error| format!("cannot write {}: {error}", to.display()))?;
    }
    Ok(())
}

fn plant(copy: &Path, bug: &Bug) -> Outcome {
    let file = copy.join(bug.file);
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", bug.file))?;
    if text.matches(bug.find).count() != 1 {
        return Err(format!(
            "{}: its place in {} is not there, or not the only one",
            bug.name, bug.file
        ));
    }
    let text = text.replace(bug.find, bug.replace);
    fs::write(&file, text).map_err(|error| format!("{}: {error}", bug.file))
}

/// Whether a test turns red. One that cannot be built does not count.
fn finds(copy: &Path, bug: &Bug) -> Result<bool, String> {
    let cargo = |extra: &[&str]| {
        let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = Command::new(program);
        let target = copy.join("target");
        command
            .arg("test")
            .args(extra)
            .args(bug.rung)
            .current_dir(copy);
        command
            .env("CARGO_TARGET_DIR", target)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
            .status()
            .map_err(|error| format!("cannot run cargo: {error}"))
    };
    if !cargo(&["--no-run"])?.success() {
        return Err(format!("{}: what is planted cannot be built", bug.name));
    }
    Ok(!cargo(&[])?.success())
}

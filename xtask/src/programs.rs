//! The programs that some tests run, and where they come from.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, run};

/// A program, and the Debian package that has it.
struct Program {
    name: &'static str,
    package: &'static str,
    /// What it has to do well to count as there; it is enough to find it where there is nothing.
    proof: &'static [&'static str],
}

const NEEDED: [Program; 9] = [
    Program {
        name: "etcd",
        package: "etcd-server",
        proof: &[],
    },
    Program {
        name: "dockerd",
        package: "docker.io",
        proof: &[],
    },
    // The engine's containers are on a bridge of its own.
    Program {
        name: "ip",
        package: "iproute2",
        proof: &[],
    },
    Program {
        name: "haproxy",
        package: "haproxy",
        proof: &[],
    },
    Program {
        name: "nginx",
        package: "nginx-light",
        proof: &[],
    },
    // The browser that the viewer is looked at with, what drives it, and where the rules of
    // accessibility come from.
    Program {
        name: "chromium",
        package: "chromium",
        proof: &["--version"],
    },
    Program {
        name: "chromedriver",
        package: "chromium-driver",
        proof: &["--version"],
    },
    Program {
        name: "npm",
        package: "npm",
        proof: &["--version"],
    },
    // Debian has Python without what makes environments of it.
    Program {
        name: "python3",
        package: "python3-venv",
        proof: &["-c", "import ensurepip, venv"],
    },
];

/// Installs those that are missing, where that is possible, and fails where it is not.
pub(crate) fn install_missing() -> Outcome {
    let missing: Vec<&Program> = NEEDED.iter().filter(|program| !program.is_well()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    if !is_there("apt-get") {
        return Err(format!(
            "the tests need {}: install what your system calls so",
            packages.join(", ")
        ));
    }
    apt(&["update", "--quiet=2"])?;
    let mut arguments = vec!["install", "--yes", "--quiet=2", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)?;
    match missing.iter().find(|program| !program.is_well()) {
        Some(program) => Err(format!(
            "{} was installed, and still there is no {} that works",
            program.package, program.name
        )),
        None => Ok(()),
    }
}

fn apt(arguments: &[&str]) -> Outcome {
    run(Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // The tests start what they need themselves; a service that runs already is in their way.
        .env("RUNLEVEL", "1"))
}

impl Program {
    fn is_well(&self) -> bool {
        let proves = || {
            let mut command = Command::new(self.name);
            let output = command.args(self.proof).output();
            output.is_ok_and(|output| output.status.success())
        };
        is_there(self.name) && (self.proof.is_empty() || proves())
    }
}

/// Whether the program is on the path, or where Debian keeps what only root is thought to run.
fn is_there(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(system)
        .any(|dir| is_file(&dir.join(name)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}

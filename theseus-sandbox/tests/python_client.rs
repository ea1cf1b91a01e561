//! The Python package `marathon`, as it is, takes the sandbox for the real thing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use theseus_sandbox::{Sandbox, SandboxConfig, SandboxServer};

/// The client, in the last version that there is.
const CLIENT: &str = "marathon==0.13.0";

/// A Python of our own that has the client, made once.
fn python() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-marathon");
    let python = home.join("bin/python");
    let has_client = |python: &Path| {
        let asked = Command::new(python)
            .args(["-c", "import marathon"])
            .output();
        asked.is_ok_and(|output| output.status.success())
    };
    if !has_client(&python) {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&home));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", CLIENT]));
    }
    python
}

fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Drives the whole client against a sandbox of this version.
async fn drive(version: &str) {
    let quick = Duration::from_millis(50);
    let config = SandboxConfig {
        version: version.parse().unwrap(),
        start_delay: quick,
        health_delay: quick,
        kill_delay: quick,
        ..SandboxConfig::default()
    };
    let server = SandboxServer::start(config, "127.0.0.1:0").await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python_client.py");
    let (url, version) = (server.url(), version.to_owned());
    let ran = tokio::task::spawn_blocking(move || {
        run(Command::new(python()).arg(script).args([&url, &version]))
    });
    ran.await.unwrap();
    let sandbox: &Sandbox = server.sandbox();
    assert!(sandbox.requests().len() > 50, "it did ask");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3 with venv and pip"]
async fn the_python_client_works_with_every_generation() {
    for version in ["0.8.2", "0.11", "1.1", "1.3", "1.4", "1.5", "1.8", "1.11"] {
        println!("{version}");
        drive(version).await;
    }
}

//! A Docker Engine of the tests' own: it knows nothing of the machine's, and is gone with the tests.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, process, thread};

/// How long it may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ways to start it, from the usual one to what works where a machine forbids much.
const WAYS: [&[&str]; 2] = [&[], &["--storage-driver=vfs"]];

/// An engine that runs; it is ended with this.
pub(crate) struct Engine {
    child: Child,
    directory: PathBuf,
}

impl Engine {
    /// Starts one, or says why it does not start.
    pub(crate) fn start() -> Result<Self, String> {
        let mut said = String::new();
        for way in WAYS {
            match Self::started(way) {
                Ok(engine) => return Ok(engine),
                Err(why) => said = why,
            }
        }
        Err(format!("dockerd does not start:\n{said}"))
    }

    /// What `DOCKER_HOST` is to be.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.directory.join("docker.sock").display())
    }

    fn started(way: &[&str]) -> Result<Self, String> {
        let directory = env::temp_dir().join(format!("theseus-docker-{}", process::id()));
        let at = |name: &str| directory.join(name);
        let failed = |error: io::Error| format!("{}: {error}", directory.display());
        fs::create_dir_all(&directory).map_err(failed)?;
        let log = File::create(at("log")).map_err(failed)?;
        let child = Command::new("dockerd")
            .args(way)
            .arg(format!("--host=unix://{}", at("docker.sock").display()))
            .arg(format!("--data-root={}", at("data").display()))
            .arg(format!("--exec-root={}", at("exec").display()))
            .arg(format!("--pidfile={}", at("pid").display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        let mut engine = Self {
            child,
            directory: directory.clone(),
        };
        let began = Instant::now();
        while began.elapsed() < PATIENCE && matches!(engine.child.try_wait(), Ok(None)) {
            if UnixStream::connect(at("docker.sock")).is_ok() {
                return Ok(engine);
            }
            thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(at("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        Err(lines[lines.len().saturating_sub(5)..].join("\n"))
    }

    /// Asks it to end, so that it ends what it has started.
    fn end(&mut self) {
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let began = Instant::now();
        while began.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
        // What cannot be removed is in a temporary directory.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "needs dockerd"]
    fn an_engine_answers_and_leaves_nothing_behind() {
        let engine = Engine::start().unwrap();
        let directory = engine.directory.clone();
        let version = Command::new("docker")
            .args(["version", "--format", "{{.Server.Os}}"])
            .env("DOCKER_HOST", engine.host())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&version.stdout).trim(), "linux");
        drop(engine);
        assert!(!directory.exists());
    }
}

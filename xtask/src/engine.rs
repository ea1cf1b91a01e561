//! A Docker Engine of the tests' own: it knows nothing of the machine's, and is gone with the tests.
//!
//! It has a bridge of its own and leaves the firewall alone, so that it and another engine do not
//! give out the same addresses. What an engine left whose tests were killed is swept first.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, process, thread};

use crate::leftovers;

/// How long it may take to answer, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ways to start it, from the usual one to what works where a machine forbids much.
const WAYS: [&[&str]; 2] = [&[], &["--storage-driver=vfs"]];

/// What the names of engines' directories begin with; a number follows.
pub(crate) const DIRECTORY: &str = "theseus-docker-";

/// What the names of their bridges begin with; the same number follows.
const BRIDGE: &str = "theseus";

/// Where 512 networks of 254 addresses lie that nobody has a use for but tests (RFC 2544).
const NETWORKS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);

/// An engine that runs; it is ended with this.
pub(crate) struct Engine {
    child: Child,
    directory: PathBuf,
    _bridge: Bridge,
    /// Held for as long as somebody wants the engine.
    _lock: File,
}

/// The network that containers are on; it is gone with this.
pub(crate) struct Bridge(String);

impl Bridge {
    /// Makes one of a name and with addresses that follow from a number.
    fn made(number: u32) -> Result<Self, String> {
        let bridge = Self(format!("{BRIDGE}{number}"));
        let gateway = Ipv4Addr::from_bits(NETWORKS.to_bits() + (number % 512) * 256 + 1);
        ip(&["link", "add", &bridge.0, "type", "bridge"])?;
        ip(&["address", "add", &format!("{gateway}/24"), "dev", &bridge.0])?;
        ip(&["link", "set", &bridge.0, "up"])?;
        Ok(bridge)
    }

    /// The one of the engine in a directory.
    pub(crate) fn of(directory: &Path) -> Option<Self> {
        let name = directory.file_name()?.to_str()?;
        let number: u32 = name.strip_prefix(DIRECTORY)?.parse().ok()?;
        Some(Self(format!("{BRIDGE}{number}")))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // It may never have been there.
        let _ = ip(&["link", "delete", &self.0]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {}: {}", arguments.join(" "), said.trim()))
}

impl Engine {
    /// Starts one, or says why it does not start.
    pub(crate) fn start() -> Result<Self, String> {
        leftovers::sweep();
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
        let number = process::id();
        let directory = env::temp_dir().join(format!("{DIRECTORY}{number}"));
        let at = |name: &str| directory.join(name);
        let failed = |error: io::Error| format!("{}: {error}", directory.display());
        fs::create_dir_all(&directory).map_err(failed)?;
        let lock = leftovers::lock(&directory).map_err(failed)?;
        let log = File::create(at("log")).map_err(failed)?;
        let bridge = Bridge::made(number)?;
        let child = Command::new("dockerd")
            .args(way)
            .arg(format!("--host=unix://{}", at("docker.sock").display()))
            .arg(format!("--data-root={}", at("data").display()))
            .arg(format!("--exec-root={}", at("exec").display()))
            .arg(format!("--pidfile={}", at("pid").display()))
            .arg(format!("--bridge={}", bridge.0))
            .args(["--iptables=false", "--ip-forward=false", "--ip-masq=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        let mut engine = Self {
            child,
            directory: directory.clone(),
            _bridge: bridge,
            _lock: lock,
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
        // One that ends in good order leaves a mount, too, of the network that it shares.
        leftovers::clear(&self.directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docker(host: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("docker");
        let output = command.args(arguments).env("DOCKER_HOST", host).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// An image of one program, which sleeps for so many seconds.
    fn make_image(host: &str, directory: &Path) {
        let source = directory.join("sleeper.rs");
        let sleep = "fn main() {
            let seconds = std::env::args().nth(1).unwrap().parse().unwrap();
            std::thread::sleep(std::time::Duration::from_secs(seconds))
        }";
        fs::write(&source, sleep).unwrap();
        let mut rustc = Command::new("rustc");
        rustc.args(["-C", "target-feature=+crt-static", "-o"]);
        rustc.arg(directory.join("sleeper")).arg(source);
        assert!(rustc.status().unwrap().success());
        let mut tar = Command::new("tar");
        tar.arg("-cf").arg(directory.join("image.tar"));
        tar.arg("-C").arg(directory).arg("sleeper");
        assert!(tar.status().unwrap().success());
        let image = directory.join("image.tar").display().to_string();
        docker(host, &["import", &image, "sleeper"]);
    }

    fn links() -> String {
        let output = Command::new("ip").args(["link", "show"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[test]
    #[ignore = "needs dockerd"]
    fn an_engine_answers_and_leaves_nothing_behind() {
        let engine = Engine::start().unwrap();
        let directory = engine.directory.clone();
        let system = docker(&engine.host(), &["version", "--format", "{{.Server.Os}}"]);
        assert_eq!(system, "linux");
        make_image(&engine.host(), &directory);
        let run = [
            "run",
            "--rm",
            "--network",
            "host",
            "sleeper",
            "/sleeper",
            "0",
        ];
        docker(&engine.host(), &run);
        drop(engine);
        assert!(!directory.exists());

        // One that is killed leaves a container, which goes on, and the namespace of its network.
        let mut engine = Engine::start().unwrap();
        make_image(&engine.host(), &directory);
        docker(
            &engine.host(),
            &["run", "--detach", "sleeper", "/sleeper", "600"],
        );
        engine.child.kill().unwrap();
        engine.child.wait().unwrap();
        let bridge = format!("{BRIDGE}{}", process::id());
        let is_on_it = |link: &str| link.contains(&format!("master {bridge} "));
        assert!(links().lines().any(is_on_it), "{}", links());
        leftovers::clear(&directory);
        assert!(!directory.exists());
        assert!(!links().lines().any(is_on_it), "{}", links());
        drop(engine);
        assert!(!links().contains(&bridge), "{}", links());
    }
}

//! The `theseus` program as a user runs it: in a home of its own, with nothing else around.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{INGESTOR, PATIENCE};

/// A user's home, and the working directory of everything that is run in it.
#[derive(Debug)]
pub struct Home {
    directory: TempDir,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// Its results.
    pub stdout: String,
    /// Everything else that it said.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

/// A program that runs; it is killed with this.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    began: Instant,
}

/// A `theseus sandbox` that runs, and is found by the other commands of its home.
#[derive(Debug)]
pub struct SandboxProgram {
    /// Its Marathon.
    pub url: String,
    /// Its viewer.
    pub viewer: String,
    /// Where its registrar tells how it fares.
    pub registrar: String,
    program: Running,
}

/// Ends what is kept for all tests of this process when the process ends, however it does: nothing
/// that is in a `static` is dropped.
#[derive(Debug)]
pub struct Reaper {
    // It ends when there is nothing more to be read from here.
    _shell: Child,
}

/// The program, beside the tests; built if nobody did.
///
/// # Panics
///
/// When it cannot be built.
pub fn theseus() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program("theseus"))
}

/// The viewer by itself, beside the tests; built if nobody did.
///
/// # Panics
///
/// When it cannot be built.
pub fn theseus_viewer() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program("theseus-viewer"))
}

fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("a test is a program");
    let directory = tests.ancestors().nth(2).expect("tests lie in deps");
    let program = directory
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--package", "theseus-cli"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.expect("cargo runs").success(), "{name} is built");
    }
    program
}

#[expect(clippy::new_without_default, reason = "a home is made, and on disk")]
impl Home {
    /// An empty home.
    ///
    /// # Panics
    ///
    /// When there is no room for it.
    pub fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory can be made");
        Self { directory }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file into the home; gives its name there.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write<'a>(&self, name: &'a str, text: &str) -> &'a str {
        std::fs::write(self.directory.path().join(name), text).expect("a file can be written");
        name
    }

    /// Reads a file of the home.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).expect("the file is there")
    }

    /// The token of the viewer of the home's sandbox.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn viewer_token(&self) -> String {
        let states = std::fs::read_dir(self.path().join("state/theseus"));
        let states = states.expect("a sandbox has its state here").flatten();
        let mut tokens = states.map(|entry| entry.path().join("viewer.token"));
        let token = tokens.find_map(|path| std::fs::read_to_string(path).ok());
        token.expect("the token is there").trim().to_owned()
    }

    /// `theseus` with these arguments, and an environment in which nothing is configured.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(theseus(), arguments)
    }

    fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let home = self.directory.path();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(home)
            .env_clear()
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_STATE_HOME", home.join("state"))
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            // Where the tests' own Docker Engine is.
            .envs(std::env::var_os("DOCKER_HOST").map(|host| ("DOCKER_HOST", host)))
            .stdin(Stdio::null());
        command
    }

    /// Runs `theseus` to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        finish(&mut self.command(arguments))
    }

    /// Runs `theseus` to its end with one more variable in its environment.
    pub fn run_with(&self, name: &str, value: impl AsRef<OsStr>, arguments: &[&str]) -> Ran {
        finish(self.command(arguments).env(name, value))
    }

    /// Starts `theseus`, to be read line by line.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Self::started(self.command(arguments))
    }

    /// Starts `theseus-viewer`, which has a program of its own.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start_viewer(&self, arguments: &[&str]) -> Running {
        Self::started(self.command_of(theseus_viewer(), arguments))
    }

    fn started(mut command: Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("theseus starts");
        let stdout = child.stdout.take().expect("it was piped");
        Running {
            child,
            stdout: BufReader::new(stdout),
            began: Instant::now(),
        }
    }

    /// Starts a sandbox on free ports, where containers take so long to start, and waits until it
    /// serves.
    pub fn sandbox(&self, start_delay: &str) -> SandboxProgram {
        self.sandbox_with(&["--start-delay", start_delay])
    }

    /// The same with these arguments.
    ///
    /// # Panics
    ///
    /// When it does not serve.
    pub fn sandbox_with(&self, more: &[&str]) -> SandboxProgram {
        let mut arguments = vec!["sandbox", "--port", "0", "--viewer-port", "0"];
        arguments.extend(["--format", "json"]);
        arguments.extend(more);
        let mut program = self.start(&arguments);
        let told = program.next_json().expect("it says where it listens");
        let address = |name: &str| {
            let url = told[name].as_str().expect("an address");
            url.trim_end_matches('/').to_owned()
        };
        SandboxProgram {
            url: address("url"),
            viewer: address("viewer"),
            registrar: address("registrar"),
            program,
        }
    }
}

impl Reaper {
    /// For a sandbox and its home.
    ///
    /// # Panics
    ///
    /// When there is no shell.
    pub fn of(home: &Home, sandbox: &SandboxProgram) -> Self {
        // Whoever breaks off all that runs in the foreground leaves this to do its work.
        let script = r#"trap "" INT; read -r _; kill -9 "$1"; rm -rf "$2""#;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script, "sh", &sandbox.program.id().to_string()])
            .arg(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let shell = shell.spawn().expect("a shell starts");
        Self { _shell: shell }
    }
}

/// A port on which nobody listened a moment ago.
///
/// # Panics
///
/// When there is none.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has one").port()
}

/// A home with a sandbox, and the README's group on it.
///
/// # Panics
///
/// When that cannot be.
pub fn deployed(start_delay: &str) -> (Home, SandboxProgram) {
    let home = Home::new();
    let sandbox = home.sandbox(start_delay);
    home.write("ingestor.yaml", INGESTOR);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    (home, sandbox)
}

/// What `theseus status` tells programs.
///
/// # Panics
///
/// When it tells nothing.
pub fn status(home: &Home) -> Value {
    home.run(&["status", "--format", "json"]).exits(0).json()
}

/// Asserts that the README's group runs just this revision, all of it well.
///
/// # Panics
///
/// When it does not.
pub fn assert_well(home: &Home, revision: u32, instances: usize) {
    let status = status(home);
    let groups = status["groups"].as_array().expect("the groups");
    assert_eq!(groups.len(), 1, "{status}");
    let group = &groups[0];
    assert_eq!(
        json!([
            group["group"],
            group["revision"],
            group["instances"],
            group["running"],
            group["healthy"],
            group["rollout"]
        ]),
        json!([
            "ingestor:dev",
            revision,
            instances,
            instances,
            instances,
            null
        ])
    );
    let containers = group["containers"].as_array().expect("the containers");
    assert_eq!(containers.len(), instances, "{status}");
    assert!(
        containers.iter().all(|it| it["revision"] == revision),
        "{status}"
    );
}

fn finish(command: &mut Command) -> Ran {
    let began = Instant::now();
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("theseus runs");
    let text = |bytes| String::from_utf8(bytes).expect("theseus writes UTF-8");
    Ran {
        status,
        stdout: text(stdout),
        stderr: text(stderr),
        took: began.elapsed(),
    }
}

impl Ran {
    /// The one JSON object on stdout.
    ///
    /// # Panics
    ///
    /// When there is something else.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON objects on stdout, one a line.
    ///
    /// # Panics
    ///
    /// When there is something else.
    pub fn lines(&self) -> Vec<Value> {
        let read =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(read).collect()
    }

    /// Asserts the exit code.
    ///
    /// # Panics
    ///
    /// When it is another.
    #[must_use]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }
}

impl Running {
    /// The next line on stdout, which is a JSON object; `None` when there is no more.
    ///
    /// # Panics
    ///
    /// When it is something else.
    pub fn next_json(&mut self) -> Option<Value> {
        let line = self.next_line();
        (!line.is_empty()).then(|| serde_json::from_str(&line).expect("a line of JSON"))
    }

    /// The next line of its output; an empty text at the end.
    ///
    /// # Panics
    ///
    /// When it cannot be read.
    pub fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("stdout can be read");
        line
    }

    /// Reads on until something is told.
    ///
    /// # Panics
    ///
    /// When it is not told before the end.
    pub fn wait_for(&mut self, event: &str) -> Value {
        loop {
            let told = self.next_json().expect("it is told before the end");
            if told["event"] == event {
                return told;
            }
        }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `INT`.
    ///
    /// # Panics
    ///
    /// When it is gone.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Reads what is left to be told, and waits for the end.
    ///
    /// # Panics
    ///
    /// When it does not end soon.
    pub fn end(mut self) -> Ran {
        let mut stdout = String::new();
        self.stdout
            .read_to_string(&mut stdout)
            .expect("stdout can be read");
        let mut stderr = String::new();
        let pipe = self.child.stderr.as_mut().expect("it was piped");
        pipe.read_to_string(&mut stderr)
            .expect("stderr can be read");
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "theseus does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        Ran {
            status,
            stdout,
            stderr,
            took: self.began.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

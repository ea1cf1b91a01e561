//! Real etcd servers for tests, on free ports of the loopback interface.
//!
//! They need the program `etcd` in the path (Debian: package `etcd-server`). Each keeps its data in
//! a temporary directory and is killed when its value is dropped. Whatever goes wrong panics:
//! this is for tests.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take until it serves.
const PATIENCE: Duration = Duration::from_secs(30);

/// The certificates of a server that talks TLS, and that of the authority whose clients it lets in.
#[derive(Debug, Clone, Copy)]
pub struct TlsFiles<'a> {
    /// The authority that signs clients' certificates, in PEM.
    pub ca: &'a Path,
    /// The server's certificate, in PEM.
    pub certificate: &'a Path,
    /// The server's private key, in PEM.
    pub key: &'a Path,
}

/// One etcd server.
#[derive(Debug)]
pub struct EtcdServer {
    arguments: Vec<String>,
    client_url: String,
    health_port: u16,
    process: Option<Child>,
    /// Removed with the server.
    data: TempDir,
}

impl EtcdServer {
    /// Starts a server and waits until it serves.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn start() -> Self {
        Self::start_cluster(1).remove(0)
    }

    /// Starts a server that talks TLS only, to clients with a certificate only, and waits until it
    /// serves.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn start_with_tls(tls: TlsFiles<'_>) -> Self {
        let mut server = Self::prepare(&Member::new(0), "https");
        server.arguments.push("--client-cert-auth".to_owned());
        server.add_flags([
            ("--trusted-ca-file", tls.ca.display().to_string()),
            ("--cert-file", tls.certificate.display().to_string()),
            ("--key-file", tls.key.display().to_string()),
        ]);
        server.restart();
        server
    }

    /// Starts a cluster of this many servers and waits until all of them serve. They elect a new
    /// leader sooner than etcd does by default, as suits nodes that are near each other.
    ///
    /// # Panics
    ///
    /// When they do not serve.
    pub fn start_cluster(size: usize) -> Vec<Self> {
        let members: Vec<Member> = (0..size).map(Member::new).collect();
        let peers: Vec<String> = members
            .iter()
            .map(|member| format!("{}={}", member.name, member.url))
            .collect();
        let mut servers: Vec<Self> = members
            .iter()
            .map(|member| Self::prepare(member, "http"))
            .collect();
        for server in &mut servers {
            server.add_flags([
                ("--initial-cluster", peers.join(",")),
                // Milliseconds.
                ("--heartbeat-interval", "50".to_owned()),
                ("--election-timeout", "500".to_owned()),
            ]);
            server.spawn();
        }
        servers.iter_mut().for_each(Self::wait_until_healthy);
        servers
    }

    /// Where clients reach it.
    pub fn endpoint(&self) -> &str {
        &self.client_url
    }

    /// Kills it at once, as a power failure would. Its data stay.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again on its ports and data, and waits until it serves.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub fn restart(&mut self) {
        self.kill();
        self.spawn();
        self.wait_until_healthy();
    }

    fn prepare(member: &Member, scheme: &str) -> Self {
        let data = TempDir::new().expect("a temporary directory can be made");
        let client_url = format!("{scheme}://127.0.0.1:{}", free_port());
        let health_port = free_port();
        let mut server = Self {
            arguments: Vec::new(),
            client_url,
            health_port,
            process: None,
            data,
        };
        server.add_flags([
            ("--name", member.name.clone()),
            (
                "--data-dir",
                server.data.path().join("data").display().to_string(),
            ),
            ("--listen-client-urls", server.client_url.clone()),
            ("--advertise-client-urls", server.client_url.clone()),
            (
                "--listen-metrics-urls",
                format!("http://127.0.0.1:{health_port}"),
            ),
            ("--listen-peer-urls", member.url.clone()),
            ("--initial-advertise-peer-urls", member.url.clone()),
            (
                "--initial-cluster",
                format!("{}={}", member.name, member.url),
            ),
            ("--logger", "zap".to_owned()),
            ("--log-level", "error".to_owned()),
        ]);
        server
    }

    fn add_flags<const N: usize>(&mut self, flags: [(&str, String); N]) {
        for (flag, value) in flags {
            self.arguments.extend([flag.to_owned(), value]);
        }
    }

    fn spawn(&mut self) {
        let log = std::fs::File::create(self.data.path().join("log")).expect("a log can be made");
        let process = Command::new("etcd")
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program `etcd` is installed");
        self.process = Some(process);
    }

    fn wait_until_healthy(&mut self) {
        let started = Instant::now();
        while !is_healthy(self.health_port) {
            let process = self
                .process
                .as_mut()
                .expect("a server that is waited for was spawned");
            let ended = process.try_wait().expect("a child can be waited for");
            if ended.is_some() || started.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(self.data.path().join("log"));
                panic!(
                    "etcd does not serve ({ended:?}): {}",
                    log.unwrap_or_default()
                );
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for EtcdServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server's place in its cluster.
struct Member {
    name: String,
    url: String,
}

impl Member {
    fn new(number: usize) -> Self {
        let url = format!("http://127.0.0.1:{}", free_port());
        Self {
            name: format!("node{number}"),
            url,
        }
    }
}

/// Whether the server on this metrics port says that it has a leader and serves.
fn is_healthy(port: u16) -> bool {
    let ask = || {
        let mut connection = TcpStream::connect(("127.0.0.1", port))?;
        connection.set_read_timeout(Some(Duration::from_secs(2)))?;
        connection.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains(r#""health":"true""#))
}

/// A port that nobody listens on, from below the range that outgoing connections use, so that
/// nobody takes it while its server is down.
fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes start at places of their own.
    let start = std::process::id().wrapping_mul(7919) % u32::from(COUNT);
    let start = u16::try_from(start).expect("it is less than a u16");
    loop {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = FIRST + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

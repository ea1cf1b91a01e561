//! The sandbox with real containers, as its users run it, on a Docker Engine of the tests' own
//! (`DOCKER_HOST`). The image is made of one static binary, so that no registry is needed.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use theseus_tests::program::{Home, Running, status};

/// How long anything may take that a container has a part in.
const PATIENCE: Duration = Duration::from_secs(30);

/// An image for each revision that a story wants; the same underneath.
fn images() -> &'static str {
    static MADE: OnceLock<&str> = OnceLock::new();
    MADE.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../theseus-sandbox/examples/witness.rs");
        let binary = directory.path().join("witness");
        let built = Command::new("rustc")
            .args([
                "--edition=2024",
                "-O",
                "-C",
                "target-feature=+crt-static",
                "-o",
            ])
            .args([&binary, &source])
            .status();
        assert!(built.expect("rustc runs").success(), "the witness is built");
        for tag in ["1", "2"] {
            let mut tar = Command::new("tar")
                .args(["-c", "-C"])
                .arg(directory.path())
                .arg("witness")
                .stdout(Stdio::piped())
                .spawn()
                .expect("tar runs");
            let made = Command::new("docker")
                .args(["import", "-c", r#"ENTRYPOINT ["/witness"]"#, "-"])
                .arg(format!("theseus-witness:{tag}"))
                .stdin(tar.stdout.take().expect("it was piped"))
                .stdout(Stdio::null())
                .status();
            assert!(made.expect("docker runs").success(), "the image is made");
            assert!(tar.wait().expect("tar ends").success());
        }
        "theseus-witness"
    })
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output();
    let output = output.expect("docker runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A sandbox with real containers, with a state to go on from.
struct Cluster {
    home: Home,
    program: Option<Running>,
    url: String,
}

impl Cluster {
    fn new() -> Self {
        let home = Home::new();
        let mut cluster = Self {
            home,
            program: None,
            url: String::new(),
        };
        cluster.start(&[]);
        cluster
    }

    fn start(&mut self, more: &[&str]) {
        let mut arguments = vec!["sandbox", "--runtime", "docker", "--state", "state"];
        arguments.extend(["--hosts", "2", "--port", "0", "--viewer-port", "0"]);
        arguments.extend(["--format", "json"]);
        arguments.extend(more);
        let mut program = self.home.start(&arguments);
        let told = program.next_json().expect("it says where it listens");
        let url = told["url"].as_str().expect("an address");
        url.trim_end_matches('/').clone_into(&mut self.url);
        self.program = Some(program);
    }

    fn program(&mut self) -> Running {
        self.program.take().expect("it runs")
    }

    /// Names of its containers that run.
    fn containers(&self) -> Vec<String> {
        self.listed(&["ps"])
    }

    /// Names of all its containers.
    fn all(&self) -> Vec<String> {
        self.listed(&["ps", "--all"])
    }

    fn listed(&self, command: &[&str]) -> Vec<String> {
        let state = self.home.path().join("state");
        let state = state.canonicalize().expect("the state is there");
        let label = format!("label=theseus.sandbox={}", state.display());
        let mut arguments = command.to_vec();
        arguments.extend(["--format", "{{.Names}}", "--filter", &label]);
        let mut names: Vec<String> = docker(&arguments).lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    fn deploy(&self, tag: &str, rest: &str) {
        let manifest = format!(
            "deploy: {{web: {{labels: [dev], image: '{}:{tag}', args: ['80'], cpus: 0.2, mem: 32, \
             instances: 2, ports: {{http: 80}}, {rest}\
             health: {{http: {{port: http, path: /}}, grace: 20s, interval: 1s}}}}}}",
            images()
        );
        self.home.write("web.yaml", &manifest);
        let _ = self
            .home
            .run(&["deploy", "web.yaml", "--yes", "--wait=60s"])
            .exits(0);
    }

    /// Where the containers listen, by their ids.
    fn listening(&self) -> Vec<(String, String)> {
        let status = status(&self.home);
        let containers = status["groups"][0]["containers"].as_array().cloned();
        let address = |it: &Value| {
            let id = it["id"].as_str().unwrap_or_default().to_owned();
            let host = it["host"].as_str().unwrap_or_default();
            (id, format!("{host}:{}", it["ports"]["http"]))
        };
        containers.unwrap_or_default().iter().map(address).collect()
    }

    /// An agent's answer for every host.
    async fn agents(&self, path: &str) -> Vec<(String, Value)> {
        let slaves = get_json(&format!("{}/slaves", self.url)).await;
        let mut answers = Vec::new();
        for slave in slaves["slaves"].as_array().expect("the agents") {
            let pid = slave["pid"].as_str().expect("an address");
            let address = pid.rsplit('@').next().expect("an address").to_owned();
            let answer = get_json(&format!("http://{address}{path}")).await;
            answers.push((address, answer));
        }
        answers
    }

    /// What a task wrote into a file, by its agent.
    async fn file(&self, task: &str, name: &str) -> String {
        for (address, state) in self.agents("/state").await {
            let framework = &state["frameworks"][0];
            let executors = ["executors", "completed_executors"];
            let all = executors
                .iter()
                .filter_map(|key| framework[*key].as_array());
            let Some(executor) = all.flatten().find(|it| it["id"] == task).cloned() else {
                continue;
            };
            let directory = executor["directory"].as_str().expect("a directory");
            let url = format!("http://{address}/files/read?path={directory}/{name}&offset=0");
            return get_json(&url).await["data"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
        }
        panic!("no agent knows {task}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.program = None;
        for name in self.all() {
            docker(&["rm", "--force", &name]);
        }
    }
}

async fn get(url: &str) -> Result<String, String> {
    let response = theseus_tests::client().get(url).send().await;
    let response = response.map_err(|error| error.to_string())?;
    response.text().await.map_err(|error| error.to_string())
}

async fn get_json(url: &str) -> Value {
    let text = get(url).await.expect("an answer");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {url}: {text}"))
}

/// Waits until something is so.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(
            began.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs docker"]
async fn a_group_lives_in_real_containers() {
    let mut cluster = Cluster::new();
    cluster.deploy(
        "1",
        "environment: {COLOUR: blue}, custom-constraints: fixed-host, ",
    );
    let first = cluster.listening();
    let names: Vec<String> = first.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(names.iter().all(|name| cluster.containers().contains(name)));

    // What Marathon tells a container is in its environment, and its port leads to it.
    let (task, address) = &first[0];
    let environment = get(&format!("http://{address}/env"))
        .await
        .expect("it answers");
    let port = address.rsplit(':').next().expect("a port");
    for line in [
        "COLOUR=blue".to_owned(),
        format!("MESOS_TASK_ID={task}"),
        format!("PORT0={port}"),
    ] {
        assert!(
            environment.lines().any(|it| it == line),
            "{line}: {environment}"
        );
    }

    // What it writes is in its files, and what it uses was measured.
    get(&format!("http://{address}/say/hello"))
        .await
        .expect("it answers");
    until("the log is there", async || {
        cluster.file(task, "stdout").await == "listening on 80\nhello\n"
    })
    .await;
    assert_eq!(cluster.file(task, "stderr").await, "ready\n");
    let usage = cluster.agents("/monitor/statistics").await;
    let all: Vec<&Value> = usage
        .iter()
        .filter_map(|(_, it)| it.as_array())
        .flatten()
        .collect();
    assert_eq!(all.len(), 2, "{usage:?}");
    for entry in all {
        let statistics = &entry["statistics"];
        assert!(statistics["mem_total_bytes"].as_u64() > Some(0), "{entry}");
        assert!(statistics["cpus_nr_periods"].is_u64(), "{entry}");
    }

    // One that is killed behind its back comes back, where it was.
    let host = address.split(':').next().expect("a host");
    docker(&["kill", task]);
    until("another has taken its place on its host", async || {
        let now = cluster.listening();
        let moved = now.iter().filter(|(id, _)| !names.contains(id));
        now.len() == 2
            && moved.clone().count() == 1
            && moved.clone().all(|(_, it)| it.starts_with(host))
    })
    .await;
    let last = cluster.file(task, "stderr").await;
    assert!(last.contains("Container exited with status 137"), "{last}");

    // A sandbox that is killed leaves them, and the next one goes on with them.
    until("all is well again", async || {
        status(&cluster.home)["groups"][0]["healthy"] == 2
    })
    .await;
    let before = cluster.containers();
    until("its state is kept", async || {
        let kept = cluster.home.read("state/cluster.json");
        before.iter().all(|name| kept.contains(name.as_str()))
    })
    .await;
    let program = cluster.program();
    program.signal("KILL");
    drop(program);
    assert_eq!(cluster.containers(), before);
    cluster.start(&[]);
    until("all is well", async || {
        status(&cluster.home)["groups"][0]["healthy"] == 2
    })
    .await;
    assert_eq!(cluster.containers(), before, "none was restarted");

    cluster.deploy("2", "custom-constraints: fixed-host, ");
    let rolled = cluster.containers();
    assert_eq!(rolled.len(), 2, "{rolled:?}");
    assert!(rolled.iter().all(|name| !before.contains(name)));

    let _ = cluster.home.run(&["remove", "web:dev", "--yes"]).exits(0);
    until("nothing is left", async || cluster.all().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs docker"]
async fn what_real_containers_write_is_told_and_followed() {
    let cluster = Cluster::new();
    cluster.deploy("1", "");
    let (task, address) = cluster.listening().remove(0);
    let says = async |what: &str| {
        let url = format!("http://{address}/say/{what}");
        get(&url).await.expect("it answers");
    };
    says("hello").await;
    until("it is told", async || {
        let told = cluster.home.run(&["logs", &task]).exits(0).stdout;
        let lines: std::collections::BTreeSet<&str> = told.lines().collect();
        lines == ["hello", "listening on 80", "ready"].into()
    })
    .await;

    let mut logs = cluster
        .home
        .start(&["logs", "web:dev", "--follow", "--format", "json"]);
    logs.wait_for("caught-up");
    says("again").await;
    let line = logs.wait_for("line");
    assert_eq!(
        (&line["text"], &line["container"], &line["output"]),
        (&"again".into(), &task.as_str().into(), &"stdout".into())
    );
    assert!(line["time"].is_string(), "it was seen when: {line}");
    docker(&["kill", &task]);
    // The other one may end or come first; all that counts is that both are told.
    let (mut has_ended, mut has_come) = (false, false);
    while !(has_ended && has_come) {
        let told = logs.next_json().expect("it goes on");
        has_ended |= told["event"] == "ended" && told["container"] == task.as_str();
        has_come |= told["event"] == "joined";
    }
    let over = cluster
        .home
        .run(&["logs", "web:dev", "--previous", "--stdout", "--no-prefix"])
        .exits(0);
    assert_eq!(over.stdout, "listening on 80\nhello\nagain\n");
    logs.signal("INT");
    let _ = logs.end().exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs docker"]
async fn what_real_containers_use_is_told_by_top() {
    const MIB: u64 = 1 << 20;
    let cluster = Cluster::new();
    cluster.deploy("1", "");
    let (busy, address) = cluster.listening().remove(0);
    get(&format!("http://{address}/hold/12"))
        .await
        .expect("it answers");
    // It is done with it, or gone, when the story is over.
    let work = tokio::spawn(async move { get(&format!("http://{address}/busy/25")).await });
    let top = |more: &[&str]| {
        let mut arguments = vec!["top", "web:dev", "--once", "--every", "1s"];
        arguments.extend(more);
        cluster.home.run(&arguments).exits(0)
    };
    let mut told = Value::Null;
    until("the busy one is seen to be", async || {
        told = top(&["--format", "json"]).json();
        told["rows"][0]["cpu"].as_f64() > Some(0.1)
    })
    .await;
    let [first, other] = told["rows"].as_array().expect("rows").as_slice() else {
        panic!("{told}")
    };
    assert_eq!(
        (&first["name"], &first["group"]),
        (&busy.as_str().into(), &"web:dev".into())
    );
    for row in [first, other] {
        let number = |name: &str| {
            row[name]
                .as_f64()
                .unwrap_or_else(|| panic!("{name}: {row}"))
        };
        // Mesos counts its executor in: 0.1 cpus and 32 MiB.
        assert!(number("cpu") < number("cpu_limit"), "{row}");
        assert!((number("cpu_limit") - 0.3).abs() < 1e-9, "{row}");
        assert_eq!(row["memory_limit"], 64 * MIB, "{row}");
        assert!(row["memory"].as_u64() < Some(32 * MIB), "{row}");
    }
    assert!(first["throttled"].as_f64() > Some(0.0), "{first}");
    assert!(first["memory"].as_u64() > Some(12 * MIB), "{first}");
    assert!(other["memory"].as_u64() < Some(12 * MIB), "{other}");
    assert!(other["cpu"].as_f64() < Some(0.1), "{other}");

    let text = top(&[]).stdout;
    let line = text.lines().find(|line| line.contains(busy.as_str()));
    let cells: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
    assert!(
        matches!(cells[..], [_, _, "running", cpu, _, memory, ..]
        if cpu.ends_with("/0.3") && memory.ends_with("M/64M")),
        "{text}"
    );
    assert!(text.starts_with("2 containers, cpu 0."), "{text}");
    let groups = top(&["--by", "group", "--format", "json"]).json();
    assert_eq!(groups["rows"][0]["name"], "web:dev", "{groups}");
    assert!(
        groups["rows"][0]["memory"].as_u64() > first["memory"].as_u64(),
        "{groups}"
    );
    work.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs docker"]
async fn what_goes_wrong_is_told_as_it_was_and_nothing_is_left_behind() {
    let mut cluster = Cluster::new();
    let app = |image: &str, args: &str| {
        format!(
            r#"{{"id": "/one", "instances": 1, "cpus": 0.1, "mem": 16, "args": {args},
            "container": {{"type": "DOCKER", "docker": {{"image": "{image}"}}}},
            "portDefinitions": [{{"port": 0}}]}}"#
        )
    };
    let witness = format!("{}:1", images());
    for (image, act, expected) in [
        (
            "127.0.0.1:1/nowhere:1",
            None,
            "cannot pull 127.0.0.1:1/nowhere:1: ",
        ),
        (&*witness, Some("/exit/3"), "Container exited with status 3"),
        (
            &*witness,
            Some("/eat"),
            "it ran out of memory and was killed (OOM)",
        ),
    ] {
        let url = format!("{}/v2/apps", cluster.url);
        let made = theseus_tests::client()
            .post(&url)
            .header("content-type", "application/json")
            .body(app(image, "[]"))
            .send()
            .await;
        assert!(made.expect("an answer").status().is_success());
        if let Some(act) = act {
            until("it listens", async || {
                let task = get_json(&format!("{url}//one/tasks")).await["tasks"][0].clone();
                let asked = format!(
                    "http://{}:{}{act}",
                    task["host"].as_str().unwrap_or_default(),
                    task["ports"][0]
                );
                if !task["startedAt"].is_string() || get(&asked.replace(act, "/")).await.is_err() {
                    return false;
                }
                // Who does as asked does not answer.
                let _ = tokio::time::timeout(PATIENCE, get(&asked)).await;
                true
            })
            .await;
        }
        until(expected, async || {
            let app = get_json(&format!("{url}//one")).await;
            let message = &app["app"]["lastTaskFailure"]["message"];
            message
                .as_str()
                .is_some_and(|message| message.contains(expected))
        })
        .await;
        let gone = theseus_tests::client()
            .delete(format!("{url}//one?force=true"))
            .send()
            .await;
        assert!(gone.expect("an answer").status().is_success());
        until("its app is gone", async || {
            get_json(&url).await["apps"]
                .as_array()
                .is_some_and(Vec::is_empty)
        })
        .await;
    }

    // Ctrl-C takes everything along.
    cluster.deploy("1", "");
    let program = cluster.program();
    program.signal("INT");
    let ended = program.end().exits(0);
    assert!(ended.stderr.contains("Removed 2 containers."), "{ended:?}");
    assert_eq!(cluster.all(), [""; 0]);

    // Unless it is killed: then somebody else does.
    cluster.start(&["--keep"]);
    until("they are back", async || cluster.containers().len() == 2).await;
    let down = cluster
        .home
        .run(&["sandbox", "down", "--state", "state"])
        .exits(1);
    assert!(down.stderr.contains("runs and keeps its own"), "{down:?}");
    let program = cluster.program();
    program.signal("INT");
    let _ = program.end().exits(0);
    assert_eq!(cluster.containers().len(), 2);
    let down = cluster
        .home
        .run(&["sandbox", "down", "--state", "state"])
        .exits(0);
    assert_eq!(down.stdout, "Removed 2 containers.\n");
    assert_eq!(cluster.all(), [""; 0]);
}

#[test]
fn without_docker_it_says_what_to_do() {
    let home = Home::new();
    let arguments = [
        "sandbox",
        "--runtime",
        "docker",
        "--port",
        "0",
        "--viewer-port",
        "0",
    ];
    let ran = home.run_with("DOCKER_HOST", "unix:///nowhere/docker.sock", &arguments);
    let ran = ran.exits(5);
    assert!(
        ran.stderr
            .contains("no Docker Engine answers at /nowhere/docker.sock"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("leave out --runtime docker"), "{ran:?}");
    let ran = home
        .run_with("DOCKER_HOST", "tcp://10.0.0.1:2375", &arguments)
        .exits(2);
    assert!(ran.stderr.contains("the Docker of this machine"), "{ran:?}");
}

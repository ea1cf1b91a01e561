//! The Mesos agents: what runs on each, the files of its tasks, and what they use.

mod common;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use common::{Cluster, cluster, config, docker, pass, with};
use serde_json::Value;
use theseus_sandbox::{HostConfig, Rotation, SandboxConfig, SandboxServer, Script};
use tower::ServiceExt;

/// An agent, asked in memory.
struct Agent(Router);

impl Agent {
    fn of(cluster: &Cluster, host: &str) -> Self {
        Self(cluster.sandbox.agent_router(host).unwrap())
    }

    async fn bytes(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.0.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await;
        (status, bytes.unwrap().to_vec())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, bytes) = self.bytes(path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        serde_json::from_slice(&bytes).unwrap()
    }

    async fn executors(&self, which: &str) -> Vec<Value> {
        let state = self.get("/state").await;
        state["frameworks"][0][which].as_array().unwrap().clone()
    }

    async fn read(&self, file: &str, offset: i64, length: i64) -> Value {
        let query = format!("path={file}&offset={offset}&length={length}");
        self.get(&format!("/files/read?{query}")).await
    }
}

/// One host with one running task.
async fn one() -> (Cluster, Agent, String) {
    let (cluster, agent) = following(Vec::new()).await;
    let task = cluster.sandbox.task_ids("/web").remove(0);
    (cluster, agent, task)
}

/// The same with a task that writes as its script says, and the directory into which it does.
async fn writing(script: Script) -> (Cluster, Agent, String) {
    let (cluster, agent) = following(vec![script]).await;
    let executor = agent.executors("executors").await.remove(0);
    let directory = executor["directory"].as_str().unwrap().to_owned();
    (cluster, agent, directory)
}

/// One host with one running task that follows these scripts.
async fn following(scripts: Vec<Script>) -> (Cluster, Agent) {
    let cluster = with(SandboxConfig {
        hosts: HostConfig::several(1),
        scripts,
        ..config()
    });
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 1)).await;
    cluster.settle().await;
    let agent = Agent::of(&cluster, "host-1");
    (cluster, agent)
}

#[tokio::test(start_paused = true)]
async fn an_agent_knows_its_executors_and_where_their_files_are() {
    let (cluster, agent, task) = one().await;
    assert!(cluster.sandbox.agent_router("host-2").is_none());
    let state = agent.get("/state").await;
    for same in ["/state.json", "/slave(1)/state", "/slave(1)/state.json"] {
        assert_eq!(agent.get(same).await, state, "{same}");
    }
    let slave = cluster.get("/slaves").await["slaves"][0].take();
    for shared in ["id", "pid", "hostname", "attributes", "resources"] {
        assert_eq!(state[shared], slave[shared], "{shared}");
    }
    let info = cluster.get("/v2/info").await;
    assert_eq!(state["frameworks"][0]["id"], info["frameworkId"]);
    let [executor] = agent.executors("executors").await.try_into().unwrap();
    assert_eq!(executor["id"], task.as_str());
    assert_eq!(executor["source"], task.as_str());
    assert_eq!(executor["tasks"][0]["state"], "TASK_RUNNING");
    assert_eq!(executor["tasks"][0]["name"], "web");
    assert_eq!(executor["resources"]["mem"], 32.0);

    let directory = executor["directory"].as_str().unwrap();
    let run = format!("/runs/{}", executor["container"].as_str().unwrap());
    assert!(directory.ends_with(&run), "{directory}");
    let virtual_path = format!(
        "/frameworks/{}/executors/{task}/runs/latest",
        info["frameworkId"].as_str().unwrap()
    );
    for path in [directory, &format!("{directory}/"), &virtual_path] {
        let files = agent.get(&format!("/files/browse?path={path}")).await;
        let files = files.as_array().unwrap().clone();
        let names: Vec<&str> = files
            .iter()
            .map(|file| file["path"].as_str().unwrap())
            .map(|path| path.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(names, ["stderr", "stdout"]);
        assert_eq!(files[0]["mode"], "-rw-r--r--");
    }
    for bad in [
        "/files/browse",
        "/files/read?path=",
        "/files/read?path=/x&offset=-2",
    ] {
        assert_eq!(agent.bytes(bad).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    for gone in [
        "/files/browse?path=/etc".to_owned(),
        format!("/files/read?path={directory}/nothing"),
        format!("/files/download?path={directory}/../../stdout"),
        format!("/files/read?path={directory}"),
    ] {
        assert_eq!(agent.bytes(&gone).await.0, StatusCode::NOT_FOUND, "{gone}");
    }
}

#[tokio::test(start_paused = true)]
async fn files_are_read_by_bytes_and_at_most_64_kib_at_once() {
    let (_cluster, agent, _) = one().await;
    pass(1_000_000).await;
    let executor = agent.executors("executors").await.remove(0);
    let file = format!("{}/stdout", executor["directory"].as_str().unwrap());
    let size = agent.get(&format!("/files/read?path={file}")).await;
    assert_eq!(size["data"], "");
    let size = size["offset"].as_i64().unwrap();
    assert!(size > 70_000, "{size}");
    assert_eq!(agent.read(&file, -1, -1).await["offset"], size);

    let (_, whole) = agent.bytes(&format!("/files/download?path={file}")).await;
    let whole = String::from_utf8(whole).unwrap();
    assert_eq!(i64::try_from(whole.len()).unwrap(), size);
    assert!(
        whole.starts_with("2026-01-02T03:04:07.000Z starting web:1\n"),
        "{whole}"
    );
    let mut read = String::new();
    let mut sizes = Vec::new();
    loop {
        let offset = i64::try_from(read.len()).unwrap();
        let part = agent.read(&file, offset, 1_000_000).await;
        assert_eq!(part["offset"], offset);
        let data = part["data"].as_str().unwrap();
        if data.is_empty() {
            break;
        }
        sizes.push(data.len());
        read.push_str(data);
    }
    assert_eq!(read, whole);
    assert_eq!(sizes[0], 65_536);
    assert_eq!(agent.read(&file, 3, 5).await["data"], whole[3..8]);
    assert_eq!(agent.read(&file, size + 9, 5).await["data"], "");
    // It goes on where it was.
    pass(1000).await;
    let line = agent.read(&file, size, 1000).await;
    let line = line["data"].as_str().unwrap();
    assert!(
        line.contains("GET /items/") && line.ends_with("ms\n"),
        "{line}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_log_is_rotated() {
    let script = Script {
        log_every: Some(Duration::from_millis(10)),
        ..Script::default()
    };
    let (_cluster, agent, directory) = writing(script).await;
    let names = async || {
        let files = agent.get(&format!("/files/browse?path={directory}")).await;
        let files = files.as_array().unwrap().iter();
        files
            .map(|file| {
                let name = file["path"].as_str().unwrap().rsplit('/').next().unwrap();
                (name.to_owned(), file["size"].as_u64().unwrap())
            })
            .collect::<Vec<_>>()
    };
    pass(80_000).await;
    let before = names().await;
    assert_eq!(before.len(), 2, "{before:?}");
    pass(5_000).await;
    let after = names().await;
    assert_eq!(after.len(), 3, "{after:?}");
    assert_eq!(after[2].0, "stdout.1");
    assert!(after[1].1 < before[1].1, "{before:?} {after:?}");
    // No line is lost between the two.
    let read = async |name: &str| {
        let path = format!("/files/download?path={directory}/{name}");
        String::from_utf8(agent.bytes(&path).await.1).unwrap()
    };
    let stamp = |line: &str| line[..24].to_owned();
    let (former, current) = (read("stdout.1").await, read("stdout").await);
    let last: jiff::Timestamp = stamp(former.lines().last().unwrap()).parse().unwrap();
    let first: jiff::Timestamp = stamp(current.lines().next().unwrap()).parse().unwrap();
    assert_eq!(first.duration_since(last).as_millis(), 10);
    pass(10 * 24 * 3_600_000).await;
    assert_eq!(names().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_log_is_as_long_and_rotated_as_its_script_says() {
    let script = Script {
        log_backlog: 1_000_000_000,
        log_rotation: Some(Rotation {
            lines: 100,
            keep: 3,
            compress: true,
        }),
        ..Script::default()
    };
    let (_cluster, agent, directory) = writing(script).await;
    let files = agent.get(&format!("/files/browse?path={directory}")).await;
    let files = files.as_array().unwrap().clone();
    let name = |file: &Value| {
        let path = file["path"].as_str().unwrap();
        path.rsplit('/').next().unwrap().to_owned()
    };
    let names: Vec<String> = files.iter().map(name).collect();
    assert_eq!(
        names,
        ["stderr", "stdout", "stdout.1", "stdout.2.gz", "stdout.3.gz"]
    );
    let times: Vec<f64> = files[1..]
        .iter()
        .map(|it| it["mtime"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted_by(|a, b| a > b), "{times:?}");
    let packed = format!("/files/download?path={directory}/stdout.2.gz");
    let (_, bytes) = agent.bytes(&packed).await;
    assert_eq!(&bytes[..2], [0x1f, 0x8b]);
    assert_eq!(Some(bytes.len() as u64), files[3]["size"].as_u64());
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_a_task_ran_is_no_older_than_the_beginning_of_its_log() {
    let script = Script {
        log_backlog: 3,
        log_every: Some(Duration::from_secs(3600)),
        ..Script::default()
    };
    let (_cluster, agent, directory) = writing(script).await;
    let path = format!("/files/download?path={directory}/stdout");
    let log = String::from_utf8(agent.bytes(&path).await.1).unwrap();
    let times: Vec<&str> = log.lines().map(|line| &line[..24]).collect();
    assert!(log.lines().next().unwrap().contains(" starting "), "{log}");
    assert!(times.is_sorted(), "{log}");
    let requests = log.lines().filter(|line| line.contains("GET /items"));
    assert_eq!(requests.count(), 3, "{log}");
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_remembered_for_a_while() {
    let (cluster, agent, task) = one().await;
    cluster.sandbox.set_task_healthy(&task, false);
    pass(3000).await;
    cluster.sandbox.fail_task(&task, "out of memory");
    pass(5000).await;
    let [executor] = agent
        .executors("completed_executors")
        .await
        .try_into()
        .unwrap();
    assert_eq!(executor["id"], task.as_str());
    let over = &executor["completed_tasks"][0];
    assert_eq!(over["state"], "TASK_FAILED");
    assert_eq!(over["statuses"].as_array().unwrap().len(), 2);
    let file = format!("{}/stderr", executor["directory"].as_str().unwrap());
    let text = agent.read(&file, 0, -1).await;
    let text = text["data"].as_str().unwrap();
    let said: Vec<&str> = text
        .lines()
        .map(|line| line.split_once("executor: ").unwrap().1)
        .collect();
    assert_eq!(
        said,
        [
            "registered on host-1",
            &format!("starting task {task}"),
            "the task runs",
            "health check passed",
            "health check failed, 1 in a row",
            "out of memory",
        ]
    );
    let counted = cluster.get("/metrics/snapshot").await;
    assert_eq!(counted["master/tasks_failed"], 1.0);
    assert_eq!(counted["master/tasks_running"], 1.0);

    for _ in 0..40 {
        let task = cluster.sandbox.task_ids("/web").remove(0);
        cluster.sandbox.fail_task(&task, "again");
        cluster
            .send("DELETE", "/v2/queue/web/delay", Value::Null)
            .await;
        pass(3000).await;
    }
    assert_eq!(agent.executors("completed_executors").await.len(), 32);
    let (status, _) = agent.bytes(&format!("/files/read?path={file}")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn usage_is_plausible_and_grows() {
    let (_cluster, agent, task) = one().await;
    let first = agent.get("/monitor/statistics").await;
    assert_eq!(first, agent.get("/slave(1)/monitor/statistics.json").await);
    assert_eq!(first, agent.get("/containers").await);
    assert_eq!(first[0]["executor_id"], task.as_str());
    let limits = &first[0]["statistics"];
    assert_eq!(limits["cpus_limit"], 0.2);
    assert_eq!(limits["mem_limit_bytes"], 64 * 1024 * 1024);
    pass(100_000).await;
    let second = agent.get("/monitor/statistics").await;
    let spent = |entry: &Value| {
        let statistics = &entry[0]["statistics"];
        statistics["cpus_user_time_secs"].as_f64().unwrap()
            + statistics["cpus_system_time_secs"].as_f64().unwrap()
    };
    let share = (spent(&second) - spent(&first)) / 100.0;
    assert!((0.001..0.1).contains(&share), "{share}");
}

#[tokio::test(start_paused = true)]
async fn the_master_tells_of_every_task_where_it_is() {
    let cluster = cluster();
    cluster
        .ok("PUT", "/v2/apps/shop/web", docker("/shop/web", 4))
        .await;
    cluster.settle().await;
    let state = cluster.get("/master/state").await;
    for same in ["/state", "/state.json", "/master/state.json"] {
        assert_eq!(cluster.get(same).await, state, "{same}");
    }
    assert_eq!(state["slaves"], cluster.get("/slaves").await["slaves"]);
    assert!(state["leader"].as_str().unwrap().starts_with("master@"));
    let framework = &state["frameworks"][0];
    let tasks = framework["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 4);
    let app = cluster.app("/shop/web").await;
    for task in tasks {
        assert_eq!(task["name"], "web.shop");
        let mut listed = app["tasks"].as_array().unwrap().iter();
        let found = listed.find(|it| it["id"] == task["id"]).unwrap();
        assert_eq!(found["slaveId"], task["slave_id"]);
        let port = &found["ports"][0];
        assert_eq!(task["resources"]["ports"], format!("[{port}-{port}]"));
    }
    let metrics = cluster.get("/metrics/snapshot").await;
    assert_eq!(metrics["master/tasks_running"], 4.0);
    assert_eq!(metrics["master/cpus_used"], 0.4);
    assert_eq!(metrics["master/slaves_active"], 4.0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_host_does_not_answer_and_comes_back_with_what_it_held() {
    let (cluster, agent, task) = one().await;
    cluster.sandbox.lose_host("host-1");
    let request = Request::get("/state").body(Body::empty()).unwrap();
    let response = agent.0.clone().oneshot(request).await.unwrap();
    assert!(to_bytes(response.into_body(), 1000).await.is_err());
    assert_eq!(cluster.get("/state").await["unreachable_slaves"], 1);
    assert!(cluster.sandbox.task_ids("/web").is_empty());

    cluster.sandbox.return_host("host-1");
    // Marathon has forgotten the task; its host has not, and is told to kill it.
    let used = cluster.get("/slaves").await["slaves"][0]["used_resources"].take();
    assert_eq!(used["mem"], 32.0);
    pass(1000).await;
    let [executor] = agent
        .executors("completed_executors")
        .await
        .try_into()
        .unwrap();
    assert_eq!(executor["id"], task.as_str());
    pass(5000).await;
    let used = cluster.get("/slaves").await["slaves"][0]["used_resources"].take();
    assert_eq!(used["mem"], 32.0, "the replacement");
    assert_eq!(agent.executors("executors").await.len(), 1);
}

#[tokio::test]
async fn each_agent_listens_where_the_master_says() {
    let server = SandboxServer::start(SandboxConfig::default(), "127.0.0.1:0")
        .await
        .unwrap();
    let get = async |address: &str, path: &str| -> Value {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    };
    let slaves = get(&server.address().to_string(), "/slaves").await;
    let slaves = slaves["slaves"].as_array().unwrap();
    assert_eq!(slaves.len(), 4);
    for slave in slaves {
        let address = slave["pid"].as_str().unwrap().strip_prefix("slave(1)@");
        let state = get(address.unwrap(), "/slave(1)/state").await;
        assert_eq!(state["id"], slave["id"]);
        assert_eq!(state["pid"], slave["pid"]);
    }
    server.shutdown().await;
}

//! The Mesos master behind the Marathon, and the offers that an app in the queue has seen.

mod common;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use common::{cluster, config, docker, pass, with};
use serde_json::{Value, json};
use theseus_sandbox::{HostConfig, SandboxConfig};

#[tokio::test(start_paused = true)]
async fn the_master_lists_agents_with_what_is_used_of_them() {
    let hosts = vec![
        HostConfig {
            ports: vec![31_000..=31_000, 31_005..=31_006],
            ..HostConfig::named("a").with_attribute("rack", "r1")
        },
        HostConfig::named("b"),
    ];
    let cluster = with(SandboxConfig { hosts, ..config() });
    let mut web = docker("/web", 3);
    web["constraints"] = json!([["hostname", "CLUSTER", "a"]]);
    cluster.ok("PUT", "/v2/apps/web", web).await;
    cluster.settle().await;
    let answer = cluster.get("/master/slaves").await;
    assert_eq!(answer, cluster.get("/slaves").await);
    let [a, b] = answer["slaves"].as_array().unwrap().as_slice() else {
        panic!("{answer}")
    };
    assert_eq!(a["hostname"], "a");
    assert_eq!(a["id"], cluster.app("/web").await["tasks"][0]["slaveId"]);
    assert!(a["pid"].as_str().unwrap().starts_with("slave(1)@"), "{a}");
    assert_eq!(a["attributes"], json!({"rack": "r1"}));
    assert_eq!(a["active"], true);
    // 2026-01-02T03:04:05Z
    assert_eq!(a["registered_time"], 1_767_323_045.0);
    assert_eq!(
        a["resources"],
        json!({"cpus": 16.0, "mem": 65536.0, "disk": 262_144.0, "gpus": 0.0,
            "ports": "[31000-31000, 31005-31006]"})
    );
    assert_eq!(a["used_resources"]["cpus"], 0.3);
    assert_eq!(a["used_resources"]["mem"], 96.0);
    let ports = &a["used_resources"]["ports"];
    assert_eq!(ports, "[31000-31000, 31005-31006]");
    assert_eq!(
        b["used_resources"],
        json!({"cpus": 0.0, "mem": 0.0, "disk": 0.0, "gpus": 0.0})
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_agent_vanishes_and_a_drained_one_gets_no_more() {
    let hosts = HostConfig::several(2);
    let cluster = with(SandboxConfig { hosts, ..config() });
    cluster.ok("PUT", "/v2/apps/web", docker("/web", 2)).await;
    cluster.settle().await;
    let on = async |host: &str| {
        let app = cluster.app("/web").await;
        let tasks = app["tasks"].as_array().unwrap();
        tasks.iter().filter(|task| task["host"] == host).count()
    };
    let agents = async || {
        let answer = cluster.get("/slaves").await;
        let agents = answer["slaves"].as_array().unwrap().iter();
        agents
            .map(|agent| (agent["hostname"].clone(), agent["active"] == true))
            .collect::<Vec<_>>()
    };

    cluster
        .ok("POST", "/sandbox/hosts/host-1/drain", Value::Null)
        .await;
    assert_eq!(
        agents().await,
        [(json!("host-1"), false), (json!("host-2"), true)]
    );
    cluster
        .ok("PUT", "/v2/apps/web", json!({"instances": 5}))
        .await;
    cluster.settle().await;
    assert_eq!((on("host-1").await, on("host-2").await), (1, 4));

    cluster.sandbox.lose_host("host-2");
    assert_eq!(agents().await, [(json!("host-1"), false)]);
    pass(5000).await;
    assert_eq!((on("host-1").await, on("host-2").await), (1, 0));
    cluster
        .ok("POST", "/sandbox/hosts/host-1/undrain", Value::Null)
        .await;
    pass(5000).await;
    assert_eq!((on("host-1").await, on("host-2").await), (5, 0));
    cluster.sandbox.return_host("host-2");
    assert_eq!(agents().await.len(), 2);
    let (status, _) = cluster
        .send("POST", "/sandbox/hosts/host-9/drain", Value::Null)
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn marathon_names_the_master_by_the_name_it_is_called_itself() {
    let cluster = cluster();
    let get = |path: &str| {
        let request = Request::get(path).header(header::HOST, "sandbox.example:1234");
        cluster.raw(request.body(Body::empty()).unwrap())
    };
    let info = axum::body::to_bytes(get("/v2/info").await.into_body(), usize::MAX).await;
    let info: Value = serde_json::from_slice(&info.unwrap()).unwrap();
    assert_eq!(
        info["marathon_config"]["mesos_leader_ui_url"],
        "http://sandbox.example:1234/"
    );
    for path in ["/redirect", "/master/redirect"] {
        let answer = get(path).await;
        assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(answer.headers()[header::LOCATION], "//sandbox.example:1234");
    }
    // Without a name, it is where the sandbox believes to be.
    let info = cluster.get("/v2/info").await;
    assert_eq!(
        info["marathon_config"]["mesos_leader_ui_url"],
        "http://127.0.0.1:8080/"
    );
}

#[tokio::test(start_paused = true)]
async fn the_queue_tells_which_offers_were_of_no_use_and_why() {
    let hosts = vec![
        HostConfig {
            cpus: 0.5,
            ports: vec![31_000..=31_000],
            ..HostConfig::named("small").with_attribute("rack", "a")
        },
        HostConfig {
            mem: 16.0,
            ..HostConfig::named("narrow").with_attribute("rack", "a")
        },
        HostConfig::named("elsewhere").with_attribute("rack", "b"),
    ];
    let cluster = with(SandboxConfig { hosts, ..config() });
    let mut web = docker("/web", 2);
    web["cpus"] = json!(0.4);
    web["constraints"] = json!([["rack", "LIKE", "a"]]);
    cluster.ok("PUT", "/v2/apps/web", web).await;
    pass(3000).await;

    let queue = cluster.get("/v2/queue?embed=lastUnusedOffers").await;
    let item = &queue["queue"][0];
    assert_eq!(
        (&item["app"]["id"], &item["count"]),
        (&json!("/web"), &json!(1))
    );
    assert_eq!(
        item["delay"],
        json!({"timeLeftSeconds": 0, "overdue": true})
    );
    let rejects = item["processedOffersSummary"]["rejectSummaryLastOffers"]
        .as_array()
        .unwrap();
    let declined: Vec<String> = rejects
        .iter()
        .filter(|reject| reject["declined"] != 0)
        .map(|reject| format!("{} {}", reject["reason"], reject["declined"]))
        .collect();
    assert_eq!(
        declined,
        [
            r#""UnfulfilledConstraint" 1"#,
            r#""InsufficientCpus" 1"#,
            r#""InsufficientMemory" 1"#,
        ]
    );
    let unused: Vec<(&Value, &Value)> = item["lastUnusedOffers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|unused| (&unused["offer"]["hostname"], &unused["reason"]))
        .collect();
    assert_eq!(
        unused,
        [
            (
                &json!("small"),
                &json!(["InsufficientCpus", "InsufficientPorts"])
            ),
            (&json!("narrow"), &json!(["InsufficientMemory"])),
            (&json!("elsewhere"), &json!(["UnfulfilledConstraint"])),
        ]
    );
    let offer = &item["lastUnusedOffers"][1]["offer"];
    assert_eq!(offer["attributes"], json!([{"name": "rack", "text": "a"}]));
    assert_eq!(
        offer["resources"][1],
        json!({"name": "mem", "role": "*", "scalar": 16.0})
    );
    assert_eq!(
        offer["resources"][3]["ranges"],
        json!([{"begin": 31000, "end": 32000}])
    );
    let plain = cluster.get("/v2/queue").await;
    assert!(plain["queue"][0].get("lastUnusedOffers").is_none());
}

//! The sandbox holds what must hold of every Marathon, in each version: the probes of
//! `theseus-fidelity`, in memory and on a paused clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response};
use theseus_fidelity::{
    ByteStream, HttpWire, Lost, Refusal, Report, Suite, Trial, Verdict, Version, Wire,
};
use theseus_sandbox::{
    Exit, FaultAction, HttpFault, MarathonVersion, Sandbox, SandboxConfig, SandboxServer, Script,
};
use theseus_tests::world::pace;
use tower::ServiceExt as _;

/// A sandbox with its agents, called without sockets.
struct InMemory {
    sandbox: Sandbox,
    marathon: Router,
}

impl InMemory {
    fn new(sandbox: &Sandbox) -> Self {
        Self {
            sandbox: sandbox.clone(),
            marathon: sandbox.router(),
        }
    }

    /// Who answers under this name.
    fn router(&self, host: &str) -> Option<Router> {
        match host.strip_prefix("10.0.0.") {
            Some(number) => self.sandbox.agent_router(&format!("host-{number}")),
            None => Some(self.marathon.clone()),
        }
    }
}

#[async_trait]
impl Wire for InMemory {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>, Lost> {
        let request = request.map(Body::from);
        let host = request.uri().host().unwrap_or_default();
        let router = self
            .router(host)
            .ok_or_else(|| Lost(format!("nobody is {host}")))?;
        let Ok(answer) = router.oneshot(request).await;
        Ok(answer.map(|body| {
            let chunks = body.into_data_stream();
            chunks
                .map(|chunk| chunk.map_err(|error| Lost(error.to_string())))
                .boxed()
        }))
    }
}

const GROUP: &str = "fidelity";

fn sandbox(version: &str) -> Sandbox {
    let sandbox = Sandbox::new(SandboxConfig {
        version: version.parse().expect("a version of the sandbox"),
        ..SandboxConfig::default()
    });
    // Nothing runs a command there; so what it does is told.
    for probe in ["the-last-failure", "what-fails-has-to-wait"] {
        sandbox.add_script(Script {
            app: Some(format!("/{GROUP}/{probe}")),
            exit: Some(Exit {
                after: Duration::from_millis(100),
                success: false,
            }),
            ..Script::default()
        });
    }
    sandbox
}

fn suite(sandbox: &Sandbox) -> Suite {
    Suite {
        wire: Arc::new(InMemory::new(sandbox)),
        url: "http://127.0.0.1:8080".to_owned(),
        version: None,
        group: GROUP.to_owned(),
        patience: Duration::from_secs(60),
        parallel: 16,
        only: None,
    }
}

async fn run(suite: &Suite) -> Report {
    let mut outline = suite.look().await.expect("it can begin");
    // Callbacks need a socket, and real time.
    outline
        .probes
        .retain(|it| !it.name().starts_with("callbacks"));
    let to_the_end = std::future::pending();
    suite.run(&outline, |_| (), to_the_end).await
}

async fn holds(version: &str) {
    let sandbox = sandbox(version);
    let report = run(&suite(&sandbox)).await;
    for trial in &report.trials {
        println!("{trial}");
    }
    println!("{report}");
    assert_eq!((report.stopped, &report.left), (false, &None));
    assert!(report.differing().is_empty(), "{:#?}", report.differing());
}

/// A test for each version.
macro_rules! holds {
    ($($name:ident: $version:literal),+ $(,)?) => {
        const VERSIONS: &[&str] = &[$($version),+];
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                holds($version).await;
            }
        )+
    };
}

holds! {
    marathon_0_7: "0.7.6",
    marathon_0_8: "0.8.2",
    marathon_0_9: "0.9.0",
    marathon_0_10: "0.10.1",
    marathon_0_11: "0.11.1",
    marathon_0_13: "0.13.1",
    marathon_0_14: "0.14.1",
    marathon_0_15: "0.15.7",
    marathon_1_0: "1.0.0",
    marathon_1_1: "1.1.2",
    marathon_1_3: "1.3.13",
    marathon_1_4: "1.4.13",
    marathon_1_5: "1.5.11",
    marathon_1_6: "1.6.590",
    marathon_1_7: "1.7.236",
    marathon_1_8: "1.8.244",
    marathon_1_9: "1.9.109",
    marathon_1_10: "1.10.26",
    marathon_1_11: "1.11.0",
}

#[test]
fn every_series_of_the_sandbox_is_among_them() {
    let series = MarathonVersion::series().map(|it| it.to_string());
    assert_eq!(series.collect::<Vec<_>>(), VERSIONS);
}

#[tokio::test(start_paused = true)]
async fn what_differs_is_told() {
    let sandbox = sandbox("1.5.11");
    sandbox.add_fault(HttpFault::next(1, FaultAction::Status(503)).with_path("/v2/queue"));
    let mut suite = suite(&sandbox);
    suite.only = Some("queue-is-a-list".to_owned());
    let report = run(&suite).await;
    assert_eq!(report.differing(), ["queue-is-a-list"]);
    assert!(!report.is_well());
    let told = report.trials[0].to_string();
    for part in [
        "GET /v2/queue",
        "expected  status 200",
        "got       503",
        "§1.6",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(report.to_string().contains("1 differ"), "{report}");
    // A Marathon that is another than it says differs a lot.
    suite.only = Some("default".to_owned());
    suite.version = Version::parse("0.7.6");
    let report = run(&suite).await;
    let differing = report.differing();
    for probe in ["default-health-check-is-quick", "default-health-capacity"] {
        assert!(differing.contains(&probe), "{differing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_touched_but_what_the_probes_make() {
    let sandbox = sandbox("1.5.11");
    let mut suite = suite(&sandbox);
    suite.only = Some("deployment".to_owned());
    let outline = suite.look().await.expect("it can begin");
    // Stopped in the middle, it cleans up.
    let soon = tokio::time::sleep(Duration::from_millis(50));
    let report = suite.run(&outline, |_| (), soon).await;
    assert!(report.stopped && !report.is_well(), "{report}");
    assert_eq!(report.left, None);
    let writes = sandbox
        .requests()
        .into_iter()
        .filter(|it| it.method != "GET");
    let elsewhere: Vec<String> = writes
        .map(|it| format!("{} {}", it.method, it.path))
        .filter(|it| !it.contains("/fidelity") && it != "POST /v2/apps")
        .filter(|it| !it.starts_with("DELETE /v2/deployments/"))
        .collect();
    assert_eq!(elsewhere, [""; 0]);
    assert!(suite.look().await.is_ok(), "the group is gone");
    // Who is there already is left alone.
    let wire = InMemory::new(&sandbox);
    let group = Request::post("http://127.0.0.1/v2/groups").body(r#"{"id": "fidelity"}"#.into());
    let made = wire
        .send(group.expect("a request"))
        .await
        .expect("an answer");
    assert_eq!(made.status(), 201);
    let refusal = suite.look().await.expect_err("it is there");
    assert!(matches!(refusal, Refusal::GroupExists { .. }), "{refusal}");
    suite.group = "a/b".to_owned();
    let refusal = suite.look().await.expect_err("it is no name");
    assert!(matches!(refusal, Refusal::BadGroup { .. }), "{refusal}");
}

/// Marathons of versions with callbacks need a socket to call.
#[tokio::test]
async fn callbacks_are_called() {
    for version in ["0.7.6", "1.4.13"] {
        let config = SandboxConfig {
            version: version.parse().expect("a version of the sandbox"),
            ..pace()
        };
        let server = SandboxServer::start(config, "127.0.0.1:0").await;
        let server = server.expect("a free port");
        let suite = Suite {
            wire: Arc::new(HttpWire::new().expect("a client")),
            url: server.url(),
            group: Suite::fresh_group(),
            only: Some("callbacks".to_owned()),
            ..suite(server.sandbox())
        };
        let outline = suite.look().await.expect("it can begin");
        assert_eq!(outline.probes.len(), 3);
        let report = suite.run(&outline, |_| (), std::future::pending()).await;
        assert!(report.is_well(), "{:#?}", report.trials);
        let skipped = |it: &Trial| matches!(it.verdict, Verdict::Skipped(_));
        assert!(!report.trials.iter().any(skipped), "{:#?}", report.trials);
    }
}

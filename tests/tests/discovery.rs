//! Discovery: the registry as people and programs read it, with the program itself.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use theseus_tests::program::{Home, Running, deployed, free_port};
use theseus_tests::{INGESTOR_REMOVE, PATIENCE};

/// Looks again and again until what is looked for is there.
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The endpoints, as soon as there are so many.
fn endpoints(home: &Home, count: usize) -> Vec<String> {
    until("so many endpoints", || {
        let ran = home
            .run(&["endpoints", "ingestor", "--port", "api"])
            .exits(0);
        let lines: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
        (lines.len() == count).then_some(lines)
    })
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    std::fs::read_to_string(path.join(name)).expect("the example is there")
}

#[test]
fn where_containers_listen_is_found_and_followed() {
    let (home, sandbox) = deployed("20ms");
    let listed = endpoints(&home, 4);
    let ps = home.run(&["ps", "--format", "json"]).exits(0).json();
    let mut expected: Vec<String> = ps["containers"]
        .as_array()
        .expect("containers")
        .iter()
        .map(|it| {
            let host = it["host"].as_str().expect("a host");
            format!("{host}:{}", it["ports"]["api"])
        })
        .collect();
    let mut sorted = listed.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);

    let several = home.run(&["endpoints", "ingestor"]).exits(2);
    assert!(
        several.stderr.contains("choose with --port: "),
        "{several:?}"
    );
    let misspelt = home
        .run(&["endpoints", "ingestor", "--port", "apo"])
        .exits(2);
    assert!(
        misspelt.stderr.contains("did you mean api?"),
        "{misspelt:?}"
    );
    let unknown = home.run(&["endpoints", "nobody"]).exits(1);
    assert!(
        unknown.stderr.contains("the registry knows no nobody"),
        "{unknown:?}"
    );

    let json = home
        .run(&["endpoints", "ingestor:dev", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(json["kept"], true);
    assert_eq!(json["endpoints"].as_array().map(Vec::len), Some(8));

    let mut watch = home.start(&["endpoints", "ingestor", "--port", "api", "--watch"]);
    let mut up = Vec::new();
    let all = loop {
        let line = watch.next_json().expect("it goes on");
        if line["event"] == "all" {
            break line;
        }
        assert_eq!(line["event"], "up");
        up.push(line["address"].as_str().expect("an address").to_owned());
    };
    assert_eq!((all["endpoints"].as_u64(), up.len()), (Some(4), 4));
    let _ = home.run(&["scale", "ingestor:dev", "3", "--yes"]).exits(0);
    let down = watch.wait_for("down");
    assert!(up.contains(&down["address"].as_str().expect("an address").to_owned()));
    watch.signal("INT");
    let _ = watch.end().exits(0);
    drop(sandbox);
}

#[test]
fn status_by_the_registry_is_the_status() {
    let (home, _sandbox) = deployed("20ms");
    endpoints(&home, 4);
    let recorded = home
        .run(&["status", "--recorded", "--format", "json"])
        .exits(0);
    assert!(recorded.stderr.is_empty(), "{recorded:?}");
    let sorted = |mut status: Value| {
        let containers = status["groups"][0]["containers"].as_array_mut();
        containers
            .expect("containers")
            .sort_by_key(|it| it["id"].to_string());
        status
    };
    let asked = home.run(&["status", "--format", "json"]).exits(0).json();
    assert_eq!(sorted(recorded.json()), sorted(asked));
    let text = |arguments: &[&str]| {
        let table = home.run(arguments).exits(0).stdout;
        let row = table.lines().nth(1).expect("a row").to_owned();
        row.split_whitespace()
            .take(5)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(text(&["status", "--recorded"]), text(&["status"]));
}

#[test]
fn what_was_written_down_is_told_without_cluster_and_registrar() {
    let home = Home::new();
    let sandbox = home.sandbox("20ms");
    home.write("ingestor.yaml", theseus_tests::INGESTOR);
    // A cluster that can go, and records that stay.
    let etc = format!(
        "marathon: {{urls: ['{}']}}\nsubscriber: {{host: 127.0.0.1, port: {}}}\n",
        sandbox.url,
        free_port()
    );
    home.write("mesos.yaml", &etc);
    let registrar = home.start(&["registrar"]);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    let listed = endpoints(&home, 4);
    registrar.signal("INT");
    let _ = registrar.end().exits(0);
    drop(sandbox);
    let later = home
        .run(&["endpoints", "ingestor", "--port", "api"])
        .exits(0);
    assert_eq!(later.stdout.lines().collect::<Vec<_>>(), listed);
    assert!(
        later
            .stderr
            .contains("no registrar leads: this is what ran at "),
        "{later:?}"
    );
    let status = home.run(&["status", "--recorded"]).exits(0);
    assert!(status.stdout.contains("4/4"), "{status:?}");
}

/// A Marathon that keeps what it has from one start to the next, at the same address.
fn marathon(home: &Home, port: u16, version: &str) -> Running {
    let port = port.to_string();
    let mut arguments = vec!["sandbox", "--port", &port, "--viewer-port", "0"];
    arguments.extend(["--marathon-version", version, "--state", "state"]);
    arguments.extend(["--start-delay", "20ms", "--format", "json"]);
    let mut program = home.start(&arguments);
    program.next_json().expect("it says where it listens");
    program
}

/// A home that knows a Marathon at this port, and has somewhere for its registrar to listen.
fn at_port(home: &Home, port: u16, registrar: u16) {
    home.write("ingestor.yaml", theseus_tests::INGESTOR);
    let config = format!(
        "marathon: {{host: 127.0.0.1, port: {port}}}\nsubscriber: {{host: 127.0.0.1, port: {registrar}}}\n"
    );
    home.write("mesos.yaml", &config);
}

/// Waits until Marathon would not lose what runs.
fn until_saved(home: &Home) {
    let ps = home.run(&["ps", "--format", "json"]).exits(0).json();
    until("what runs is saved", || {
        let saved = std::fs::read_to_string(home.path().join("state/cluster.json")).ok()?;
        let mut containers = ps["containers"].as_array()?.iter();
        let is_saved = |it: &Value| it["id"].as_str().is_some_and(|id| saved.contains(id));
        containers.all(is_saved).then_some(())
    });
}

#[test]
fn a_registrar_follows_a_marathon_that_comes_back_in_another_version() {
    let home = Home::new();
    let (port, registrar) = (free_port(), free_port());
    let before = marathon(&home, port, "1.4");
    at_port(&home, port, registrar);
    let _registrar = home.start(&["registrar"]);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    assert_eq!(endpoints(&home, 4).len(), 4);
    until_saved(&home);
    before.signal("KILL");
    drop(before);

    let _after = marathon(&home, port, "1.11");
    until(
        "the registrar hears what happens, in the way of the new version",
        || {
            let health = get(registrar, "/health")?;
            let asked = get(port, "/sandbox/requests")?;
            let asked: Value = serde_json::from_str(asked.split_once("\r\n\r\n")?.1).ok()?;
            let streams = asked
                .as_array()?
                .iter()
                .filter(|it| it["path"] == "/v2/events");
            let queries: Vec<&str> = streams.filter_map(|it| it["query"].as_str()).collect();
            let all_light = queries.iter().all(|it| it.contains("plan-format=light"));
            assert!(all_light, "somebody speaks to it as before: {queries:?}");
            // The sandbox has two that listen of its own.
            let is_heard = queries.len() > 2 && health.contains(r#""attached":true"#);
            is_heard.then_some(())
        },
    );
    let _ = home.run(&["scale", "ingestor:dev", "3", "--yes"]).exits(0);
    assert_eq!(endpoints(&home, 3).len(), 3);
}

#[test]
fn a_marathon_that_restarts_takes_no_endpoint_along() {
    let home = Home::new();
    let port = free_port();
    let before = marathon(&home, port, "1.11");
    at_port(&home, port, free_port());
    let _registrar = home.start(&["registrar"]);
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    let listed = endpoints(&home, 4);
    let mut watch = home.start(&["endpoints", "ingestor", "--port", "api", "--watch"]);
    watch.wait_for("all");
    until_saved(&home);

    before.signal("KILL");
    drop(before);
    let doubt = || {
        let ran = home
            .run(&["endpoints", "ingestor", "--port", "api"])
            .exits(0);
        assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), listed, "{ran:?}");
        ran.stderr
    };
    let _ = home.run(&["scale", "ingestor:dev", "3", "--yes"]).exits(5);
    until("it is said that the registrar is in trouble", || {
        doubt()
            .contains("the registrar is in trouble")
            .then_some(())
    });
    let _after = marathon(&home, port, "1.11");
    until("all is well again", || doubt().is_empty().then_some(()));

    // Whoever follows has seen nothing of it, and sees what comes.
    let _ = home.run(&["scale", "ingestor:dev", "3", "--yes"]).exits(0);
    let change = loop {
        let line = watch.next_json().expect("it goes on");
        if line["event"] != "stale" && line["event"] != "kept" {
            break line;
        }
    };
    assert_eq!(change["event"], "down", "{change}");
    assert_eq!(endpoints(&home, 3).len(), 3);
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(connection, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn a_registrar_tells_how_it_is() {
    let home = Home::new();
    let sandbox = home.sandbox("20ms");
    home.write("ingestor.yaml", theseus_tests::INGESTOR);
    let config = format!("marathon: {{urls: ['{}']}}\n", sandbox.url);
    home.write("mesos.yaml", &config);
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let first = home.start(&["registrar", "--listen", &listen]);
    until("it leads", || {
        get(port, "/health")
            .filter(|it| it.contains(r#""status":"leading""#) && it.contains("200 OK"))
    });
    let other = free_port();
    let second = home.start(&["registrar", "--listen", &format!("127.0.0.1:{other}")]);
    until("the other stands by", || {
        get(other, "/health").filter(|it| it.contains(r#""status":"standing-by""#))
    });
    let _ = home.run(&["deploy", "ingestor.yaml", "--yes"]).exits(0);
    until("it counts", || {
        let metrics = get(port, "/metrics")?;
        metrics
            .contains(r#"theseus_group_healthy{group="ingestor:dev"} 4"#)
            .then_some(())
    });
    let taken = home.run(&["registrar", "--listen", &listen]).exits(1);
    assert!(taken.stderr.contains("cannot listen on"), "{taken:?}");
    first.signal("KILL");
    let killed = Instant::now();
    until("the other leads", || {
        get(other, "/health").filter(|it| it.contains(r#""status":"leading""#))
    });
    assert!(
        killed.elapsed() < Duration::from_secs(10),
        "{:?}",
        killed.elapsed()
    );
    // A cluster that is gone is told.
    drop(sandbox);
    until("it is in trouble", || {
        get(other, "/health").filter(|it| it.contains("503") && it.contains(r#""with":"cluster""#))
    });
    drop(second);
}

#[test]
fn a_file_is_written_and_a_command_is_run_when_something_changes() {
    let (home, _sandbox) = deployed("20ms");
    endpoints(&home, 4);
    home.write(
        "list.j2",
        "{% for e in endpoints %}\n{{ e.address }}\n{% endfor %}\n",
    );
    home.write("run.sh", "cat > last; date +%s%N >> runs\n");
    let arguments = [
        "endpoints",
        "ingestor",
        "--port",
        "api",
        "--template",
        "list.j2",
        "--out",
        "list.txt",
        "--exec",
        "sh run.sh",
    ];
    let following = home.start(&arguments);
    let lines = |name: &str| {
        let path = home.path().join(name);
        std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
    };
    until("it has run", || {
        (lines("last") == 4 && lines("runs") == 1).then_some(())
    });
    assert_eq!(home.read("list.txt"), home.read("last"));
    let _ = home.run(&["scale", "ingestor:dev", "6", "--yes"]).exits(0);
    until("it has run again", || (lines("last") == 6).then_some(()));
    assert_eq!(lines("list.txt"), 6);
    assert!(
        lines("runs") <= 4,
        "two containers that come are not many changes"
    );
    following.signal("INT");
    let _ = following.end().exits(0);
    let left: Vec<PathBuf> = std::fs::read_dir(home.path())
        .expect("a home")
        .map(|it| it.expect("a file").path())
        .filter(|it| it.to_string_lossy().contains(".theseus-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");

    let nothing = home
        .run(&["endpoints", "ingestor", "--exec", "/does/not/exist"])
        .exits(2);
    assert!(
        nothing.stderr.contains("cannot run /does/not/exist"),
        "{nothing:?}"
    );
    let usage = home
        .run(&["endpoints", "ingestor", "--template", "list.j2", "--watch"])
        .exits(2);
    assert!(usage.stderr.contains("give --out FILE"), "{usage:?}");
}

#[test]
fn who_did_what_is_told_later_and_as_it_happens() {
    let (home, _sandbox) = deployed("20ms");
    let mut events = home.start(&["events", "--since", "1h", "--follow", "--format", "json"]);
    let begun = events.wait_for("audit");
    assert_eq!(
        json!([
            begun["group"],
            begun["deed"],
            begun["action"],
            begun["revision"],
            begun["outcome"]
        ]),
        json!(["ingestor:dev", "deploy", "create", 1, "begun"])
    );
    assert_eq!(events.wait_for("audit")["outcome"], "done");
    let _ = home.run(&["scale", "ingestor:dev", "5", "--yes"]).exits(0);
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let told = events.next_json().expect("it goes on");
        match told["event"].as_str() {
            Some("audit") => seen.push(told["outcome"].as_str().expect("a word").to_owned()),
            Some("container") if told["state"] == "running" => seen.push("runs".to_owned()),
            _ => {}
        }
    }
    // Cluster and store tell each in their own time.
    seen.sort();
    assert_eq!(seen, ["begun", "done", "runs"]);
    drop(events);
    home.write("remove.yaml", INGESTOR_REMOVE);
    let _ = home.run(&["deploy", "remove.yaml", "--yes"]).exits(0);
    let trail = home.run(&["events", "ingestor", "--since", "1h"]).exits(0);
    let told: Vec<&str> = trail
        .stdout
        .lines()
        .filter_map(|line| line.split_once("ingestor:dev: ").map(|(_, told)| told))
        .collect();
    assert_eq!(told.len(), 6, "{trail:?}");
    assert!(
        told[0].contains("begins to create it as revision 1"),
        "{told:?}"
    );
    assert!(told[2].contains("begins to scale it"), "{told:?}");
    assert!(told[5].contains("it is gone"), "{told:?}");
    let other = home.run(&["events", "other", "--since", "1h"]).exits(0);
    assert_eq!(other.stdout, "");
}

/// Renders an example for a deployed group, and lets its program check it.
fn checked(name: &str, port: &[&str], check: impl Fn(&Path) -> Command) {
    let (home, _sandbox) = deployed("20ms");
    endpoints(&home, 4);
    home.write(name, &example(name));
    let render = || {
        let mut arguments = vec![
            "endpoints",
            "ingestor",
            "--template",
            name,
            "--out",
            "made.conf",
        ];
        arguments.extend(port);
        let _ = home.run(&arguments).exits(0);
        // The sandbox's hosts are names that no machine knows.
        let made = home.read("made.conf").replace("host-", "127.0.0.");
        home.write("made.conf", &made);
        let output = check(&home.path().join("made.conf")).output();
        let output = output.expect("the program runs");
        assert!(output.status.success(), "{made}\n{output:?}");
        made
    };
    let made = render();
    assert_eq!(made.matches("server 127.0.0.").count(), 4, "{made}");
    // With nothing to serve, what is made is still understood.
    let _ = home.run(&["scale", "ingestor:dev", "0", "--yes"]).exits(0);
    endpoints(&home, 0);
    assert_eq!(render().matches("server 127.0.0.").count(), 0);
}

#[test]
#[ignore = "needs haproxy"]
fn haproxy_understands_the_example() {
    checked("haproxy.cfg.j2", &[], |path| {
        let mut haproxy = Command::new("haproxy");
        haproxy.arg("-c").arg("-f").arg(path);
        haproxy
    });
}

#[test]
#[ignore = "needs nginx"]
fn nginx_understands_the_example() {
    checked("nginx.conf.j2", &["--port", "api"], |path| {
        let main = path.with_file_name("nginx.conf");
        let text = format!(
            "pid {0}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n  access_log off;\n  client_body_temp_path {0}/body;\n  proxy_temp_path {0}/proxy;\n  fastcgi_temp_path {0}/fastcgi;\n  uwsgi_temp_path {0}/uwsgi;\n  scgi_temp_path {0}/scgi;\n  include {1};\n}}\n",
            path.parent().expect("a directory").display(),
            path.display()
        );
        std::fs::write(&main, text).expect("it can be written");
        let mut nginx = Command::new("nginx");
        nginx.arg("-t").arg("-q").arg("-c").arg(main);
        nginx
    });
}

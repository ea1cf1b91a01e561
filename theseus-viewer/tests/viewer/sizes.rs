//! 200 groups of 50 containers: pages stay small.

use axum::http::{Method, header};
use theseus_core::cluster::ContainerState;

use crate::world::{World, app, ask, container, host, spec};

const GROUPS: usize = 200;
const EACH: usize = 50;
const HOSTS: usize = 100;

async fn world() -> World {
    let name = |group: usize| format!("service-{group:03}:prod");
    let apps = (0..GROUPS).map(|group| {
        let containers = (0..EACH).map(|each| {
            let number = group * EACH + each;
            // As in a cluster, no two of them are alike.
            let id = format!(
                "{}.{:016x}",
                name(group),
                number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            );
            let state = match number % 40 {
                0 => ContainerState::Staging,
                1 => ContainerState::Stopping,
                _ => ContainerState::Running,
            };
            container(&id, &format!("host-{:03}", number * 7919 % HOSTS), state)
        });
        app(&name(group), 1, containers.collect())
    });
    let hosts = (0..HOSTS).map(|number| host(&format!("host-{number:03}")));
    let world = World::on(hosts.collect(), apps.collect());
    for group in 0..GROUPS {
        let instances = u32::try_from(EACH).unwrap();
        let image = format!("registry.example.com/team/service-{group:03}:1.{group}");
        world.record(&name(group), 1, spec(&image, instances)).await;
    }
    world.page_with("/machines", "64 GiB").await;
    world.page_with("/", "service-199:1.199").await;
    world
}

#[tokio::test]
async fn pages_of_ten_thousand_containers_stay_small() {
    let world = world().await;
    for (path, most) in [
        ("/", 150_000),
        ("/groups/service-007:prod", 150_000),
        ("/machines", 150_000),
        ("/machines?by=group", 150_000),
        ("/machines/host-007", 150_000),
    ] {
        let mut request = ask(Method::GET, path);
        let gzip = "gzip".parse().unwrap();
        request.headers_mut().insert(header::ACCEPT_ENCODING, gzip);
        let response = world.request(request).await;
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX);
        let size = body.await.unwrap().len();
        println!("{path}: {size} bytes, compressed");
        assert!(size < most, "{path} has {size} bytes");
    }
    let overview = world.get("/").await.1;
    let elements = overview.matches('<').count() / 2;
    assert!(elements < 15_000, "{elements} elements");
}

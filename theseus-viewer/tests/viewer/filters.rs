//! Filters in addresses, as they work without a script.

use theseus_core::cluster::ContainerState;

use crate::world::{World, app, container, running, spec};

async fn world() -> World {
    let world = World::with(vec![
        app("ingestor:dev", 1, vec![running("a")]),
        app(
            "ingestor:canary,prod",
            1,
            vec![container("b", "host2", ContainerState::Staging)],
        ),
        app("webshop:prod", 1, vec![running("c")]),
    ]);
    world.record("ingestor:dev", 1, spec("flask:1", 1)).await;
    world
        .record("ingestor:canary,prod", 1, spec("flask:2", 1))
        .await;
    world.record("webshop:prod", 1, spec("shop:1", 1)).await;
    world.page_with("/", "shop:1").await;
    world
}

/// The groups that a page shows, in their order.
fn shown(page: &str) -> Vec<&str> {
    let rows = page.split("<tr id=\"row:").skip(1);
    rows.filter_map(|row| {
        let (id, rest) = row.split_once('"')?;
        let (tag, _) = rest.split_once('>')?;
        (!tag.contains(" hidden")).then_some(id)
    })
    .collect()
}

#[tokio::test]
async fn an_address_says_what_is_to_be_seen() {
    let world = world().await;
    let (canary, dev, shop) = ("ingestor:canary,prod", "ingestor:dev", "webshop:prod");
    for (query, expected) in [
        // What needs somebody comes first.
        ("", vec![canary, dev, shop]),
        ("?q=", vec![canary, dev, shop]),
        ("?q=FLASK", vec![canary, dev]),
        ("?q=flask+dev", vec![dev]),
        ("?service=webshop", vec![shop]),
        ("?label=prod", vec![canary, shop]),
        ("?state=down", vec![canary]),
        ("?state=well&label=prod", vec![shop]),
        ("?host=host2", vec![canary]),
        ("?q=nothing", vec![]),
        ("?unknown=1", vec![canary, dev, shop]),
    ] {
        let page = world.get(&format!("/{query}")).await.1;
        assert_eq!(shown(&page), expected, "{query}");
        let count = match expected.len() {
            3 => ">3 groups<".to_owned(),
            count => format!(">{count} of 3 groups<"),
        };
        assert!(page.contains(&count), "{query}: {page}");
    }
}

#[tokio::test]
async fn the_form_has_what_was_asked() {
    let world = world().await;
    let page = world.get("/?q=%22quoted%22&label=prod&state=down").await.1;
    for text in [
        "name=\"q\" value=\"&quot;quoted&quot;\"",
        "name=\"label\" value=\"prod\"",
        "<option value=\"down\" selected>",
        "<details open>",
        "method=\"get\"",
        "<option value=\"webshop\">",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
}

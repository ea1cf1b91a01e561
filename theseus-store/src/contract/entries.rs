//! Reading, listing and deleting.

use theseus_core::store::{Listing, Page, Revision, Store};

use super::{Fixture, delete, delete_prefix, get, keys, put, write};

/// A key that was never written reads as nothing, and an empty store lists as empty.
pub async fn a_missing_key_reads_as_nothing(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    assert_eq!(get(&*store, "groups/a").await, None);
    assert_eq!(keys(&*store, "").await, [""; 0]);
}

/// Every byte of a value comes back, with the revision that wrote it, through every handle.
pub async fn what_was_put_is_read_back(fixture: &dyn Fixture) {
    let (store, other) = (fixture.open().await, fixture.open().await);
    let every_byte: Vec<u8> = (0..=255).collect();
    let large = vec![b'x'; 1_000_000];
    for (key, value) in [
        ("bytes", every_byte),
        ("empty", vec![]),
        ("ünï/cödé", large),
    ] {
        let revision = write(&*store, [put(key, value.clone())]).await;
        for handle in [&store, &other] {
            let entry = get(&**handle, key).await.expect("what was put is there");
            assert_eq!((&*entry.key, entry.modified), (key, revision));
            assert!(entry.value == value, "the value of {key} is another");
        }
    }

    let revision = write(&*other, [put("bytes", "new")]).await;
    let entry = get(&*store, "bytes").await.expect("what was put is there");
    assert_eq!((&*entry.value, entry.modified), (&b"new"[..], revision));
}

/// A delete removes its key alone, and is no error where there is none.
pub async fn a_delete_removes_one_key(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    write(&*store, [put("a", "1"), put("a/b", "2")]).await;
    write(&*store, [delete("a"), delete("never")]).await;
    assert_eq!(keys(&*store, "").await, ["a/b"]);
    assert_eq!(get(&*store, "a").await, None);
}

/// A prefix delete removes what begins with the prefix; with an empty one, everything.
pub async fn a_prefix_delete_removes_all_below_and_nothing_else(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let all = ["a", "a/", "a/b", "a/\u{10ffff}", "a0", "b"];
    write(&*store, all.map(|key| put(key, key))).await;
    write(&*store, [delete_prefix("a/"), delete_prefix("never/")]).await;
    assert_eq!(keys(&*store, "").await, ["a", "a0", "b"]);
    write(&*store, [delete_prefix("")]).await;
    assert_eq!(keys(&*store, "").await, [""; 0]);
}

/// A listing is sorted by the bytes of its keys and holds what begins with its prefix.
pub async fn a_listing_is_in_order_and_below_its_prefix(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let all = [
        "b",
        "a0",
        "é",
        "a/c",
        "\u{1}",
        "a",
        "\u{10ffff}",
        "B",
        "a/b/c",
        "a/",
    ];
    for key in all {
        write(&*store, [put(key, key)]).await;
    }
    for prefix in ["", "a", "a/", "a/b", "é", "c"] {
        let mut expected = all.to_vec();
        expected.retain(|key| key.starts_with(prefix));
        expected.sort_unstable();
        assert_eq!(keys(&*store, prefix).await, expected, "below {prefix:?}");
    }
    let listing = page(&*store, "a", Page::first(10)).await;
    assert!(listing.entries.iter().all(|entry| entry.value == entry.key));
}

/// Pages of any size, one after the other, hold every entry once; the last has no next.
pub async fn pages_together_are_the_whole_listing(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let below: Vec<String> = (0..10).map(|n| format!("p/{n}")).collect();
    let written = write(
        &*store,
        below.iter().map(|key| put(key, "")).collect::<Vec<_>>(),
    )
    .await;
    write(&*store, [put("o", ""), put("q", "")]).await;
    for size in [1, 3, 5, 10, 11] {
        let (pages, revisions) = pages(&*store, "p/", Page::first(size)).await;
        assert!(pages.iter().all(|page| page.len() <= size));
        assert_eq!(pages.concat(), below, "in pages of {size}");
        assert!(revisions.iter().all(|revision| *revision > written));
    }

    let beyond = Page {
        after: Some("z".to_owned()),
        ..Page::first(5)
    };
    let listing = page(&*store, "p/", beyond).await;
    assert_eq!((listing.entries, listing.next), (vec![], None));
}

/// A page and those that follow it end where they were told to, be that where no key is or nowhere
/// in the listing.
pub async fn a_listing_ends_where_it_was_told_to(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let all = ["p/1", "p/2", "p/3", "p/4", "p/5"];
    write(&*store, all.map(|key| put(key, ""))).await;
    write(&*store, [put("o", ""), put("q", "")]).await;
    for (after, before, expected) in [
        (None, "p/4", &all[..3]),
        (Some("p/1"), "p/4", &all[1..3]),
        (Some("p/1"), "p/3~", &all[1..3]),
        (Some("p/2"), "p/3", &[]),
        (Some("p/3"), "p/3", &[]),
        (Some("p/4"), "p/2", &[]),
        (None, "a", &[]),
        (Some("p/3"), "z", &all[3..]),
    ] {
        for size in [1, 2, 10] {
            let first = Page {
                after: after.map(str::to_owned),
                before: Some(before.to_owned()),
                limit: size,
            };
            let (pages, _) = pages(&*store, "p/", first).await;
            assert!(pages.iter().all(|page| page.len() <= size));
            assert_eq!(
                pages.concat(),
                expected,
                "after {after:?} and before {before:?}, in pages of {size}"
            );
        }
    }
}

async fn page(store: &dyn Store, prefix: &str, page: Page) -> Listing {
    store.list(prefix, page).await.expect("a page is read")
}

async fn pages(store: &dyn Store, prefix: &str, first: Page) -> (Vec<Vec<String>>, Vec<Revision>) {
    let (mut pages, mut revisions) = (Vec::new(), Vec::new());
    let mut next = Some(first);
    while let Some(wanted) = next {
        let listing = page(store, prefix, wanted).await;
        pages.push(listing.entries.into_iter().map(|entry| entry.key).collect());
        revisions.push(listing.revision);
        next = listing.next;
    }
    (pages, revisions)
}

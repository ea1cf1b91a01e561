//! Watches.

use futures_util::future::{join, join_all};
use theseus_core::store::{Revision, Watched, list_all};

use super::{
    Fixture, Watching, delete, delete_prefix, increment, now, put, replay, was_deleted, was_put,
    write,
};

/// A watch tells what happened since its revision, then what happens from now on, whoever does it.
pub async fn a_watch_tells_the_past_and_goes_on(fixture: &dyn Fixture) {
    let (store, other) = (fixture.open().await, fixture.open().await);
    write(&*store, [put("a", "before")]).await;
    let start = now(&*store).await;
    let first = write(&*store, [put("a", "1")]).await;
    let second = write(&*other, [put("a", "2")]).await;
    let third = write(&*store, [delete("a"), delete("never")]).await;

    let mut watch = Watching::on(&*store, "", start).await;
    watch
        .expect(&[
            was_put("a", "1", first),
            was_put("a", "2", second),
            was_deleted("a", third),
        ])
        .await;

    let fourth = write(&*other, [put("b", "4")]).await;
    watch.expect(&[was_put("b", "4", fourth)]).await;
    let fifth = write(&*store, [put("b", "5")]).await;
    watch.expect(&[was_put("b", "5", fifth)]).await;
}

/// A watch of a prefix tells of the keys below it and of no others.
pub async fn a_watch_sees_only_its_prefix(fixture: &dyn Fixture) {
    let store = fixture.open().await;
    let start = now(&*store).await;
    let mut watch = Watching::on(&*store, "a/", start).await;
    let all = ["a", "a/", "a/b", "a0", "b"];
    let put_in = write(&*store, all.map(|key| put(key, "1"))).await;
    let deleted_in = write(&*store, [delete_prefix("")]).await;
    let end = write(&*store, [put("a/end", "1")]).await;
    watch
        .expect(&[
            was_put("a/", "1", put_in),
            was_put("a/b", "1", put_in),
            was_deleted("a/", deleted_in),
            was_deleted("a/b", deleted_in),
            was_put("a/end", "1", end),
        ])
        .await;
}

/// The changes of one commit come together, in the order of its writes, with one revision.
pub async fn a_commit_is_watched_whole(fixture: &dyn Fixture) {
    let (store, other) = (fixture.open().await, fixture.open().await);
    let before = write(&*store, [put("x/1", "0"), put("x/2", "0"), put("y", "0")]).await;
    let mut watch = Watching::on(&*store, "", before).await;
    let writes = [
        put("b", "1"),
        delete("y"),
        put("a", "1"),
        delete_prefix("x/"),
    ];
    let revision = write(&*other, writes).await;
    let whole = [
        was_put("b", "1", revision),
        was_deleted("y", revision),
        was_put("a", "1", revision),
        was_deleted("x/1", revision),
        was_deleted("x/2", revision),
    ];
    watch.expect(&whole).await;
    Watching::on(&*other, "", before).await.expect(&whole).await;
}

/// Whoever watches on from the last revision that was seen gets what follows, once.
pub async fn a_watch_goes_on_where_another_stopped(fixture: &dyn Fixture) {
    let mut store = fixture.open().await;
    let mut seen = now(&*store).await;
    for round in ["1", "2", "3"] {
        let mut watch = Watching::on(&*store, "", seen).await;
        let revision = write(&*store, [put("a", round), put("b", round)]).await;
        watch
            .expect(&[was_put("a", round, revision), was_put("b", round, revision)])
            .await;
        drop(watch);
        seen = revision;
        store = fixture.open().await;
    }
}

/// A listing and a watch from its revision give the state that all the racing writes lead to.
pub async fn a_watch_keeps_up_with_racing_writers(fixture: &dyn Fixture) {
    const EACH: usize = 20;
    let writers = join_all((0..3).map(|_| fixture.open())).await;
    let start = now(&*writers[0]).await;
    let mut watch = Watching::on(&*writers[0], "counter/", start).await;

    let write_all = join_all(writers.iter().enumerate().map(async |(number, store)| {
        for _ in 0..EACH {
            increment(&**store, &format!("counter/{number}")).await;
            increment(&**store, "counter/all").await;
        }
    }));
    let follow = async {
        let mut changes: Vec<Watched> = Vec::new();
        while changes.len() < 3 * 2 * EACH {
            changes.push(watch.next().await);
        }
        changes
    };
    let (changes, _) = join(follow, write_all).await;

    let revisions: Vec<Revision> = changes.iter().map(Watched::revision).collect();
    assert!(
        revisions.is_sorted_by(|earlier, later| earlier < later),
        "{revisions:?}"
    );
    let (entries, _) = list_all(&*writers[0], "counter/")
        .await
        .expect("a listing is read");
    assert_eq!(replay(changes).into_values().collect::<Vec<_>>(), entries);
}

//! Reading the containers of groups and services. What is large is read in parts, several at the same
//! time: a store reads each list on one of its processors. Where to cut is known by the counts of the
//! groups; whatever they say, nothing is left out or told twice.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

use super::endpoints::RegistryError;
use super::record::{
    CONTAINERS, COUNTS, ContainerRecord, CountsRecord, container_key, containers_prefix,
    counted_group, counts_key,
};
use crate::cluster::ContainerId;
use crate::model::GroupSelector;
use crate::records;
use crate::store::{Entry, Listing, Page, Store, StoreError, each_page_from};

/// How many containers are asked for first. Most groups and services have no more.
const FIRST: usize = 500;

/// How many are asked for at a time of those that have. Their records are small, and whoever looks
/// something up waits for all of them.
const PAGE: usize = 2500;

/// About how many are in one part of what has more.
const PART: usize = 1250;

/// Of how many groups it is asked how many containers they have. The others are read in one part.
const GROUPS: usize = 500;

/// How many lists are under way at the same time.
const AT_A_TIME: usize = 4;

/// Works on the entries of all containers that are meant, each once, in key order.
pub(super) async fn each_page(
    store: &dyn Store,
    selectors: &[GroupSelector],
    mut work: impl FnMut(Vec<Entry>) -> Result<(), RegistryError>,
) -> Result<(), RegistryError> {
    let first = |(prefix, selector): (String, _)| async move {
        let listing = store.list(&prefix, Page::first(FIRST)).await;
        (prefix, selector, listing)
    };
    let firsts: Vec<_> = distinct(selectors).into_iter().map(first).collect();
    let mut begun = stream::iter(firsts).buffered(AT_A_TIME);
    while let Some((prefix, selector, listing)) = begun.next().await {
        let Listing { entries, next, .. } = listing?;
        let Some(rest) = next else {
            work(entries)?;
            continue;
        };
        let rest = Page {
            limit: PAGE,
            ..rest
        };
        let (parts, worked) = tokio::join!(parts(store, selector, rest), async { work(entries) });
        worked?;
        let list = |part| store.list(&prefix, part);
        let lists: Vec<_> = parts?.into_iter().map(list).collect();
        let mut lists = stream::iter(lists).buffered(AT_A_TIME);
        while let Some(listing) = lists.next().await {
            each_page_from(store, &prefix, listing?, &mut work).await?;
        }
    }
    Ok(())
}

/// Parts of what is left of a listing.
async fn parts(
    store: &dyn Store,
    selector: &GroupSelector,
    rest: Page,
) -> Result<Vec<Page>, StoreError> {
    let counts = match selector {
        GroupSelector::Group(group) => store.get(&counts_key(group)).await?.into_iter().collect(),
        GroupSelector::Service(service) => {
            let below = format!("{COUNTS}{service}/");
            store.list(&below, Page::first(GROUPS)).await?.entries
        }
    };
    Ok(cut(
        rest,
        counts.iter().filter_map(begins).flatten().collect(),
    ))
}

/// Where a group, and each of its parts, begins, and with how many containers. What cannot be read
/// costs time, and nothing else.
fn begins(counts: &Entry) -> Option<Vec<(String, usize)>> {
    let group = counted_group(&counts.key)?;
    let counts: CountsRecord = records::decode(counts).ok()?.record;
    let containers = counts.apps.iter().map(|app| app.containers);
    let containers = containers.fold(0, usize::saturating_add);
    let each = containers / (counts.parts.len() + 1);
    // Right behind the last of a part: no key of a container holds this character.
    let behind = |id| format!("{}\u{1}", container_key(&group, id));
    let begins = std::iter::once(containers_prefix(&group));
    let begins = begins.chain(counts.parts.iter().map(behind));
    Some(begins.map(|begin| (begin, each)).collect())
}

/// Cuts a listing where groups, or their parts, begin, so that none of what is made of several has more
/// than [`PART`] containers. It is cut as well as was counted.
fn cut(whole: Page, mut begins: Vec<(String, usize)>) -> Vec<Page> {
    begins.sort_unstable();
    let is_ahead = |begin: &str| whole.after.as_deref().is_none_or(|after| after < begin);
    let ahead = begins.split_off(begins.partition_point(|(begin, _)| !is_ahead(begin)));
    // Of the one that is under way some are told already.
    let under_way = begins.last().map_or(0, |(_, containers)| *containers);
    let mut filled = under_way.saturating_sub(FIRST);
    let (mut parts, mut part) = (Vec::new(), whole);
    for (begin, containers) in ahead {
        filled = filled.saturating_add(containers);
        if filled > PART && filled > containers {
            // No container has the key at which is cut.
            let next = part.clone().following(&begin);
            part.before = Some(begin);
            parts.push(std::mem::replace(&mut part, next));
            filled = containers;
        }
    }
    parts.push(part);
    parts
}

/// Where to cut the containers of a group: behind the last of each part but the last. What was cut
/// before stays as long as it is of use, as all that changes has to be written.
pub(super) fn ends(
    before: &[ContainerId],
    containers: &BTreeMap<ContainerId, ContainerRecord>,
) -> Vec<ContainerId> {
    let total = containers.len();
    if total <= PART {
        return Vec::new();
    }
    let is_of_use = before.len() * PART <= 2 * total && largest(before, containers) <= 2 * PART;
    if is_of_use {
        return before.to_vec();
    }
    let each = total.div_ceil(total.div_ceil(PART));
    let ends = containers.keys().skip(each - 1).step_by(each);
    ends.filter(|end| containers.keys().next_back() != Some(end))
        .cloned()
        .collect()
}

/// How many are in the largest part.
fn largest(ends: &[ContainerId], containers: &BTreeMap<ContainerId, ContainerRecord>) -> usize {
    let mut sizes = vec![0_usize; ends.len() + 1];
    for id in containers.keys() {
        sizes[ends.partition_point(|end| end < id)] += 1;
    }
    sizes.into_iter().max().unwrap_or_default()
}

/// What all containers lie below that are meant, each once.
pub(super) fn prefixes(selectors: &[GroupSelector]) -> Vec<String> {
    let distinct = distinct(selectors).into_iter();
    distinct.map(|(prefix, _)| prefix).collect()
}

/// The same, and by whom it is meant.
fn distinct(selectors: &[GroupSelector]) -> Vec<(String, &GroupSelector)> {
    let below = |selector| (below(selector), selector);
    let mut distinct: Vec<_> = selectors.iter().map(below).collect();
    distinct.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    // What lies below another one sorts right behind it.
    distinct.dedup_by(|(next, _), (before, _)| next.starts_with(before.as_str()));
    distinct
}

/// What the containers of a group or service lie below.
pub(super) fn below(selector: &GroupSelector) -> String {
    match selector {
        GroupSelector::Group(group) => containers_prefix(group),
        GroupSelector::Service(service) => format!("{CONTAINERS}{service}/"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::option;
    use proptest::prelude::*;

    use super::super::held::HeldGroup;
    use super::super::picture::{Heard, Picture};
    use super::super::testing::{app, container, group, look, spec, state_of, time};
    use super::*;
    use crate::store::Revision;

    #[test]
    fn no_container_is_found_twice() {
        let selectors = ["b", "a:x", "a:x,y", "a", "b:z", "ab"].map(|text| text.parse().unwrap());
        assert_eq!(
            prefixes(&selectors),
            ["containers/a/", "containers/ab/", "containers/b/"]
        );
        let selectors = ["a:x", "a:x,y"].map(|text| text.parse().unwrap());
        assert_eq!(
            prefixes(&selectors),
            ["containers/a/x,y/", "containers/a/x/"]
        );
    }

    #[test]
    fn parts_begin_with_the_group_that_would_be_too_much() {
        let cut = |after: &str, groups: &[(&str, usize)]| -> Vec<String> {
            let whole = Page::first(PAGE).following(after);
            let groups = groups
                .iter()
                .map(|(begin, count)| ((*begin).to_owned(), *count));
            let parts = cut(whole, groups.collect()).into_iter();
            parts.skip(1).filter_map(|part| part.after).collect()
        };
        let fleet = [
            ("g", 600),
            ("b", 600),
            ("c", 50),
            ("d", 601),
            ("e", 9000),
            ("f", 650),
        ];
        assert_eq!(cut("a", &fleet), ["d", "e", "f"]);
        assert_eq!(cut("b", &fleet), ["e", "f"]);
        assert_eq!(cut("g", &fleet), [""; 0]);
        assert_eq!(cut("a", &[]), [""; 0]);
    }

    /// The group with so many containers, where this is held of it.
    fn seen(count: usize, held: &HeldGroup) -> Picture {
        let containers = (0..count)
            .map(|n| container(&format!("c/{n:05}")))
            .collect();
        let state = state_of(1, spec("a:1", &[]), vec![app(1, containers)]);
        look(&state, held, &Heard::new(), time(9))
    }

    #[test]
    fn a_large_group_is_cut_anew_when_its_parts_are_of_no_use_any_more() {
        let mut held = HeldGroup::default();
        for (count, parts) in [
            (1000, 1),
            (2500, 1),
            (10_000, 8),
            (11_000, 8),
            (9000, 8),
            (12_000, 10),
            (5000, 4),
            (1250, 1),
        ] {
            let picture = seen(count, &held);
            let ends = &picture.counts.as_ref().unwrap().parts;
            assert_eq!(ends.len() + 1, parts, "{count} containers");
            assert!(ends.is_sorted());
            assert!(largest(ends, &picture.containers) <= 2 * PART);
            held = HeldGroup::from(picture);
        }
    }

    #[test]
    fn a_large_group_is_read_in_its_parts() {
        let Picture { containers, counts } = seen(10_000, &HeldGroup::default());
        let counts = Entry {
            key: counts_key(&group()),
            value: records::encode(&counts.unwrap()),
            modified: Revision(1),
        };
        let keys: Vec<String> = containers
            .keys()
            .map(|id| container_key(&group(), id))
            .collect();
        let rest = Page::first(PAGE).following(&keys[FIRST - 1]);
        let parts = cut(rest, begins(&counts).unwrap());
        let sizes = parts.iter().map(|part| {
            let is_in = |key: &&String| {
                part.after.as_ref().is_none_or(|after| *key > after)
                    && part.before.as_ref().is_none_or(|before| *key < before)
            };
            keys.iter().filter(is_in).count()
        });
        assert_eq!(
            sizes.collect::<Vec<_>>(),
            [750, 1250, 1250, 1250, 1250, 1250, 1250, 1250]
        );
    }

    proptest! {
        #[test]
        fn parts_follow_each_other_and_are_the_whole(
            groups in btree_map("[a-d]{1,3}/", 0..2000_usize, 0..20),
            after in option::of("[a-d]{1,3}/x"),
            before in option::of("e|f"),
        ) {
            let whole = Page { after, before, limit: PAGE };
            let parts = cut(whole.clone(), groups.clone().into_iter().rev().collect());
            prop_assert_eq!(&parts[0].after, &whole.after);
            prop_assert_eq!(&parts[parts.len() - 1].before, &whole.before);
            for (one, next) in parts.iter().zip(&parts[1..]) {
                prop_assert_eq!(&one.before, &next.after);
            }
            for part in &parts {
                prop_assert_eq!(part.limit, PAGE);
                let is_within = |begin: &String| {
                    part.after.as_ref().is_none_or(|after| begin >= after)
                        && part.before.as_ref().is_none_or(|before| begin < before)
                };
                let within: Vec<usize> = groups
                    .iter()
                    .filter(|(begin, count)| is_within(begin) && **count > 0)
                    .map(|(_, count)| *count)
                    .collect();
                prop_assert!(within.len() < 2 || within.iter().sum::<usize>() <= PART);
            }
        }
    }
}

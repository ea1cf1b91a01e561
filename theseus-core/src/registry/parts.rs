//! Reading the containers of groups and services. What is large is read in parts, several at the same
//! time: a store reads each list on one of its processors.

use futures_util::{StreamExt as _, stream};

use super::endpoints::RegistryError;
use super::record::{CONTAINERS, COUNTS, CountsRecord, containers_prefix, counted_group};
use crate::model::GroupSelector;
use crate::records;
use crate::store::{Entry, Listing, Page, Store, StoreError, each_page_from};

/// How many containers are asked for first. Most groups and services have no more.
const FIRST: usize = 500;

/// How many are asked for at a time of those that have. Their records are small, and whoever looks
/// something up waits for all of them.
const PAGE: usize = 2500;

/// About how many are in one part of a service that has more.
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

/// Parts of what is left of a listing. Those of a service are cut by what its groups were counted to
/// have.
async fn parts(
    store: &dyn Store,
    selector: &GroupSelector,
    rest: Page,
) -> Result<Vec<Page>, StoreError> {
    let GroupSelector::Service(service) = selector else {
        return Ok(vec![rest]);
    };
    let below = format!("{COUNTS}{service}/");
    let counts = store.list(&below, Page::first(GROUPS)).await?.entries;
    // What cannot be read costs time, and nothing else.
    let groups = counts.iter().filter_map(|entry| {
        let group = counted_group(&entry.key)?;
        let counts: CountsRecord = records::decode(entry).ok()?.record;
        let containers = counts.apps.iter().map(|app| app.containers);
        let containers = containers.fold(0, usize::saturating_add);
        Some((containers_prefix(&group), containers))
    });
    Ok(cut(rest, groups.collect()))
}

/// Cuts a listing where groups begin, so that no part has more than [`PART`] containers of several
/// groups. It is cut as well as was counted.
fn cut(whole: Page, mut groups: Vec<(String, usize)>) -> Vec<Page> {
    let is_ahead = |begin: &str| whole.after.as_deref().is_none_or(|after| after < begin);
    groups.retain(|(begin, _)| is_ahead(begin));
    groups.sort_unstable();
    let (mut parts, mut part, mut filled) = (Vec::new(), whole, 0_usize);
    for (begin, containers) in groups {
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

    use super::*;

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

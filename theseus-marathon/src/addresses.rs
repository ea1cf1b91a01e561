//! Which of Marathon's addresses is asked first: who answers stays in front, who does not falls
//! behind, and behind a standby the leader that it names comes first, if one may go there.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::HeaderMap;
use tokio::time::Instant;
use url::Url;

use crate::config::is_loopback;

/// How long an address is left alone that was told by others and does not answer.
const LEFT_ALONE: Duration = Duration::from_secs(60);

/// How long an address that has answered before may be silent before another one is asked besides.
const TRUSTED: Duration = Duration::from_secs(5);

/// The same of one that has not.
const UNTRIED: Duration = Duration::from_secs(1);

/// Marathon's addresses.
#[derive(Debug)]
pub(crate) struct Addresses {
    configured: Vec<Url>,
    /// Whether a leader may be asked that the configuration does not name: not when anybody could
    /// learn from it who is asking.
    may_stray: bool,
    places: Mutex<Vec<Place>>,
}

/// An address, and how it fared.
#[derive(Debug, Clone)]
struct Place {
    url: Url,
    has_answered: bool,
    failed: Option<Instant>,
}

impl Place {
    fn new(url: Url) -> Self {
        Self {
            url,
            has_answered: false,
            failed: None,
        }
    }
}

impl Addresses {
    pub(crate) fn new(configured: Vec<Url>, may_stray: bool) -> Self {
        let places = configured.iter().cloned().map(Place::new).collect();
        Self {
            configured,
            may_stray,
            places: Mutex::new(places),
        }
    }

    /// Those of the configuration.
    pub(crate) fn configured(&self) -> &[Url] {
        &self.configured
    }

    /// Whether the configuration names somebody there.
    pub(crate) fn is_known(&self, url: &Url) -> bool {
        let mut known = self.configured.iter();
        known.any(|known| known.origin() == url.origin())
    }

    /// All addresses in the order in which they are to be asked, each with how long it may be silent
    /// before the next one is asked besides.
    pub(crate) fn in_turn(&self) -> Vec<(Url, Duration)> {
        let places = self.places();
        let told = places.iter().map(|place| {
            let patience = if place.has_answered { TRUSTED } else { UNTRIED };
            (place.url.clone(), patience)
        });
        told.collect()
    }

    /// One of them has answered, with these headers.
    pub(crate) fn answered(&self, url: &Url, headers: &HeaderMap) {
        let mut places = self.places();
        if let Some(index) = places.iter().position(|place| place.url == *url) {
            places[index].has_answered = true;
            places[index].failed = None;
            places[..=index].rotate_right(1);
        }
        drop(places);
        // Who leads is of interest only where somebody else passes the questions on.
        if standby(headers)
            && let Some(leader) = leader(headers)
        {
            self.leads(&leader, url);
        }
    }

    /// One of them does not answer, or cannot serve.
    pub(crate) fn failed(&self, url: &Url) {
        let mut places = self.places();
        if let Some(index) = places.iter().position(|place| place.url == *url) {
            places[index].has_answered = false;
            places[index].failed = Some(Instant::now());
            places[index..].rotate_left(1);
        }
    }

    /// Somebody at `from` says that this is the leader's address.
    pub(crate) fn leads(&self, leader: &Url, from: &Url) {
        let Some(url) = self.reached(leader, from) else {
            return;
        };
        let mut places = self.places();
        let known = places.iter().position(|place| place.url == url);
        let index = known.unwrap_or_else(|| {
            // There is one leader: what led before is forgotten.
            places.retain(|place| self.configured.contains(&place.url));
            places.push(Place::new(url));
            places.len() - 1
        });
        let failed = places[index].failed;
        if failed.is_none_or(|failed| failed.elapsed() > LEFT_ALONE) {
            places[..=index].rotate_right(1);
        }
    }

    /// Where a leader is reached of which a server at `from` tells.
    fn reached(&self, leader: &Url, from: &Url) -> Option<Url> {
        let same_origin = |url: &&Url| url.origin() == leader.origin();
        if let Some(known) = self.configured.iter().find(same_origin) {
            return Some(known.clone());
        }
        // It may be reached by another scheme, and so at another port, than it says of itself.
        let mut same_host = self
            .configured
            .iter()
            .filter(|url| url.host() == leader.host() && url.scheme() != leader.scheme());
        if let (Some(known), None) = (same_host.next(), same_host.next()) {
            return Some(known.clone());
        }
        // What stands in front of Marathon under a path does not stand at the leader's own address,
        // and what another machine calls `localhost` is another Marathon here.
        let is_elsewhere = is_loopback(leader) && !is_loopback(from);
        let is_direct = leader.scheme() == from.scheme() && from.path() == "/";
        let may = self.may_stray && is_direct && !is_elsewhere;
        may.then(|| leader.clone())
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which standby has passed the question on.
const VIA: &str = "x-marathon-via";

/// Which Marathon leads, as it says of itself.
pub(crate) fn leader(headers: &HeaderMap) -> Option<Url> {
    let told = headers.get("x-marathon-leader")?.to_str().ok()?;
    at_root(told.parse().ok()?)
}

/// Whether a standby has passed the question on.
pub(crate) fn standby(headers: &HeaderMap) -> bool {
    headers.contains_key(VIA)
}

/// Nothing but scheme, host and port of an address of HTTP.
fn at_root(mut url: Url) -> Option<Url> {
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    (is_http && is_plain).then_some(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn addresses(urls: &[&str], may_stray: bool) -> Addresses {
        Addresses::new(urls.iter().map(|text| url(text)).collect(), may_stray)
    }

    fn order(addresses: &Addresses) -> Vec<String> {
        let turn = addresses.in_turn().into_iter();
        turn.map(|(url, _)| url.to_string()).collect()
    }

    fn told(leader: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(leader) = leader {
            headers.insert(VIA, "1.1 a:8080".parse().unwrap());
            headers.insert("x-marathon-leader", leader.parse().unwrap());
        }
        headers
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_comes_first_and_who_does_not_comes_last() {
        let these = addresses(&["http://a/", "http://b/", "http://c/"], false);
        these.failed(&url("http://a/"));
        assert_eq!(order(&these), ["http://b/", "http://c/", "http://a/"]);
        these.answered(&url("http://c/"), &told(None));
        assert_eq!(order(&these), ["http://c/", "http://b/", "http://a/"]);
        let patience: Vec<_> = these.in_turn().into_iter().map(|(_, it)| it).collect();
        assert_eq!(patience, [TRUSTED, UNTRIED, UNTRIED]);
    }

    #[tokio::test(start_paused = true)]
    async fn behind_a_standby_the_leader_comes_first_where_one_may_go() {
        for (urls, may_stray, leader, first) in [
            // Known by its address, or by its host alone.
            (
                &["http://a:1", "http://b:1"][..],
                false,
                "http://b:1",
                "http://b:1/",
            ),
            (
                &["https://a:2", "https://b:2/m"],
                false,
                "http://b:1",
                "https://b:2/m",
            ),
            (
                &["http://a:1", "http://b:1", "http://b:2"],
                false,
                "http://b:3",
                "http://a:1/",
            ),
            // Unknown.
            (&["http://a:1"], true, "http://b:1", "http://b:1/"),
            (&["http://a:1"], false, "http://b:1", "http://a:1/"),
            (&["https://a:1"], true, "http://b:1", "https://a:1/"),
            (
                &["http://a:1/service/marathon"],
                true,
                "http://b:1",
                "http://a:1/service/marathon",
            ),
            // Another machine's own name for itself.
            (&["http://a:1"], true, "http://localhost:1", "http://a:1/"),
            (&["http://a:1"], true, "http://127.0.0.1:1", "http://a:1/"),
            (
                &["http://localhost:1"],
                true,
                "http://127.0.0.1:2",
                "http://127.0.0.1:2/",
            ),
            // Nonsense.
            (&["http://a:1"], true, "ftp://b:1", "http://a:1/"),
            (&["http://a:1"], true, "http://x:y@b:1", "http://a:1/"),
            (&["http://a:1"], true, "b:1", "http://a:1/"),
            (&["http://a:1"], true, "", "http://a:1/"),
        ] {
            let these = addresses(urls, may_stray);
            these.answered(&url(urls[0]), &told(Some(leader)));
            assert_eq!(order(&these)[0], first, "{urls:?} {leader}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_leader_that_cannot_be_reached_is_left_alone_for_a_while() {
        let these = addresses(&["http://a:1"], true);
        let (a, b) = (url("http://a:1"), "http://b:1/");
        these.answered(&a, &told(Some(b)));
        these.failed(&url(b));
        these.answered(&a, &told(Some(b)));
        assert_eq!(order(&these), ["http://a:1/", b]);
        tokio::time::advance(LEFT_ALONE + UNTRIED).await;
        these.answered(&a, &told(Some(b)));
        assert_eq!(order(&these), [b, "http://a:1/"]);
        // Another one leads now.
        these.answered(&a, &told(Some("http://c:1")));
        assert_eq!(order(&these), ["http://c:1/", "http://a:1/"]);
    }

    proptest! {
        #[test]
        fn no_address_is_ever_lost(steps in proptest::collection::vec((0..4_usize, 0..4_usize), 0..40)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _guard = runtime.enter();
            let urls = ["http://a/", "http://b/", "http://c/"];
            let these = addresses(&urls, true);
            for (what, which) in steps {
                let of = url(["http://a/", "http://b/", "http://c/", "http://d/"][which]);
                match what {
                    0 => these.failed(&of),
                    1 => these.answered(&of, &told(None)),
                    2 => these.answered(&of, &told(Some("http://d/"))),
                    _ => these.leads(&of, &url("http://a/")),
                }
                let order = order(&these);
                prop_assert!(urls.iter().all(|url| order.iter().filter(|it| it == url).count() == 1));
                prop_assert!(order.len() <= 4);
            }
        }
    }
}

//! What Marathon answers about what it has yet to start: `GET /v2/queue`.

use serde::Deserialize;

use super::read::{Lenient, Text, or_default};

#[derive(Debug, Deserialize)]
pub(crate) struct Queue<'a> {
    #[serde(borrow)]
    pub(crate) queue: Vec<Lenient<Item<'a>>>,
}

/// An app (or a pod, which is none of ours) of which containers are to be started.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item<'a> {
    #[serde(borrow)]
    pub(crate) app: Option<App<'a>>,
    pub(crate) count: Option<u64>,
    pub(crate) delay: Option<Delay>,
    /// Since 1.4.
    #[serde(borrow, rename = "processedOffersSummary")]
    pub(crate) offers: Option<Offers<'a>>,
    /// Since 1.4, where they are asked for.
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub(crate) last_unused_offers: Vec<Lenient<UnusedOffer<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct App<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delay {
    pub(crate) time_left_seconds: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Offers<'a> {
    #[serde(
        borrow,
        rename = "rejectSummaryLastOffers",
        default,
        deserialize_with = "or_default"
    )]
    pub(crate) rejections: Vec<Lenient<Rejection<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Rejection<'a> {
    #[serde(borrow)]
    pub(crate) reason: Text<'a>,
    pub(crate) declined: Option<u64>,
    pub(crate) processed: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct UnusedOffer<'a> {
    #[serde(borrow)]
    pub(crate) offer: Offer<'a>,
    pub(crate) timestamp: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Offer<'a> {
    #[serde(borrow)]
    pub(crate) hostname: Text<'a>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) resources: Vec<Lenient<Named<'a>>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) attributes: Vec<Lenient<Named<'a>>>,
}

/// A resource or an attribute: its name, and its value in one of these forms.
#[derive(Debug, Deserialize)]
pub(crate) struct Named<'a> {
    #[serde(borrow)]
    pub(crate) name: Text<'a>,
    pub(crate) text: Option<Text<'a>>,
    pub(crate) scalar: Option<f64>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) ranges: Vec<Range>,
}

/// Both ends belong to it.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Range {
    pub(crate) begin: u64,
    pub(crate) end: u64,
}

//! `/v2/eventSubscriptions`: who has events posted to him.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Extension;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;

use super::apps::client_ip;
use super::error::ApiError;
use super::params::Params;
use super::{Answer, Ctx, ok};
use crate::callbacks::NoCallback;
use crate::cluster::{Body, Event};

type Client = Option<Extension<ConnectInfo<SocketAddr>>>;

pub(super) async fn list(State(engine): Ctx) -> Answer {
    let urls = engine.hub.callbacks.urls();
    ok(&BTreeMap::from([("callbackUrls", urls)]))
}

pub(super) async fn subscribe(State(engine): Ctx, client: Client, params: Params) -> Answer {
    let callback_url = url(&params)?;
    let refuse = |error: NoCallback| ApiError::unprocessable(error.to_string());
    engine
        .hub
        .callbacks
        .subscribe(&callback_url)
        .map_err(refuse)?;
    let client_ip = client_ip(client);
    let body = || Body::SubscribeEvent {
        client_ip: client_ip.clone(),
        callback_url: callback_url.clone(),
    };
    engine.act(|cluster, now| {
        cluster.tell(body(), now);
        ok(&Event::now(body(), now))
    })
}

pub(super) async fn unsubscribe(State(engine): Ctx, client: Client, params: Params) -> Answer {
    let callback_url = url(&params)?;
    engine.hub.callbacks.unsubscribe(&callback_url);
    let client_ip = client_ip(client);
    let body = || Body::UnsubscribeEvent {
        client_ip: client_ip.clone(),
        callback_url: callback_url.clone(),
    };
    engine.act(|cluster, now| {
        cluster.tell(body(), now);
        ok(&Event::now(body(), now))
    })
}

fn url(params: &Params) -> Result<String, ApiError> {
    let missing = || ApiError::message(StatusCode::BAD_REQUEST, "callbackUrl is required");
    params
        .first("callbackUrl")
        .map(str::to_owned)
        .ok_or_else(missing)
}

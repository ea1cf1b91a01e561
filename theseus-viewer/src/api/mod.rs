//! What pages show and do, as JSON for programs, described by a document that is made of it.

mod change;
mod document;
mod logs;
mod machines;
mod past;
mod shapes;
mod show;
mod told;

use axum::http::Method;
use axum::routing::get;
use theseus_core::manifest::MAX_BYTES;
use utoipa::openapi::PathItem;
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::routes::{App, Entry, Needs};

/// The longest body that is no manifest, in bytes.
const SMALL: usize = 16 << 10;

/// A route with its description.
struct Described {
    needs: Needs,
    body: usize,
    route: UtoipaMethodRouter<App>,
}

fn described() -> Vec<Described> {
    let show = |route| Described {
        needs: Needs::Looking,
        body: 0,
        route,
    };
    let change = |body, route| Described {
        needs: Needs::Changing,
        body,
        route,
    };
    vec![
        show(routes!(show::status)),
        show(routes!(show::groups)),
        show(routes!(show::group)),
        show(routes!(show::rollouts)),
        show(routes!(show::containers)),
        show(routes!(show::container)),
        show(routes!(logs::logs)),
        show(routes!(past::rollout)),
        show(routes!(past::history)),
        show(routes!(past::revision)),
        show(routes!(past::audit)),
        show(routes!(past::usage)),
        show(routes!(past::endpoints)),
        show(routes!(machines::hosts)),
        show(routes!(machines::host)),
        show(routes!(change::deploys)),
        show(routes!(change::deploy_status)),
        // It takes a body, and changes nothing: whoever may look may ask what would be.
        Described {
            needs: Needs::Looking,
            body: MAX_BYTES,
            route: routes!(change::plan),
        },
        change(MAX_BYTES, routes!(change::deploy)),
        change(SMALL, routes!(change::scale)),
        change(SMALL, routes!(change::restart)),
        change(SMALL, routes!(change::rollback)),
        change(SMALL, routes!(change::resume)),
        change(SMALL, routes!(change::pause)),
        change(SMALL, routes!(change::promote)),
        change(SMALL, routes!(change::abort)),
    ]
}

/// The routes of the API.
pub(crate) fn table() -> Vec<Entry> {
    let described = described().into_iter().flat_map(|described| {
        let Described { needs, body, route } = described;
        let (_, paths, handler) = route;
        let entry = move |(path, item): (String, PathItem)| {
            let entry = if method(&item) == Method::POST {
                Entry::take(&path, needs, body, handler.clone())
            } else {
                Entry::show(&path, handler.clone())
            };
            entry.for_programs()
        };
        paths.paths.into_iter().map(entry)
    });
    let document = Entry::show("/api/v1/openapi.json", get(document::show));
    described.chain([document]).collect()
}

fn method(item: &PathItem) -> Method {
    if item.post.is_some() {
        Method::POST
    } else {
        Method::GET
    }
}

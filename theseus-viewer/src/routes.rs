//! Which address shows what, and what it takes to be shown it.
//!
//! Every route is made of an [`Entry`], which cannot be written without saying what it needs; the
//! table that [`routes`] tells is the very one that is served.

use std::sync::Arc;

use axum::extract::FromRef;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use axum::{Router, extract};
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::access::Access;
use crate::actions::{self, Shelf, Works};
use crate::guard::{Gate, Rule, admit, guard};
use crate::metrics::{self, Metrics};
use crate::pages::logs;
use crate::pages::routes as shown;
use crate::refusal::Refusal;
use crate::viewer::Viewer;
use crate::{api, assets, live, sign_in};

/// The places of all containers whose logs a page may have, in bytes.
const PLACES: usize = 512 << 10;

/// What a route needs of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: not even a token, where there is one.
    Nothing,
    /// That he may look: everybody on an open viewer, else whoever has the token.
    Looking,
    /// That he has the token, and that the viewer allows changes.
    Changing,
}

/// For whom an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// For people: who is not signed in is led to where he can.
    Page,
    /// For programs.
    Data,
}

/// One address that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method; what takes GET takes HEAD, too.
    pub method: Method,
    /// The address, with names in braces for its variable parts.
    pub path: String,
    /// What it needs.
    pub needs: Needs,
    /// For whom its answer is.
    pub answers: Answers,
}

/// A route with what answers it.
pub(crate) struct Entry {
    route: Route,
    /// The longest body that is taken, in bytes.
    body: usize,
    handler: MethodRouter<App>,
}

/// What handlers share.
#[derive(Debug, Clone, FromRef)]
pub(crate) struct App {
    pub(crate) viewer: Viewer,
    pub(crate) gate: Arc<Gate>,
    pub(crate) works: Works,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Answers {
    /// What an address answers with, be it one that there is not.
    pub(crate) fn to(path: &str) -> Self {
        if path.starts_with("/api/") || matches!(path, "/metrics" | "/health" | "/live") {
            Self::Data
        } else {
            Self::Page
        }
    }
}

impl Entry {
    fn new(method: Method, path: &str, needs: Needs, handler: MethodRouter<App>) -> Self {
        let route = Route {
            method,
            path: path.to_owned(),
            needs,
            answers: Answers::to(path),
        };
        Self {
            route,
            body: 0,
            handler,
        }
    }

    /// Shows something to whoever may look.
    pub(crate) fn show(path: &str, handler: MethodRouter<App>) -> Self {
        Self::new(Method::GET, path, Needs::Looking, handler)
    }

    /// Shows something to everybody.
    pub(crate) fn open(path: &str, handler: MethodRouter<App>) -> Self {
        Self::new(Method::GET, path, Needs::Nothing, handler)
    }

    /// Shows something to whoever may change it.
    pub(crate) fn ask(path: &str, handler: MethodRouter<App>) -> Self {
        Self::new(Method::GET, path, Needs::Changing, handler)
    }

    /// Takes a body of so many bytes at most.
    pub(crate) fn take(path: &str, needs: Needs, body: usize, handler: MethodRouter<App>) -> Self {
        Self {
            body,
            ..Self::new(Method::POST, path, needs, handler)
        }
    }

    /// Answers programs, wherever it is.
    pub(crate) fn for_programs(mut self) -> Self {
        self.route.answers = Answers::Data;
        self
    }
}

fn table() -> Vec<Entry> {
    let mut table = vec![
        Entry::show("/", get(shown::overview)),
        Entry::show("/groups/{group}", get(shown::group)),
        Entry::show(
            "/groups/{group}/containers/{container}",
            get(shown::container),
        ),
        Entry::show("/groups/{group}/logs", get(logs::show)),
        Entry::show("/groups/{group}/logs/live", get(logs::live)).for_programs(),
        Entry::take(
            "/groups/{group}/logs/older",
            Needs::Looking,
            PLACES,
            post(logs::older),
        )
        .for_programs(),
        Entry::show("/machines", get(shown::machines)),
        Entry::show("/machines/{host}", get(shown::machine)),
        Entry::show("/usage", get(shown::usage)),
        Entry::show("/events", get(shown::events)),
        Entry::show("/live", get(live::stream)),
        Entry::open("/health", get(async || "ok")),
        Entry::show("/metrics", get(metrics::show)),
        Entry::open("/assets/viewer.css", get(assets::style)),
        Entry::open("/assets/viewer.js", get(assets::script)),
        Entry::open("/assets/icon.svg", get(assets::icon)),
        Entry::open("/assets/logs.css", get(assets::logs_style)),
        Entry::open("/assets/logs.js", get(assets::logs_script)),
    ];
    table.extend(sign_in::table());
    table.extend(actions::table());
    table.extend(api::table());
    table
}

/// Every address that is served, and what it needs.
pub fn routes() -> Vec<Route> {
    table().into_iter().map(|entry| entry.route).collect()
}

/// The viewer's pages and its API, for those that `access` lets in. Mount it at the root.
pub fn router(viewer: Viewer, access: impl Into<Access>) -> Router {
    routed(viewer, access.into()).0
}

/// The same, with what is being carried out for it.
pub(crate) fn routed(viewer: Viewer, access: Access) -> (Router, Works) {
    let metrics = Arc::new(Metrics::new());
    let gate = Arc::new(Gate::new(access, Arc::clone(&metrics)));
    let works = Works::new(&viewer);
    let app = App {
        viewer,
        gate: Arc::clone(&gate),
        works: works.clone(),
        shelf: Arc::default(),
        metrics,
    };
    let mut router = Router::new();
    for Entry {
        route,
        body,
        handler,
    } in table()
    {
        let rule = Rule {
            gate: Arc::clone(&gate),
            needs: route.needs,
            answers: route.answers,
            body,
        };
        let handler = handler
            // Our own limit, which is counted before anything is read, is the one that holds.
            .route_layer(extract::DefaultBodyLimit::disable())
            .route_layer(RequestBodyLimitLayer::new(body))
            .route_layer(from_fn_with_state(rule, admit));
        router = router.route(&route.path, handler);
    }
    let router = router
        .fallback(async |uri: axum::http::Uri| {
            let refusal = Refusal::new(StatusCode::NOT_FOUND, "there is no such page");
            refusal.answer(Answers::to(uri.path()))
        })
        .method_not_allowed_fallback(async |uri: axum::http::Uri| {
            let reason = "that method is not taken here";
            let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, reason);
            refusal.answer(Answers::to(uri.path()))
        })
        // Nothing in a page is secret from whoever may see it, so its length gives nothing away.
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(Arc::clone(&app.metrics), metrics::count))
        .layer(from_fn_with_state(gate, guard))
        .with_state(app);
    (router, works)
}

//! What apps are that Theseus did not make, for those who want to take them over.

mod command;
mod fields;
mod health;
mod ports;
mod proposal;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::{Map, Value};
use theseus_core::cluster::{AppId, Foreign, Found};

use crate::decode;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::http::{Http, Request};
use crate::names;
use crate::observe::embedding;

/// What runs of an app, and its definition.
type Definition = (Foreign, Map<String, Value>);

/// Reads these apps, or all that Theseus did not name. Those that are not there are left out.
pub(crate) async fn survey(
    http: &Http,
    dialect: Dialect,
    apps: Option<&[AppId]>,
) -> Result<Vec<Found>, Failure> {
    let definitions = if let Some(apps) = apps {
        some(http, apps).await?
    } else {
        let request = embedding(Request::get("/v2/apps"), dialect);
        http.read(&request, all).await?
    };
    let found = definitions.into_iter().map(|(running, definition)| {
        let (spec, unsaid) = spec::read(definition, dialect);
        Found {
            proposal: proposal::of(&running.id.0),
            running,
            spec,
            unsaid,
        }
    });
    Ok(found.collect())
}

async fn some(http: &Http, apps: &[AppId]) -> Result<Vec<Definition>, Failure> {
    let paths = apps.iter().filter_map(|app| names::path(&app.0));
    let each = paths.map(async |path| {
        let request = Request::get(&format!("/v2/apps{path}"));
        match http.read(&request, one).await {
            Err(Failure::Gone(_)) => Ok(None),
            answer => answer,
        }
    });
    let found = try_join_all(each).await?;
    Ok(found.into_iter().flatten().collect())
}

/// Reads the answer to `GET /v2/apps`: once as what runs, once as what it is.
fn all(body: &[u8]) -> serde_json::Result<Vec<Definition>> {
    #[derive(Deserialize)]
    struct Answer {
        apps: Vec<Map<String, Value>>,
    }
    let foreign = decode::apps(body)?.foreign;
    let answer: Answer = serde_json::from_slice(body)?;
    let definitions = answer.apps.into_iter().filter_map(|app| {
        let id = app.get("id")?.as_str()?.to_owned();
        Some((id, app))
    });
    let mut definitions: HashMap<String, Map<String, Value>> = definitions.collect();
    let foreign = foreign.into_iter();
    Ok(foreign
        .filter_map(|running| {
            let definition = definitions.remove(&running.id.0)?;
            Some((running, definition))
        })
        .collect())
}

/// Reads the answer to `GET /v2/apps/{id}`.
fn one(body: &[u8]) -> serde_json::Result<Option<Definition>> {
    #[derive(Deserialize)]
    struct Answer {
        app: Map<String, Value>,
    }
    let Some(running) = decode::foreign(body)? else {
        return Ok(None);
    };
    let answer: Answer = serde_json::from_slice(body)?;
    Ok(Some((running, answer.app)))
}

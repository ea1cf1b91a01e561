//! What apps are that Theseus did not make, for those who want to take them over.

mod command;
mod fields;
mod health;
mod ports;
mod proposal;
mod spec;
#[cfg(test)]
mod tests;

use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use theseus_core::cluster::{AppId, Foreign, Found};

use crate::classify::excerpt;
use crate::decode;
use crate::dialect::Dialect;
use crate::failure::Failure;
use crate::http::{Http, Request};
use crate::names;
use crate::observe::embedding;

/// What runs of an app, and its definition; or why that cannot be read.
type Definition = (Foreign, Result<Map<String, Value>, String>);

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
        let (spec, unsaid) = match definition {
            Ok(definition) => spec::read(definition, dialect),
            Err(why) => (Err(format!("it cannot be read: {why}")), Vec::new()),
        };
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

/// Reads the answer to `GET /v2/apps`. An app that cannot be read is told by its name, and spoils no
/// other.
fn all(body: &[u8]) -> serde_json::Result<Vec<Definition>> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        apps: Vec<&'a RawValue>,
    }
    let answer: Answer<'_> = serde_json::from_slice(body)?;
    let apps = answer.apps.into_iter();
    apps.filter_map(|app| definition(app).transpose()).collect()
}

/// Reads the answer to `GET /v2/apps/{id}`.
fn one(body: &[u8]) -> serde_json::Result<Option<Definition>> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        app: &'a RawValue,
    }
    let answer: Answer<'_> = serde_json::from_slice(body)?;
    definition(answer.app)
}

/// An app, if it is somebody else's: once as what runs, once as what it is.
fn definition(app: &RawValue) -> serde_json::Result<Option<Definition>> {
    let Some(running) = decode::alone(app.get())? else {
        return Ok(None);
    };
    let definition = match &running.unread {
        Some(why) => Err(why.clone()),
        None => serde_json::from_str(app.get()).map_err(|error| excerpt(&error.to_string())),
    };
    Ok(Some((running, definition)))
}

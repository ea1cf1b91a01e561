//! `/v2/apps` and everything below.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::{Extension, body::Bytes};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::body::parse;
use super::deployments::deployment_result;
use super::error::ApiError;
use super::params::{Params, path_id, segments};
use super::pieces::{Show, in_pieces};
use super::selector::Selector;
use super::{Answer, Ctx, json, ok, tasks};
use crate::behaviour;
use crate::cluster::{AppInfo, Body, Change, Cluster, Draft, Embed, Receipt};
use crate::definition::{AppSpec, AppUpdate, Fault, validate};
use crate::path_id::PathId;
use crate::time::Stamp;
use crate::version::MarathonVersion;

/// A list out of more apps than these is sent while it is written.
const MANY: usize = 1000;

/// The address that a request came from.
pub(super) fn client_ip(client: Client) -> String {
    let ip = client.map_or(IpAddr::from([127, 0, 0, 1]), |it| it.0.0.ip());
    ip.to_string()
}

/// What everybody may see of the sender of a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    ip: String,
    uri: String,
}

impl Caller {
    fn new(client: Option<Extension<ConnectInfo<SocketAddr>>>, uri: &Uri) -> Self {
        Self {
            ip: client_ip(client),
            uri: uri.path().to_owned(),
        }
    }

    fn posted(&self, app: &Arc<AppSpec>) -> Body {
        Body::ApiPostEvent {
            client_ip: self.ip.clone(),
            uri: self.uri.clone(),
            app_definition: Arc::clone(app),
        }
    }
}

type Client = Option<Extension<ConnectInfo<SocketAddr>>>;

pub(super) async fn collection(
    State(engine): Ctx,
    method: Method,
    uri: Uri,
    client: Client,
    params: Params,
    body: Bytes,
) -> Answer {
    let caller = Caller::new(client, &uri);
    let force = params.flag("force", false);
    match method {
        Method::GET => {
            let list = List::of(&params)?;
            let few = engine.read(|cluster, now| {
                let is_short = cluster.specs().nth(MANY).is_none();
                is_short.then(|| ok(&list.at(cluster, now)))
            });
            few.unwrap_or_else(|| Ok(in_pieces(engine, list)))
        }
        Method::POST => {
            let update: AppUpdate = parse(&body)?;
            engine.act(|cluster, now| create(cluster, update, force, &caller, now))
        }
        Method::PUT | Method::PATCH => {
            let mode = Mode::of(&method, &params, engine.config.version)?;
            let updates: Vec<AppUpdate> = parse(&body)?;
            engine.act(|cluster, now| update_all(cluster, updates, mode, force, &caller, now))
        }
        _ => Err(ApiError::not_allowed()),
    }
}

pub(super) async fn member(
    State(engine): Ctx,
    method: Method,
    uri: Uri,
    client: Client,
    params: Params,
    body: Bytes,
) -> Answer {
    let segments = segments(uri.path(), "/v2/apps");
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let caller = Caller::new(client, &uri);
    match (&method, parts.as_slice()) {
        (_, [app @ .., "tasks"]) => tasks::of_app(&engine, &method, app, &params),
        (_, [app @ .., "tasks", id]) => tasks::one(&engine, &method, &path_id(app)?, id, &params),
        (&Method::POST, [app @ .., "restart"]) if engine.config.version.has(behaviour::RESTART) => {
            let (app, force) = (path_id(app)?, params.flag("force", false));
            engine.act(|cluster, now| restart(cluster, app, force, now))
        }
        (&Method::GET, [app @ .., "versions"]) => {
            let app = path_id(app)?;
            engine.read(|cluster, _| {
                let versions = cluster
                    .versions(&app)
                    .ok_or_else(|| ApiError::unknown_app(&app))?;
                let stamps: Vec<Stamp> = versions.iter().rev().map(|spec| spec.version).collect();
                ok(&BTreeMap::from([("versions", stamps)]))
            })
        }
        (&Method::GET, [app @ .., "versions", version]) => {
            let app = path_id(app)?;
            engine.read(|cluster, _| ok(version_of(cluster, &app, version)?))
        }
        (&Method::GET, [group @ .., "*"]) => {
            let group = path_id(group)?;
            engine.read(|cluster, now| list_below(cluster, &group, &params, now))
        }
        (&Method::GET, app) => {
            let app = path_id(app)?;
            engine.read(|cluster, now| show(cluster, &app, &params, now))
        }
        (&Method::PUT | &Method::PATCH, app) => {
            let mode = Mode::of(&method, &params, engine.config.version)?;
            let (app, force) = (path_id(app)?, params.flag("force", false));
            let update: AppUpdate = parse(&body)?;
            if mode.partial && update.version.is_some() {
                only_a_version(&body)?;
            }
            engine.act(|cluster, now| put(cluster, &app, update, mode, force, &caller, now))
        }
        (&Method::DELETE, app) => {
            let (app, force) = (path_id(app)?, params.flag("force", true));
            engine.act(|cluster, now| remove(cluster, app, force, now))
        }
        _ => Err(ApiError::not_allowed()),
    }
}

/// How an update is read.
#[derive(Clone, Copy)]
struct Mode {
    /// What is not given stays as it is, rather than becoming the default.
    partial: bool,
    /// An app that is not there is created, rather than not found.
    create: bool,
}

impl Mode {
    fn of(method: &Method, params: &Params, version: MarathonVersion) -> Result<Self, ApiError> {
        let patches = version.has(behaviour::PATCH);
        if method == Method::PATCH && !patches {
            return Err(ApiError::not_allowed());
        }
        Ok(Self {
            partial: !patches || params.flag("partialUpdate", true),
            create: method == Method::PUT,
        })
    }
}

/// A list of apps: those for which every condition holds, with what is embedded.
struct List {
    id: Option<String>,
    cmd: Option<String>,
    label: Option<Selector>,
    embed: Embed,
}

impl List {
    fn of(params: &Params) -> Result<Self, ApiError> {
        let label = params.first("label").map(Selector::parse).transpose()?;
        let always = Embed {
            counts: true,
            deployments: true,
            ..Embed::default()
        };
        Ok(Self {
            id: params.first("id").map(str::to_lowercase),
            cmd: params.first("cmd").map(str::to_lowercase),
            label,
            embed: embed(params, always),
        })
    }

    fn admits(&self, app: &AppSpec) -> bool {
        let contains = |text: &str, part: &String| text.to_lowercase().contains(part);
        let told = |part: &String| app.cmd.as_ref().is_some_and(|cmd| contains(cmd, part));
        let label = self.label.as_ref();
        (self.id.as_ref()).is_none_or(|part| contains(app.id.as_str(), part))
            && self.cmd.as_ref().is_none_or(told)
            && label.is_none_or(|selector| selector.selects(app))
    }
}

impl Show for List {
    fn at<'a>(&'a self, cluster: &'a Cluster, now: Stamp) -> impl Serialize {
        let apps = Apps {
            list: self,
            cluster,
            now,
        };
        BTreeMap::from([("apps", apps)])
    }
}

/// The apps of a list, each of which is made when it is written.
struct Apps<'a> {
    list: &'a List,
    cluster: &'a Cluster,
    now: Stamp,
}

impl Serialize for Apps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let specs = self.cluster.specs().filter(|spec| self.list.admits(spec));
        let app = |spec| self.cluster.app_info(spec, self.list.embed, self.now);
        serializer.collect_seq(specs.map(app))
    }
}

/// What is asked to be embedded, on top of what is there anyway.
pub(super) fn embed(params: &Params, mut embed: Embed) -> Embed {
    for name in params.all("embed") {
        let bare = ["group.apps.", "apps.", "app."]
            .iter()
            .find_map(|it| name.strip_prefix(it));
        match bare.unwrap_or(name) {
            "tasks" => (embed.tasks, embed.deployments) = (true, true),
            "counts" => embed.counts = true,
            "deployments" => embed.deployments = true,
            "lastTaskFailure" => embed.last_task_failure = true,
            "taskStats" => embed.task_stats = true,
            "readiness" => embed.readiness = true,
            "failures" => {
                (embed.tasks, embed.deployments, embed.last_task_failure) = (true, true, true);
            }
            _ => {}
        }
    }
    embed
}

fn list_below(cluster: &Cluster, group: &PathId, params: &Params, now: Stamp) -> Answer {
    tasks::known_group(cluster, group)?;
    let embed = embed(
        params,
        Embed {
            counts: true,
            deployments: true,
            ..Embed::default()
        },
    );
    let prefix = group.prefix();
    let apps = cluster.specs_below(&prefix);
    let apps: Vec<_> = apps
        .map(|spec| cluster.app_info(spec, embed, now))
        .collect();
    ok(&BTreeMap::from([("*", apps)]))
}

fn show(cluster: &Cluster, app: &PathId, params: &Params, now: Stamp) -> Answer {
    let always = Embed {
        counts: true,
        deployments: true,
        tasks: true,
        last_task_failure: true,
        ..Embed::default()
    };
    let spec = cluster
        .spec(app)
        .ok_or_else(|| ApiError::unknown_app(app))?;
    ok(&BTreeMap::from([(
        "app",
        cluster.app_info(spec, embed(params, always), now),
    )]))
}

fn version_of<'a>(
    cluster: &'a Cluster,
    app: &PathId,
    version: &str,
) -> Result<&'a Arc<AppSpec>, ApiError> {
    let versions = cluster
        .versions(app)
        .ok_or_else(|| ApiError::unknown_app(app))?;
    let wanted: Stamp = serde_json::from_value(Value::from(version))
        .map_err(|_| ApiError::unprocessable(format!("Invalid format: \"{version}\"")))?;
    versions
        .iter()
        .find(|spec| spec.version == wanted)
        .ok_or_else(|| {
            let message = format!("App '{app}' does not exist in version {wanted}");
            ApiError::message(StatusCode::NOT_FOUND, message)
        })
}

fn create(
    cluster: &mut Cluster,
    update: AppUpdate,
    force: bool,
    caller: &Caller,
    now: Stamp,
) -> Answer {
    let missing = || ApiError::misshapen(&[Fault::at("/id", "error.path.missing")]);
    let app = resolve(update.id.as_deref().ok_or_else(missing)?)?;
    if cluster.spec(&app).is_some() {
        let message = format!("An app with id [{app}] already exists.");
        return Err(ApiError::message(StatusCode::CONFLICT, message));
    }
    let spec = checked(update.apply(AppSpec::blank(app.clone())), "")?;
    let receipt = change_one(cluster, app.clone(), Draft::from(spec), force, now)?;
    let spec = Arc::clone(
        cluster
            .spec(&app)
            .ok_or_else(|| ApiError::unknown_app(&app))?,
    );
    cluster.tell(caller.posted(&spec), now);
    let embed = Embed {
        counts: true,
        deployments: true,
        tasks: true,
        ..Embed::default()
    };
    created(&app, &receipt, &cluster.app_info(&spec, embed, now))
}

fn created(app: &PathId, receipt: &Receipt, body: &AppInfo) -> Answer {
    let headers = [
        ("Location", format!("/v2/apps{app}")),
        ("Marathon-Deployment-Id", receipt.deployment.to_string()),
    ];
    Ok((headers, json(StatusCode::CREATED, body)?).into_response())
}

fn update_all(
    cluster: &mut Cluster,
    updates: Vec<AppUpdate>,
    mode: Mode,
    force: bool,
    caller: &Caller,
    now: Stamp,
) -> Answer {
    let mut drafts = BTreeMap::new();
    for (index, update) in updates.into_iter().enumerate() {
        let place = format!("({index})");
        let missing =
            || ApiError::misshapen(&[Fault::at(format!("{place}/id"), "error.path.missing")]);
        let app = resolve(update.id.as_deref().ok_or_else(missing)?)?;
        let spec = updated(cluster, &app, update, mode, &place)?;
        if drafts.insert(app.clone(), Draft::from(spec)).is_some() {
            let fault = Fault::at(
                format!("{place}/id"),
                format!("{app} is given more than once"),
            );
            return Err(ApiError::invalid(&[fault]));
        }
    }
    let apps: Vec<PathId> = drafts.keys().cloned().collect();
    let receipt = cluster.change(
        Change {
            drafts,
            ..Change::default()
        },
        force,
        now,
    )?;
    for app in apps {
        tell_posted(cluster, &app, caller, now);
    }
    deployment_result(StatusCode::OK, &receipt)
}

fn put(
    cluster: &mut Cluster,
    app: &PathId,
    update: AppUpdate,
    mode: Mode,
    force: bool,
    caller: &Caller,
    now: Stamp,
) -> Answer {
    let existed = cluster.spec(app).is_some();
    let spec = updated(cluster, app, update, mode, "")?;
    let receipt = change_one(cluster, app.clone(), Draft::from(spec), force, now)?;
    tell_posted(cluster, app, caller, now);
    deployment_result(
        if existed {
            StatusCode::OK
        } else {
            StatusCode::CREATED
        },
        &receipt,
    )
}

fn tell_posted(cluster: &mut Cluster, app: &PathId, caller: &Caller, now: Stamp) {
    if let Some(spec) = cluster.spec(app).map(Arc::clone) {
        cluster.tell(caller.posted(&spec), now);
    }
}

/// The definition that an update leads to.
fn updated(
    cluster: &Cluster,
    app: &PathId,
    update: AppUpdate,
    mode: Mode,
    place: &str,
) -> Result<AppSpec, ApiError> {
    let current = cluster.spec(app);
    if current.is_none() && !mode.create {
        return Err(ApiError::unknown_app(app));
    }
    if let Some(version) = update.version.filter(|_| mode.partial) {
        return Ok((**version_of(cluster, app, &version.to_string())?).clone());
    }
    let onto = current
        .filter(|_| mode.partial)
        .map(|spec| (**spec).clone());
    checked(
        update.apply(onto.unwrap_or_else(|| AppSpec::blank(app.clone()))),
        place,
    )
}

/// The definition, if there is nothing wrong with it.
pub(super) fn checked(spec: Result<AppSpec, Vec<Fault>>, place: &str) -> Result<AppSpec, ApiError> {
    let refuse = |faults: Vec<Fault>| {
        let faults: Vec<Fault> = faults.into_iter().map(|fault| fault.below(place)).collect();
        ApiError::invalid(&faults)
    };
    let spec = spec.map_err(refuse)?;
    let faults = validate(&spec);
    if faults.is_empty() {
        Ok(spec)
    } else {
        Err(refuse(faults))
    }
}

fn only_a_version(body: &[u8]) -> Result<(), ApiError> {
    let keys: Map<String, Value> = parse(body)?;
    if AppUpdate::is_only_a_version(&keys) {
        return Ok(());
    }
    let error = "The 'version' field may only be combined with the 'id' field.";
    Err(ApiError::invalid(&[Fault::at("/version", error)]))
}

fn resolve(id: &str) -> Result<PathId, ApiError> {
    PathId::absolute(id).map_err(|error| ApiError::invalid(&[Fault::at("/id", error)]))
}

fn change_one(
    cluster: &mut Cluster,
    app: PathId,
    draft: Draft,
    force: bool,
    now: Stamp,
) -> Result<Receipt, ApiError> {
    let change = Change {
        drafts: BTreeMap::from([(app, draft)]),
        ..Change::default()
    };
    Ok(cluster.change(change, force, now)?)
}

fn restart(cluster: &mut Cluster, app: PathId, force: bool, now: Stamp) -> Answer {
    let spec = cluster
        .spec(&app)
        .ok_or_else(|| ApiError::unknown_app(&app))?;
    let draft = Draft {
        restart: true,
        ..Draft::from((**spec).clone())
    };
    let receipt = change_one(cluster, app, draft, force, now)?;
    deployment_result(StatusCode::OK, &receipt)
}

fn remove(cluster: &mut Cluster, app: PathId, force: bool, now: Stamp) -> Answer {
    if cluster.spec(&app).is_none() {
        return Err(ApiError::unknown_app(&app));
    }
    let receipt = change_one(cluster, app, Draft::default(), force, now)?;
    deployment_result(StatusCode::OK, &receipt)
}

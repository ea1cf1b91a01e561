//! `/v2/apps` and everything below.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::{Extension, body::Bytes};
use serde_json::{Map, Value};

use super::body::{parse, parse_app, parse_apps};
use super::deployments::deployment_result;
use super::error::ApiError;
use super::params::{Params, path_id, segments};
use super::pieces::{Show, in_pieces};
use super::selector::Selector;
use super::{Answer, Ctx, ok, tasks, written};
use crate::behaviour;
use crate::cluster::{AppInfo, Body, Change, Cluster, Draft, Embed, Receipt};
use crate::definition::{AppSpec, AppUpdate, Fault, Manner, Shown, validate};
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

    fn posted(&self, app: &AppSpec, version: MarathonVersion) -> Body {
        Body::ApiPostEvent {
            client_ip: self.ip.clone(),
            uri: self.uri.clone(),
            app_definition: app.in_version(version),
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
            let list = List::of(&params, engine.config.version)?;
            let few = engine.read(|cluster, now| {
                let is_short = cluster.specs().nth(MANY).is_none();
                is_short.then(|| whole(|to| list.write(cluster, now, to)))
            });
            few.unwrap_or_else(|| Ok(in_pieces(engine, list)))
        }
        Method::POST => {
            let update = parse_app(&body, engine.config.version)?;
            engine.act(|cluster, now| create(cluster, update, force, &caller, now))
        }
        Method::PUT | Method::PATCH => {
            let mode = Mode::of(&method, &params, engine.config.version)?;
            let body = received(&method, body, engine.config.version);
            let updates = parse_apps(&body, engine.config.version)?;
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
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let segments = segments(uri.path(), "/v2/apps");
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let caller = Caller::new(client, &uri);
    match (&method, parts.as_slice()) {
        (_, [app @ .., "tasks"]) => tasks::of_app(&engine, &method, app, &params, &headers),
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
            engine.read(|cluster, _| {
                let spec = version_of(cluster, &app, version)?;
                ok(&Shown(spec, cluster.version))
            })
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
            let (mut app, force) = (path_id(app)?, params.flag("force", false));
            let body = received(&method, body, engine.config.version);
            let update = parse_app(&body, engine.config.version)?;
            if mode.partial && update.version.is_some() {
                only_a_version(&body, engine.config.version)?;
            }
            let told = update.id.as_deref();
            let told = told.filter(|_| !engine.config.version.has(behaviour::PATH_ID_WINS));
            if let Some(told) = told {
                app = resolve(told)?;
            }
            engine.act(|cluster, now| put(cluster, &app, update, mode, force, &caller, now))
        }
        (&Method::DELETE, app) => {
            let (app, force) = (path_id(app)?, params.flag("force", true));
            engine.act(|cluster, now| remove(cluster, app, force, &caller, now))
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

/// A list of apps: those that fit, with what is embedded.
struct List {
    id: Option<String>,
    cmd: Option<String>,
    label: Option<Selector>,
    /// Both of id and cmd have to fit, rather than one of them.
    every: bool,
    embed: Embed,
}

impl List {
    fn of(params: &Params, version: MarathonVersion) -> Result<Self, ApiError> {
        let label = params.first("label");
        let label = label.filter(|_| version.has(behaviour::LABEL_FILTER));
        Ok(Self {
            id: params.first("id").map(str::to_lowercase),
            cmd: params.first("cmd").map(str::to_lowercase),
            label: label.map(Selector::parse).transpose()?,
            every: version.has(behaviour::FILTERS_AND),
            embed: embed(params, Embed::LISTED, version),
        })
    }

    fn admits(&self, app: &AppSpec) -> bool {
        let contains = |text: &str, part: &String| text.to_lowercase().contains(part);
        let told = |part: &String| app.cmd.as_ref().is_some_and(|cmd| contains(cmd, part));
        let id = self.id.as_ref().map(|part| contains(app.id.as_str(), part));
        let fits = match (id, self.cmd.as_ref().map(told)) {
            (Some(id), Some(cmd)) if !self.every => id || cmd,
            (id, cmd) => id.unwrap_or(true) && cmd.unwrap_or(true),
        };
        let label = self.label.as_ref();
        fits && label.is_none_or(|selector| selector.selects(app))
    }
}

impl Show for List {
    fn write(&self, cluster: &Cluster, now: Stamp, to: &mut dyn Write) -> io::Result<()> {
        let apps = cluster.specs().filter(|spec| self.admits(spec));
        let apps = apps.map(|spec| cluster.app_info(spec, self.embed, now));
        write_list("apps", apps, to)
    }
}

/// What is asked to be embedded, on top of what is there anyway.
pub(super) fn embed(params: &Params, mut embed: Embed, version: MarathonVersion) -> Embed {
    let names = if version.has(behaviour::EMBED_SEVERAL) {
        usize::MAX
    } else {
        1
    };
    for name in params.all("embed").take(names) {
        let bare = ["group.apps.", "apps.", "app."]
            .iter()
            .find_map(|it| name.strip_prefix(it));
        match bare.unwrap_or(name) {
            "tasks" if version.has(behaviour::EMBED_TASKS_BROKEN) => {}
            "tasks" => (embed.tasks, embed.deployments) = (true, true),
            "counts" => embed.counts = true,
            "deployments" => embed.deployments = true,
            "lastTaskFailure" => embed.last_task_failure = true,
            "taskStats" if version.has(behaviour::TASK_STATS) => embed.task_stats = true,
            "readiness" => embed.readiness = true,
            "failures" => {
                (embed.tasks, embed.deployments, embed.last_task_failure) = (true, true, true);
            }
            _ => {}
        }
    }
    embed
}

/// `{key: [app, …]}`, each made when it is written.
fn write_list<'a>(
    key: &str,
    apps: impl Iterator<Item = AppInfo<'a>>,
    to: &mut dyn Write,
) -> io::Result<()> {
    write!(to, "{{\"{key}\":[")?;
    let mut extras = Vec::new();
    for (index, app) in apps.enumerate() {
        if index > 0 {
            to.write_all(b",")?;
        }
        app.write(to, &mut extras)?;
    }
    to.write_all(b"]}")
}

/// An answer that is written into one buffer.
fn whole(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Answer {
    let mut body = Vec::with_capacity(1024);
    write(&mut body).map_err(|error| ApiError::internal(&error))?;
    Ok(written(StatusCode::OK, body))
}

fn list_below(cluster: &Cluster, group: &PathId, params: &Params, now: Stamp) -> Answer {
    tasks::known_group(cluster, group)?;
    let embed = embed(params, Embed::LISTED, cluster.version);
    let prefix = group.prefix();
    let apps = cluster.specs_below(&prefix);
    let apps = apps.map(|spec| cluster.app_info(spec, embed, now));
    whole(|to| write_list("*", apps, to))
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
    let info = cluster.app_info(spec, embed(params, always, cluster.version), now);
    whole(|to| {
        to.extend_from_slice(b"{\"app\":");
        info.write(to, &mut Vec::new())?;
        to.push(b'}');
        Ok(())
    })
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
    let version = cluster.version;
    if cluster.spec(&app).is_some() && version.has(behaviour::POST_REFUSES_EXISTING) {
        let message = format!("An app with id [{app}] already exists.");
        return Err(ApiError::message(StatusCode::CONFLICT, message));
    }
    let blank = AppSpec::blank(app.clone(), version);
    let spec = update.apply(blank, Manner::whole(version));
    let spec = checked(spec, "", version)?;
    let receipt = change_one(cluster, app.clone(), Draft::from(spec), force, now)?;
    let spec = Arc::clone(
        cluster
            .spec(&app)
            .ok_or_else(|| ApiError::unknown_app(&app))?,
    );
    cluster.tell(caller.posted(&spec, version), now);
    created(
        &receipt,
        &cluster.app_info(&spec, Embed::created(version), now),
    )
}

fn created(receipt: &Receipt, info: &AppInfo) -> Answer {
    let headers = [
        ("Location", format!("/v2/apps{}", info.id())),
        ("Marathon-Deployment-Id", receipt.deployment.to_string()),
    ];
    let mut answer = whole(|to| info.write(to, &mut Vec::new()))?;
    *answer.status_mut() = StatusCode::CREATED;
    Ok((headers, answer).into_response())
}

/// The body as far as the version sees it.
fn received(method: &Method, body: Bytes, version: MarathonVersion) -> Bytes {
    if method == Method::PUT && version.has(behaviour::PUT_BROKEN) {
        Bytes::new()
    } else {
        body
    }
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
    let version = cluster.version;
    if let (false, Some(spec)) = (existed, cluster.spec(app))
        && !version.has(behaviour::POST_TELLS_DEPLOYMENT)
    {
        return created(
            &receipt,
            &cluster.app_info(spec, Embed::created(version), now),
        );
    }
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
        cluster.tell(caller.posted(&spec, cluster.version), now);
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
    let version = cluster.version;
    let onto = current.filter(|_| mode.partial);
    let manner = if mode.partial {
        Manner::partial(version, onto.is_none())
    } else {
        Manner::replacing(version)
    };
    let onto = onto.map_or_else(
        || AppSpec::blank(app.clone(), version),
        |spec| (**spec).clone(),
    );
    checked(update.apply(onto, manner), place, version)
}

/// The definition, if there is nothing wrong with it.
pub(super) fn checked(
    spec: Result<AppSpec, Vec<Fault>>,
    place: &str,
    version: MarathonVersion,
) -> Result<AppSpec, ApiError> {
    let refuse = |faults: Vec<Fault>| {
        let faults: Vec<Fault> = faults.into_iter().map(|fault| fault.below(place)).collect();
        ApiError::invalid(&faults)
    };
    let spec = spec.map_err(refuse)?;
    let faults = validate(&spec, version);
    if faults.is_empty() {
        Ok(spec)
    } else {
        Err(refuse(faults))
    }
}

fn only_a_version(body: &[u8], version: MarathonVersion) -> Result<(), ApiError> {
    let keys: Map<String, Value> = parse(body)?;
    let with_id = keys.get("id").is_some_and(|id| !id.is_null());
    let may_have_id = version.has(behaviour::ROLLBACK_WITH_ID);
    if AppUpdate::is_only_a_version(&keys) && (may_have_id || !with_id) {
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

fn remove(cluster: &mut Cluster, app: PathId, force: bool, caller: &Caller, now: Stamp) -> Answer {
    let version = cluster.version;
    let spec = cluster
        .spec(&app)
        .ok_or_else(|| ApiError::unknown_app(&app))?;
    if version.has(behaviour::DELETE_IS_POSTED) {
        let posted = caller.posted(spec, version);
        cluster.tell(posted, now);
    }
    let receipt = change_one(cluster, app, Draft::default(), force, now)?;
    deployment_result(StatusCode::OK, &receipt)
}

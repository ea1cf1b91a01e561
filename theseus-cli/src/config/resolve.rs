//! Which cluster and store are meant, of all that could be.

use std::path::{Path, PathBuf};

use super::file::{self, Context, Etcd, File, Marathon};
use crate::args::Global;
use crate::failure::Failure;
use crate::sandbox_file::{Running, SandboxFile};

/// What to talk to, and how it is called in messages.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The name of the context; `None` for the one at the top of the file or from the environment.
    pub(crate) name: Option<String>,
    pub(crate) target: Target,
    /// The file that was read, if there was one.
    pub(crate) file: Option<PathBuf>,
    /// What has overridden it.
    pub(crate) overrides: Vec<&'static str>,
}

/// Where cluster and store are.
#[derive(Debug)]
pub(crate) enum Target {
    /// As configured.
    Configured(Box<Context>),
    /// The sandbox that runs on this machine.
    Sandbox(Box<Running>),
}

/// The environment variables that override the file.
#[derive(Debug, Default)]
struct Overrides {
    marathon_host: Option<String>,
    marathon_port: Option<String>,
    etcd: Option<String>,
}

impl Overrides {
    fn from_environment() -> Self {
        let read = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            marathon_host: read("MARATHON_HOST"),
            marathon_port: read("MARATHON_PORT"),
            etcd: read("ETCD_HOST_ADDRESS"),
        }
    }
}

impl Overrides {
    /// The names of those that count: a context that was asked for by name is what it says.
    fn names(&self, is_asked: bool) -> Vec<&'static str> {
        let all = [
            ("MARATHON_HOST", &self.marathon_host),
            ("MARATHON_PORT", &self.marathon_port),
            ("ETCD_HOST_ADDRESS", &self.etcd),
        ];
        let set = all
            .into_iter()
            .filter(|(_, value)| value.is_some() && !is_asked);
        set.map(|(name, _)| name).collect()
    }
}

/// Finds out what is meant: the context that was asked for, else the environment and the top of the
/// file, else its default context, else a sandbox that runs here. Nothing is guessed beyond that.
pub(crate) fn resolve(global: &Global) -> Result<Resolved, Failure> {
    let resolved = find(global, |context| context.marathon.is_some())?;
    resolved.ok_or_else(|| Failure::usage("no cluster is configured").hint(
        "write mesos.yaml with marathon: {host: …, port: 8080}, set MARATHON_HOST, or try one out: theseus sandbox",
    ))
}

/// The same, for what needs the store alone: a context without a cluster will do.
pub(crate) fn resolve_store(global: &Global) -> Result<Resolved, Failure> {
    let resolved = find(global, |context| {
        context.marathon.is_some() || context.etcd.is_some()
    })?;
    resolved.ok_or_else(|| {
        Failure::usage("no store is configured")
            .hint("write mesos.yaml with etcd: {host: …, port: 2379}, or set ETCD_HOST_ADDRESS")
    })
}

fn find(
    global: &Global,
    is_enough: impl Fn(&Context) -> bool,
) -> Result<Option<Resolved>, Failure> {
    if global.context.as_deref() == Some("sandbox") {
        let running = SandboxFile::find()?.ok_or_else(|| {
            Failure::usage("no sandbox is running")
                .hint("start one in another terminal: theseus sandbox")
        })?;
        return Ok(Some(sandbox(running)));
    }
    let (file, path) = file::load(global.config.as_deref())?;
    let asked = global.context.as_deref();
    let overrides = Overrides::from_environment();
    let (name, context) = configured(file, asked, path.as_deref(), &overrides)?;
    if is_enough(&context) {
        let target = Target::Configured(Box::new(context));
        return Ok(Some(Resolved {
            name,
            target,
            overrides: overrides.names(asked.is_some()),
            file: path,
        }));
    }
    Ok(SandboxFile::find()?.map(sandbox))
}

fn sandbox(running: Running) -> Resolved {
    Resolved {
        name: Some("sandbox".to_owned()),
        target: Target::Sandbox(Box::new(running)),
        file: None,
        overrides: Vec::new(),
    }
}

/// The context that file and environment name together; it may be empty.
fn configured(
    file: File,
    asked: Option<&str>,
    path: Option<&Path>,
    overrides: &Overrides,
) -> Result<(Option<String>, Context), Failure> {
    let top = Context {
        marathon: file.marathon,
        mesos: file.mesos,
        etcd: file.etcd,
        subscriber: file.subscriber,
    };
    let mut contexts = file.contexts;
    let default = file.default_context.filter(|_| top.marathon.is_none());
    let name = asked.map(str::to_owned).or(default);
    let mut context = match &name {
        Some(name) => contexts
            .remove(name)
            .ok_or_else(|| unknown_context(name, contexts.keys(), path))?,
        None => top,
    };
    // A context that was asked for by name is what it says; the environment is for when none was.
    if asked.is_none() {
        apply(&mut context, overrides)?;
    }
    Ok((name, context))
}

fn unknown_context<'a>(
    name: &str,
    known: impl Iterator<Item = &'a String>,
    path: Option<&Path>,
) -> Failure {
    let known: Vec<&str> = known.map(String::as_str).chain(["sandbox"]).collect();
    let place = path.map_or_else(
        || "there is no mesos.yaml".to_owned(),
        |path| format!("read {}", path.display()),
    );
    Failure::usage(format!("there is no context {name:?}"))
        .hint(format!("known are: {} ({place})", known.join(", ")))
}

fn apply(context: &mut Context, overrides: &Overrides) -> Result<(), Failure> {
    if let Some(host) = &overrides.marathon_host {
        let marathon = context.marathon.get_or_insert_default();
        *marathon = Marathon {
            host: Some(host.clone()),
            urls: Vec::new(),
            ..marathon.clone()
        };
    }
    if let Some(port) = &overrides.marathon_port
        && let Some(marathon) = &mut context.marathon
    {
        let port = port.parse().map_err(|_| {
            Failure::usage(format!(
                "MARATHON_PORT is {port:?}, and should be a port from 1 to 65535"
            ))
        })?;
        marathon.port = Some(port);
    }
    if let Some(address) = &overrides.etcd {
        let etcd = context.etcd.get_or_insert_default();
        *etcd = Etcd {
            host: None,
            endpoints: vec![address.clone()],
            ..etcd.clone()
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn file() -> File {
        serde_yaml::from_str(
            "marathon: {host: top}\ncontexts: {staging: {marathon: {host: staged, port: 9}}}\ndefault-context: staging\n",
        )
        .unwrap()
    }

    fn host(found: (Option<String>, Context)) -> String {
        found.1.marathon.unwrap().host.unwrap()
    }

    #[test]
    fn what_was_asked_for_comes_first() {
        let none = Overrides::default();
        assert_eq!(host(configured(file(), None, None, &none).unwrap()), "top");
        assert_eq!(
            host(configured(file(), Some("staging"), None, &none).unwrap()),
            "staged"
        );
        let without_top = File {
            marathon: None,
            ..file()
        };
        assert_eq!(
            host(configured(without_top, None, None, &none).unwrap()),
            "staged"
        );
        let (_, empty) = configured(File::default(), None, None, &none).unwrap();
        assert!(empty.marathon.is_none() && empty.etcd.is_none());
        assert!(configured(file(), Some("stagign"), None, &none).is_err());
    }

    #[test]
    fn mesos_belongs_to_its_context() {
        let text = "marathon: {host: a}\nmesos: {host: b, port: 5051}\ncontexts: {c: {marathon: {host: d}, mesos: {url: 'https://e/mesos'}}}\n";
        for (asked, host, url) in [
            (None, Some("b"), None),
            (Some("c"), None, Some("https://e/mesos")),
        ] {
            let file: File = serde_yaml::from_str(text).unwrap();
            let (_, context) = configured(file, asked, None, &Overrides::default()).unwrap();
            let mesos = context.mesos.unwrap();
            let told = (mesos.host.as_deref(), mesos.url.as_ref().map(Url::as_str));
            assert_eq!(told, (host, url));
        }
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let overrides = Overrides {
            marathon_host: Some("env".to_owned()),
            marathon_port: Some("81".to_owned()),
            etcd: Some("e:2379".to_owned()),
        };
        let (_, context) = configured(file(), None, None, &overrides).unwrap();
        let marathon = context.marathon.unwrap();
        assert_eq!(
            (marathon.host.as_deref(), marathon.port),
            (Some("env"), Some(81))
        );
        assert_eq!(context.etcd.unwrap().endpoints, ["e:2379"]);
        let bad = Overrides {
            marathon_port: Some("x".to_owned()),
            ..Overrides::default()
        };
        assert!(configured(file(), None, None, &bad).is_err());
    }
}

//! What a probe is made of. All of it is data, but for what a check does with an answer.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use crate::answer::Answer;
use crate::check::Check;
use crate::names::Names;
use crate::version::{Range, Version};

/// One fact about Marathon, and how to see it.
///
/// In its texts `{g}` stands for the group that it may do with as it likes, `{g_}` for the same as it
/// begins task ids, `{bare}` for the same without the slash in front, `{top}` for the group of all probes, and other names for what it has kept.
#[derive(Debug)]
pub struct Probe {
    name: &'static str,
    section: &'static str,
    source: &'static str,
    ranges: Vec<Range>,
    pub(crate) steps: Vec<Step>,
}

/// A step of a probe: something is done, and must come out like this.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) act: Act,
    pub(crate) checks: Vec<Check>,
    /// What is kept of the answer, by name.
    pub(crate) keeps: Vec<(&'static str, Keep)>,
}

/// How something is taken from an answer.
#[derive(Debug)]
pub(crate) enum Keep {
    /// What stands at a path.
    At(&'static str),
    /// What is found like this; and what that is.
    By(&'static str, fn(&Answer, &Names) -> Option<String>),
}

impl Keep {
    pub(crate) fn of(&self, answer: &Answer, names: &Names) -> Option<String> {
        match self {
            Self::At(path) => {
                let value = answer.at(&names.fill(path))?;
                Some(
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned),
                )
            }
            Self::By(_, find) => find(answer, names),
        }
    }

    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::At(what) | Self::By(what, _) => what,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Act {
    /// A request, whose answer must hold.
    Send(Request),
    /// A request, repeated until its answer holds.
    Await(Request),
    /// A request for a stream of events, which from then on are heard.
    Listen(Request),
    /// From then on events that are posted to `{callback}` are heard.
    Serve,
    /// An event of this type that holds is heard soon, or was heard.
    Hear(&'static str),
    /// Nothing was heard that does not hold.
    HearOnly,
    /// Unless the last answer holds the probe is not for this Marathon: why.
    Need(&'static str),
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// A path, or a whole URL.
    pub(crate) path: String,
    pub(crate) accept: Option<&'static str>,
    pub(crate) body: Option<Body>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Json(Value),
    Raw(&'static str),
}

impl Body {
    pub(crate) fn bytes(&self, names: &Names) -> Bytes {
        match self {
            Self::Json(value) => names.fill_value(value).to_string().into(),
            Self::Raw(text) => Bytes::from_static(text.as_bytes()),
        }
    }
}

impl Request {
    fn new(method: &'static str, path: &str, body: Option<Value>) -> Self {
        Self {
            method,
            path: path.to_owned(),
            accept: Some("application/json"),
            body: body.map(Body::Json),
        }
    }

    /// The same with another `Accept`, or none.
    pub(crate) fn accepting(mut self, accept: impl Into<Option<&'static str>>) -> Self {
        self.accept = accept.into();
        self
    }

    /// The same with this for a body, as it is.
    pub(crate) fn raw(mut self, text: &'static str) -> Self {
        self.body = Some(Body::Raw(text));
        self
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

pub(crate) fn get(path: &str) -> Request {
    Request::new("GET", path, None)
}

pub(crate) fn head(path: &str) -> Request {
    Request::new("HEAD", path, None)
}

pub(crate) fn delete(path: &str) -> Request {
    Request::new("DELETE", path, None)
}

pub(crate) fn post(path: &str, body: impl Into<Option<Value>>) -> Request {
    Request::new("POST", path, body.into())
}

pub(crate) fn put(path: &str, body: Value) -> Request {
    Request::new("PUT", path, Some(body))
}

pub(crate) fn patch(path: &str, body: Value) -> Request {
    Request::new("PATCH", path, Some(body))
}

impl Probe {
    /// A probe of all versions, whose fact stands in this section of the protocol reference and is
    /// read from this file of Marathon.
    pub(crate) fn new(name: &'static str, section: &'static str, source: &'static str) -> Self {
        Self {
            name,
            section,
            source,
            ranges: vec![Range::ALL],
            steps: Vec::new(),
        }
    }

    /// What it is about, in few words with dashes: no two have the same.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where its fact stands: the section of the protocol reference, and the file of Marathon.
    pub fn origin(&self) -> String {
        format!("{}, {}", self.section, self.source)
    }

    /// Whether its fact is one of this version.
    pub fn is_for(&self, version: Version) -> bool {
        self.ranges.iter().any(|range| range.contains(version))
    }

    /// The versions that it is for, in words.
    pub fn versions(&self) -> String {
        let ranges: Vec<String> = self.ranges.iter().map(ToString::to_string).collect();
        ranges.join(", ")
    }

    /// It holds from this version on.
    pub(crate) fn since(mut self, major: u32, minor: u32, patch: u32) -> Self {
        if let Some(range) = self.ranges.last_mut() {
            range.since = Version(major, minor, patch);
        }
        self
    }

    /// It held before this version.
    pub(crate) fn before(mut self, major: u32, minor: u32, patch: u32) -> Self {
        if let Some(range) = self.ranges.last_mut() {
            range.until = Some(Version(major, minor, patch));
        }
        self
    }

    /// It holds from this version on, too.
    pub(crate) fn and_since(mut self, major: u32, minor: u32, patch: u32) -> Self {
        self.ranges.push(Range::ALL);
        self.since(major, minor, patch)
    }

    fn act(mut self, act: Act) -> Self {
        self.steps.push(Step {
            act,
            checks: Vec::new(),
            keeps: Vec::new(),
        });
        self
    }

    pub(crate) fn send(self, request: Request) -> Self {
        self.act(Act::Send(request))
    }

    pub(crate) fn wait_for(self, request: Request) -> Self {
        self.act(Act::Await(request))
    }

    pub(crate) fn listen(self, path: &str) -> Self {
        self.act(Act::Listen(get(path).accepting("text/event-stream")))
    }

    pub(crate) fn serve(self) -> Self {
        self.act(Act::Serve)
    }

    pub(crate) fn hear(self, event: &'static str) -> Self {
        self.act(Act::Hear(event))
    }

    pub(crate) fn hear_only(self, check: Check) -> Self {
        self.act(Act::HearOnly).holds(check)
    }

    pub(crate) fn only_where(self, check: Check, else_why: &'static str) -> Self {
        self.act(Act::Need(else_why)).holds(check)
    }

    /// What must hold of what came back.
    pub(crate) fn holds(mut self, check: Check) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.checks.push(check);
        }
        self
    }

    /// Keeps what stands at a path, to be `{name}` from then on.
    pub(crate) fn keep(self, name: &'static str, path: &'static str) -> Self {
        self.keeping(name, Keep::At(path))
    }

    /// Keeps what is found in the answer; and says what that is.
    pub(crate) fn keep_by(
        self,
        name: &'static str,
        what: &'static str,
        find: fn(&Answer, &Names) -> Option<String>,
    ) -> Self {
        self.keeping(name, Keep::By(what, find))
    }

    fn keeping(mut self, name: &'static str, keep: Keep) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.keeps.push((name, keep));
        }
        self
    }

    /// More steps, which several probes have in common.
    pub(crate) fn with(self, more: impl FnOnce(Self) -> Self) -> Self {
        more(self)
    }
}

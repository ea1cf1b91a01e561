//! Trying one probe.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::{Response, Uri};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::answer::Answer;
use crate::callback::Callback;
use crate::check::{Check, success};
use crate::inbox::Inbox;
use crate::names::Names;
use crate::probe::{Act, Probe, Request, Step, delete};
use crate::report::{Difference, Trial, Verdict};
use crate::stream;
use crate::wire::{ByteStream, Lost, Wire};

/// An answer larger than this is none.
const LARGEST_BODY: usize = 64 << 20;

/// The pauses between looks, from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A Marathon to be talked to.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) wire: &'a dyn Wire,
    /// Its address, without a slash at the end.
    pub(crate) url: &'a str,
    /// How long anything may take.
    pub(crate) patience: Duration,
}

impl Target<'_> {
    async fn open(&self, request: &Request, names: &Names) -> Result<Response<ByteStream>, Lost> {
        let path = names.fill(&request.path);
        let address = if path.starts_with("http") {
            path
        } else {
            format!("{}{path}", self.url)
        };
        let address: Uri = address
            .parse()
            .map_err(|error| Lost(format!("{address}: {error}")))?;
        let body = request.body.as_ref().map(|it| it.bytes(names));
        let mut built = http::Request::builder().method(request.method).uri(address);
        if let Some(accept) = request.accept {
            built = built.header(ACCEPT, accept);
        }
        if let Some(body) = &body {
            built = built.header(CONTENT_TYPE, "application/json");
            built = built.header(CONTENT_LENGTH, body.len());
        }
        let built = built.body(body.unwrap_or_default());
        let built = built.map_err(|error| Lost(error.to_string()))?;
        let sent = timeout(self.patience, self.wire.send(built)).await;
        sent.unwrap_or_else(|_| Err(Lost("no answer".to_owned())))
    }

    pub(crate) async fn ask(&self, request: &Request, names: &Names) -> Result<Answer, Lost> {
        let (head, body) = self.open(request, names).await?.into_parts();
        let body = timeout(self.patience, whole(body)).await;
        let body = body.unwrap_or_else(|_| Err(Lost("the answer does not end".to_owned())))?;
        Ok(Answer::new(head.status, head.headers, body))
    }
}

async fn whole(mut stream: ByteStream) -> Result<Bytes, Lost> {
    let mut body = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        body.extend_from_slice(&chunk?);
        if body.len() > LARGEST_BODY {
            return Err(Lost("the answer is too large".to_owned()));
        }
    }
    Ok(body.freeze())
}

/// The stage on which a probe is tried.
struct Stage<'a> {
    target: Target<'a>,
    names: Names,
    inbox: Inbox,
    last: Option<Answer>,
    reading: Option<JoinHandle<()>>,
    callback: Option<Callback>,
}

/// Why a probe ends before its last step.
enum End {
    Differs(Vec<Difference>),
    Skipped(String),
}

/// Tries a probe, and takes away what it made.
pub(crate) async fn try_out(target: Target<'_>, probe: &Probe, names: Names) -> Trial {
    let mut stage = Stage {
        target,
        names,
        inbox: Inbox::default(),
        last: None,
        reading: None,
        callback: None,
    };
    let mut verdict = Verdict::Holds;
    for step in &probe.steps {
        match stage.play(step).await {
            Ok(()) => {}
            Err(End::Differs(differences)) => verdict = Verdict::Differs(differences),
            Err(End::Skipped(why)) => verdict = Verdict::Skipped(why),
        }
        if verdict != Verdict::Holds {
            break;
        }
    }
    stage.clear().await;
    Trial {
        name: probe.name(),
        origin: probe.origin(),
        verdict,
    }
}

impl Stage<'_> {
    async fn play(&mut self, step: &Step) -> Result<(), End> {
        let last = match &step.act {
            Act::Send(request) => {
                let answer = self.ask(request, step).await?;
                self.judge(&request.to_string(), step, &answer)?;
                answer
            }
            Act::Await(request) => self.ask_until_it_holds(request, step).await?,
            Act::Listen(request) => {
                let opened = self.target.open(request, &self.names).await;
                let opened = opened.map_err(|lost| self.lost(request, step, &lost))?;
                let (head, body) = opened.into_parts();
                let answer = Answer::new(head.status, head.headers, Bytes::new());
                self.judge(&request.to_string(), step, &answer)?;
                let reading = tokio::spawn(stream::hear(body, self.inbox.clone()));
                self.reading = Some(reading);
                answer
            }
            Act::Serve => return self.serve().await,
            Act::Hear(kind) => self.hear(kind, step).await?,
            Act::HearOnly => {
                for heard in self.inbox.all() {
                    self.judge(&format!("event {}", heard.kind), step, &heard.event)?;
                }
                return Ok(());
            }
            Act::Need(why) => {
                let fits = |answer: &Answer| self.faults("", step, answer).is_empty();
                if self.last.as_ref().is_some_and(fits) {
                    return Ok(());
                }
                return Err(End::Skipped((*why).to_owned()));
            }
        };
        for (name, keep) in &step.keeps {
            let Some(kept) = keep.of(&last, &self.names) else {
                let act = "keep it for later".to_owned();
                let expected = format!("{} is there", keep.what());
                return Err(differs(act, expected, last.to_string()));
            };
            self.names.set(*name, kept);
        }
        self.last = Some(last);
        Ok(())
    }

    async fn ask(&self, request: &Request, step: &Step) -> Result<Answer, End> {
        let answer = self.target.ask(request, &self.names).await;
        answer.map_err(|lost| self.lost(request, step, &lost))
    }

    fn lost(&self, request: &Request, step: &Step, lost: &Lost) -> End {
        let expected = step.checks.first();
        let expected =
            expected.map_or_else(|| "an answer".to_owned(), |it| it.expected(&self.names));
        differs(
            self.names.fill(&request.to_string()),
            expected,
            lost.to_string(),
        )
    }

    async fn ask_until_it_holds(&self, request: &Request, step: &Step) -> Result<Answer, End> {
        let end = Instant::now() + self.target.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self.ask(request, step).await?;
            let act = format!("{request}, until it holds");
            let faults = self.faults(&act, step, &answer);
            if faults.is_empty() {
                return Ok(answer);
            }
            if Instant::now() >= end {
                return Err(End::Differs(faults));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn hear(&self, kind: &str, step: &Step) -> Result<Answer, End> {
        let act = format!("event {kind}");
        let pleases = |heard: &Answer| self.faults(&act, step, heard).is_empty();
        let heard = self
            .inbox
            .wait_for(|it| it.kind == kind && pleases(&it.event));
        if let Ok(heard) = timeout(self.target.patience, heard).await {
            return Ok(heard.event);
        }
        // The most alike of those that were heard tells best what is wrong.
        let others = self.inbox.all().into_iter().filter(|it| it.kind == kind);
        let closest = others.min_by_key(|it| self.faults(&act, step, &it.event).len());
        if let Some(closest) = closest {
            let mut faults = self.faults(&act, step, &closest.event);
            for fault in &mut faults {
                fault.got = format!("{} in {}", fault.got, closest.event.text().trim_end());
            }
            return Err(End::Differs(faults));
        }
        let mut kinds: Vec<String> = self.inbox.all().into_iter().map(|it| it.kind).collect();
        kinds.sort();
        kinds.dedup();
        let got = format!("only these: {}", kinds.join(", "));
        Err(differs(act, "it is heard".to_owned(), got))
    }

    async fn serve(&mut self) -> Result<(), End> {
        let address = self.target.url.parse::<Uri>().ok();
        let host = address.as_ref().and_then(Uri::host).unwrap_or("127.0.0.1");
        let port = address.as_ref().and_then(Uri::port_u16).unwrap_or(80);
        let callback =
            Callback::start((host, port), &self.names.fill("{top}"), self.inbox.clone()).await;
        let callback = callback.map_err(|error| End::Skipped(format!("cannot listen: {error}")))?;
        self.names.set("callback", callback.url.clone());
        self.callback = Some(callback);
        Ok(())
    }

    fn judge(&self, act: &str, step: &Step, answer: &Answer) -> Result<(), End> {
        let faults = self.faults(act, step, answer);
        if faults.is_empty() {
            Ok(())
        } else {
            Err(End::Differs(faults))
        }
    }

    /// What does not hold. Where nothing is said of the status, it has to be one of success; where
    /// the status is another, nothing more is told.
    fn faults(&self, act: &str, step: &Step, answer: &Answer) -> Vec<Difference> {
        let test = |check: &Check| {
            let got = check.test(answer, &self.names).err()?;
            Some(Difference {
                act: self.names.fill(act),
                expected: check.expected(&self.names),
                got,
            })
        };
        let mut checks: Vec<&Check> = step.checks.iter().collect();
        let implied = success();
        let is_asked = !matches!(step.act, Act::Need(_) | Act::Hear(_) | Act::HearOnly);
        if is_asked && !checks.iter().any(|it| it.is_about_status) {
            checks.insert(0, &implied);
        }
        let (of_status, others): (Vec<&Check>, _) =
            checks.into_iter().partition(|it| it.is_about_status);
        let faults: Vec<Difference> = of_status.into_iter().filter_map(test).collect();
        if !faults.is_empty() {
            return faults;
        }
        others.into_iter().filter_map(test).collect()
    }

    /// Takes away what the probe made. What fails here is tried again at the very end.
    async fn clear(&mut self) {
        if let Some(reading) = self.reading.take() {
            reading.abort();
        }
        if self.callback.take().is_some() {
            let _ = self
                .target
                .ask(
                    &delete("/v2/eventSubscriptions?callbackUrl={callback}"),
                    &self.names,
                )
                .await;
        }
        let all = delete("/v2/groups{g}?force=true");
        let _ = self.target.ask(&all, &self.names).await;
    }
}

fn differs(act: String, expected: String, got: String) -> End {
    End::Differs(vec![Difference { act, expected, got }])
}

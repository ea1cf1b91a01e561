//! Hands events to the readers of `/v2/events`, each behind a bounded buffer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use crate::behaviour;
use crate::callbacks::Callbacks;
use crate::cluster::Event;
use crate::definition::AppSpec;
use crate::engine::lock;
use crate::version::MarathonVersion;

#[derive(Debug)]
pub(crate) struct Hub {
    readers: Mutex<Vec<Reader>>,
    capacity: usize,
    version: MarathonVersion,
    silenced: AtomicBool,
    pub(crate) callbacks: Callbacks,
    /// Counts the cuts; a stream that sees the number change breaks off.
    cuts: watch::Sender<u64>,
}

#[derive(Debug)]
struct Reader {
    sender: mpsc::Sender<Bytes>,
    wants: Wants,
}

/// What a reader asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wants {
    /// Types of events; all if there are none.
    pub(crate) types: Vec<String>,
    /// Deployment events without definitions.
    pub(crate) light: bool,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) events: mpsc::Receiver<Bytes>,
    pub(crate) cuts: watch::Receiver<u64>,
}

impl Hub {
    pub(crate) fn new(capacity: usize, version: MarathonVersion) -> Self {
        Self {
            readers: Mutex::default(),
            capacity: capacity.max(1),
            version,
            silenced: AtomicBool::new(false),
            callbacks: Callbacks::default(),
            cuts: watch::Sender::new(0),
        }
    }

    pub(crate) fn subscribe(&self, wants: Wants) -> Subscription {
        let (sender, events) = mpsc::channel(self.capacity);
        lock(&self.readers).push(Reader { sender, wants });
        Subscription {
            events,
            cuts: self.cuts.subscribe(),
        }
    }

    /// Events told while the streams are silenced are lost, as on a connection that died.
    pub(crate) fn publish(&self, events: &[Event]) {
        let mut readers = lock(&self.readers);
        let nobody = readers.is_empty() && self.callbacks.is_empty();
        if events.is_empty() || nobody || self.is_silenced() {
            return;
        }
        for event in events {
            let light = Frame::light(event, self.version);
            let mut heavy = None;
            readers.retain(|reader| {
                if !reader.wants.kind(&light.kind) {
                    return true;
                }
                let bytes = if reader.wants.light {
                    &light.bytes
                } else {
                    heavy.get_or_insert_with(|| light.heavy(event, self.version))
                };
                match reader.sender.try_send(bytes.clone()) {
                    Ok(()) => true,
                    // A reader that is too slow loses the event, or is cut off: its channel closes.
                    Err(TrySendError::Full(_)) => !self.version.has(behaviour::CUTS_SLOW_READERS),
                    Err(TrySendError::Closed(_)) => false,
                }
            });
            if !self.callbacks.is_empty() {
                let json = heavy_json(event, self.version).unwrap_or(light.json);
                self.callbacks.publish(&json.into());
            }
        }
    }

    pub(crate) fn cut(&self) {
        lock(&self.readers).clear();
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(crate) fn silence(&self, silenced: bool) {
        self.silenced.store(silenced, Ordering::Relaxed);
    }

    pub(crate) fn is_silenced(&self) -> bool {
        self.silenced.load(Ordering::Relaxed)
    }
}

impl Wants {
    fn kind(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| wanted == kind)
    }
}

/// One event as it goes over the wire.
struct Frame {
    kind: String,
    json: String,
    bytes: Bytes,
}

impl Frame {
    fn light(event: &Event, version: MarathonVersion) -> Self {
        let json = serde_json::to_string(event).unwrap_or_default();
        // The type is the tag of the event and therefore its first field.
        let kind = json.split('"').nth(3).unwrap_or_default().to_owned();
        let bytes = frame(&kind, &json, version);
        Self { kind, json, bytes }
    }

    /// The same with the definitions before and after, where the event has a plan.
    fn heavy(&self, event: &Event, version: MarathonVersion) -> Bytes {
        heavy_json(event, version).map_or_else(
            || self.bytes.clone(),
            |json| frame(&self.kind, &json, version),
        )
    }
}

/// An event with the definitions before and after; none where it has no plan.
fn heavy_json(event: &Event, version: MarathonVersion) -> Option<String> {
    let plan = event.plan()?;
    let mut json = serde_json::to_value(event).unwrap_or_default();
    let group = |apps: &[Arc<AppSpec>]| -> Value {
        let apps: Vec<Value> = apps.iter().map(|app| app.in_version(version)).collect();
        json!({ "id": "/", "apps": apps, "groups": [], "dependencies": [], "version": plan.version })
    };
    json["plan"]["original"] = group(&plan.original);
    json["plan"]["target"] = group(&plan.target);
    Some(json.to_string())
}

fn frame(kind: &str, json: &str, version: MarathonVersion) -> Bytes {
    if version.has(behaviour::EVENT_LINE) {
        format!("event: {kind}\r\ndata: {json}\r\n\r\n").into()
    } else {
        format!("data: {json}\r\n\r\n").into()
    }
}

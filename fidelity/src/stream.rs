//! Server-sent events, as their bytes come.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde_json::Value;

use crate::answer::Answer;
use crate::inbox::{Heard, Inbox};
use crate::wire::ByteStream;

/// The kind under which an empty line is heard, which only says that the connection lives.
pub(crate) const HEARTBEAT: &str = "an empty line";

/// A frame longer than this ends the reading.
const LONGEST_FRAME: usize = 64 << 20;

/// Hears a stream to its end.
pub(crate) async fn hear(mut stream: ByteStream, inbox: Inbox) {
    let mut buffer = BytesMut::new();
    while let Some(Ok(chunk)) = stream.next().await {
        buffer.extend_from_slice(&chunk);
        while let Some(frame) = next_frame(&mut buffer) {
            inbox.put(heard(frame));
        }
        if buffer.len() > LONGEST_FRAME {
            return;
        }
    }
}

/// Takes a whole frame off the buffer, with the empty line that ends it; or an empty line alone.
fn next_frame(buffer: &mut BytesMut) -> Option<Bytes> {
    let ends: [&[u8]; 2] = [b"\r\n", b"\n"];
    if let Some(end) = ends.iter().find(|end| buffer.starts_with(end)) {
        return Some(buffer.split_to(end.len()).freeze());
    }
    let ends: [&[u8]; 2] = [b"\r\n\r\n", b"\n\n"];
    let end = ends.iter().filter_map(|end| {
        let mut windows = buffer.windows(end.len());
        windows.position(|it| it == *end).map(|at| at + end.len())
    });
    let end = end.min()?;
    Some(buffer.split_to(end).freeze())
}

fn heard(frame: Bytes) -> Heard {
    let text = String::from_utf8_lossy(&frame).into_owned();
    let field = |name: &str| -> Vec<&str> {
        text.lines()
            .filter_map(|line| Some(line.strip_prefix(name)?.trim_start()))
            .collect()
    };
    let data = serde_json::from_str::<Value>(&field("data:").join("\n")).ok();
    let told = data.as_ref().and_then(|it| it["eventType"].as_str());
    let kind = if text.trim().is_empty() {
        HEARTBEAT.to_owned()
    } else {
        told.unwrap_or_default().to_owned()
    };
    Heard {
        kind,
        event: Answer::event(frame, data),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn frames_are_put_together_from_pieces() {
        let pieces = [
            "event: a\r\ndata: {\"eventType\"",
            ":\"a\"}\r\n\r",
            "\n\r\nda",
            "ta: {\"eventType\":\"b\"}\n\ndata: half",
        ];
        let pieces = pieces.map(|piece| Ok(Bytes::from(piece)));
        let inbox = Inbox::default();
        hear(stream::iter(pieces).boxed(), inbox.clone()).await;
        let kinds: Vec<String> = inbox.all().into_iter().map(|it| it.kind).collect();
        assert_eq!(kinds, ["a", HEARTBEAT, "b"]);
    }
}

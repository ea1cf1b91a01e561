//! The answer to `GET /v2/apps`, read while it comes in: of tens of megabytes little more is held
//! than the app that is just coming in, and with the last byte nearly all is read.

use serde::de;
use serde_json::Deserializer;

use super::{Hosts, Listing, apps};
use crate::classify::excerpt;
use crate::http::Reader;
use crate::wire::read;

/// How the answer begins, blanks aside.
const HEAD: [&str; 4] = ["{", "\"apps\"", ":", "["];

/// The most that is held, in bytes: an app with some hundred thousand tasks. What is larger is none.
const LARGEST_APP: usize = 128 << 20;

/// What came in so far, and what it tells.
#[derive(Debug, Default)]
pub(crate) struct AppsInPieces {
    /// What is not read yet.
    held: Vec<u8>,
    /// How much there has to be until it is worth to read on, so that an app which is larger than
    /// the pieces is not tried anew with each of them.
    enough: usize,
    /// Where `held` begins.
    place: Place,
    told: Listing,
    hosts: Hosts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Before the list of apps.
    #[default]
    Head,
    /// Before the first of them.
    First,
    /// Behind one of them.
    Behind,
}

impl Reader for AppsInPieces {
    type Told = Listing;

    fn take(&mut self, piece: &[u8]) -> serde_json::Result<()> {
        self.held.extend_from_slice(piece);
        if self.held.len() < self.enough.min(LARGEST_APP) {
            return Ok(());
        }
        self.read_on()?;
        if self.held.len() >= LARGEST_APP {
            let error = format!("a single app takes more than {LARGEST_APP} bytes");
            return Err(de::Error::custom(error));
        }
        self.enough = self.held.len().saturating_mul(2);
        Ok(())
    }

    fn done(mut self) -> serde_json::Result<Listing> {
        self.read_on()?;
        // The rest is read as if the list began with it: at best it is the end of the list.
        let rest = self.held.trim_ascii_start();
        let rest = match self.place {
            Place::Head => apps(rest)?,
            Place::First => apps(&[HEAD.concat().as_bytes(), rest].concat())?,
            Place::Behind => {
                let rest = rest.strip_prefix(b",").unwrap_or(rest);
                apps(&[HEAD.concat().as_bytes(), rest].concat())?
            }
        };
        self.told.append(rest);
        Ok(self.told)
    }
}

impl AppsInPieces {
    /// Reads all apps that are there as a whole.
    fn read_on(&mut self) -> serde_json::Result<()> {
        let text = match str::from_utf8(&self.held) {
            Ok(text) => text,
            Err(error) => {
                // Either a character is not there as a whole yet, or all from here on is read in
                // the end, when it is seen whether that matters.
                let good = &self.held[..error.valid_up_to()];
                str::from_utf8(good).unwrap_or_default()
            }
        };
        let mut rest = text;
        if self.place == Place::Head {
            let Some(list) = list(text) else {
                return Ok(());
            };
            (rest, self.place) = (list, Place::First);
        }
        while let Some((app, behind)) = next(rest, self.place)? {
            match app {
                Item::Read(app) => self.told.add(*app, &mut self.hosts),
                Item::Unread { id, why } => self.told.add_unread(&id, why),
            }
            (rest, self.place) = (behind, Place::Behind);
        }
        let taken = text.len() - rest.len();
        self.held.drain(..taken);
        Ok(())
    }
}

/// What is behind the beginning of the list, if all of that is there.
fn list(text: &str) -> Option<&str> {
    let mut rest = text;
    for part in HEAD {
        rest = rest.trim_ascii_start().strip_prefix(part)?;
    }
    Some(rest)
}

/// An app of the list.
enum Item<'a> {
    Read(Box<read::App<'a>>),
    /// One that is not what it should be. The others are read all the same.
    Unread {
        id: String,
        why: String,
    },
}

/// The next app of a list, and what is behind it; `None` when there is no more of it, or not yet.
fn next(list: &str, place: Place) -> serde_json::Result<Option<(Item<'_>, &str)>> {
    let list = list.trim_ascii_start();
    let item = match (place, list.chars().next()) {
        (_, None | Some(']')) => return Ok(None),
        (Place::Behind, Some(',')) => &list[1..],
        (Place::Behind, Some(_)) => return Err(de::Error::custom("expected `,` or `]`")),
        (Place::Head | Place::First, Some(_)) => list,
    };
    let mut items = Deserializer::from_str(item).into_iter();
    match items.next() {
        Some(Ok(app)) => {
            let behind = &item[items.byte_offset()..];
            Ok(Some((Item::Read(Box::new(app)), behind)))
        }
        Some(Err(error)) if !error.is_eof() && !is_at_end(&error, item) => unread(item, error),
        Some(Err(_)) | None => Ok(None),
    }
}

/// An app with which something is wrong, and what is behind it. It is known by its id alone; what
/// has none, or is not even JSON, spoils the answer.
fn unread(item: &str, error: serde_json::Error) -> serde_json::Result<Option<(Item<'_>, &str)>> {
    let mut items = Deserializer::from_str(item).into_iter::<read::Id<'_>>();
    match items.next() {
        Some(Ok(app)) => {
            let unread = Item::Unread {
                id: app.id.0.into_owned(),
                why: excerpt(&error.to_string()),
            };
            Ok(Some((unread, &item[items.byte_offset()..])))
        }
        Some(Err(again)) if again.is_eof() => Ok(None),
        Some(Err(_)) | None => Err(error),
    }
}

/// Whether something is wrong with the very last that is there, which may go on: `1.` as `1.5`.
fn is_at_end(error: &serde_json::Error, text: &str) -> bool {
    let line = text.rfind('\n').map_or(0, |at| at + 1);
    let end = (1 + text.matches('\n').count(), text.len() - line);
    (error.line(), error.column()) == end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// What is told when the body comes in pieces of these lengths, and then the rest.
    fn in_pieces(body: &[u8], lengths: &[usize]) -> serde_json::Result<Listing> {
        let mut reader = AppsInPieces::default();
        let mut rest = body;
        for length in lengths {
            let (piece, behind) = rest.split_at(rest.len().min(*length));
            reader.take(piece)?;
            rest = behind;
        }
        reader.take(rest)?;
        reader.done()
    }

    fn body(count: usize) -> String {
        let apps = (0..count).map(|number| {
            let tasks = (0..number % 4).map(|task| json!({"id": format!("ü.{task}"), "host": "h"}));
            json!({
                "id": format!("/theseus/app-{number}/dev/r1"),
                "cmd": "}],{\"[ö€",
                "tasks": tasks.collect::<Vec<_>>(),
            })
        });
        json!({"apps": apps.collect::<Vec<_>>()}).to_string()
    }

    #[test]
    fn it_may_be_cut_anywhere() {
        let id = "/theseus/a/dev/r1";
        let task = json!({"id": "t", "host": "ü", "ports": [31005], "startedAt": null});
        let app = json!({
            "id": id, "cpus": -0.25, "mem": 1e30, "instances": 12, "requirePorts": false,
            "labels": {"a\u{7}": "\\\""}, "tasks": [task],
        });
        for body in [
            json!({"apps": [app, app]}).to_string(),
            serde_json::to_string_pretty(&json!({"apps": [app, app]})).unwrap(),
        ] {
            let whole = apps(body.as_bytes()).unwrap();
            assert_eq!(whole.apps.len(), 2);
            for at in 0..body.len() {
                let told = in_pieces(body.as_bytes(), &[at]);
                assert_eq!(told.unwrap().apps, whole.apps, "{at}");
                let _ = in_pieces(&body.as_bytes()[..at], &[at / 2]).unwrap_err();
            }
        }
    }

    #[test]
    fn nearly_all_is_read_before_the_end() {
        let body = body(100);
        let mut reader = AppsInPieces::default();
        for piece in body.as_bytes().chunks(1000) {
            reader.take(piece).unwrap();
            assert!(reader.held.len() < 2000, "{}", reader.held.len());
        }
        assert!(reader.told.apps.len() > 90, "{}", reader.told.apps.len());
    }

    #[test]
    fn an_app_without_end_is_not_held() {
        let mut reader = AppsInPieces::default();
        reader.take(br#"{"apps":[{"id":""#).unwrap();
        let piece = vec![b'a'; 16 << 20];
        let taken = (0..100).take_while(|_| reader.take(&piece).is_ok());
        assert_eq!(taken.count(), 7);
    }

    #[test]
    fn a_large_app_is_not_tried_with_each_piece() {
        let id = "/theseus/a/dev/r1";
        let body = json!({"apps": [{"id": id, "cmd": "x".repeat(1 << 20)}]}).to_string();
        let mut reader = AppsInPieces::default();
        let mut tries = 0;
        for piece in body.as_bytes().chunks(1000) {
            tries += usize::from(reader.held.len() + piece.len() >= reader.enough);
            reader.take(piece).unwrap();
        }
        assert!(tries < 20, "{tries}");
        assert_eq!(reader.done().unwrap().apps.len(), 1);
    }

    #[test]
    fn what_is_not_as_expected_is_what_it_would_be_in_one_piece() {
        for body in [
            "",
            "{}",
            "[]",
            "{\"apps\"",
            "{\"apps\":[",
            "{\"apps\":[]}",
            " { \"apps\" : [ ] , \"more\" : 1 } ",
            "{\"more\":[{}],\"apps\":[{\"id\":\"/theseus/a/b/r1\"}]}",
            "{\"apps\":[{\"id\":\"/theseus/a/b/r1\"} , {\"id\":\"/x\"} ]}",
            "{\"apps\":[{\"id\":\"/x\"}],\"apps\":[]}",
            "{\"apps\":[{\"id\":\"/x\"},]}",
            "{\"apps\":[{\"id\":\"/x\"}{\"id\":\"/x\"}]}",
            "{\"apps\":[,{\"id\":\"/x\"}]}",
            "{\"apps\":[{\"id\":\"/x\"}]}}",
            "{\"apps\":[{\"id\":7}]}",
            "{\"apps\":[{\"id\":\"/x\"},",
            "{\"apps\":[{\"id\":\"/x\"}",
            "{\"apps\":[7]}",
            "{\"apps\":7}",
        ] {
            let whole = apps(body.as_bytes());
            for length in 1..=body.len().max(1) {
                let told = in_pieces(body.as_bytes(), &vec![length; body.len() / length]);
                match (&whole, &told) {
                    (Ok(whole), Ok(told)) => assert_eq!(told.apps, whole.apps, "{body}"),
                    (Err(whole), Err(told)) => {
                        assert_eq!(told.is_eof(), whole.is_eof(), "{body} {whole} {told}");
                    }
                    _ => panic!("{body}: {whole:?} {told:?}"),
                }
            }
        }
    }

    #[test]
    fn an_app_that_is_not_what_it_should_be_spoils_no_other() {
        for odd in [
            r#""tasks":7"#,
            r#""tasks":[{"id":1}]"#,
            r#""instances":1e999"#,
            r#""deployments":[{}]"#,
            r#""healthChecks":{"a":1}"#,
        ] {
            let body = format!(
                r#"{{"apps":[{{"id":"/a"}},{{"id":"/odd",{odd}}},{{{odd},"id":"/theseus/s/l/r3"}},{{"id":"/theseus/t/l/r1"}}]}}"#
            );
            for length in 1..body.len() {
                let told = in_pieces(body.as_bytes(), &vec![length; body.len() / length]).unwrap();
                let foreign: Vec<_> = told
                    .foreign
                    .iter()
                    .map(|app| (&*app.id.0, app.unread.is_some()))
                    .collect();
                assert_eq!(foreign, [("/a", false), ("/odd", true)], "{body}");
                let apps: Vec<_> = told
                    .apps
                    .iter()
                    .map(|app| (app.group.to_string(), app.revision, app.unread.is_some()))
                    .collect();
                assert_eq!(
                    apps,
                    [("s:l".to_owned(), 3, true), ("t:l".to_owned(), 1, false)],
                    "{body}"
                );
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_spoil_only_what_is_read_of_them() {
        let mut body = body(9).into_bytes();
        let at = body.windows(3).position(|it| it == "€".as_bytes()).unwrap();
        body[at] = 0xff;
        let whole = apps(&body).unwrap();
        assert_eq!(in_pieces(&body, &[10; 50]).unwrap().apps, whole.apps);
    }

    proptest! {
        #[test]
        fn however_it_comes_in_it_tells_the_same(
            count in 0_usize..9,
            cut in 0_usize..400,
            lengths in proptest::collection::vec(0_usize..200, 0..20),
        ) {
            let body = body(count);
            let whole = apps(body.as_bytes()).unwrap();
            let told = in_pieces(body.as_bytes(), &lengths).unwrap();
            prop_assert_eq!(told.apps, whole.apps);
            let short = &body.as_bytes()[..body.len().saturating_sub(cut + 1)];
            prop_assert!(in_pieces(short, &lengths).unwrap_err().is_eof());
        }

        #[test]
        fn any_bytes_may_come_in(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            lengths in proptest::collection::vec(0_usize..50, 0..9),
        ) {
            let _ = in_pieces(&body, &lengths);
            let listed = [b"{\"apps\":[", &body[..]].concat();
            let _ = in_pieces(&listed, &lengths);
        }
    }
}

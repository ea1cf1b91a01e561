//! Lines of several containers in one order, and as programs read them.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;
use tokio::time::Instant;

use super::strand::{Filter, Strand};
use super::weave::Weave;
use super::*;
use crate::cluster::LogPiece;

fn bytes(output: Output, text: &str) -> LogPiece {
    LogPiece::Bytes {
        output,
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        written: None,
    }
}

fn speaker(id: &str) -> Speaker {
    Speaker {
        group: Some("web:dev".parse().unwrap()),
        container: ContainerId(id.to_owned()),
        host: Some("h1".into()),
        revision: Some(1),
        is_over: false,
    }
}

fn text(told: &Told) -> String {
    match told {
        Told::Line(line) => line.text.clone(),
        Told::Word { speaker, word } => {
            let word = serde_json::to_value(word).unwrap();
            format!("{} {}", speaker.container, word["event"].as_str().unwrap())
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn short_names_are_parts_of_the_names_that_people_see() {
    for (id, expected) in [
        (
            "theseus_web_dev_r1.b8d1e0a2-77e5-11e6-a2b9-0242ac110002",
            "b8d1e0a2",
        ),
        (
            "theseus_web_dev_r1.instance-b8d1e0a2-77e5-11e6-a2b9-0242ac110002._app.1",
            "b8d1e0a2",
        ),
        ("deadbeefcafe", "deadbeef"),
        ("one", "one"),
        ("web.number-17", "umber-17"),
        ("ééééééééé", "éééééééé"),
        ("", ""),
    ] {
        assert_eq!(short(id), expected, "{id}");
    }
}

#[test]
fn a_line_as_programs_read_it() {
    let line = Line {
        speaker: Arc::new(speaker("a.1")),
        output: Output::Stderr,
        time: "2026-01-02T03:04:05Z".parse().ok(),
        text: "oh".to_owned(),
        continues: false,
    };
    let away = Word::OutOfReach {
        since: None,
        reason: "gone".to_owned(),
    };
    let told = [
        Told::Line(line),
        Told::Word {
            speaker: Arc::new(speaker("a.1")),
            word: away,
        },
        Told::CaughtUp,
    ];
    let who = r#""group":"web:dev","container":"a.1","host":"h1","revision":1"#;
    assert_eq!(
        told.map(|told| serde_json::to_string(&told).unwrap()),
        [
            format!(
                r#"{{"event":"line",{who},"output":"stderr","time":"2026-01-02T03:04:05Z","text":"oh"}}"#
            ),
            format!(r#"{{{who},"event":"out-of-reach","since":null,"reason":"gone"}}"#),
            r#"{"event":"caught-up"}"#.to_owned(),
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever comes when: all of it is told, each output in its order, and by time as long as
    /// everybody tells one.
    #[test]
    fn lines_are_woven_by_time_and_none_is_lost(
        all in proptest::collection::vec(proptest::collection::vec(0..2_i64, 0..40), 1..8),
        order in proptest::collection::vec((any::<u16>(), 1..6_usize), 0..400),
        are_timed in any::<bool>(),
    ) {
        let now = Instant::now();
        let mut weave = Weave::default();
        let mut waiting = Vec::new();
        let mut expected = 0;
        for (number, steps) in all.iter().enumerate() {
            // Two outputs of each container, read in turns.
            let who = speaker(&format!("{}", number / 2));
            let output = [Output::Stdout, Output::Stderr][number % 2];
            if number % 2 == 0 {
                let strand = Strand::new(Arc::new(who), Outputs::Both.all(), Filter::default());
                weave.add(strand, now);
                waiting.push(Vec::new());
            }
            let mut time = 1_000_000;
            let lines = steps.iter().enumerate().map(|(line, step)| {
                time += step;
                let at = Timestamp::from_second(time).unwrap();
                let at = if are_timed { at.to_string() } else { String::new() };
                (output, format!("{at} {number} {line}\n"))
            });
            expected += lines.len();
            waiting[number / 2].push(lines.collect::<Vec<_>>());
        }
        let mut waiting: Vec<_> = waiting.into_iter().map(|outputs| {
            // In turns, as long as there are both.
            let longest = outputs.iter().map(Vec::len).max().unwrap_or(0);
            let mut pieces: Vec<_> = (0..longest)
                .flat_map(|at| outputs.iter().filter_map(move |it| it.get(at).cloned()).collect::<Vec<_>>())
                .collect();
            pieces.reverse();
            pieces
        }).collect();
        let mut told = Vec::new();
        let mut finish = |weave: &mut Weave, waiting: &mut Vec<Vec<(Output, String)>>, which: usize, count: usize| {
            for _ in 0..count {
                match waiting[which].pop() {
                    Some((output, line)) => {
                        weave.strand(which).unwrap().push(bytes(output, &line));
                    }
                    None => weave.strand(which).unwrap().finish(),
                }
                weave.touched(which, now);
            }
            while let Some(line) = weave.pop(now) {
                told.push(text(&line));
            }
        };
        for (which, count) in order {
            let which = which as usize % waiting.len();
            finish(&mut weave, &mut waiting, which, count);
        }
        for which in 0..waiting.len() {
            let rest = waiting[which].len() + 1;
            finish(&mut weave, &mut waiting, which, rest);
        }
        prop_assert_eq!(told.len(), expected);
        for (number, steps) in all.iter().enumerate() {
            let own = told.iter().filter_map(|line| {
                let mut words = line.rsplit(' ');
                let at: usize = words.next()?.parse().ok()?;
                (words.next()? == number.to_string()).then_some(at)
            });
            prop_assert!(own.eq(0..steps.len()));
        }
        if are_timed {
            let times: Vec<_> = told.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
            prop_assert!(times.is_sorted(), "{:?}", told);
        }
    }
}

//! A directory in which somebody writes and rotates between any two requests.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A world of one output.
#[derive(Debug)]
struct World {
    /// Counts the lines, so that no two are alike.
    lines: u32,
    second: i64,
    /// The newest first; the first is written to.
    files: VecDeque<(Vec<u8>, i64)>,
    /// How many rotated files are kept.
    kept: usize,
    /// From which number on they are compressed.
    compressed_from: usize,
    /// All that was ever written.
    written: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Act {
    Write(u32),
    Rotate,
    Tick,
}

impl World {
    fn new(kept: usize, compressed_from: usize) -> Self {
        Self {
            lines: 0,
            second: 1,
            files: VecDeque::from([(Vec::new(), 1)]),
            kept,
            compressed_from,
            written: Vec::new(),
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Write(lines) => {
                for _ in 0..*lines {
                    self.lines += 1;
                    let line = format!("{}\n", self.lines);
                    self.written.extend(line.bytes());
                    self.files[0].0.extend(line.bytes());
                    self.files[0].1 = self.second;
                }
            }
            Act::Rotate => {
                self.files.push_front((Vec::new(), self.second));
                self.files.truncate(self.kept + 1);
            }
            Act::Tick => self.second += 1,
        }
    }

    fn family(&self) -> Family {
        Family::new(self.files.iter().enumerate().map(|(number, (data, at))| {
            let is_compressed = number > 0 && number >= self.compressed_from;
            let size = if is_compressed { 20 } else { data.len() as u64 };
            File {
                number: u32::try_from(number).unwrap(),
                path: number.to_string(),
                size,
                changed: at * 1000,
                is_compressed,
            }
        }))
    }

    fn content(&self, path: &str) -> Vec<u8> {
        self.files[path.parse::<usize>().unwrap()].0.clone()
    }
}

/// Follows an output through what happens, and then until nothing more comes.
fn follow(world: &mut World, mut track: Track, acts: &[Act], most: u64) -> (Vec<u8>, bool) {
    let mut acts = acts.iter();
    let (mut told, mut missed, mut rest) = (Vec::new(), false, 0);
    let mut requests = 0;
    while rest < 6 {
        requests += 1;
        assert!(requests < 10_000, "no end: {track:?}");
        match acts.next() {
            Some(act) => world.act(act),
            None if track.is_idle() => {
                // So that nothing hides in the same second.
                world.act(&Act::Tick);
                rest += 1;
            }
            None => {}
        }
        let came = match track.want() {
            Want::Look { .. } => track.looked(world.family()),
            Want::Read { path, from, length } => {
                let content = world.content(&path);
                let from = usize::try_from(from).unwrap().min(content.len());
                let asked = usize::try_from(length.min(most)).unwrap();
                let bytes = content[from..].iter().take(asked).copied();
                let bytes: Vec<u8> = bytes.collect();
                track.read(Piece {
                    length: bytes.len() as u64,
                    bytes,
                    is_exact: true,
                    is_ambiguous: false,
                })
            }
            want @ Want::Fetch { .. } => {
                let Want::Fetch { path, skip } = &want else {
                    unreachable!()
                };
                // The file is open once the answer begins.
                let content = world.content(path);
                if let Some(act) = acts.next() {
                    world.act(act);
                }
                let mut came = track.looked(world.family());
                if track.want() == want {
                    let rest = &content[usize::try_from(*skip).unwrap().min(content.len())..];
                    track.fetching();
                    let mut pieces = rest.chunks(50);
                    let is_right = pieces.all(|piece| {
                        let bytes = track.fetched(piece.to_vec());
                        bytes.is_some_and(|bytes| {
                            told.extend(bytes);
                            true
                        })
                    });
                    if !(is_right && track.fetched_all()) {
                        came = track.not_here();
                    }
                }
                came
            }
        };
        missed |= came.missed;
        told.extend(came.bytes);
    }
    (told, missed)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\n', " ")
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..6_u32).prop_map(Act::Write),
        2 => Just(Act::Rotate),
        2 => Just(Act::Tick),
        // A request without anything happening before it.
        5 => Just(Act::Write(0)),
    ]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    proptest::collection::vec(act(), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn whatever_happens_each_byte_is_told_once(
        before in acts(),
        acts in acts(),
        compressed_from in prop_oneof![Just(2_usize), Just(1000)],
        most in prop_oneof![70..90_u64, Just(LARGEST_READ)],
    ) {
        let mut world = World::new(1000, compressed_from);
        for act in &before {
            world.act(act);
        }
        let (told, missed) = follow(&mut world, Track::from_oldest(), &acts, most);
        prop_assert_eq!(text(&told), text(&world.written));
        prop_assert!(!missed);
    }

    #[test]
    fn whatever_is_thrown_away_nothing_is_told_twice(acts in acts(), kept in 0..3_usize) {
        let mut world = World::new(kept, 1000);
        // All lines are equally long; what is longer or shorter lost a part.
        world.lines = 1000;
        let (told, _) = follow(&mut world, Track::from_oldest(), &acts, LARGEST_READ);
        let told = String::from_utf8(told).unwrap();
        let numbers: Vec<u32> = told
            .lines()
            .filter(|line| line.len() == 4)
            .filter_map(|line| line.parse().ok())
            .collect();
        prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{told}");
    }
}

#[test]
fn what_was_thrown_away_is_said() {
    let mut world = World::new(1, 1000);
    let mut acts = vec![Act::Write(3), Act::Write(0), Act::Write(0), Act::Write(0)];
    acts.extend([Act::Rotate, Act::Write(2), Act::Tick]);
    // All of this between two looks.
    let mut track = Track::from_oldest();
    world.act(&Act::Write(3));
    let (told, missed) = follow(&mut world, std::mem::take(&mut track), &acts[1..4], 100);
    assert_eq!((text(&told).as_str(), missed), ("1 2 3 ", false));
    let mut track = Track::from_place(world.family(), 0, 6, b"1\n2\n3\n");
    for act in [
        Act::Write(1),
        Act::Rotate,
        Act::Write(2),
        Act::Rotate,
        Act::Write(1),
    ] {
        world.act(&act);
    }
    let (told, missed) = follow(&mut world, std::mem::take(&mut track), &[], 100);
    assert_eq!((text(&told).as_str(), missed), ("5 6 7 ", true));
}

#[test]
fn a_file_that_is_as_long_as_the_one_before_is_not_taken_for_it() {
    let mut world = World::new(9, 1000);
    world.act(&Act::Write(4));
    let mut track = Track::from_place(world.family(), 0, 8, b"1\n2\n3\n4\n");
    assert!(track.is_idle());
    world.act(&Act::Rotate);
    world.act(&Act::Write(4));
    let (told, missed) = follow(&mut world, std::mem::take(&mut track), &[], 100);
    assert_eq!((text(&told).as_str(), missed), ("5 6 7 8 ", false));
}

#[test]
fn an_idle_output_costs_looks_only() {
    let mut world = World::new(9, 1000);
    world.act(&Act::Write(4));
    let mut track = Track::from_place(world.family(), 0, 8, b"4\n");
    for _ in 0..10 {
        assert_eq!(track.want(), Want::Look { now: false });
        assert_eq!(track.looked(world.family()), Told::default());
    }
}

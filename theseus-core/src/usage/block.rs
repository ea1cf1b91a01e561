//! A part of the history: its shape, its key, and how a value comes into it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::steps::Steps;
use super::{Amount, Point, Span};

/// The prefix of all blocks.
pub const USAGE: &str = "usage/";
/// Into how many parts a block is cut.
const PARTS: u64 = 16;
/// Of how many names a part tells at most.
const MOST_SERIES: usize = 1000;
/// The longest name that is told of, in bytes.
const LONGEST_NAME: usize = 256;
/// How long the coarse steps are, in seconds.
const COARSE_STEP: u32 = 15 * 60;

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Container,
    Group,
    Host,
}

/// Of what something is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    kind: Kind,
    name: String,
}

/// Which part of a block.
pub(super) type Part = (Kind, u64);

impl Span {
    /// How it is called in keys.
    fn word(self) -> &'static str {
        match self {
            Self::Hour => "fine",
            Self::Week => "coarse",
        }
    }

    /// How far back it goes, in seconds.
    pub(super) fn kept(self) -> i64 {
        match self {
            Self::Hour => 3600,
            Self::Week => 7 * 24 * 3600,
        }
    }

    /// How long one of its blocks is, in seconds.
    pub(super) fn block(self) -> i64 {
        match self {
            Self::Hour => 300,
            Self::Week => 6 * 3600,
        }
    }

    /// How long its steps are, in seconds, where somebody looks so often. A block has no more than
    /// thirty.
    pub(super) fn step(self, every: u32) -> u32 {
        match self {
            Self::Hour => every.clamp(10, 300),
            Self::Week => COARSE_STEP,
        }
    }

    /// When the block of a time begins, in seconds since 1970.
    pub(super) fn start(self, at: Timestamp) -> i64 {
        at.as_second().div_euclid(self.block()) * self.block()
    }

    /// When its blocks begin that are kept at a time, the oldest first.
    pub(super) fn starts(self, now: Timestamp) -> impl Iterator<Item = i64> {
        let last = self.start(now);
        let count = self.kept() / self.block();
        (0..=count)
            .rev()
            .map(move |back| last - back * self.block())
    }

    /// The prefix of all of its blocks.
    pub(super) fn prefix(self) -> String {
        format!("{USAGE}{}/", self.word())
    }

    /// The prefix of a block.
    pub(super) fn block_prefix(self, start: i64) -> String {
        format!("{}{start:012}/", self.prefix())
    }

    /// When the block of a key begins.
    pub(super) fn start_of(self, key: &str) -> Option<i64> {
        let rest = key.strip_prefix(&self.prefix())?;
        rest.split('/').next()?.parse().ok()
    }

    /// The key of a part of a block.
    pub(super) fn key(self, start: i64, (kind, part): Part) -> String {
        format!("{}{part:02}", self.kind_prefix(start, kind))
    }

    /// The prefix of what a block tells of one kind.
    pub(super) fn kind_prefix(self, start: i64, kind: Kind) -> String {
        let kind = match kind {
            Kind::Container => "containers",
            Kind::Group => "groups",
            Kind::Host => "hosts",
        };
        format!("{}{kind}/", self.block_prefix(start))
    }

    /// Which part of a block it is that has this key.
    pub(super) fn part_of(self, start: i64, key: &str) -> Option<Part> {
        let (kind, part) = key
            .strip_prefix(&self.block_prefix(start))?
            .split_once('/')?;
        let kind = match kind {
            "containers" => Kind::Container,
            "groups" => Kind::Group,
            "hosts" => Kind::Host,
            _ => return None,
        };
        Some((kind, part.parse().ok()?))
    }
}

impl Name {
    pub(super) fn is_container(&self) -> bool {
        self.kind == Kind::Container
    }

    pub(super) fn new(kind: Kind, name: &str) -> Self {
        let ends = name.char_indices().map(|(at, it)| at + it.len_utf8());
        let end = ends.take_while(|end| *end <= LONGEST_NAME).last();
        let end = end.unwrap_or_default();
        Self {
            kind,
            name: name[..end].to_owned(),
        }
    }

    /// The part of a block that tells of it.
    pub(super) fn part(&self) -> Part {
        // FNV-1a: the same in every version of this program.
        let hash = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        (self.kind, (hash >> 32) % PARTS)
    }

    pub(super) fn key(&self, span: Span, start: i64) -> String {
        span.key(start, self.part())
    }
}

/// A part of a block, as it is written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Block {
    /// How long its steps are, in seconds.
    pub(super) step: u32,
    /// What it tells, by name.
    pub(super) series: BTreeMap<String, Series>,
}

/// What is told of one name: a value for each step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Series {
    /// Thousandths of a processor.
    #[serde(default)]
    cpu: Steps<u32>,
    /// KiB.
    #[serde(default)]
    mem: Steps<u64>,
    /// Thousandths of a processor.
    #[serde(default, skip_serializing_if = "Steps::is_empty")]
    throttled: Steps<u32>,
    /// Thousandths of a processor, as it was last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cpu_limit: Option<u32>,
    /// KiB, as it was last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mem_limit: Option<u64>,
    /// How many values are in the last step's average, which may still be under way.
    #[serde(default, skip_serializing_if = "is_at_most_one")]
    samples: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_at_most_one(samples: &u32) -> bool {
    *samples <= 1
}

impl Block {
    pub(super) fn new(step: u32) -> Self {
        Self {
            step,
            series: BTreeMap::new(),
        }
    }

    /// Takes a value into the step of this index; false where there is no room for another name.
    pub(super) fn take(&mut self, name: &Name, index: usize, amount: &Amount) -> bool {
        if !self.series.contains_key(&name.name) && self.series.len() >= MOST_SERIES {
            return false;
        }
        let series = self.series.entry(name.name.clone()).or_default();
        series.take(index, amount);
        true
    }

    /// What is told of a name in a block that begins then.
    pub(super) fn points(&self, name: &Name, start: i64) -> Vec<Point> {
        let Some(series) = self.series.get(&name.name) else {
            return Vec::new();
        };
        let steps = series.cpu.len().max(series.mem.len());
        let point = |index: usize| {
            let passed = i64::try_from(index)
                .ok()?
                .checked_mul(i64::from(self.step))?;
            let at = Timestamp::from_second(start.checked_add(passed)?).ok()?;
            let point = Point {
                at,
                step: self.step,
                cpu: series.cpu.get(index).map(units),
                cpu_limit: series.cpu_limit.map(units),
                throttled: series.throttled.get(index).map(units),
                memory: series.mem.get(index).map(bytes),
                memory_limit: series.mem_limit.map(bytes),
            };
            (point.cpu.is_some() || point.memory.is_some()).then_some(point)
        };
        (0..steps).filter_map(point).collect()
    }
}

impl Block {
    /// The last that is told of each name in a block that begins then.
    pub(super) fn last(&self, kind: Kind, start: i64) -> impl Iterator<Item = (String, Point)> {
        self.series.keys().filter_map(move |name| {
            let name = Name::new(kind, name);
            let point = self.points(&name, start).pop()?;
            Some((name.name, point))
        })
    }
}

impl Series {
    fn take(&mut self, index: usize, amount: &Amount) {
        let is_begun = self.cpu.len().max(self.mem.len()) == index + 1;
        let before = if is_begun { self.samples.max(1) } else { 0 };
        self.samples = before.saturating_add(1);
        average(&mut self.cpu, index, amount.cpu, before);
        if amount.throttled.is_some() || !self.throttled.is_empty() {
            average(&mut self.throttled, index, amount.throttled, before);
        }
        let memory = amount.memory.map(|bytes| bytes / 1024);
        self.mem.update(index, |most| most.max(memory));
        self.cpu_limit = amount.cpu_limit.map(thousandths).or(self.cpu_limit);
        self.mem_limit = amount
            .memory_limit
            .map(|bytes| bytes / 1024)
            .or(self.mem_limit);
    }
}

/// Takes a value into an average of so many.
fn average(values: &mut Steps<u32>, index: usize, value: Option<f64>, before: u32) {
    values.update(index, |mean| match (mean, value) {
        (Some(mean), Some(value)) => {
            let before = f64::from(before.max(1));
            let sum = units(mean) * before + value;
            Some(thousandths(sum / (before + 1.0)))
        }
        (mean, value) => mean.or(value.map(thousandths)),
    });
}

fn units(thousandths: u32) -> f64 {
    f64::from(thousandths) / 1000.0
}

fn bytes(kib: u64) -> u64 {
    kib.saturating_mul(1024)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it ends at the first and the last that fit"
)]
fn thousandths(number: f64) -> u32 {
    (number * 1000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(Kind::Container, text)
    }

    fn amount(cpu: f64, memory: u64) -> Amount {
        Amount {
            cpu: Some(cpu),
            memory: Some(memory),
            ..Amount::default()
        }
    }

    #[test]
    fn a_block_in_full() {
        let mut block = Block::new(10);
        assert!(block.take(&name("a.1"), 0, &amount(0.5, 2048)));
        assert!(block.take(&name("a.1"), 2, &amount(1.0, 4096)));
        assert!(block.take(&name("a.1"), 2, &amount(2.0, 1024)));
        insta::assert_snapshot!(
            serde_json::to_string(&block).unwrap(),
            @r#"{"step":10,"series":{"a.1":{"cpu":[500,null,1500],"mem":[2,null,4],"samples":2}}}"#
        );
        let told = block.points(&name("a.1"), 600);
        let told: Vec<_> = told
            .iter()
            .map(|it| (it.at.as_second(), it.cpu, it.memory))
            .collect();
        assert_eq!(
            told,
            [(600, Some(0.5), Some(2048)), (620, Some(1.5), Some(4096))]
        );
        assert_eq!(block.points(&name("b"), 600), []);
    }

    #[test]
    fn keys_are_read_back() {
        let name = name("a.1");
        let key = name.key(Span::Hour, 1_767_323_100);
        assert_eq!(key, "usage/fine/001767323100/containers/09");
        assert_eq!(Span::Hour.start_of(&key), Some(1_767_323_100));
        assert_eq!(Span::Week.start_of(&key), None);
        assert_eq!(Span::Hour.part_of(1_767_323_100, &key), Some(name.part()));
    }

    #[test]
    fn a_part_tells_of_no_more_than_so_many() {
        let mut block = Block::new(10);
        let told = (0..2000).filter(|n| block.take(&name(&n.to_string()), 0, &amount(1.0, 1)));
        assert_eq!(told.count(), MOST_SERIES);
        assert!(block.take(&name("7"), 1, &amount(1.0, 1)), "it is known");
    }

    proptest! {
        /// A coarse step is the mean of what it is made from, and its memory the most of it.
        #[test]
        fn down_sampling_keeps_mean_and_peak(
            values in proptest::collection::vec((0.0..64.0_f64, 0..1_u64 << 40), 1..100),
        ) {
            let mut block = Block::new(900);
            for (cpu, memory) in &values {
                block.take(&name("a"), 0, &amount(*cpu, *memory));
            }
            let told = block.points(&name("a"), 0)[0];
            let count = f64::from(u32::try_from(values.len()).unwrap());
            let mean = values.iter().map(|it| it.0).sum::<f64>() / count;
            prop_assert!((told.cpu.unwrap() - mean).abs() < 0.01, "{told:?} {mean}");
            let most = values.iter().map(|it| it.1).max().unwrap();
            prop_assert_eq!(told.memory, Some(most / 1024 * 1024));
        }

        #[test]
        fn any_name_and_time_has_a_block(text in ".{0,300}", second in -10_000_000_000..100_000_000_000_i64) {
            let at = Timestamp::from_second(second).unwrap();
            for span in [Span::Hour, Span::Week] {
                let start = span.start(at);
                prop_assert!((0..span.block()).contains(&(second - start)));
                prop_assert!(span.starts(at).last() == Some(start));
                let name = name(&text);
                prop_assert!(name.part().1 < PARTS);
            }
        }
    }
}

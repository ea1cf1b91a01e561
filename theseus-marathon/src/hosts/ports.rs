//! Ranges of ports, as Mesos offers and takes them.

use std::ops::RangeInclusive;

type Range = RangeInclusive<u16>;

/// Reads `[31000-32000, 33000-33000]`. What is no range of ports in it is passed over.
pub(super) fn parse(text: &str) -> Vec<Range> {
    let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
    let ranges = inner.split(',').filter_map(|range| {
        let (begin, end) = range.split_once('-')?;
        clamped(begin.trim().parse().ok()?, end.trim().parse().ok()?)
    });
    merged(ranges)
}

/// A range, as far as there are ports of these numbers.
pub(super) fn clamped(begin: u64, end: u64) -> Option<Range> {
    let end = u16::try_from(end).unwrap_or(u16::MAX);
    let begin = u16::try_from(begin).ok()?;
    (begin <= end).then_some(begin..=end)
}

/// The same ports in ascending ranges that do not touch.
pub(super) fn merged(ranges: impl IntoIterator<Item = Range>) -> Vec<Range> {
    let mut ranges: Vec<_> = ranges.into_iter().collect();
    ranges.sort_unstable_by_key(|range| *range.start());
    let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if u32::from(*range.start()) <= u32::from(*last.end()) + 1 => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// What is left of some ports when others are taken; both as [`merged`] makes them.
pub(super) fn without(ports: &[Range], taken: &[Range]) -> Vec<Range> {
    let mut left = Vec::new();
    for range in ports {
        let first = taken.partition_point(|gap| gap.end() < range.start());
        let gaps = taken[first..].iter();
        // Wider than a port, because none comes after the last.
        let mut next = u64::from(*range.start());
        for gap in gaps.take_while(|gap| gap.start() <= range.end()) {
            let before = u64::from(*gap.start()).checked_sub(1);
            left.extend(before.and_then(|before| clamped(next, before)));
            next = u64::from(*gap.end()) + 1;
        }
        left.extend(clamped(next, u64::from(*range.end())));
    }
    left
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn range() -> impl Strategy<Value = Range> {
        // Small numbers, so that they meet, and the last ones.
        let first = prop_oneof![0..40_u16, (u16::MAX - 5)..=u16::MAX];
        (first, 0..12_u16).prop_map(|(first, more)| first..=first.saturating_add(more))
    }

    fn ranges() -> impl Strategy<Value = Vec<Range>> {
        proptest::collection::vec(range(), 0..6)
    }

    fn each(ranges: &[Range]) -> BTreeSet<u16> {
        ranges.iter().cloned().flatten().collect()
    }

    #[test]
    fn what_mesos_writes() {
        for (text, expected) in [
            ("[31000-32000]", vec![31000..=32000]),
            (
                "[31000-31005, 31007-31007]",
                vec![31000..=31005, 31007..=31007],
            ),
            ("[5-6,1-4]", vec![1..=6]),
            ("[65530-70000]", vec![65530..=65535]),
            ("[70000-80000]", vec![]),
            ("[6-5]", vec![]),
            ("[1-2, x, 3, 7-7, -1-2]", vec![1..=2, 7..=7]),
            ("[]", vec![]),
            ("", vec![]),
            ("[99999999999999999999999-1]", vec![]),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn merging_keeps_the_ports(ranges in ranges()) {
            let merged = merged(ranges.clone());
            prop_assert_eq!(each(&merged), each(&ranges));
            for pair in merged.windows(2) {
                prop_assert!(u32::from(*pair[0].end()) + 1 < u32::from(*pair[1].start()));
            }
        }

        #[test]
        fn what_is_taken_is_not_left(ports in ranges(), taken in ranges()) {
            let (ports, taken) = (merged(ports), merged(taken));
            let left = without(&ports, &taken);
            let expected: BTreeSet<_> = each(&ports).difference(&each(&taken)).copied().collect();
            prop_assert_eq!(each(&left), expected);
            prop_assert_eq!(merged(left.clone()), left);
        }

        #[test]
        fn any_text_may_be_written(text in "[\\[\\], 0-9-]{0,30}|.{0,30}") {
            let _ = parse(&text);
        }
    }
}

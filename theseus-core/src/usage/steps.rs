//! The values of the steps of a block. A registrar holds some of each container, so they take no more
//! room than the values themselves.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of which the largest one is never meant.
pub(super) trait Number: Copy + Ord {
    const MAX: Self;
}

impl Number for u32 {
    const MAX: Self = Self::MAX;
}

impl Number for u64 {
    const MAX: Self = Self::MAX;
}

/// A value for each step, or none: then the largest number is in its place. As JSON it is a list of
/// numbers and nulls.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Steps<T>(Vec<T>);

impl<T: Number> Steps<T> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, index: usize) -> Option<T> {
        self.0.get(index).copied().filter(|it| *it < T::MAX)
    }

    /// Puts another value in place of the one that is there; there is a step for it from now on.
    pub(super) fn update(&mut self, index: usize, value: impl FnOnce(Option<T>) -> Option<T>) {
        let value = value(self.get(index)).unwrap_or(T::MAX);
        if self.0.len() <= index {
            self.0.resize(index + 1, T::MAX);
        }
        self.0[index] = value;
    }
}

impl<T: Number + Serialize> Serialize for Steps<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((0..self.len()).map(|index| self.get(index)))
    }
}

impl<'de, T: Number + Deserialize<'de>> Deserialize<'de> for Steps<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values<T>(PhantomData<T>);
        impl<'de, T: Number + Deserialize<'de>> Visitor<'de> for Values<T> {
            type Value = Steps<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of numbers and nulls")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Steps<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element::<Option<T>>()? {
                    values.push(value.unwrap_or(T::MAX));
                }
                Ok(Steps(values))
            }
        }
        deserializer.deserialize_seq(Values(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_what_a_list_of_options_is(
            changes in proptest::collection::vec((0..40_usize, proptest::option::of(0..9_u64)), 0..20),
        ) {
            let (mut steps, mut plain) = (Steps::default(), Vec::new());
            for (index, value) in changes {
                steps.update(index, |before: Option<u64>| before.max(value));
                if plain.len() <= index {
                    plain.resize(index + 1, None);
                }
                plain[index] = plain[index].max(value);
            }
            prop_assert_eq!(steps.len(), plain.len());
            for index in 0..50 {
                prop_assert_eq!(steps.get(index), plain.get(index).copied().flatten());
            }
            let json = serde_json::to_string(&steps).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&plain).unwrap());
            prop_assert_eq!(serde_json::from_str::<Steps<u64>>(&json).unwrap(), steps);
        }
    }
}

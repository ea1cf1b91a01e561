//! How full is too full: of what a machine has, and of what a container may use.

/// From this part on there is not much left.
const MUCH: f64 = 0.75;
/// From this part on there is next to nothing left.
const TOO_MUCH: f64 = 0.9;

/// How much of something is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fullness {
    /// There is enough left.
    Roomy,
    /// There is not much left.
    Filling,
    /// There is next to nothing left.
    Full,
}

impl Fullness {
    /// How full it is where so much of all is taken, in whatever unit.
    pub fn of(taken: f64, all: f64) -> Self {
        if taken >= all * TOO_MUCH {
            Self::Full
        } else if taken >= all * MUCH {
            Self::Filling
        } else {
            Self::Roomy
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_time() {
        for (taken, all, expected) in [
            (0.0, 100.0, Fullness::Roomy),
            (74.9, 100.0, Fullness::Roomy),
            (75.0, 100.0, Fullness::Filling),
            (89.9, 100.0, Fullness::Filling),
            (90.0, 100.0, Fullness::Full),
            (150.0, 100.0, Fullness::Full),
            // There is nothing left of nothing.
            (0.0, 0.0, Fullness::Full),
            (f64::NAN, 100.0, Fullness::Roomy),
        ] {
            assert_eq!(Fullness::of(taken, all), expected, "{taken} of {all}");
        }
    }
}

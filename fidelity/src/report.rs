//! What came of the probes.

use std::fmt;

use crate::version::Version;

/// What must hold, and what is so instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What was done.
    pub act: String,
    /// What must hold.
    pub expected: String,
    /// What is so.
    pub got: String,
}

/// How a probe came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it holds.
    Holds,
    /// Some of it does not.
    Differs(Vec<Difference>),
    /// This Marathon does not have what it is about: why.
    Skipped(String),
}

/// A probe that was tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its name.
    pub name: &'static str,
    /// Where its fact stands.
    pub origin: String,
    /// How it came out.
    pub verdict: Verdict,
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Report {
    /// The version whose facts were asked for.
    pub version: Version,
    /// What was tried, in the order of the list.
    pub trials: Vec<Trial>,
    /// It was stopped before all was tried.
    pub stopped: bool,
    /// What could not be cleaned up.
    pub left: Option<String>,
}

impl Report {
    /// The names of the probes that do not hold.
    pub fn differing(&self) -> Vec<&'static str> {
        let differs = |it: &&Trial| matches!(it.verdict, Verdict::Differs(_));
        self.trials
            .iter()
            .filter(differs)
            .map(|it| it.name)
            .collect()
    }

    /// Whether everything was tried, holds, and is cleaned up.
    pub fn is_well(&self) -> bool {
        !self.stopped && self.left.is_none() && self.differing().is_empty()
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Holds => write!(f, "holds    {}", self.name),
            Verdict::Skipped(why) => write!(f, "skipped  {}: {why}", self.name),
            Verdict::Differs(differences) => {
                write!(f, "DIFFERS  {} ({})", self.name, self.origin)?;
                for it in differences {
                    write!(f, "\n         {}", it.act)?;
                    write!(f, "\n           expected  {}", it.expected)?;
                    write!(f, "\n           got       {}", it.got)?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let differing = self.differing().len();
        let skipped = |it: &&Trial| matches!(it.verdict, Verdict::Skipped(_));
        let skipped = self.trials.iter().filter(skipped).count();
        let hold = self.trials.len() - differing - skipped;
        let stopped = if self.stopped { "stopped: " } else { "" };
        write!(
            f,
            "{stopped}{hold} of {} probes for Marathon {} hold, {differing} differ, {skipped} were skipped",
            self.trials.len(),
            self.version
        )?;
        if let Some(left) = &self.left {
            write!(f, "\nnot cleaned up: {left}")?;
        }
        Ok(())
    }
}

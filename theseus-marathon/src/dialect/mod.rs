//! Where the versions of Marathon differ, as data: [`Feature`]s, and the versions that have them.
//! Nothing else in the crate compares versions; who needs to know asks for a feature.

mod version;

pub(crate) use version::Version;

/// The oldest version that is spoken to.
const OLDEST: Version = Version::new(0, 7, 0);
/// The last one that is known. Later ones are spoken to as if they were this one.
const NEWEST: Version = Version::series(1, 11);

/// Something that not every version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    // What an app may be.
    /// Containers behind a bridge: `docker.network` and `docker.portMappings`.
    Bridge,
    /// `networks` and `container.portMappings` in their place.
    Networks,
    /// Networks with a name.
    NamedNetworks,
    /// Ports of the host's own network with a name and a protocol: `portDefinitions`. Without them
    /// they are numbers: `ports`. Mappings got their names at the same time.
    PortDefinitions,
    /// Options of the container engine, as a map in which each has one value.
    Parameters,
    /// Options of the container engine as a list, in which one may have several values.
    RepeatedParameters,
    /// `forcePullImage`
    ForcePull,
    /// Labels.
    Labels,
    /// Files to fetch with a word on how: `fetch`. Without it they are addresses: `uris`.
    Fetch,
    /// Secrets in the environment.
    Secrets,
    /// As little of a processor as one likes.
    AnyCpus,
    /// The constraint `UNLIKE`.
    Unlike,
    /// The constraint `MAX_PER`.
    MaxPer,
    /// `MAX_PER` of anything but `hostname`, counted as it should be.
    MaxPerOfAttributes,
    /// The constraint `IS`.
    Is,
    /// Constraints on what an agent is beside its attributes: `@region`, `@zone`.
    AgentFields,
    /// `maximumOverCapacity`
    MaximumOverCapacity,
    /// An upgrade that adds no more containers than it is allowed to.
    BoundedUpgrades,
    /// An upgrade that starts a new container beside an old one even where none may be added, unless
    /// none is wanted.
    Overlaps,

    // What is told of what runs.
    /// Selection of apps by their labels.
    LabelSelector,
    /// Several `embed`s in one question.
    SeveralEmbeds,
    /// The last failure of an app, and the word `apps.failures` to ask for it with its tasks.
    Failures,
    /// Apps together with their tasks, when they are asked for.
    EmbeddedTasks,

    // How it is changed.
    /// PUT that does not lose what it was told.
    Put,
    /// PUT that changes nothing where there is nothing to be changed.
    QuietPut,
    /// PUT that takes away what it does not say.
    Replace,
    /// PATCH, which never creates what it was to change.
    Patch,
    /// A change of a part that leaves `executorResources` alone.
    KeptExecutorResources,
    /// A change of a part that leaves `resourceLimits` alone.
    KeptResourceLimits,
    /// Many tasks killed in one request: `/v2/tasks/delete`.
    KillList,
    /// A kill that lowers the number of instances, and overrides no deployment of anybody's.
    UnforcedKills,
    /// The end of a deployment with everything left as it is: `force` on its DELETE.
    Release,
    /// The way back from a deployment, with nothing else brought back.
    IsolatedRollback,
    /// Everything that happens, as it happens: `/v2/events`. Before, it was sent to who asked for it.
    EventStream,
    /// Events of some types only.
    EventFilter,
    /// Events of deployments without all that was and will be.
    LightPlans,

    // What it takes for granted.
    /// Five minutes at most between two attempts to start a container, rather than an hour.
    ShortLaunchDelay,
    /// What is out of reach is replaced at once.
    ImpatientWithUnreachable,
}

/// From a version on, and up to another one that has it no more, if there is one.
#[derive(Debug, Clone, Copy)]
struct Span {
    since: Version,
    until: Option<Version>,
}

const fn since(major: u64, minor: u64, patch: u64) -> Span {
    Span {
        since: Version::new(major, minor, patch),
        until: None,
    }
}

impl Span {
    const fn until(self, major: u64, minor: u64, patch: u64) -> Self {
        Self {
            until: Some(Version::new(major, minor, patch)),
            ..self
        }
    }

    fn holds(self, version: Version) -> bool {
        self.since <= version && self.until.is_none_or(|until| version < until)
    }
}

const ALWAYS: Span = since(0, 7, 0);

/// Which versions have what, the oldest first, in the order of the features.
const TABLE: [(Feature, &[Span]); 38] = [
    (Feature::Bridge, &[since(0, 7, 1)]),
    (Feature::Networks, &[since(1, 5, 0)]),
    (Feature::NamedNetworks, &[since(1, 3, 0)]),
    (Feature::PortDefinitions, &[since(1, 0, 0)]),
    (Feature::Parameters, &[since(0, 7, 6)]),
    (Feature::RepeatedParameters, &[since(0, 8, 0)]),
    (Feature::ForcePull, &[since(0, 8, 2)]),
    (Feature::Labels, &[since(0, 8, 0)]),
    (Feature::Fetch, &[since(0, 15, 0)]),
    (Feature::Secrets, &[since(1, 3, 0)]),
    (Feature::AnyCpus, &[ALWAYS.until(1, 5, 0)]),
    (Feature::Unlike, &[since(0, 7, 2)]),
    (Feature::MaxPer, &[since(1, 3, 0)]),
    (Feature::MaxPerOfAttributes, &[since(1, 4, 4)]),
    (Feature::Is, &[since(1, 6, 322)]),
    (Feature::AgentFields, &[since(1, 6, 322)]),
    (Feature::MaximumOverCapacity, &[since(0, 8, 0)]),
    // 0.7 starts all new ones at once, and 1.0 one more than it may.
    (
        Feature::BoundedUpgrades,
        &[since(0, 8, 0).until(1, 0, 0), since(1, 1, 0)],
    ),
    (Feature::Overlaps, &[since(1, 0, 0).until(1, 1, 0)]),
    (Feature::LabelSelector, &[since(0, 8, 2)]),
    (Feature::SeveralEmbeds, &[since(0, 11, 0)]),
    (Feature::Failures, &[since(0, 7, 6)]),
    (
        Feature::EmbeddedTasks,
        &[ALWAYS.until(0, 7, 6), since(0, 8, 0)],
    ),
    (Feature::Put, &[ALWAYS.until(1, 4, 0), since(1, 4, 1)]),
    (Feature::QuietPut, &[ALWAYS.until(0, 7, 6), since(0, 8, 0)]),
    (Feature::Replace, &[since(1, 4, 1)]),
    (Feature::Patch, &[since(1, 4, 0)]),
    (Feature::KeptExecutorResources, &[ALWAYS.until(1, 6, 352)]),
    (Feature::KeptResourceLimits, &[ALWAYS.until(1, 10, 5)]),
    (Feature::KillList, &[since(0, 8, 1)]),
    (Feature::UnforcedKills, &[since(0, 13, 0)]),
    (Feature::Release, &[since(0, 7, 4)]),
    (Feature::IsolatedRollback, &[since(0, 8, 2)]),
    (Feature::EventStream, &[since(0, 9, 0)]),
    (Feature::EventFilter, &[since(1, 3, 7)]),
    (
        Feature::LightPlans,
        &[since(1, 5, 9).until(1, 6, 0), since(1, 6, 322)],
    ),
    (Feature::ShortLaunchDelay, &[since(1, 8, 180)]),
    (
        Feature::ImpatientWithUnreachable,
        &[since(1, 4, 9).until(1, 5, 0), since(1, 5, 1)],
    ),
];

const _: () = {
    let mut row = 0;
    while row < TABLE.len() {
        assert!(TABLE[row].0 as usize == row, "a feature is not in its row");
        row += 1;
    }
};

impl Feature {
    fn spans(self) -> &'static [Span] {
        TABLE[self as usize].1
    }

    /// The first version after another one that has it.
    fn next(self, version: Version) -> Option<Version> {
        let mut starts = self.spans().iter().map(|span| span.since);
        starts.find(|since| *since > version)
    }
}

/// What one version of Marathon understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    version: Version,
}

/// A version that is not spoken to, or a feature that a version lacks. The text says which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsupported {
    #[error("this is Marathon {0}; Theseus needs {OLDEST} or later")]
    TooOld(Version),
    #[error("this is Marathon {version}; it takes Marathon {needed} or later")]
    Missing { version: Version, needed: Version },
    #[error("this is Marathon {0}; it takes an older one")]
    Abolished(Version),
}

impl Dialect {
    pub(crate) fn of(version: Version) -> Result<Self, Unsupported> {
        if version < OLDEST {
            return Err(Unsupported::TooOld(version));
        }
        Ok(Self { version })
    }

    pub(crate) fn has(self, feature: Feature) -> bool {
        feature.spans().iter().any(|span| span.holds(self.version))
    }

    pub(crate) fn needs(self, feature: Feature) -> Result<(), Unsupported> {
        if self.has(feature) {
            return Ok(());
        }
        let version = self.version;
        Err(match feature.next(version) {
            Some(needed) => Unsupported::Missing { version, needed },
            None => Unsupported::Abolished(version),
        })
    }

    /// What people should know of this version before they rely on it.
    pub(crate) fn notices(self) -> Vec<String> {
        let version = self.version;
        let mut notices = Vec::new();
        if version > NEWEST {
            notices.push(format!(
                "Marathon {version} is newer than any that is known here; it is spoken to as if it \
                 were {NEWEST}"
            ));
        }
        if !self.has(Feature::QuietPut) {
            notices.push(format!(
                "Marathon {version} may restart all containers of an app that is scaled; later \
                 versions do not"
            ));
        }
        notices
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fmt::Write as _;

    use super::*;

    pub(crate) fn dialect(version: &str) -> Dialect {
        Dialect::of(Version::parse(version).unwrap()).unwrap()
    }

    /// The versions in which something begins or ends, and those around them.
    const VERSIONS: [&str; 33] = [
        "0.7.0", "0.7.1", "0.7.2", "0.7.4", "0.7.6", "0.8.0", "0.8.1", "0.8.2", "0.9.1", "0.10.1",
        "0.11.1", "0.13.1", "0.14.1", "0.15.7", "1.0.0", "1.1.1", "1.1.5", "1.3.13", "1.4.0",
        "1.4.1", "1.4.4", "1.4.13", "1.5.11", "1.6.322", "1.6.352", "1.6.590", "1.7.236",
        "1.8.222", "1.9.109", "1.10.4", "1.10.5", "1.10.26", "1.11.0",
    ];

    /// One line for each feature, one column for each version: what is read here was checked
    /// against what is known of each version, and is a change of what Theseus does when it changes.
    #[test]
    fn which_version_has_what() {
        let mut table = format!("versions: {}\n", VERSIONS.join(" "));
        for (feature, _) in TABLE {
            let row = VERSIONS.map(|version| {
                if dialect(version).has(feature) {
                    'x'
                } else {
                    '.'
                }
            });
            let row: String = row.into_iter().collect();
            writeln!(table, "{row}  {feature:?}").unwrap();
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn the_table_is_in_order() {
        for (feature, _) in TABLE {
            let spans = feature.spans();
            assert!(!spans.is_empty(), "{feature:?}");
            for span in spans {
                assert!(span.since >= OLDEST, "{feature:?}");
                assert!(span.until.is_none_or(|until| until > span.since));
            }
            for pair in spans.windows(2) {
                let until = pair[0].until.expect("only the last one goes on");
                assert!(until <= pair[1].since, "{feature:?}");
            }
        }
    }

    #[test]
    fn each_feature_begins_and_ends_where_the_table_says() {
        for (feature, without, with) in [
            (Feature::Bridge, "0.7.0", "0.7.1"),
            (Feature::Unlike, "0.7.1", "0.7.2"),
            (Feature::Release, "0.7.3", "0.7.4"),
            (Feature::Parameters, "0.7.5", "0.7.6"),
            (Feature::Failures, "0.7.5", "0.7.6"),
            (Feature::EmbeddedTasks, "0.7.6", "0.7.5"),
            (Feature::EmbeddedTasks, "0.7.6", "0.8.0"),
            (Feature::QuietPut, "0.7.6", "0.7.5"),
            (Feature::QuietPut, "0.7.6", "0.8.0"),
            (Feature::Labels, "0.7.6", "0.8.0"),
            (Feature::KillList, "0.8.0", "0.8.1"),
            (Feature::LabelSelector, "0.8.1", "0.8.2"),
            (Feature::ForcePull, "0.8.1", "0.8.2"),
            (Feature::IsolatedRollback, "0.8.1", "0.8.2"),
            (Feature::SeveralEmbeds, "0.10.1", "0.11.0"),
            (Feature::UnforcedKills, "0.11.1", "0.13.0"),
            (Feature::Fetch, "0.14.1", "0.15.0"),
            (Feature::PortDefinitions, "0.15.7", "1.0.0-RC1"),
            (Feature::BoundedUpgrades, "1.0.0-RC1", "0.15.7"),
            (Feature::BoundedUpgrades, "1.0.0-RC1", "1.1.0"),
            (Feature::Overlaps, "0.15.7", "1.0.0-RC1"),
            (Feature::Overlaps, "1.1.0", "1.0.0-RC1"),
            (Feature::Secrets, "1.1.5", "1.3.0"),
            (Feature::Put, "1.4.0", "1.3.14"),
            (Feature::Put, "1.4.0", "1.4.1"),
            (Feature::Patch, "1.3.14", "1.4.0"),
            (Feature::Replace, "1.4.0", "1.4.1"),
            (Feature::MaxPerOfAttributes, "1.4.3", "1.4.4"),
            (Feature::Networks, "1.4.13", "1.5.0"),
            (Feature::AnyCpus, "1.5.0", "1.4.13"),
            (Feature::Is, "1.6.0", "1.6.322"),
            (Feature::LightPlans, "1.5.8", "1.5.9"),
            (Feature::LightPlans, "1.6.0", "1.6.322"),
            (Feature::KeptExecutorResources, "1.6.352", "1.6.351"),
            (Feature::KeptResourceLimits, "1.10.5", "1.10.4"),
        ] {
            assert!(!dialect(without).has(feature), "{without} {feature:?}");
            assert!(dialect(with).has(feature), "{with} {feature:?}");
        }
    }

    #[test]
    fn a_series_has_what_its_last_version_has() {
        assert!(dialect("1.4").has(Feature::Put));
        assert!(!dialect("1.4").has(Feature::Networks));
        assert!(dialect("0.7").has(Feature::Bridge));
        assert!(!dialect("0.7").has(Feature::EmbeddedTasks));
    }

    #[test]
    fn what_is_missing_says_what_to_do() {
        for (version, feature, message) in [
            (
                "1.1.1",
                Feature::Secrets,
                "this is Marathon 1.1.1; it takes Marathon 1.3.0 or later",
            ),
            (
                "1.0.0",
                Feature::BoundedUpgrades,
                "this is Marathon 1.0.0; it takes Marathon 1.1.0 or later",
            ),
            (
                "0.7",
                Feature::Labels,
                "this is Marathon 0.7; it takes Marathon 0.8.0 or later",
            ),
            (
                "1.8.222",
                Feature::AnyCpus,
                "this is Marathon 1.8.222; it takes an older one",
            ),
        ] {
            let missing = dialect(version).needs(feature).unwrap_err();
            assert_eq!(missing.to_string(), message);
        }
        let old = Dialect::of(Version::parse("0.6.1").unwrap()).unwrap_err();
        assert_eq!(
            old.to_string(),
            "this is Marathon 0.6.1; Theseus needs 0.7.0 or later"
        );
    }

    #[test]
    fn a_newer_version_is_spoken_to_as_the_newest_known() {
        for (version, expected) in [
            ("1.11.0", None),
            ("1.11.77-x", None),
            (
                "1.12.3",
                Some(
                    "Marathon 1.12.3 is newer than any that is known here; it is spoken to as if it were 1.11",
                ),
            ),
            (
                "2.0",
                Some(
                    "Marathon 2.0 is newer than any that is known here; it is spoken to as if it were 1.11",
                ),
            ),
        ] {
            let newer = dialect(version);
            assert_eq!(newer.notices().first().map(String::as_str), expected);
            for (feature, _) in TABLE {
                assert_eq!(newer.has(feature), dialect("1.11").has(feature));
            }
        }
    }

    #[test]
    fn what_no_request_can_help_is_told() {
        assert_eq!(dialect("0.7.6").notices().len(), 1);
        for version in ["0.7.5", "0.8.0", "1.4.0", "1.11.0"] {
            assert_eq!(
                dialect(version).notices(),
                Vec::<String>::new(),
                "{version}"
            );
        }
    }
}

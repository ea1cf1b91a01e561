//! What is deployed in one run, by whom, and when.

use std::fmt::Write as _;
use std::time::Duration;

use theseus_core::model::GroupId;

use super::dice::Dice;

/// How many deployers there may be.
const MAX_DEPLOYERS: u32 = 3;
/// The names of the groups.
const SERVICES: [&str; 3] = ["alpha", "beta", "gamma"];

/// How a group is updated, in all of its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    Rolling,
    StopFirst,
    Canary,
    ManualCanary,
    FixedHost,
    /// Fixed hosts, and a port of theirs.
    FixedPort,
    Native,
}

/// One group in all of its versions.
#[derive(Debug, Clone)]
struct Cast {
    service: &'static str,
    nature: Nature,
    /// Has health checks.
    checked: bool,
    depends_on: Option<usize>,
    relocates: bool,
    host_port: usize,
}

/// What a group is to be at one time.
#[derive(Debug, Clone)]
struct Version {
    image: String,
    instances: u32,
    surge: u32,
    unavailable: u32,
    min_healthy: u32,
    deadline: u32,
    max_failed_starts: u32,
    on_failure: &'static str,
}

/// What somebody does.
#[derive(Debug, Clone)]
pub(super) enum Command {
    Apply(String),
    Rollback(GroupId),
    Restart(GroupId),
    Resume(GroupId),
    Pause(GroupId),
    Abort(GroupId),
    Promote(GroupId),
}

/// What somebody does at some time.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) at: Duration,
    pub(super) command: Command,
}

/// All that is to be done in one run.
#[derive(Debug)]
pub(super) struct Scenario {
    /// The groups that the manifests speak of.
    pub(super) groups: Vec<GroupId>,
    /// Deployed before the storm.
    pub(super) first: Option<String>,
    /// What each deployer does.
    pub(super) scripts: Vec<Vec<Step>>,
    /// What is wanted in the end.
    pub(super) last: String,
    /// How long the storm lasts.
    pub(super) storm: Duration,
}

impl Scenario {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let casts = draw_casts(dice);
        let mut wanted: Vec<Option<Version>> = casts
            .iter()
            .map(|_| Some(Version::draw(dice, 1, true)))
            .collect();
        let everything: Vec<usize> = (0..casts.len()).collect();
        let first = dice
            .chance(700)
            .then(|| manifest(&casts, &wanted, &everything));
        let deployers = dice.between(1, MAX_DEPLOYERS) as usize;
        let mut scripts = vec![Vec::new(); deployers];
        let mut at = Duration::ZERO;
        if first.is_none() {
            let command = Command::Apply(manifest(&casts, &wanted, &everything));
            scripts[0].push(Step { at, command });
        }
        let groups: Vec<GroupId> = casts.iter().map(Cast::id).collect();
        for number in 0..dice.between(2, 5) {
            at += dice.millis(500, 40_000);
            let who = dice.below(u32::try_from(deployers).expect("few")) as usize;
            let about = dice.below(u32::try_from(casts.len()).expect("few")) as usize;
            let group = groups[about].clone();
            let command = match dice.below(20) {
                0 => Command::Rollback(group),
                1 => Command::Restart(group),
                2 => Command::Pause(group),
                3 => Command::Resume(group),
                4 => Command::Abort(group),
                5 => Command::Promote(group),
                drawn => {
                    match drawn {
                        6 | 7 => wanted[about] = None,
                        8..=10 => {
                            if let Some(version) = &mut wanted[about] {
                                version.instances = dice.between(1, 5);
                            }
                        }
                        _ => wanted[about] = Some(Version::draw(dice, number + 2, false)),
                    }
                    let subset = if dice.chance(300) {
                        everything.clone()
                    } else {
                        vec![about]
                    };
                    Command::Apply(manifest(&casts, &wanted, &subset))
                }
            };
            scripts[who].push(Step { at, command });
        }
        Self {
            groups,
            first,
            scripts,
            last: manifest(&casts, &wanted, &everything),
            storm: at + dice.millis(5_000, 120_000),
        }
    }
}

fn draw_casts(dice: &mut Dice) -> Vec<Cast> {
    let natures = [
        Nature::Rolling,
        Nature::Rolling,
        Nature::StopFirst,
        Nature::Canary,
        Nature::ManualCanary,
        Nature::FixedHost,
        Nature::FixedPort,
        Nature::Native,
    ];
    let count = dice.between(1, 3) as usize;
    (0..count)
        .map(|index| Cast {
            service: SERVICES[index],
            nature: dice.pick(&natures),
            checked: dice.chance(600),
            depends_on: (index > 0 && dice.chance(250)).then(|| index - 1),
            relocates: dice.chance(300),
            host_port: 31_500 + index,
        })
        .collect()
}

impl Version {
    fn draw(dice: &mut Dice, number: u32, good: bool) -> Self {
        let kinds = [
            "app", "app", "app", "app", "slow", "sick", "crash", "broken",
        ];
        let kind = if good { "app" } else { dice.pick(&kinds) };
        Self {
            image: format!("{kind}:{number}"),
            instances: dice.between(1, 5),
            surge: dice.below(3),
            unavailable: dice.below(3),
            min_healthy: dice.pick(&[0, 0, 3]),
            deadline: dice.between(45, 120),
            max_failed_starts: dice.between(1, 5),
            on_failure: dice.pick(&["rollback", "rollback", "pause", "keep"]),
        }
    }
}

impl Cast {
    fn id(&self) -> GroupId {
        format!("{}:dev", self.service).parse().expect("a group")
    }

    fn describe(&self, version: &Version, others: &[Cast], text: &mut String) {
        let Version {
            image,
            instances,
            min_healthy,
            deadline,
            max_failed_starts,
            on_failure,
            ..
        } = version;
        let nature = self.nature;
        let _ = write!(
            text,
            "  {}:\n    labels: [dev]\n    image: {image}\n    instances: {instances}\n    \
             cpus: 0.1\n    mem: 32\n",
            self.service
        );
        let port = if nature == Nature::FixedPort {
            &format!("{{container: 5000, host: {}}}", self.host_port)
        } else {
            "5000"
        };
        let _ = writeln!(text, "    ports: {{api: {port}}}");
        if self.checked {
            text.push_str(
                "    health: {http: {port: api}, grace: 10s, interval: 5s, failures: 3}\n",
            );
        }
        if let Some(other) = self.depends_on {
            let _ = writeln!(text, "    depends-on: '{}:dev'", others[other].service);
        }
        if matches!(nature, Nature::FixedHost | Nature::FixedPort) {
            let fixed = if self.relocates {
                "{fixed-host: {relocate-after: 20s}}"
            } else {
                "fixed-host"
            };
            let _ = writeln!(text, "    custom-constraints: {fixed}");
        }
        let (surge, unavailable) = match (nature, version.surge, version.unavailable) {
            (Nature::StopFirst, _, unavailable) => (0, unavailable.max(1)),
            (_, 0, 0) => (1, 0),
            (_, surge, unavailable) => (surge, unavailable),
        };
        let own = match nature {
            Nature::StopFirst => "order: stop-first, ",
            Nature::Canary => "canary: 1, bake: 5s, ",
            Nature::ManualCanary => "canary: 1, bake: 2s, promote: manual, ",
            Nature::Native => "strategy: native, ",
            Nature::Rolling | Nature::FixedHost | Nature::FixedPort => "",
        };
        let _ = writeln!(
            text,
            "    update: {{{own}max-surge: {surge}, max-unavailable: {unavailable}, \
             min-healthy-time: {min_healthy}s, deadline: {deadline}s, \
             max-failed-starts: {max_failed_starts}, on-failure: {on_failure}}}"
        );
    }
}

/// A manifest of some of the groups.
fn manifest(casts: &[Cast], wanted: &[Option<Version>], subset: &[usize]) -> String {
    let (mut deploy, mut remove) = (String::new(), String::new());
    for &index in subset {
        let cast = &casts[index];
        // Nobody can depend on what is to be gone.
        let depends_on = cast.depends_on.filter(|other| wanted[*other].is_some());
        let cast = Cast {
            depends_on,
            ..cast.clone()
        };
        match &wanted[index] {
            Some(version) => cast.describe(version, casts, &mut deploy),
            None => {
                let _ = writeln!(remove, "  {}: {{labels: [dev], image: none}}", cast.service);
            }
        }
    }
    let section = |name, body: &str| {
        if body.is_empty() {
            String::new()
        } else {
            format!("{name}:\n{body}")
        }
    };
    section("deploy", &deploy) + &section("remove", &remove)
}

//! Taking over apps that run already: finding them, and writing down whose they are. The cluster is
//! told nothing, so nothing restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::begin::held;
use super::commit::commit_all;
use super::work::{LABELS, SERVICE_NAME, label_words};
use super::{Engine, EngineError, observe};
use crate::audit::{self, AuditRecord, Deed};
use crate::causes::chain;
use crate::cluster::{AppId, Found, Revision, Scope, Snapshot, Unsaid};
use crate::hold::Hold;
use crate::manifest::{Manifest, Secrets, Source, write};
use crate::model::{EnvValue, GroupId, Spec};
use crate::plan::{Desired, GroupPlan, plan};
use crate::records::{
    self, AdoptedRecord, Ended, Ending, GroupRecord, HistoryRecord, RevisionCounter, Stored,
};
use crate::state::{GroupState, Observed, Records};
use crate::store::{self, Compare, StoreError, Txn, Write};

/// An app that no group accounts for, and what may become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The engine's name of it.
    pub app: AppId,
    /// How many containers it is to have.
    pub instances: u32,
    /// What its group would be called.
    pub group: Option<GroupId>,
    /// What it is; `None` where no spec can say that.
    pub spec: Option<Arc<Spec>>,
    /// What it has that the spec does not say.
    pub unsaid: Vec<Unsaid>,
    /// Why it cannot be taken over, in words.
    pub obstacle: Option<String>,
}

/// What became of taking over an app.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// The engine's name of it.
    pub app: AppId,
    /// The group that it runs.
    pub group: GroupId,
    /// The revision of the group that it runs; or why it does not, in words.
    pub revision: Result<Revision, String>,
}

impl Engine {
    /// The apps that no group accounts for, each with the name that its own proposes, in the order
    /// of their names.
    pub async fn strays(&self) -> Result<Vec<Candidate>, EngineError> {
        let found = async { Ok(self.cluster.survey(None).await?) };
        let (found, known) = tokio::try_join!(found, self.recorded())?;
        let mut candidates: Vec<Candidate> = found
            .into_iter()
            .filter(|found| !known.adopters.contains_key(&found.running.id))
            .map(|found| {
                let group = found.proposal.clone();
                self.candidate(found, group, &known)
            })
            .collect();
        tell_apart(&mut candidates);
        candidates.sort_by(|one, other| one.app.cmp(&other.app));
        Ok(candidates)
    }

    /// One app, to be taken over as this group; `None` when it is not there.
    pub async fn stray(
        &self,
        app: &AppId,
        group: Option<GroupId>,
    ) -> Result<Option<Candidate>, EngineError> {
        let apps = std::slice::from_ref(app);
        let found = async { Ok(self.cluster.survey(Some(apps)).await?) };
        let (found, known) = tokio::try_join!(found, self.recorded())?;
        Ok(found.into_iter().next().map(|found| {
            let group = group.or_else(|| found.proposal.clone());
            self.candidate(found, group, &known)
        }))
    }

    /// Takes over candidates that have no obstacle, and says of each what became of it. The cluster
    /// is told nothing. What the manifest of a group says must be just what runs: where a plan from
    /// it would change anything, the app is left as it is. With `only_try` it is found out, and
    /// nothing is written down.
    pub async fn adopt(
        &self,
        candidates: &[Candidate],
        only_try: bool,
    ) -> Result<Vec<Adopted>, EngineError> {
        let wanted = candidates.iter().filter_map(Wanted::of);
        let mut wanted: BTreeMap<GroupId, Wanted> =
            wanted.map(|it| (it.group.clone(), it)).collect();
        let groups: Vec<GroupId> = wanted.keys().cloned().collect();
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let observed = self.observe(&Scope::Groups(groups)).await?;
        let absent = GroupState::default();
        for (group, it) in &mut wanted {
            let state = observed.groups.get(group).unwrap_or(&absent);
            it.revision = state.next_revision();
            if !state.is_absent() {
                it.refusal = Some(exists(group));
            }
        }
        self.prove(&mut wanted).await?;
        if !only_try {
            self.write_down(&mut wanted).await?;
        }
        let adopted = wanted.into_values().map(|it| Adopted {
            app: it.app,
            group: it.group,
            revision: it.refusal.map_or(Ok(it.revision), Err),
        });
        Ok(adopted.collect())
    }

    /// Plans from the manifests that will be written, on what will be known then: nothing may change.
    async fn prove(&self, wanted: &mut BTreeMap<GroupId, Wanted>) -> Result<(), EngineError> {
        let apps: Vec<AppId> = wanted.values().map(|it| it.app.clone()).collect();
        let snapshot = Snapshot {
            foreign: self.cluster.foreign(&apps).await?,
            ..Snapshot::default()
        };
        let there = snapshot.foreign.iter();
        let there: BTreeMap<AppId, Option<String>> = there
            .map(|app| (app.id.clone(), app.unread.clone()))
            .collect();
        let now = (self.clock)();
        let groups = wanted.values().map(|it| Stored {
            record: it.record(now),
            modified: store::Revision(0),
        });
        let records = Records {
            groups: groups.collect(),
            ..Records::default()
        };
        let observed = Observed::new(records, snapshot);
        for it in wanted.values_mut().filter(|it| it.refusal.is_none()) {
            it.refusal = match there.get(&it.app) {
                Some(None) => it.differences(&observed),
                Some(Some(why)) => Some(format!("it cannot be read: {why}")),
                None => Some("it is not there any more".to_owned()),
            };
        }
        Ok(())
    }

    async fn write_down(&self, wanted: &mut BTreeMap<GroupId, Wanted>) -> Result<(), EngineError> {
        let now = (self.clock)();
        let store = &*self.store;
        let mut sound: Vec<&mut Wanted> = wanted
            .values_mut()
            .filter(|it| it.refusal.is_none())
            .collect();
        if sound.is_empty() {
            return Ok(());
        }
        let hold = Hold::take(store, &self.by, now).await?;
        let txns = sound
            .iter()
            .map(|it| it.txn(&hold, &self.by, now))
            .collect();
        let answers = commit_all(store, txns).await;
        let released = hold.key().to_owned();
        // Whatever happened: nobody is to wait for us any longer.
        let _ = tokio::time::timeout(super::turn::GOODBYE, hold.release(store)).await;
        let mut broken = None;
        for (it, answer) in sound.iter_mut().zip(answers) {
            it.refusal = match answer {
                Ok(_) => None,
                Err(StoreError::Conflict { key }) if key == released => Some(super::settle::lost()),
                Err(StoreError::Conflict { key }) if key == records::adopted_key(&it.app) => {
                    Some(format!("{} was adopted by somebody else meanwhile", it.app))
                }
                Err(StoreError::Conflict { .. }) => {
                    let holders = self.holders(std::slice::from_ref(&it.group)).await?;
                    let holder = holders.into_values().next();
                    Some(holder.map_or_else(|| exists(&it.group), |holder| held(&holder)))
                }
                Err(error) => {
                    let message = chain(&error);
                    broken.get_or_insert(error);
                    Some(message)
                }
            };
        }
        // Where the store is out of reach, that is what there is to be told.
        broken.map_or(Ok(()), |error| Err(error.into()))
    }

    /// What the store knows of groups, and of apps that they have adopted.
    async fn recorded(&self) -> Result<Known, EngineError> {
        let observed = Observed::recorded(observe::all(&*self.store).await?);
        let adopters = observed
            .adopted()
            .map(|(app, (group, _))| (app.clone(), group.clone()))
            .collect();
        let groups = observed.groups.into_iter();
        Ok(Known {
            adopters,
            groups: groups
                .filter(|(_, state)| !state.is_absent())
                .map(|(group, _)| group)
                .collect(),
        })
    }

    fn candidate(&self, found: Found, group: Option<GroupId>, known: &Known) -> Candidate {
        let Found {
            running,
            spec,
            unsaid,
            ..
        } = found;
        let obstacle = if let Some(group) = known.adopters.get(&running.id) {
            Some(format!("it is {group} already"))
        } else if let Err(reason) = &spec {
            Some(reason.clone())
        } else if let Some(operation) = running.operations.first() {
            Some(format!("operation {} changes it just now", operation.0))
        } else {
            match &group {
                None => Some("its name proposes none for a group".to_owned()),
                Some(group) if known.groups.contains(group) => Some(exists(group)),
                Some(_) => None,
            }
        };
        let spec = spec.ok().map(|spec| match &group {
            Some(group) => self.without_own(spec, group),
            None => spec,
        });
        Candidate {
            app: running.id,
            instances: running.instances,
            group,
            spec: spec.map(Arc::new),
            unsaid,
            obstacle,
        }
    }

    /// Takes out of the environment what Theseus adds by itself: what an older one had added.
    fn without_own(&self, mut spec: Spec, group: &GroupId) -> Spec {
        spec.environment.0.retain(|name, value| {
            let EnvValue::Plain(value) = value else {
                return true;
            };
            match name.as_str() {
                SERVICE_NAME => *value != group.service.as_str(),
                LABELS => !is_list_of(value, &label_words(group)),
                name => self.environment.get(name) != Some(value),
            }
        });
        spec
    }
}

/// What the store knows.
struct Known {
    /// The groups that there are.
    groups: BTreeSet<GroupId>,
    /// Which group has adopted an app.
    adopters: BTreeMap<AppId, GroupId>,
}

/// An app that is to be taken over.
struct Wanted {
    app: AppId,
    group: GroupId,
    revision: Revision,
    spec: Arc<Spec>,
    unsaid: Vec<Unsaid>,
    /// Why that cannot be.
    refusal: Option<String>,
}

impl Wanted {
    fn of(candidate: &Candidate) -> Option<Self> {
        if candidate.obstacle.is_some() {
            return None;
        }
        Some(Self {
            app: candidate.app.clone(),
            group: candidate.group.clone()?,
            revision: 0,
            spec: candidate.spec.clone()?,
            unsaid: candidate.unsaid.clone(),
            refusal: None,
        })
    }

    fn record(&self, now: Timestamp) -> GroupRecord {
        GroupRecord {
            group: self.group.clone(),
            revision: self.revision,
            spec: Arc::clone(&self.spec),
            deployed_at: now,
            adopted: Some(records::Adopted {
                app: self.app.clone(),
                unsaid: self.unsaid.clone(),
            }),
        }
    }

    /// What a deploy of its manifest would change, in words.
    fn differences(&self, observed: &Observed) -> Option<String> {
        let text = write([(&self.group, &self.spec)], Secrets::Shown);
        let manifest = match Manifest::parse(&[Source::new("its manifest", text)]) {
            Ok(manifest) => manifest,
            Err(faults) => {
                return Some(format!("no manifest can say what it is:\n{faults}"));
            }
        };
        let plan = plan(&Desired::from(manifest), observed);
        let groups = plan.groups.iter().filter(|plan| !plan.is_empty());
        let differences: Vec<String> = groups.map(differences).collect();
        (!differences.is_empty()).then(|| {
            let differences = differences.join("; ");
            format!("its manifest would change it: {differences}")
        })
    }

    /// Writes down that the group is there, and on what condition.
    fn txn(&self, hold: &Hold, by: &str, now: Timestamp) -> Txn {
        let group = &self.group;
        let (group_key, adopted_key) = (records::group_key(group), records::adopted_key(&self.app));
        let history_key = records::history_key(group, self.revision);
        let history = HistoryRecord {
            group: group.clone(),
            revision: self.revision,
            spec: Arc::clone(&self.spec),
            created_at: now,
            by: by.to_owned(),
            ending: Some(Ending {
                outcome: Ended::Adopted,
                reason: None,
                at: now,
            }),
        };
        let counter = RevisionCounter {
            group: group.clone(),
            last: self.revision,
        };
        let audit = AuditRecord {
            at: now,
            by: by.to_owned(),
            group: group.clone(),
            deed: Deed::Adopt,
            action: None,
            revision: Some(self.revision),
            outcome: audit::Outcome::Done,
            reason: Some(format!("it is {}", self.app)),
        };
        let adopted = AdoptedRecord {
            app: self.app.clone(),
            group: group.clone(),
        };
        Txn {
            compares: vec![
                Compare::Absent(group_key.clone()),
                Compare::Absent(records::rollout_key(group)),
                Compare::Absent(history_key.clone()),
                Compare::Absent(adopted_key.clone()),
                hold.fence(),
            ],
            writes: vec![
                Write::Put(group_key, records::encode(&self.record(now))),
                Write::Put(history_key, records::encode(&history)),
                Write::Put(records::counter_key(group), records::encode(&counter)),
                Write::Put(adopted_key, records::encode(&adopted)),
                audit.write(),
            ],
        }
    }
}

fn exists(group: &GroupId) -> String {
    format!("{group} exists already")
}

/// What a plan changes in a group.
fn differences(plan: &GroupPlan) -> String {
    if plan.changes.is_empty() {
        return plan.reason.clone();
    }
    let changes = plan.changes.iter();
    let changes: Vec<String> = changes
        .map(|change| format!("{} from {} to {}", change.field, change.from, change.to))
        .collect();
    changes.join(", ")
}

/// Lets no two have one name: where all but one of them are to run nothing, it is that one's.
fn tell_apart(candidates: &mut [Candidate]) {
    let mut claims: BTreeMap<GroupId, Vec<usize>> = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        if let (Some(group), None) = (&candidate.group, &candidate.obstacle) {
            claims.entry(group.clone()).or_default().push(index);
        }
    }
    for (group, claimants) in claims
        .into_iter()
        .filter(|(_, claimants)| claimants.len() > 1)
    {
        let running: Vec<usize> = claimants
            .iter()
            .copied()
            .filter(|index| candidates[*index].instances > 0)
            .collect();
        let rightful = match running[..] {
            [only] => Some(only),
            _ => None,
        };
        for index in claimants
            .iter()
            .copied()
            .filter(|index| Some(*index) != rightful)
        {
            let others: Vec<&str> = claimants
                .iter()
                .filter(|other| **other != index)
                .map(|other| &*candidates[*other].app.0)
                .collect();
            let others = others.join(", ");
            candidates[index].obstacle = Some(format!("{others} may be {group} just as well"));
        }
    }
}

/// Whether a text is a list of just these words, in JSON or as Python shows it.
fn is_list_of(text: &str, words: &[&str]) -> bool {
    let list: Option<Vec<String>> = serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&text.replace('\'', "\"")))
        .ok();
    let Some(mut list) = list else {
        return false;
    };
    list.sort_unstable();
    list == words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(app: &str, group: Option<&str>, instances: u32) -> Candidate {
        Candidate {
            app: AppId(app.to_owned()),
            instances,
            group: group.map(|group| group.parse().unwrap()),
            spec: Some(Arc::new(Spec::new("a:1"))),
            unsaid: Vec::new(),
            obstacle: None,
        }
    }

    fn barred(mut candidates: Vec<Candidate>) -> Vec<(String, String)> {
        tell_apart(&mut candidates);
        let barred = candidates.into_iter();
        barred
            .filter_map(|it| Some((it.app.0, it.obstacle?)))
            .collect()
    }

    #[test]
    fn no_two_get_one_name() {
        let a = || candidate("/a", Some("web:x"), 1);
        let b = || candidate("/b", Some("web:x"), 2);
        let stopped = || candidate("/c", Some("web:x"), 0);
        let other = || candidate("/d", Some("web:y"), 1);
        let nameless = || candidate("/e", None, 1);
        assert_eq!(barred(vec![a(), other(), nameless(), nameless()]), []);
        let told = |app: &str, others: &str| {
            let obstacle = format!("{others} may be web:x just as well");
            (app.to_owned(), obstacle)
        };
        assert_eq!(
            barred(vec![a(), b(), other()]),
            [told("/a", "/b"), told("/b", "/a")]
        );
        assert_eq!(barred(vec![stopped(), a()]), [told("/c", "/a")]);
        assert_eq!(
            barred(vec![stopped(), a(), b()]),
            [
                told("/c", "/a, /b"),
                told("/a", "/c, /b"),
                told("/b", "/c, /a")
            ]
        );
        let mut taken = b();
        taken.obstacle = Some("it is being changed".to_owned());
        assert_eq!(barred(vec![a(), taken]).len(), 1);
    }

    #[test]
    fn labels_are_known_in_either_form() {
        for (text, is_it) in [
            (r#"["dev","eu"]"#, true),
            ("['eu', 'dev']", true),
            ("['dev']", false),
            ("dev,eu", false),
            ("[1]", false),
        ] {
            assert_eq!(is_list_of(text, &["dev", "eu"]), is_it, "{text}");
        }
    }
}

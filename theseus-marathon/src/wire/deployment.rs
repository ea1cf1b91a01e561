//! `GET /v2/deployments`, in all the forms that it has had.

use serde::Deserialize;

use super::read::{Lenient, Text, or_default};

/// A deployment that is under way.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployment<'a> {
    #[serde(borrow)]
    pub(crate) id: Text<'a>,
    pub(crate) version: Option<Text<'a>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) affected_apps: Vec<Text<'a>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) affected_pods: Vec<Text<'a>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) steps: Vec<Step<'a>>,
}

/// What a deployment does at one time: since 1.1 in an object, before that bare.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Step<'a> {
    Object {
        #[serde(borrow)]
        actions: Vec<Lenient<Action<'a>>>,
    },
    Bare(#[serde(borrow)] Vec<Lenient<Action<'a>>>),
}

impl<'a> Step<'a> {
    pub(crate) fn actions(&self) -> impl Iterator<Item = &Action<'a>> {
        let (Self::Object { actions } | Self::Bare(actions)) = self;
        actions.iter().filter_map(|action| match action {
            Lenient::Sound(action) => Some(action),
            Lenient::Alien(_) => None,
        })
    }
}

/// One thing that a deployment does. Its name was called `type` in 1.1.0 and 1.1.1, and what it is
/// done to `apps` before 0.7.6.
#[derive(Debug, Deserialize)]
pub(crate) struct Action<'a> {
    #[serde(borrow, rename = "action", alias = "type")]
    pub(crate) name: Option<Text<'a>>,
    #[serde(rename = "app", alias = "apps", alias = "pod")]
    pub(crate) target: Option<Text<'a>>,
}

//! What is told of groups whose secrets are shown.

use super::commit::commit_all;
use super::{Engine, EngineError};
use crate::audit::{AuditRecord, Deed, Outcome};
use crate::cluster::Revision;
use crate::model::GroupId;
use crate::store::{StoreError, Txn};

impl Engine {
    /// Writes into the audit trail that the manifests of these groups, of these revisions, are
    /// written with what is secret in them. To be called before that is done.
    pub async fn tell_exported(&self, groups: &[(GroupId, Revision)]) -> Result<(), EngineError> {
        let at = (self.clock)();
        let txns = groups.iter().map(|(group, revision)| {
            let audit = AuditRecord {
                at,
                by: self.by.clone(),
                group: group.clone(),
                deed: Deed::Export,
                action: None,
                revision: Some(*revision),
                outcome: Outcome::Done,
                reason: None,
            };
            Txn {
                compares: Vec::new(),
                writes: vec![audit.write()],
            }
        });
        let answers = commit_all(&*self.store, txns.collect()).await;
        let written: Result<Vec<_>, StoreError> = answers.into_iter().collect();
        Ok(written.map(drop)?)
    }
}

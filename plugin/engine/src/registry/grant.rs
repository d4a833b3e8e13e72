//! Authority for a while: who may do what, from when until when, why, and by whose word.
//!
//! A grant permits nothing by itself. While it is in force and covers a request, policies see its
//! name in `context.grants`; it ends by the clock, without a new document.

use std::collections::BTreeSet;

use super::limits::{ActionGroups, covers_action, covers_resource};
use crate::model::{Asked, Delegation, Period, PrincipalId, Timestamp};

/// One grant.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// Unique; receipts name it.
    pub(crate) id: String,
    /// What policies ask for. Several grants may have the same.
    pub(crate) name: String,
    /// For whom the agent must act; none: for anybody, or for itself.
    pub(crate) delegator: Option<PrincipalId>,
    pub(crate) actions: BTreeSet<String>,
    pub(crate) resources: Option<BTreeSet<String>>,
    pub(crate) valid: Period,
    /// Who gave it.
    pub(crate) by: PrincipalId,
}

/// The grants that cover one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Granted {
    /// In force: names, for policy.
    pub(crate) names: BTreeSet<String>,
    /// In force: ids, for the receipt.
    pub(crate) ids: Vec<String>,
    /// Over, or not begun: names that would otherwise be among them.
    pub(crate) out_of_time: BTreeSet<String>,
}

impl Grant {
    pub(super) fn is_for(&self, delegation: Option<&Delegation>) -> bool {
        let delegator = delegation.map(|d| &d.delegator);
        self.delegator.as_ref().is_none_or(|who| Some(who) == delegator)
    }

    fn covers(&self, asked: &Asked, groups: &ActionGroups) -> bool {
        covers_action(&self.actions, asked, groups)
            && self.resources.as_ref().is_none_or(|names| covers_resource(names, asked))
    }
}

/// Those of an agent's grants that cover a request.
pub(super) fn granted<'g>(
    grants: impl Iterator<Item = &'g Grant>,
    asked: &Asked,
    groups: &ActionGroups,
    now: Timestamp,
) -> Granted {
    let mut granted = Granted::default();
    for grant in grants.filter(|grant| grant.covers(asked, groups)) {
        if grant.valid.is_before(now) || grant.valid.is_over(now) {
            granted.out_of_time.insert(grant.name.clone());
        } else {
            granted.names.insert(grant.name.clone());
            granted.ids.push(grant.id.clone());
        }
    }
    granted
}

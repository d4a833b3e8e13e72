//! What a caller's authority comes down to before policy is asked: what its credential grants, cut
//! down to what the registry lets the agent have, and what was granted to it for a while.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::grant::{self, Grant, Granted};
use super::limits::{ActionGroups, Limits};
use crate::decision::Reason;
use crate::model::sorted;
use crate::model::{Asked, Timestamp};

/// The bounds of one caller.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    limits: Rc<Limits>,
    groups: Rc<ActionGroups>,
    grants: Vec<Rc<Grant>>,
}

impl Bounds {
    pub(super) fn new(
        limits: Rc<Limits>,
        groups: Rc<ActionGroups>,
        grants: Vec<Rc<Grant>>,
    ) -> Self {
        Self { limits, groups, grants }
    }

    /// The scopes that count: none but those the agent may have. None: all that were granted.
    pub(crate) fn narrowed(&self, granted: &BTreeSet<String>) -> Option<BTreeSet<String>> {
        let most = self.limits.scopes.as_ref()?;
        Some(sorted::set(granted.intersection(most).cloned()))
    }

    /// The grants that cover the request.
    pub(crate) fn granted(&self, asked: &Asked, now: Timestamp) -> Granted {
        grant::granted(self.grants.iter().map(|g| &**g), asked, &self.groups, now)
    }

    /// Whether the request is within them.
    pub(crate) fn hold(&self, asked: &Asked) -> Result<(), Reason> {
        if self.limits.hold(asked, &self.groups) { Ok(()) } else { Err(Reason::BeyondLimits) }
    }
}

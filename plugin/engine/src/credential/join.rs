//! Putting together what several credentials of one request say.
//!
//! They must name one agent. Names of different issuers are never compared by their look: that a
//! workload is an agent is for the registry to say (`agents[].spiffe`), and where it does not, they
//! are two (Actor Profile, "identifier reconciliation").

use std::rc::Rc;

use super::binding::Bound;
use super::{Credential, Verified};
use crate::decision::Reason;

/// A credential of this request that holds, and what proved that it is the sender's own.
pub(super) struct Held {
    pub(super) verified: Rc<Verified>,
    pub(super) bound: Option<Bound>,
}

impl Held {
    pub(super) fn new(credential: Credential, bound: Option<Bound>) -> Self {
        Self { verified: credential.verified, bound }
    }

    fn into_verified(self) -> Rc<Verified> {
        let Self { mut verified, bound } = self;
        if bound.is_some() {
            Rc::make_mut(&mut verified).proof.bound = bound;
        }
        verified
    }
}

/// What the first one says, with the proofs of the others; the first is the one that grants.
pub(super) fn join(first: Held, others: Vec<Held>) -> Result<Rc<Verified>, Reason> {
    let mut joined = first.into_verified();
    for other in others {
        let other = other.into_verified();
        if other.actor.agent != joined.actor.agent {
            // An id with no `#` is a workload's own: no agent lists it.
            let listed = other.actor.agent.as_str().contains('#');
            return Err(if listed { Reason::IdentitiesDisagree } else { Reason::WorkloadUnmapped });
        }
        Rc::make_mut(&mut joined).also.extend(other.proofs().cloned());
    }
    Ok(joined)
}

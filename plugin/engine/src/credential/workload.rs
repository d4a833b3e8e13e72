//! What the kinds of workload tokens have in common.

use std::rc::Rc;

use super::binding::Confirmation;
use super::cache::Remembered;
use super::claims::maybe_identifier;
use super::jws::Jws;
use super::terms::Terms;
use super::{
    Authentication, Credential, Grant, Kind, Known, Proof, Rejected, Rules, Unverified, Verified,
    thumbprint,
};
use crate::decision::Reason;
use crate::model::{Actor, CallerClass, IssuerId, WorkloadId};
use crate::trust::{Algorithm, Key};

/// A token about a workload, with a good signature.
pub(super) struct Found<'a> {
    pub(super) kind: &'static Kind,
    pub(super) id: &'a WorkloadId,
    pub(super) jws: &'a Jws<'a>,
    pub(super) key: &'a Key,
    pub(super) algorithm: Algorithm,
}

impl Found<'_> {
    pub(super) fn remembered(
        &self,
        terms: Terms,
        source: &IssuerId,
        confirmation: Option<Confirmation>,
        rules: &Rules,
    ) -> Result<Remembered, Unverified> {
        let jti = maybe_identifier(&self.jws.claims, "jti");
        let proof = Proof {
            kind: self.kind.name,
            issuer: self.id.domain_issuer(),
            thumbprint: thumbprint(self.jws.token.as_bytes()),
            content: thumbprint(self.jws.message),
            key_thumbprint: Some(self.key.thumbprint().to_owned()),
            expires: Some(terms.expires()),
            jti: jti.map_err(|reason| self.rejected(reason))?,
            issued: None,
            status: None,
            bound: None,
        };
        let audiences = terms.audiences();
        let verified = Verified { audiences, ..alone(self.id, proof, rules) };
        Ok(Remembered {
            credential: Credential { verified: Rc::new(verified), confirmation },
            place: self.kind.place,
            terms,
            source: source.clone(),
            key_thumbprint: self.key.thumbprint().to_owned(),
            key_id: self.jws.key_id.clone(),
            algorithm: self.algorithm,
        })
    }

    pub(super) fn rejected(&self, reason: Reason) -> Unverified {
        let known = Known {
            kind: self.kind.name,
            class: CallerClass::Unknown,
            subject: Some(self.id.principal()),
            issuer: self.id.domain_issuer().as_str().to_owned(),
            thumbprint: thumbprint(self.jws.token.as_bytes()),
        };
        Unverified::Rejected(Rejected { reason, known: Some(known) })
    }
}

/// A workload that acts for itself: as the agent that lists it, or in its own name.
pub(super) fn alone(id: &WorkloadId, proof: Proof, rules: &Rules) -> Verified {
    Verified {
        actor: Actor { agent: rules.agent_of(id), delegation: None },
        proof,
        also: Vec::new(),
        client_id: None,
        grant: Grant::default(),
        authentication: Authentication::default(),
        audiences: Vec::new(),
        client: None,
        transaction: None,
    }
}

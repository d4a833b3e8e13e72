//! What credentials are accepted besides access tokens, and who tells of them: as configured.

use std::collections::{BTreeMap, BTreeSet};

use super::binding::BindingRules;
use super::bot::Directory;
use super::certificate::CertificateRules;
use super::shared::Sharing;
use super::terms::Limits;
use super::transaction::TransactionRules;
use crate::model::{IssuerId, PrincipalId, WorkloadId};
use crate::trust::Algorithms;

/// By default nothing is accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) certificates: CertificateRules,
    pub(crate) binding: BindingRules,
    pub(crate) sharing: Sharing,
    /// By name.
    pub(crate) domains: BTreeMap<String, DomainRules>,
    pub(crate) transactions: Option<TransactionRules>,
    /// By what their bots write into `Signature-Agent`.
    pub(crate) bots: BTreeMap<String, Directory>,
    /// Types of `authorization_details` that limit what a token grants.
    pub(crate) detail_types: BTreeSet<String>,
    /// Which agent a workload is, by its SPIFFE id.
    pub(crate) agents: BTreeMap<String, PrincipalId>,
}

/// A trust domain, and which of its credentials count.
#[derive(Clone, Debug)]
pub(crate) struct DomainRules {
    /// Names of kinds.
    pub(crate) accepts: BTreeSet<&'static str>,
    pub(crate) limits: Limits,
    /// Where the keys are that sign JWT-SVIDs, and those that sign WITs: exclusive, although one bundle
    /// may hold both (RFC 8725 §3.12).
    pub(crate) jwt_source: IssuerId,
    pub(crate) jwt_algorithms: Algorithms,
    pub(crate) wit_source: IssuerId,
    pub(crate) wit_algorithms: Algorithms,
}

impl Rules {
    /// The trust domain of a workload, if it may identify by that kind. No prefix, no parent (X6).
    pub(super) fn domain(&self, id: &WorkloadId, kind: &str) -> Option<&DomainRules> {
        self.domains.get(id.trust_domain()).filter(|domain| domain.accepts.contains(kind))
    }

    /// The agent that lists the workload; none does: the workload itself.
    pub(super) fn agent_of(&self, id: &WorkloadId) -> PrincipalId {
        self.agents.get(id.as_str()).cloned().unwrap_or_else(|| id.principal())
    }
}

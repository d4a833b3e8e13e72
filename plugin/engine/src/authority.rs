//! What a caller may do right now: the least of what its credential grants, what the registry lets
//! the agent have, what was granted for a while, what the agent may and what its delegator may. And
//! which of these it was that decided.
//!
//! Not here: any of the five themselves.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::behavior::Counted;
use crate::credential::{self, Verified};
use crate::decision::{Reason, Verdict};
use crate::directory::Found;
use crate::model::sorted;
use crate::model::{Asked, CallerClass, Timestamp};
use crate::policy::{
    Alike, Approved, Authenticated, Decided, Fitting, Policy, Situation, StepUp, Transacted, Turn,
};
use crate::registry::{Bounds, Granted};

/// The verified part of a request: the same for a call and for a list.
pub(crate) struct Caller {
    pub(crate) verified: Rc<Verified>,
    class: CallerClass,
    bounds: Bounds,
    /// Granted scopes, where the registry takes some away.
    narrowed: Option<BTreeSet<String>>,
    /// The kinds of all proofs.
    proofs: Vec<&'static str>,
    shares: bool,
    /// The agent, if the registry lists none of that id and it was looked up.
    looked_up: Option<Found>,
    now: Timestamp,
}

/// What else is true of a request, than who asks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Given<'a> {
    /// What a human has approved.
    pub(crate) approved: Option<Approved<'a>>,
    /// What its agent has done.
    pub(crate) counted: Option<&'a Counted>,
    /// What fits the request, where that is known already.
    pub(crate) fitting: Option<&'a Fitting>,
}

/// A verdict, and how it came about.
pub(crate) struct Weighed {
    pub(crate) decided: Decided,
    /// Ids of the grants that were in force and covered the request.
    pub(crate) grants: Vec<String>,
    pub(crate) decisive: Option<Factor>,
}

/// Without it, or with more of it, the verdict would have been another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Factor {
    /// The registry's limits of the agent.
    Limits,
    /// A grant: there is one, or there was or will be one.
    Grant,
    /// What policy lets the agent do.
    Agent,
    /// What policy lets the delegator do.
    Delegator,
}

impl Factor {
    /// As receipts write it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Grant => "grant",
            Self::Agent => "agent",
            Self::Delegator => "delegator",
        }
    }
}

impl<'a> Given<'a> {
    fn in_(self, situation: Situation<'a>) -> Situation<'a> {
        let Self { approved, counted, fitting } = self;
        Situation { approved, counted, fitting, ..situation }
    }
}

impl Caller {
    pub(crate) fn new(
        verified: Rc<Verified>,
        class: CallerClass,
        bounds: Bounds,
        now: Timestamp,
    ) -> Self {
        let narrowed = bounds.narrowed(&verified.grant.scopes);
        let proofs = verified.proofs().map(|proof| proof.kind).collect();
        let (shares, looked_up) = (false, None);
        Self { verified, class, bounds, narrowed, proofs, shares, looked_up, now }
    }

    /// When it was looked at.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether it presents what another has presented before.
    pub(crate) fn sharing(self, shares: bool) -> Self {
        Self { shares, ..self }
    }

    /// The same, of an agent that was looked up.
    pub(crate) fn found(self, looked_up: Option<Found>) -> Self {
        Self { looked_up, ..self }
    }

    /// The agent as it was looked up, if it was.
    pub(crate) fn looked_up(&self) -> Option<&Found> {
        self.looked_up.as_ref()
    }

    /// Types of the token's authorization details that cover a request; none if it has no details.
    fn details(&self, asked: &Asked) -> Result<BTreeSet<String>, Reason> {
        match &self.verified.grant.details {
            None => Ok(BTreeSet::new()),
            Some(details) => credential::covering(details, asked, &self.verified.audiences),
        }
    }

    /// Whether some arguments could make this request permitted. `alike`: of this caller and policy.
    pub(crate) fn could(&self, policy: &Policy, alike: &mut Alike, asked: &Asked) -> bool {
        let granted = self.bounds.granted(asked, self.now);
        let Ok(details) = self.details(asked) else { return false };
        let situation = self.situation(self.scopes(), (&granted.names, &details));
        self.bounds.hold(asked).is_ok() && policy.could_permit(alike, &situation, asked)
    }

    /// The policies that fit this request.
    pub(crate) fn fit(&self, policy: &Policy, asked: &Asked) -> Result<Fitting, Reason> {
        let none = BTreeSet::new();
        policy.fit(&self.situation(self.scopes(), (&none, &none)), asked)
    }

    /// Decides, and finds out what was decisive. That costs further evaluations only where a limit
    /// took a scope away or a grant covers the request.
    pub(crate) fn decide(&self, policy: &Policy, asked: &Asked, given: Given<'_>) -> Weighed {
        let granted = self.bounds.granted(asked, self.now);
        if let Err(reason) = self.bounds.hold(asked) {
            let decided = Decided::denied(reason);
            return Weighed { decided, grants: granted.ids, decisive: Some(Factor::Limits) };
        }
        let details = match self.details(asked) {
            Ok(details) => details,
            Err(reason) => {
                let decided = Decided::denied(reason);
                return Weighed { decided, grants: granted.ids, decisive: None };
            }
        };
        let situation = self.situation(self.scopes(), (&granted.names, &details));
        let situation = given.in_(situation);
        let mut decided = policy.decide(&situation, asked);
        // Its token has them, and the registry does not let it have them: another token would be no other.
        let missing = |step_up: &StepUp| {
            !step_up.scopes.iter().all(|scope| self.verified.grant.scopes.contains(scope))
        };
        if let Verdict::Deny(Reason::ScopeMissing) = decided.verdict
            && !matches!(&decided.turn, Some(Turn::StepUp(step_up)) if missing(step_up))
        {
            decided =
                Decided { verdict: Verdict::Deny(Reason::AgentNotAllowed), turn: None, ..decided };
        }
        let given = (&granted, &details, given);
        let decisive = self.decisive(policy, asked, given, &decided.verdict);
        Weighed { decided, grants: granted.ids, decisive }
    }

    fn decisive(
        &self,
        policy: &Policy,
        asked: &Asked,
        (granted, details, given): (&Granted, &BTreeSet<String>, Given<'_>),
        verdict: &Verdict,
    ) -> Option<Factor> {
        let otherwise = |scopes, names| {
            let situation = self.situation(scopes, (names, details));
            let other = policy.decide(&given.in_(situation), asked).verdict;
            matches!(other, Verdict::Allow(_))
        };
        let refused = match verdict {
            Verdict::Allow(_) => {
                let none = BTreeSet::new();
                let by_grant = !granted.names.is_empty() && !otherwise(self.scopes(), &none);
                return by_grant.then_some(Factor::Grant);
            }
            Verdict::Deny(Reason::AgentNotAllowed) => Factor::Agent,
            Verdict::Deny(Reason::DelegatorNotAllowed) => Factor::Delegator,
            Verdict::Deny(_) | Verdict::NeedsApproval { .. } => return None,
        };
        let all = &self.verified.grant.scopes;
        if self.scopes() != all && otherwise(all, &granted.names) {
            return Some(Factor::Limits);
        }
        let ever = sorted::set(granted.names.union(&granted.out_of_time).cloned());
        if ever != granted.names && otherwise(self.scopes(), &ever) {
            return Some(Factor::Grant);
        }
        Some(refused)
    }

    /// The scopes that count.
    fn scopes(&self) -> &BTreeSet<String> {
        self.narrowed.as_ref().unwrap_or(&self.verified.grant.scopes)
    }

    fn situation<'a>(
        &'a self,
        scopes: &'a BTreeSet<String>,
        (grants, details): (&'a BTreeSet<String>, &'a BTreeSet<String>),
    ) -> Situation<'a> {
        let verified = &self.verified;
        Situation {
            now: self.now,
            actor: &verified.actor,
            looked_up: self.looked_up.as_ref().map(|found| &found.entity),
            class: self.class,
            credential_kind: verified.proof.kind,
            bound: verified.proof.bound.as_ref().map(credential::Bound::as_str),
            shared: self.shares,
            issuer: &verified.proof.issuer,
            proofs: &self.proofs,
            authenticated: Authenticated {
                acr: verified.authentication.acr.as_deref(),
                at: verified.authentication.auth_time,
                methods: &verified.authentication.amr,
            },
            transaction: verified.transaction.as_ref().map(|transaction| Transacted {
                id: &transaction.id,
                subject: &transaction.subject,
                workload: &transaction.workload,
                scopes: &transaction.scopes,
            }),
            scopes,
            details,
            grants,
            approved: None,
            counted: None,
            fitting: None,
        }
    }
}

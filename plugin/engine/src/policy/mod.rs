//! Asks Cedar twice: once for the agent, once for whoever it acts for. Both must say yes.
//!
//! Not here: who they are (`credential`), whether the agent is registered (`registry`).

mod attributes;
mod facts;
mod list;
mod load;
#[cfg(test)]
mod tests;
mod value;
mod vocabulary;

use std::rc::Rc;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicyId, PolicySet, Request, Response,
    Schema,
};

use crate::decision::{AgentGrant, DelegatorGrant, Permit, Reason, Verdict};
use crate::model::Asked;

pub(crate) use attributes::{Attribute, AttributeType, AttributeTypes};
pub(crate) use facts::Situation;
pub(crate) use load::PolicyFile;
pub use load::Problem;
pub(crate) use vocabulary::{AgentEntity, Definition, HumanEntity, Owner, RouteAction, ToolAction};

/// The policies in force, their vocabulary and their entities. Immutable: a request keeps the one
/// it began with.
pub(crate) struct Policy {
    authorizer: Authorizer,
    schema: Schema,
    all: PolicySet,
    /// Without the forbids that an approval lifts: would it be allowed if a human agreed?
    if_approved: PolicySet,
    entities: Entities,
    revision: u64,
    warnings: Vec<String>,
}

/// A verdict and the policies that made it, by `@id`. None: that one was not asked.
pub(crate) struct Decided {
    pub(crate) verdict: Verdict,
    pub(crate) agent: Option<Vec<String>>,
    pub(crate) delegator: Option<Vec<String>>,
}

/// What Cedar said of one principal.
enum Answer {
    /// Permitted, by these.
    Yes(Vec<String>),
    /// Only approvable forbids stand in the way; these may approve.
    Ask(Vec<String>),
    No,
    /// A policy failed to evaluate.
    Fault,
}

impl Policy {
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Decides one request. Once it is well typed both are asked, whatever the first says, so that a
    /// receipt names both answers.
    pub(crate) fn decide(&self, situation: &Situation<'_>, asked: &Asked) -> Decided {
        let context = match facts::context(situation, asked) {
            Ok(context) => context,
            Err(reason) => return Decided::denied(reason),
        };
        let agent = vocabulary::agent(&situation.actor.agent);
        let request = match self.request(agent, asked, context.clone(), true) {
            Ok(request) => request,
            Err(reason) => return Decided::denied(reason),
        };
        let (agent, agent_ids) = self.ask(&request);
        let Some(delegation) = &situation.actor.delegation else {
            let verdict = autonomous(agent);
            return Decided { verdict, agent: Some(agent_ids), delegator: None };
        };
        let human = vocabulary::human(&delegation.delegator);
        let request = match self.request(human, asked, context, false) {
            Ok(request) => request,
            Err(reason) => return Decided::denied(reason),
        };
        let (delegator, delegator_ids) = self.ask(&request);
        let verdict = intersect(agent, delegator);
        Decided { verdict, agent: Some(agent_ids), delegator: Some(delegator_ids) }
    }

    /// Builds the Cedar request. `check`: against the schema; the second of a pair differs only in
    /// its principal, whose type every action admits, so it need not pay for that again.
    fn request(
        &self,
        principal: EntityUid,
        asked: &Asked,
        context: Context,
        check: bool,
    ) -> Result<Request, Reason> {
        let action = vocabulary::action(&asked.action);
        let resource = vocabulary::resource(&asked.resource);
        let schema = check.then_some(&self.schema);
        // The only part of a request that its sender shapes is the input.
        let reason = if asked.typed_input { Reason::ArgumentsInvalid } else { Reason::PolicyError };
        Request::new(principal, action, resource, context, schema).map_err(|_| reason)
    }

    /// One evaluation, with the ids of the policies that determined it.
    fn ask(&self, request: &Request) -> (Answer, Vec<String>) {
        let response = self.authorizer.is_authorized(request, &self.all, &self.entities);
        // Cedar skips a policy that fails to evaluate, a `forbid` too (threats F5): a fault is
        // never a yes.
        if let Some(ids) = faults(&response) {
            return (Answer::Fault, ids);
        }
        // Cedar's own order differs from process to process; receipts are the same everywhere.
        let ids = distinct(response.diagnostics().reason().map(ToString::to_string).collect());
        let answer = match response.decision() {
            Decision::Allow => Answer::Yes(ids.clone()),
            Decision::Deny => self.approvable(request, &response),
        };
        (answer, ids)
    }

    /// A refusal can be approved away only if every deciding forbid says so and, those apart, the
    /// action is permitted: nobody is asked to approve what would be refused all the same.
    fn approvable(&self, request: &Request, refusal: &Response) -> Answer {
        let approver = |id: &PolicyId| self.all.annotation(id, APPROVAL).map(str::to_owned);
        let approvers: Option<Vec<_>> = refusal.diagnostics().reason().map(approver).collect();
        match approvers {
            Some(approvers) if !approvers.is_empty() => {
                let then =
                    self.authorizer.is_authorized(request, &self.if_approved, &self.entities);
                if then.decision() == Decision::Allow && faults(&then).is_none() {
                    Answer::Ask(approvers)
                } else {
                    Answer::No
                }
            }
            _ => Answer::No,
        }
    }
}

/// The permit is the intersection. A fault or a refusal of either beats a question of the other.
fn intersect(agent: Answer, delegator: Answer) -> Verdict {
    match (agent, delegator) {
        (Answer::Fault, _) | (_, Answer::Fault) => Verdict::Deny(Reason::PolicyError),
        (Answer::No, _) => Verdict::Deny(Reason::AgentNotAllowed),
        (_, Answer::No) => Verdict::Deny(Reason::DelegatorNotAllowed),
        (Answer::Yes(agent), Answer::Yes(delegator)) => {
            Verdict::Allow(Permit::new(AgentGrant(agent), DelegatorGrant::granted(delegator)))
        }
        (Answer::Ask(who), Answer::Yes(_)) | (Answer::Yes(_), Answer::Ask(who)) => {
            Verdict::NeedsApproval { approvers: distinct(who) }
        }
        (Answer::Ask(mut who), Answer::Ask(more)) => {
            who.extend(more);
            Verdict::NeedsApproval { approvers: distinct(who) }
        }
    }
}

/// There is nobody else to ask.
fn autonomous(agent: Answer) -> Verdict {
    match agent {
        Answer::Fault => Verdict::Deny(Reason::PolicyError),
        Answer::No => Verdict::Deny(Reason::AgentNotAllowed),
        Answer::Ask(who) => Verdict::NeedsApproval { approvers: distinct(who) },
        Answer::Yes(ids) => {
            Verdict::Allow(Permit::new(AgentGrant(ids), DelegatorGrant::autonomous()))
        }
    }
}

impl Decided {
    pub(crate) fn denied(reason: Reason) -> Self {
        Self { verdict: Verdict::Deny(reason), agent: None, delegator: None }
    }
}

fn faults(response: &Response) -> Option<Vec<String>> {
    let ids: Vec<_> =
        response.diagnostics().errors().map(|e| load::policy_of(e).to_string()).collect();
    if ids.is_empty() { None } else { Some(distinct(ids)) }
}

fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

/// Shared by everything that outlives one call.
pub(crate) type SharedPolicy = Rc<Policy>;

/// The annotation of a forbid that a human may lift; its value names who.
const APPROVAL: &str = "approval";

//! Could this caller be permitted this tool, under some arguments?
//!
//! The question behind every filtered list. It is answered by the same evaluation as a call, with
//! `context.input` left out: a policy that does not look at the input answers for all inputs; one
//! that does fails on the missing member, which means "for some input, perhaps". An over-estimate,
//! never an under-estimate; `load` refuses the one expression (`context has input`) that could tell
//! the difference.

use cedar_policy::{
    AuthorizationError, Context, Decision, Effect, EntityUid, EvaluationError, Request,
};

use super::{Policy, Situation, facts, load, vocabulary};
use crate::model::Asked;

impl Policy {
    /// Whether some arguments could make this request permitted, at once or after an approval, for
    /// the agent and for the delegator. `asked.input` is not read.
    pub(crate) fn could_permit(&self, situation: &Situation<'_>, asked: &Asked) -> bool {
        let Ok(pairs) = facts::pairs(situation, asked.protocol) else { return false };
        let Ok(context) = Context::from_pairs(pairs) else { return false };
        let agent = vocabulary::agent(&situation.actor.agent);
        let delegation = situation.actor.delegation.as_ref();
        let delegator = delegation.map(|d| vocabulary::human(&d.delegator));
        self.possible(agent, asked, &context)
            && delegator.is_none_or(|human| self.possible(human, asked, &context))
    }

    fn possible(&self, principal: EntityUid, asked: &Asked, context: &Context) -> bool {
        let action = vocabulary::action(&asked.action);
        let resource = vocabulary::resource(&asked.resource);
        // Without the schema: the input it demands is missing on purpose.
        let Ok(request) = Request::new(principal, action, resource, context.clone(), None) else {
            return false;
        };
        let response = self.authorizer.is_authorized(&request, &self.if_approved, &self.entities);
        let mut perhaps = false;
        for error in response.diagnostics().errors() {
            // Any other failure fails the call as well, whatever its arguments.
            if !asked.typed_input || !is_missing_input(error) {
                return false;
            }
            let policy = self.if_approved.policy(load::policy_of(error));
            perhaps |= policy.is_some_and(|p| p.effect() == Effect::Permit);
        }
        match response.decision() {
            Decision::Allow => true,
            // A forbid that holds without the input holds for every input.
            Decision::Deny => perhaps && response.diagnostics().reason().next().is_none(),
        }
    }
}

/// Whether a policy failed only because it reads `context.input`.
fn is_missing_input(error: &AuthorizationError) -> bool {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    matches!(error.inner(), EvaluationError::RecordAttrDoesNotExist(e)
        if e.to_string().contains("attribute `input`"))
}

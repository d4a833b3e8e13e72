//! Could this caller be permitted this tool, under some arguments?
//!
//! The question behind every filtered list. It is answered by the same evaluation as a call, with
//! `context.input` left out: a policy that does not look at the input answers for all inputs; one
//! that does fails on the missing member, which means "for some input, perhaps". An over-estimate,
//! never an under-estimate; `load` refuses the one expression (`context has input`) that could tell
//! the difference.

use cedar_policy::{
    AuthorizationError, Context, Decision, Effect, EntityUid, EvaluationError, PolicySet,
};

use super::{Policy, Question, Situation, facts, load};
use crate::model::Asked;

impl Policy {
    /// Whether some arguments could make this request permitted, at once or after an approval, for
    /// the agent and for the delegator. `asked.input` is not read.
    pub(crate) fn could_permit(&self, situation: &Situation<'_>, asked: &Asked) -> bool {
        let question = Question::new(situation, asked);
        let members = facts::members(situation, asked.protocol, &question.principals, &self.clock);
        // The input that the schema demands is missing on purpose.
        let Ok(context) = members.map(facts::context) else { return false };
        let principals = &question.principals;
        let possible = |who| self.possible(who, &question, &context, asked.typing.is_typed());
        possible(&principals.agent) && principals.delegator.as_ref().is_none_or(possible)
    }

    fn possible(
        &self,
        principal: &EntityUid,
        question: &Question,
        context: &Context,
        typed_input: bool,
    ) -> bool {
        let Ok(request) = question.about(principal, context) else { return false };
        let slice =
            self.slices.find(principal, &question.action, &question.resource, &self.entities);
        let Ok(slice) = slice else { return false };
        let policies = slice.if_approved();
        let response = self.authorizer.is_authorized(&request, policies, &self.entities);
        let mut perhaps = false;
        for error in response.diagnostics().errors() {
            // Any other failure fails the call as well, whatever its arguments.
            if !typed_input || !is_missing_input(error) {
                return false;
            }
            perhaps |= is_permit(policies, error);
        }
        match response.decision() {
            Decision::Allow => true,
            // A forbid that holds without the input holds for every input.
            Decision::Deny => perhaps && response.diagnostics().reason().next().is_none(),
        }
    }
}

fn is_permit(policies: &PolicySet, error: &AuthorizationError) -> bool {
    policies.policy(load::policy_of(error)).is_some_and(|p| p.effect() == Effect::Permit)
}

/// Whether a policy failed only because it reads `context.input`.
fn is_missing_input(error: &AuthorizationError) -> bool {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    matches!(error.inner(), EvaluationError::RecordAttrDoesNotExist(e)
        if e.to_string().contains("attribute `input`"))
}

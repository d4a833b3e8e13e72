//! Could this caller be permitted this tool, under some arguments?
//!
//! The question behind every filtered list. It is answered by the same evaluation as a call, with
//! `context.input` left out: a policy that does not look at the input answers for all inputs; one
//! that does fails on the missing member, which means "for some input, perhaps". An over-estimate,
//! never an under-estimate; `load` refuses the one expression (`context has input`) that could tell
//! the difference. Of policies that look at behaviour likewise: they may say this or that by then.

use cedar_policy::{Entities, EvaluationError};

use super::alike::{About, Alike};
use super::evaluation::{self, Evaluation};
use super::prepared::{Fit, Prepared};
use super::reads::Member;
use super::{Fitting, Policy, Question, Situation, facts};
use crate::model::Asked;

impl Policy {
    /// Whether some arguments could make this request permitted, at once or after an approval, for
    /// the agent and for the delegator. `asked.input` is not read. `alike`: what was asked before of this
    /// caller, and of nobody else.
    pub(crate) fn could_permit(
        &self,
        alike: &mut Alike,
        situation: &Situation<'_>,
        asked: &Asked,
    ) -> bool {
        let Ok(fitting) = self.fitting(Question::new(situation, asked)) else { return false };
        let Prepared { agent, delegator, .. } = &*fitting.prepared;
        let delegator = delegator.as_ref().map(|(_, slice)| slice);
        let about = About { agent: &agent.1, delegator, situation, asked };
        if let Some(answer) = alike.answer(&about) {
            debug_assert_eq!(answer, self.possible_for_both(&fitting, situation, asked));
            return answer;
        }
        let answer = self.possible_for_both(&fitting, situation, asked);
        alike.keep(&about, answer);
        answer
    }

    fn possible_for_both(
        &self,
        fitting: &Fitting,
        situation: &Situation<'_>,
        asked: &Asked,
    ) -> bool {
        let Fitting { question, prepared } = fitting;
        let (principals, reads) = (&question.principals, prepared.reads);
        let members = facts::members(situation, asked.protocol, principals, &self.clock, reads);
        // The input that the schema demands is missing on purpose.
        let Ok(context) = members.map(facts::context) else { return false };
        let about = (question, &prepared.entities, &context);
        let possible = |who: &Fit| possible(who, about, asked.typing.is_typed());
        possible(&prepared.agent) && prepared.delegator.as_ref().is_none_or(possible)
    }
}

fn possible(
    (principal, slice): &Fit,
    (question, entities, context): (&Question, &Entities, &facts::Context),
    typed_input: bool,
) -> bool {
    let uids = question.uids(principal);
    // What would hold if everything were lifted that can be; what its agent will have done by then,
    // nobody knows.
    let counts = |clause: &evaluation::Clause| clause.reads.has(Member::Behavior);
    let lasts = |clause: &&evaluation::Clause| clause.lift.is_none() && !counts(clause);
    let lasting = slice.iter().map(|clause| &**clause).filter(lasts);
    let evaluation = Evaluation::of(lasting, uids, context, entities);
    let open = |clause: &evaluation::Clause| counts(clause) && clause.permits();
    let mut perhaps = slice.iter().any(|clause| open(clause));
    for (clause, error) in &evaluation.errors {
        // Any other failure fails the call as well, whatever its arguments.
        if !typed_input || !is_missing_input(error) {
            return false;
        }
        perhaps |= clause.permits();
    }
    // A forbid that holds without the input holds for every input.
    evaluation.allows() || (perhaps && evaluation.forbids.is_empty())
}

/// Whether a policy failed only because it reads `context.input`.
fn is_missing_input(error: &EvaluationError) -> bool {
    matches!(error, EvaluationError::RecordAttrDoesNotExist(e)
        if e.to_string().contains("attribute `input`"))
}

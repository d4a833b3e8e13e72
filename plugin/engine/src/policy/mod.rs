//! Asks Cedar twice: once for the agent, once for whoever it acts for. Both must say yes.
//!
//! Not here: who they are (`credential`), whether the agent is registered (`registry`).

mod attributes;
mod conformance;
mod depth;
mod evaluation;
mod facts;
mod input;
mod list;
mod load;
mod misuse;
mod scope;
mod slices;
mod teams;
#[cfg(test)]
mod tests;
mod value;
mod vocabulary;
mod whole;

use std::rc::Rc;

use cedar_policy::{Entities, EntityUid};

use crate::decision::{AgentGrant, DelegatorGrant, Permit, Reason, Verdict};
use crate::model::{Asked, CallerClass, Typing};
use conformance::Inputs;
use evaluation::Evaluation;
use facts::Principals;
use slices::Slices;
use value::Clock;
use whole::Whole;

pub(crate) use attributes::{Attribute, AttributeType, AttributeTypes};
pub(crate) use facts::{Authenticated, Situation, Transacted};
pub(crate) use load::PolicyFile;
pub use load::Problem;
pub(crate) use teams::Teams;
pub(crate) use vocabulary::{
    AgentEntity, Definition, HumanEntity, Offered, OfferedKind, Owner, Rated, RouteAction,
    ToolAction,
};

/// The policies in force, their vocabulary and their entities. Immutable: a request keeps the one
/// it began with.
pub(crate) struct Policy {
    inputs: Inputs,
    slices: Slices,
    clock: Clock,
    entities: Entities,
    whole: Whole,
    revision: u64,
    warnings: Vec<String>,
}

/// What is asked of Cedar, whoever is asked about.
struct Question {
    principals: Principals,
    action: EntityUid,
    resource: EntityUid,
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
        let question = Question::new(situation, asked);
        let context = self.context(&question, situation, asked);
        let decided = context.and_then(|context| self.decided(&question, &context));
        decided.unwrap_or_else(Decided::denied)
    }

    fn decided(&self, question: &Question, context: &facts::Context) -> Result<Decided, Reason> {
        let Principals { agent, delegator } = &question.principals;
        let (agent, agent_ids) = self.ask(agent, question, context)?;
        let Some(delegator) = delegator else {
            let verdict = autonomous(agent);
            return Ok(Decided { verdict, agent: Some(agent_ids), delegator: None });
        };
        let (delegator, delegator_ids) = self.ask(delegator, question, context)?;
        let verdict = intersect(agent, delegator);
        Ok(Decided { verdict, agent: Some(agent_ids), delegator: Some(delegator_ids) })
    }

    /// The context both are asked in. Of its members only the input is shaped by whoever sends the
    /// request, so it is what has to be held against a schema; the others are made of typed facts.
    fn context(
        &self,
        question: &Question,
        situation: &Situation<'_>,
        asked: &Asked,
    ) -> Result<facts::Context, Reason> {
        let mut members =
            facts::members(situation, asked.protocol, &question.principals, &self.clock)?;
        if let Some(input) = facts::input(asked)? {
            if asked.typing == Typing::Declared {
                let fits = self.inputs.admit(&question.action, &input);
                self.whole.agrees_on(&question.action, &members, &input, fits);
                if !fits {
                    return Err(Reason::ArgumentsInvalid);
                }
            }
            members.push(("input", input));
        }
        Ok(facts::context(members))
    }

    /// One evaluation, with the ids of the policies that determined it.
    fn ask(
        &self,
        principal: &EntityUid,
        question: &Question,
        context: &facts::Context,
    ) -> Result<(Answer, Vec<String>), Reason> {
        let uids = [principal, &question.action, &question.resource];
        let slice = self.slices.find(uids, &self.entities)?;
        let clauses = slice.iter().map(|clause| &**clause);
        let evaluation = Evaluation::of(clauses, uids, context, &self.entities);
        self.whole.agrees(uids, context, &evaluation, &self.entities);
        // Cedar skips a policy that fails to evaluate, a `forbid` too (threats F5): a fault is
        // never a yes.
        if !evaluation.errors.is_empty() {
            let ids = evaluation.errors.iter().map(|(clause, _)| clause.id.clone());
            return Ok((Answer::Fault, ids.collect()));
        }
        let ids: Vec<_> = evaluation.reasons().iter().map(|clause| clause.id.clone()).collect();
        let answer = match evaluation.allows() {
            true => Answer::Yes(ids.clone()),
            false => approvable(&evaluation),
        };
        Ok((answer, ids))
    }
}

/// A refusal can be approved away only if every deciding forbid says so and, those apart, the action
/// is permitted: nobody is asked to approve what would be refused all the same.
fn approvable(refusal: &Evaluation<'_>) -> Answer {
    let approvers: Option<Vec<_>> =
        refusal.forbids.iter().map(|forbid| forbid.approver.clone()).collect();
    match approvers {
        Some(approvers) if !approvers.is_empty() && !refusal.permits.is_empty() => {
            Answer::Ask(approvers)
        }
        _ => Answer::No,
    }
}

impl Question {
    fn new(situation: &Situation<'_>, asked: &Asked) -> Self {
        let delegation = situation.actor.delegation.as_ref();
        Self {
            principals: Principals {
                agent: match situation.class {
                    CallerClass::Workload => vocabulary::workload(&situation.actor.agent),
                    _ => vocabulary::agent(&situation.actor.agent),
                },
                delegator: delegation.map(|d| vocabulary::human(&d.delegator)),
            },
            action: vocabulary::action(&asked.action),
            resource: vocabulary::resource(&asked.resource),
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

fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

/// Shared by everything that outlives one call.
pub(crate) type SharedPolicy = Rc<Policy>;

/// The annotation of a forbid that a human may lift; its value names who.
const APPROVAL: &str = "approval";

//! Asks Cedar twice: once for the agent, once for whoever it acts for. Both must say yes.
//!
//! Not here: who they are (`credential`), whether the agent is registered (`registry`).

mod alike;
mod attributes;
mod bits;
mod conformance;
mod depth;
mod evaluation;
mod facts;
mod input;
mod lift;
mod list;
mod load;
mod misuse;
mod narrow;
mod prepared;
mod reach;
mod reading;
mod reads;
mod scope;
mod shape;
mod slices;
mod statement;
mod teams;
#[cfg(test)]
mod tests;
mod typed;
mod value;
mod vocabulary;
mod whole;

use std::cell::RefCell;
use std::rc::Rc;

use cedar_policy::{Entities, EntityUid};

use crate::decision::{AgentGrant, DelegatorGrant, Permit, Reason, Verdict};
use crate::model::{Asked, CallerClass, Typing};
use evaluation::{Evaluation, Uids};
use facts::Principals;
use lift::Lift;
use prepared::{Fit, Kept, Prepared};
use reach::Reach;
use reads::{Member, Reads};
use slices::Slices;
use typed::Typed;
use value::Clock;
use whole::Whole;

pub(crate) use alike::Alike;
pub(crate) use attributes::{Attribute, AttributeType, AttributeTypes};
pub(crate) use bits::{Bits, bits};
pub(crate) use facts::{Approved, Authenticated, Situation, Transacted};
pub(crate) use lift::StepUp;
pub use load::Problem;
pub(crate) use load::{Loader, PolicyFile};
pub(crate) use reach::{Actors, LookedUp};
pub(crate) use teams::Teams;
pub(crate) use vocabulary::{
    AgentEntity, Definition, HumanEntity, Offered, OfferedKind, Owner, Rated, RouteAction,
    ToolAction,
};

/// The policies in force, their vocabulary and their entities. Immutable: a request keeps the one
/// it began with.
pub(crate) struct Policy {
    typed: Rc<Typed>,
    slices: Slices,
    reach: Reach,
    prepared: RefCell<Kept<prepared::Asked, Rc<Prepared>>>,
    clock: Clock,
    whole: Whole,
    revision: u64,
    warnings: Vec<String>,
}

/// What is asked of Cedar, whoever is asked about.
struct Question {
    principals: Principals,
    action: EntityUid,
    resource: EntityUid,
    /// Whom the context names besides.
    approver: Option<EntityUid>,
    /// The agent, if it is one that was looked up.
    looked_up: Option<Rc<LookedUp>>,
}

/// A question, and what could answer it. It is the same whatever was granted or counted.
pub(crate) struct Fitting {
    question: Question,
    prepared: Rc<Prepared>,
}

/// The facts of a request.
struct Contexts {
    /// What some policy that fits reads.
    read: facts::Context,
    /// All there are, where answers are compared (`whole`).
    all: Option<facts::Context>,
}

/// A verdict and the policies that made it, by `@id`. None: that one was not asked.
pub(crate) struct Decided {
    pub(crate) verdict: Verdict,
    pub(crate) agent: Option<Vec<String>>,
    pub(crate) delegator: Option<Vec<String>>,
    /// What would turn it, of a refusal that is no human's to lift.
    pub(crate) turn: Option<Turn>,
    /// What somebody should know of the agent, if it is refused.
    pub(crate) signal: Option<Signal>,
}

/// A risk, and the policy that tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) policy: String,
    /// As CAEP writes it.
    pub(crate) level: &'static str,
}

/// What would turn a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// That the subject of the token authenticates like this.
    StepUp(StepUp),
    /// That so many seconds pass.
    Time(u64),
}

/// What Cedar said of one principal.
enum Answer {
    /// Permitted, by these.
    Yes(Vec<String>),
    /// Only approvable forbids stand in the way; these may approve.
    Ask(Vec<String>),
    /// Only such forbids and some that a better login lifts.
    StepUp(StepUp),
    /// Only forbids that can be lifted, and among them some that time lifts.
    Later(u64),
    /// Permitted, by what is tied to something that nobody here can do.
    Obliged,
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

    /// What takes its time to be given up.
    pub(crate) fn into_bits(self) -> impl Iterator<Item = Bits> {
        let kept = self.prepared.into_inner().into_bits();
        kept.into_iter().chain(self.slices.into_bits())
    }

    /// Decides one request. Once it is well typed both are asked, whatever the first says, so that a
    /// receipt names both answers.
    pub(crate) fn decide(&self, situation: &Situation<'_>, asked: &Asked) -> Decided {
        let decided = match situation.fitting.filter(|_| situation.approved.is_none()) {
            Some(fitting) => self.decided_by(fitting, situation, asked),
            None => self
                .fit(situation, asked)
                .and_then(|fitting| self.decided_by(&fitting, situation, asked)),
        };
        decided.unwrap_or_else(Decided::denied)
    }

    fn decided_by(
        &self,
        fitting: &Fitting,
        situation: &Situation<'_>,
        asked: &Asked,
    ) -> Result<Decided, Reason> {
        // A forbid that looks whether there is something to look at must not be blind (threats S10).
        if situation.counted.is_none() && fitting.reads_behavior() {
            return Err(Reason::StateUnavailable);
        }
        let context = self.context(fitting, situation, asked)?;
        Ok(self.decided(fitting, &context))
    }

    /// Whether any policy looks at what agents do.
    pub(crate) fn counts(&self) -> bool {
        self.slices.reads.has(Member::Behavior)
    }

    /// What fits this request.
    pub(crate) fn fit(&self, situation: &Situation<'_>, asked: &Asked) -> Result<Fitting, Reason> {
        self.fitting(Question::new(situation, asked))
    }

    /// The policies that fit a question, for each of the principals, and what they can reach.
    fn fitting(&self, question: Question) -> Result<Fitting, Reason> {
        let prepared = self.prepared(&question)?;
        // An approval is for one request; what it names is not kept.
        let approver = question.approver.as_ref();
        let prepared = match approver.filter(|_| prepared.reads.has(Member::Approval)) {
            None => prepared,
            Some(approver) => {
                let also = question.looked_up.as_deref();
                Rc::new(prepared.reaching(approver, also, &self.reach)?)
            }
        };
        Ok(Fitting { question, prepared })
    }

    fn prepared(&self, question: &Question) -> Result<Rc<Prepared>, Reason> {
        let asked = question.asked();
        let mut kept = self.prepared.try_borrow_mut().map_err(|_| Reason::PolicyError)?;
        if let Some(prepared) = kept.get(&asked, Prepared::weight) {
            return Ok(prepared);
        }
        let with = (&asked, question.looked_up.as_deref());
        let prepared = Rc::new(Prepared::of(with, &self.slices, &self.reach)?);
        kept.put(asked, &prepared, prepared.weight());
        Ok(prepared)
    }

    fn decided(&self, Fitting { question, prepared }: &Fitting, context: &Contexts) -> Decided {
        let ask = |fit| self.ask(fit, (question, &prepared.entities), context);
        let (agent, agent_ids, signal) = ask(&prepared.agent);
        let Some(delegator) = &prepared.delegator else {
            let (verdict, turn) = autonomous(agent);
            let agent = Some(agent_ids);
            return Decided { verdict, agent, delegator: None, turn, signal };
        };
        let (delegator, delegator_ids, other) = ask(delegator);
        let (verdict, turn) = intersect(agent, delegator);
        let delegator = Some(delegator_ids);
        let signal = signal.or(other);
        Decided { verdict, agent: Some(agent_ids), delegator, turn, signal }
    }

    /// The context both are asked in. Of its members only the input is shaped by whoever sends the
    /// request, so it is what has to be held against a schema; the others are made of typed facts.
    fn context(
        &self,
        fitting: &Fitting,
        situation: &Situation<'_>,
        asked: &Asked,
    ) -> Result<Contexts, Reason> {
        let question = &fitting.question;
        let members = |reads| {
            facts::members(situation, asked.protocol, &question.principals, &self.clock, reads)
        };
        let mut read = members(fitting.prepared.reads)?;
        let mut all = cfg!(debug_assertions).then(|| members(Reads::ALL)).transpose()?;
        if let Some(input) = facts::input(asked)? {
            if asked.typing == Typing::Declared {
                let fits = self.typed.inputs.admit(&question.action, &input);
                self.whole.agrees_on(&question.action, all.as_ref(), &input, fits);
                if !fits {
                    return Err(Reason::ArgumentsInvalid);
                }
            }
            if let Some(all) = &mut all {
                all.push(("input", input.clone()));
            }
            read.push(("input", input));
        }
        Ok(Contexts { read: facts::context(read), all: all.map(facts::context) })
    }

    /// One evaluation, with the ids of the policies that determined it.
    fn ask(
        &self,
        (principal, slice): &Fit,
        (question, entities): (&Question, &Entities),
        context: &Contexts,
    ) -> (Answer, Vec<String>, Option<Signal>) {
        let uids = question.uids(principal);
        let clauses = slice.iter().map(|clause| &**clause);
        let evaluation = Evaluation::of(clauses, uids, &context.read, entities);
        let also = question.looked_up.as_deref();
        self.whole.agrees(uids, (context.all.as_ref(), also), &evaluation);
        // Cedar skips a policy that fails to evaluate, a `forbid` too (threats F5): a fault is
        // never a yes.
        if !evaluation.errors.is_empty() {
            let ids = evaluation.errors.iter().map(|(clause, _)| clause.id.clone());
            return (Answer::Fault, ids.collect(), None);
        }
        let ids: Vec<_> = evaluation.reasons().iter().map(|clause| clause.id.clone()).collect();
        let answer = match evaluation.allows() {
            true if evaluation.permits.iter().any(|permit| permit.obliges) => Answer::Obliged,
            true => Answer::Yes(ids.clone()),
            false => liftable(&evaluation),
        };
        let tells = |forbid: &&evaluation::Clause| {
            Some(Signal { policy: forbid.id.clone(), level: forbid.signal? })
        };
        let signal = evaluation.forbids.iter().find_map(tells);
        (answer, ids, signal)
    }
}

/// A refusal can be lifted only if every deciding forbid says so and, those apart, the action is
/// permitted: nobody is asked to approve, or to log in again for, what would be refused all the same.
/// What only time lifts comes first, and whoever has to log in again does so before a human is asked about the
/// call that is then made.
fn liftable(refusal: &Evaluation<'_>) -> Answer {
    let lifts: Option<Vec<_>> = refusal.forbids.iter().map(|forbid| forbid.lift.clone()).collect();
    let Some(lifts) = lifts.filter(|lifts| !lifts.is_empty() && !refusal.permits.is_empty()) else {
        return Answer::No;
    };
    let (mut approvers, mut step_up, mut later) = (Vec::new(), None, None);
    for lift in lifts {
        match lift {
            Lift::Approval(who) => approvers.push(who),
            Lift::StepUp(more) => step_up = Some(both(step_up, more)),
            Lift::Time(seconds) => later = later.max(Some(seconds)),
        }
    }
    let sooner = || step_up.map_or(Answer::Ask(approvers), Answer::StepUp);
    later.map_or_else(sooner, Answer::Later)
}

fn both(before: Option<StepUp>, more: StepUp) -> StepUp {
    match before {
        Some(before) => before.and(more),
        None => more,
    }
}

impl Fitting {
    /// Whether a policy that fits looks at what the agent has done.
    pub(crate) fn reads_behavior(&self) -> bool {
        self.prepared.reads.has(Member::Behavior)
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
            approver: situation.approved.map(|approved| vocabulary::human(approved.approver)),
            looked_up: situation.looked_up.cloned(),
        }
    }

    fn asked(&self) -> prepared::Asked {
        let Principals { agent, delegator } = &self.principals;
        let version = self.looked_up.as_ref().map_or(0, |agent| agent.version());
        (agent.clone(), delegator.clone(), self.action.clone(), self.resource.clone(), version)
    }

    fn uids<'a>(&'a self, principal: &'a EntityUid) -> Uids<'a> {
        [principal, &self.action, &self.resource]
    }
}

/// The permit is the intersection. A fault or a refusal of either beats a question of the other.
fn intersect(agent: Answer, delegator: Answer) -> (Verdict, Option<Turn>) {
    let verdict = match (agent, delegator) {
        (Answer::Fault, _) | (_, Answer::Fault) => Verdict::Deny(Reason::PolicyError),
        (Answer::No, _) => Verdict::Deny(Reason::AgentNotAllowed),
        (_, Answer::No) => Verdict::Deny(Reason::DelegatorNotAllowed),
        (Answer::Obliged, _) | (_, Answer::Obliged) => Verdict::Deny(Reason::ObligationUnknown),
        (Answer::Later(one), Answer::Later(other)) => return later(one.max(other)),
        (Answer::Later(one), _) | (_, Answer::Later(one)) => return later(one),
        (Answer::StepUp(one), Answer::StepUp(other)) => return stepped_up(one.and(other)),
        (Answer::StepUp(one), _) | (_, Answer::StepUp(one)) => return stepped_up(one),
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
    };
    (verdict, None)
}

fn stepped_up(step_up: StepUp) -> (Verdict, Option<Turn>) {
    let reason = step_up.reason();
    (Verdict::Deny(reason), Some(Turn::StepUp(step_up)))
}

fn later(seconds: u64) -> (Verdict, Option<Turn>) {
    (Verdict::Deny(Reason::RateLimited), Some(Turn::Time(seconds)))
}

/// There is nobody else to ask.
fn autonomous(agent: Answer) -> (Verdict, Option<Turn>) {
    let verdict = match agent {
        Answer::Fault => Verdict::Deny(Reason::PolicyError),
        Answer::No => Verdict::Deny(Reason::AgentNotAllowed),
        Answer::Obliged => Verdict::Deny(Reason::ObligationUnknown),
        Answer::StepUp(step_up) => return stepped_up(step_up),
        Answer::Later(seconds) => return later(seconds),
        Answer::Ask(who) => Verdict::NeedsApproval { approvers: distinct(who) },
        Answer::Yes(ids) => {
            Verdict::Allow(Permit::new(AgentGrant(ids), DelegatorGrant::autonomous()))
        }
    };
    (verdict, None)
}

impl Decided {
    /// The policies that decided, of whomever, each once.
    pub(crate) fn policies(&self) -> Vec<String> {
        distinct(self.agent.iter().chain(&self.delegator).flatten().cloned().collect())
    }

    pub(crate) fn denied(reason: Reason) -> Self {
        Self {
            verdict: Verdict::Deny(reason),
            agent: None,
            delegator: None,
            turn: None,
            signal: None,
        }
    }
}

fn distinct(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names.dedup();
    names
}

/// Shared by everything that outlives one call.
pub(crate) type SharedPolicy = Rc<Policy>;

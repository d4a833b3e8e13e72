//! What policy makes of everything a request reaches: all of it, or none.

use super::approving::{Approvable, Wanted};
use super::message::Message;
use super::{Case, Engine, Next, Progress, Refusal, deny};
use crate::authority::{Caller, Given};
use crate::behavior::Counted;
use crate::decision::{Permit, Reason, Verdict};
use crate::model::{Asked, Timestamp};
use crate::policy::Turn;
use crate::protocol::{self, Place};

impl Case {
    /// Everything the request reaches, or why not. The first refusal is the answer; the record names
    /// what was refused.
    pub(super) fn permitted(
        &self,
        engine: &mut Engine,
        (place, caller, now): (&Place<'_>, &Caller, Timestamp),
        (message, counted): (&Message, Option<&Counted>),
        progress: &mut Progress,
    ) -> Result<Permit, Next> {
        let asked = message.asked.as_slice();
        let mut whole: Option<Permit> = None;
        let mut waiting: Option<(&Asked, Wanted)> = None;
        for (nth, one) in asked.iter().enumerate() {
            let given = Given { approved: None, counted, fitting: message.fitting.get(nth) };
            let weighed = caller.decide(&self.configuration.policy, one, given);
            progress.weighed(weighed.decisive, weighed.grants);
            let policies = weighed.decided.policies();
            let turn = weighed.decided.turn;
            progress.signal = weighed.decided.signal.or(progress.signal.take());
            progress.decided(weighed.decided.agent, weighed.decided.delegator);
            match weighed.decided.verdict {
                Verdict::Allow(permit) => whole = Some(joined(whole, permit)),
                Verdict::NeedsApproval { approvers } if waiting.is_none() => {
                    waiting = Some((one, Wanted { approvers, policies }));
                }
                // One approval is of one action (threats V4), so of several each has to come alone.
                Verdict::NeedsApproval { approvers } => {
                    progress.refused_for(one, message);
                    return Err(needs_approval(approvers));
                }
                Verdict::Deny(reason) => {
                    progress.refused_for(one, message);
                    return Err(refused(reason, turn));
                }
            }
        }
        // Last, when nothing else stands in the way: nobody is asked to approve what is refused anyway.
        if let Some((one, wanted)) = waiting {
            // Of what has no arguments that are read, the message may say more: nobody would have seen it.
            let unseen = one.input.is_none() && asked.len() > 1;
            let carries_more = unseen || asked.iter().any(protocol::is_answer);
            let request = Approvable {
                place,
                caller,
                asked: one,
                content: message.content(),
                wanted,
                carries_more,
                counted,
                now,
            };
            let permit = self.approved(engine, &request, progress);
            whole =
                Some(joined(whole, permit.inspect_err(|_| progress.refused_for(one, message))?));
        }
        // Nothing asked is nothing permitted.
        whole.ok_or_else(|| deny(Reason::EngineFault))
    }
}

fn needs_approval(approvers: Vec<String>) -> Next {
    let reason = Reason::ApprovalRequired;
    Next::Refuse(Refusal::Approval { reason, approvers, page: None })
}

/// A refusal by policy, and what would turn it.
pub(super) fn refused(reason: Reason, turn: Option<Turn>) -> Next {
    Next::Refuse(match turn {
        None => Refusal::Deny(reason),
        Some(Turn::StepUp(step_up)) => Refusal::StepUp(step_up),
        Some(Turn::Time(seconds)) => Refusal::Later(reason, seconds),
    })
}

fn joined(before: Option<Permit>, permit: Permit) -> Permit {
    match before {
        Some(before) => before.and(permit),
        None => permit,
    }
}

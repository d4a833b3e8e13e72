//! What an agent does, counted: before a decision, where a policy that fits the request looks at it, and
//! once it is a refusal.
//!
//! Only of who is proven and registered, with proofs that were not used before: nobody else's request is
//! theirs (threats S2, S11). Where no policy looks, nothing is asked and nothing is counted. Not here: what a
//! count is (`behavior`).

use std::rc::Rc;

use super::progress::resource;
use super::{Case, Next, Progress, Refusal, deny};
use crate::audit;
use crate::authority::Caller;
use crate::behavior::{About, Charges, Count, Counted, Event, Refused};
use crate::decision::{Question, Reason};
use crate::evidence::Once;
use crate::json::Value;
use crate::model::{Actor, Asked, ProtocolName, ResourceKind};
use crate::recall::{Recall, Recalled};

/// How a request is counted, and where that was done.
#[derive(Clone, Copy)]
pub(super) struct Counting {
    event: Event,
    charges: Option<Charges>,
    /// Nobody remembers that its agent was let do this.
    new: bool,
}

impl Case {
    /// What a refusal counts for as long as it is not known what is asked for: any policy may look at it.
    pub(super) fn counting(&self, actor: &Actor) -> Option<Counting> {
        let nothing = About { action: "", resource: "", arguments: "", bytes: 0, spend: 0 };
        let rules = self.configuration.behavior;
        self.configuration.policy.counts().then(|| Counting {
            event: Event::new(actor, nothing, rules),
            charges: None,
            new: false,
        })
    }

    /// What the caller has done, with this request, if a policy that fits it looks at that. Of several
    /// things that one message asks for, the call is what is counted; of several messages none is counted for
    /// the others (threats S1).
    pub(super) fn counted(
        &self,
        caller: &Caller,
        (asked, batch): (&[Asked], bool),
        progress: &mut Progress,
    ) -> Result<Option<Rc<Counted>>, Next> {
        let policy = &self.configuration.policy;
        let mut counted = None;
        for one in asked {
            if !caller.reads_behavior(policy, one).map_err(deny)? {
                continue;
            }
            let is_call = |asked: &Asked| {
                matches!(asked.resource.kind, ResourceKind::Tool | ResourceKind::Endpoint)
            };
            counted = match counted {
                // Each counts for itself, so each has to come alone.
                Some(other) if batch || is_call(other) && is_call(one) => {
                    return Err(deny(Reason::BatchRefused));
                }
                Some(other) if is_call(other) => Some(other),
                Some(_) if is_call(one) => Some(one),
                other => other.or(Some(one)),
            };
        }
        let Some(one) = counted else {
            progress.counting = None;
            return Ok(None);
        };
        let event = self.event(&caller.verified.actor, one)?;
        let recall = Recall::Counted(Box::new(Count::Asked(event)));
        match self.recalled.iter().find(|(asked, _)| *asked == recall) {
            None => Err(Next::Recall(recall)),
            Some((_, Recalled::Counted(counted))) => {
                let (charges, new) = (Some(counted.charges), counted.new_tool);
                progress.counting = Some(Counting { event, charges, new });
                progress.facts.behavior = Some(Rc::clone(counted));
                Ok(Some(Rc::clone(counted)))
            }
            Some(_) => Err(deny(Reason::StateUnavailable)),
        }
    }

    fn event(&self, actor: &Actor, asked: &Asked) -> Result<Event, Next> {
        let resource = resource(asked);
        let uri = asked.input.as_ref().and_then(|input| input.get("uri")?.as_str());
        let path = self.head.line().ok().map(|line| line.path);
        let arguments = asked.input.as_ref().and_then(audit::json_digest);
        let arguments = arguments.as_deref();
        let (resource, arguments) = match (asked.protocol, asked.resource.kind) {
            // Its body is not read.
            (ProtocolName::Http, _) => (path.unwrap_or(&resource), path),
            (ProtocolName::Mcp, ResourceKind::Resource) => (uri.unwrap_or(&resource), arguments),
            (ProtocolName::Mcp | ProtocolName::A2a, _) => (resource.as_str(), arguments),
        };
        let about = About {
            action: asked.action.as_str(),
            resource,
            arguments: arguments.unwrap_or_default(),
            bytes: self.body_bytes(asked.protocol),
            spend: self.spend(asked)?,
        };
        Ok(Event::new(actor, about, self.configuration.behavior))
    }

    /// As much as was read; of an HTTP request, whose body is not read for this, as much as it says. One that may have
    /// a body and says no length (chunks; HTTP/2) has more than any limit: what is not known is not normal.
    fn body_bytes(&self, protocol: ProtocolName) -> u64 {
        if let (ProtocolName::Mcp | ProtocolName::A2a, Some(body)) = (protocol, &self.body) {
            return u64::try_from(body.len()).unwrap_or(u64::MAX);
        }
        // RFC 9110 §9.3: what a body of these would mean is not defined, and clients send none.
        let bare = |method| matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS" | "CONNECT");
        match self.head.once("content-length") {
            Once::One(text) => text.parse().unwrap_or(u64::MAX),
            Once::Absent if self.head.has("transfer-encoding") => u64::MAX,
            Once::Absent if self.head.line().is_ok_and(|line| bare(line.method)) => 0,
            Once::Absent | Once::Many => u64::MAX,
        }
    }

    /// What the argument says that is money. One that can't be read is not nothing: it is refused.
    fn spend(&self, asked: &Asked) -> Result<u64, Next> {
        let action = asked.action.as_str();
        let named = self.configuration.spends.iter().find(|(spends, _)| spends == action);
        let Some((_, name)) = named else { return Ok(0) };
        let amount = asked.input.as_ref().and_then(|input| input.get(name));
        let amount = amount.and_then(Value::as_integer).and_then(|n| u64::try_from(n).ok());
        amount.ok_or_else(|| deny(Reason::ArgumentsInvalid))
    }

    /// What is to be counted of a refusal, if anything.
    pub(super) fn count_of(&self, refusal: &Refusal, progress: &Progress) -> Option<Recall> {
        let Counting { event, charges, .. } = progress.counting?;
        let denied = match refusal {
            // What is not there is not the agent's doing.
            Refusal::Deny(reason) | Refusal::Later(reason, _) => {
                reason.question() != Question::Verifiable
            }
            // A human is asked, and the agent comes back with the same.
            Refusal::StepUp(_) | Refusal::Approval { .. } => false,
        };
        let quiet = self.configuration.behavior.quiet_seconds;
        let signal = progress.signal.as_ref().filter(|_| denied).map(|_| quiet);
        let refused = Refused { charges, denied, signal };
        let counts = denied || charges.is_some();
        counts.then(|| Recall::Counted(Box::new(Count::Refused(event, refused))))
    }
}

impl Progress {
    /// What is to be remembered of a request that is let.
    pub(super) fn passes(&self) -> Option<Recall> {
        let counting = self.counting.filter(|counting| counting.new)?;
        Some(Recall::Counted(Box::new(Count::Passed(counting.event))))
    }
}

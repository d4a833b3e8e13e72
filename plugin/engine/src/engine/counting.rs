//! What an agent does, counted: before a decision, where a policy that fits the request looks at it, and
//! once it is a refusal.
//!
//! Only of who is proven and registered, with proofs that were not used before: nobody else's request is
//! theirs (threats S2, S11). Where no policy looks, nothing is asked and nothing is counted. Not here: what a
//! count is (`behavior`).

use std::rc::Rc;

use super::message::Message;
use super::progress::resource;
use super::{Case, Next, Progress, Refusal, deny};
use crate::authority::Caller;
use crate::behavior::{About, Charges, Count, Counted, Event, Refused};
use crate::decision::{Question, Reason};
use crate::evidence::Once;
use crate::json::Value;
use crate::model::{Actor, Asked, ProtocolName, ResourceKind};
use crate::recall::{Recall, Recalled};

/// How a request is counted.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for each request, and no more memory for it"
)]
#[derive(Clone, Copy, Default)]
pub(super) enum Counting {
    /// For nobody.
    #[default]
    Nothing,
    /// A refusal counts, as long as it is not known what is asked for: any policy may look at it.
    Refusal,
    Asked {
        event: Event,
        charges: Charges,
        /// Nobody remembers that its agent was let do this.
        new: bool,
    },
}

impl Case {
    /// What the caller has done, with this request, if a policy that fits it looks at that.
    pub(super) fn counted(
        &self,
        caller: &Caller,
        (message, session): (&mut Message, Option<(&str, &str)>),
        progress: &mut Progress,
    ) -> Result<Option<Rc<Counted>>, Next> {
        let event = match message.event {
            Some(event) => event,
            None => self.to_count(caller, message, session)?,
        };
        message.event = Some(event);
        let Some(event) = event else {
            progress.counting = Counting::Nothing;
            return Ok(None);
        };
        let recall = Recall::Counted(Box::new(Count::Asked(event)));
        match self.recalled.iter().find(|(asked, _)| *asked == recall) {
            None => Err(Next::Recall(recall)),
            Some((_, Recalled::Counted(counted))) => {
                let (charges, new) = (counted.charges, counted.new_tool);
                progress.counting = Counting::Asked { event, charges, new };
                progress.facts.behavior = Some(Rc::clone(counted));
                Ok(Some(Rc::clone(counted)))
            }
            Some(_) => Err(deny(Reason::StateUnavailable)),
        }
    }

    /// Of several things that one message asks for, the call is what is counted; of several messages none is
    /// counted for the others (threats S1).
    fn to_count(
        &self,
        caller: &Caller,
        message: &mut Message,
        session: Option<(&str, &str)>,
    ) -> Result<Option<Event>, Next> {
        let policy = &self.configuration.policy;
        if !policy.counts() {
            return Ok(None);
        }
        let fitting = message.asked.iter().map(|one| caller.fit(policy, one));
        message.fitting = fitting.collect::<Result<_, _>>().map_err(deny)?;
        let message = &*message;
        let mut counted = None;
        for (one, fitting) in message.asked.iter().zip(&message.fitting) {
            if !fitting.reads_behavior() {
                continue;
            }
            let is_call = |asked: &Asked| {
                matches!(asked.resource.kind, ResourceKind::Tool | ResourceKind::Endpoint)
            };
            counted = match counted {
                // Each counts for itself, so each has to come alone.
                Some(other) if message.is_batch() || is_call(other) && is_call(one) => {
                    return Err(deny(Reason::BatchRefused));
                }
                Some(other) if is_call(other) => Some(other),
                Some(_) if is_call(one) => Some(one),
                other => other.or(Some(one)),
            };
        }
        let actor = &caller.verified.actor;
        counted.map(|one| self.event(actor, one, (message, session))).transpose()
    }

    fn event(
        &self,
        actor: &Actor,
        asked: &Asked,
        (message, session): (&Message, Option<(&str, &str)>),
    ) -> Result<Event, Next> {
        let resource = resource(asked);
        let uri = asked.input.as_ref().and_then(|input| input.get("uri")?.as_str());
        let path = self.head.line().ok().map(|line| line.path);
        let arguments = message.digest(asked);
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
            session,
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
        if self.head.ends() == Some(true) {
            return 0;
        }
        // RFC 9110 §9.3: what a body of these would mean is not defined, and clients send none. So it is where the host
        // does not say whether one comes.
        let bare = |method| matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS");
        let bare = |method| self.head.ends().is_none() && bare(method);
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

    /// What a refusal counts for as long as it is not known what is asked for.
    fn refused_early(&self, actor: &Actor) -> Event {
        let nothing =
            About { action: "", resource: "", arguments: "", session: None, bytes: 0, spend: 0 };
        Event::new(actor, nothing, self.configuration.behavior)
    }

    /// What is to be counted of a refusal, if anything.
    pub(super) fn count_of(&self, refusal: &Refusal, progress: &Progress) -> Option<Recall> {
        let (event, charges) = match progress.counting {
            Counting::Nothing => return None,
            Counting::Refusal => (self.refused_early(&progress.verified.as_ref()?.actor), None),
            Counting::Asked { event, charges, .. } => (event, Some(charges)),
        };
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
        match self.counting {
            Counting::Asked { event, new: true, .. } => {
                Some(Recall::Counted(Box::new(Count::Passed(event))))
            }
            _ => None,
        }
    }
}

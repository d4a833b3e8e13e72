//! What a message asks: read once, and kept while the host's store is asked about it.
//!
//! That question is answered at once, so nothing is held longer for it. Whoever waits for a human or for keys is
//! read again: what is kept of those is their bytes alone. Not here: how a message is read (`protocol`).

use std::rc::Rc;

use super::{Case, Engine, Next, Progress, Seen, deny};
use crate::audit::{self, Facts};
use crate::authority::Caller;
use crate::behavior::Event;
use crate::config::Configuration;
use crate::credential::Verified;
use crate::json::Object;
use crate::model::{Asked, Timestamp};
use crate::policy::Fitting;
use crate::protocol::{Exchange, Place, Read};

pub(super) struct Message {
    /// All of it, what it is about first.
    pub(super) asked: Vec<Asked>,
    pub(super) exchange: Option<Exchange>,
    /// The digest of the arguments of what it is about.
    pub(super) arguments: Option<String>,
    /// What fits each of it, where somebody had to know before it is decided.
    pub(super) fitting: Vec<Fitting>,
    /// How it is counted, once that is known.
    pub(super) event: Option<Option<Event>>,
}

/// What was read, by whose rules, and how far its request had got.
pub(super) struct Kept {
    message: Message,
    configuration: Rc<Configuration>,
    caller: Rc<Caller>,
    progress: Progress,
    seen: Seen,
}

impl Message {
    fn new(asked: Vec<Asked>, exchange: Option<Exchange>) -> Self {
        let input = asked.first().and_then(|asked| asked.input.as_ref());
        let arguments = input.and_then(audit::json_digest);
        Self { asked, exchange, arguments, fitting: Vec::new(), event: None }
    }

    /// Whether several things came in one message that is an array of them.
    pub(super) fn is_batch(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.answers.batch)
    }

    /// What it says besides what policy sees.
    pub(super) fn content(&self) -> Option<&Object> {
        self.exchange.as_ref()?.a2a.as_ref()?.content.as_ref()
    }

    /// The digest of the arguments of one of them.
    pub(super) fn digest(&self, of: &Asked) -> Option<String> {
        match self.asked.first() {
            Some(first) if std::ptr::eq(first, of) => self.arguments.clone(),
            _ => of.input.as_ref().and_then(audit::json_digest),
        }
    }
}

impl Case {
    /// Goes on where the request stopped, if neither time nor anything that was learned could make another look at
    /// who asks find anything else.
    pub(super) fn resumed(
        &mut self,
        engine: &mut Engine,
        now: Timestamp,
        progress: &mut Progress,
    ) -> Option<Next> {
        let configuration = Rc::clone(&self.configuration);
        let seen = Seen { at: now, learned: engine.learned };
        let kept = self
            .kept
            .take_if(|kept| kept.seen == seen && Rc::ptr_eq(&kept.configuration, &configuration))?;
        let Kept { message, caller, progress: before, .. } = *kept;
        let place = configuration.surface.locate(self.head.line().ok()?, &self.head).ok()?;
        *progress = before;
        Some(self.decide(engine, (&place, &caller, now), message, progress))
    }

    /// What the request asks, or what has to be known first.
    pub(super) fn message(
        &mut self,
        place: &Place<'_>,
        verified: &Rc<Verified>,
        progress: &mut Progress,
    ) -> Result<Message, Next> {
        let configuration = &self.configuration;
        // Whoever else asks, or by whichever other configuration, is read anew.
        if let Some(kept) = self.kept.take()
            && Rc::ptr_eq(&kept.configuration, configuration)
            && Rc::ptr_eq(&kept.caller.verified, verified)
        {
            progress.shape = kept.progress.shape;
            // What is known of the agent may be something else by now.
            return Ok(Message { fitting: Vec::new(), event: None, ..kept.message });
        }
        let body = (self.body.as_deref(), configuration.body_limit);
        match place.read(&self.head, body, (&configuration.sealer, &verified.actor)) {
            Read::NeedsBody { limit } => Err(Next::Body(limit)),
            Read::Refused { reason, shape } => {
                progress.shape = shape;
                Err(deny(reason))
            }
            Read::Asked { asked, shape, exchange } => {
                progress.shape = shape;
                Ok(Message::new(asked, exchange))
            }
        }
    }

    /// Keeps it, if it is asked for again at once.
    pub(super) fn keep(
        &mut self,
        message: Message,
        (engine, caller, next): (&Engine, &Rc<Caller>, &Next),
        progress: &mut Progress,
    ) {
        let Next::Recall(_) = next else { return };
        let Progress { facts, verified, found, shape, counting, signal: _ } =
            std::mem::take(progress);
        // Without what was decided, which it is again.
        let Facts { trace, protocol, shared, .. } = facts;
        let facts = Facts { trace, protocol, shared, ..Facts::default() };
        self.kept = Some(Box::new(Kept {
            message,
            configuration: Rc::clone(&self.configuration),
            caller: Rc::clone(caller),
            progress: Progress { facts, verified, found, shape, counting, signal: None },
            seen: Seen { at: caller.now(), learned: engine.learned },
        }));
    }
}

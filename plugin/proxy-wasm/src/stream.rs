//! One request, from its headers to the decision and what it does to them.
//!
//! The decision falls at the first of: headers that end the request, a body that is whole or too
//! long, trailers. Trailers are never evidence: they only end the body.
//!
//! Not here: the way back (`response`).

use std::mem;
use std::rc::Rc;

use deputy_engine::decision::{Reason, Reply};
use deputy_engine::evidence::{Attribute, Head};
use deputy_engine::step::{Absorbed, Disposition, Forward, NeedBody, NeedFetch, Outcome, Step};
use deputy_engine::trailer_may_pass;

use crate::abi::{Action, Buffer, Level, Map, Status, host};
use crate::fetches::{self, Wanted};
use crate::response::Response;
use crate::root::{Fault, Root, While as _, now};
use crate::store;

/// A stream of the host, and the configuration it began with.
pub(crate) struct Stream {
    context: u32,
    root: Rc<Root>,
    body: Body,
    phase: Phase,
}

/// How much of the request body the host holds, whether or not anyone has asked for it yet: it may
/// be there before the keys are.
#[derive(Default)]
struct Body {
    held: usize,
    ended: bool,
}

/// How far the request is. Only `Forwarded` lets anything through, and nothing leaves `Answered`,
/// so that a stream is answered once.
enum Phase {
    Fresh,
    Body(NeedBody),
    Fetch(NeedFetch),
    Forwarded(Response),
    Answered,
}

impl Stream {
    pub(crate) fn new(context: u32, root: Rc<Root>) -> Self {
        Self { context, root, body: Body::default(), phase: Phase::Fresh }
    }

    pub(crate) fn request_headers(&mut self, end: bool) -> Action {
        self.body.ended = end;
        if !matches!(self.phase, Phase::Fresh) {
            return self.stand();
        }
        let step = self.begin();
        self.act(step)
    }

    pub(crate) fn request_body(&mut self, size: usize, end: bool) -> Action {
        self.body = Body { held: size, ended: end };
        self.body_grew()
    }

    /// The body has ended without a callback that said so: hosts flag the end on the last thing
    /// that comes.
    pub(crate) fn request_trailers(&mut self) -> Action {
        self.body.ended = true;
        if matches!(self.phase, Phase::Answered) {
            return Action::Pause;
        }
        match (strip_trailers(), &self.phase) {
            (Ok(()), _) => self.body_grew(),
            // Too late for an answer of ours, which would also end the filter of the response: the
            // trailers stay here, and so the request never ends.
            (Err(fault), Phase::Forwarded(_)) => {
                fault.log("held");
                Action::Pause
            }
            (Err(fault), _) => self.refuse(&fault),
        }
    }

    /// What the stream waited for has been absorbed, or could not be.
    pub(crate) fn fetched(&mut self, absorbed: Option<&Absorbed>) {
        let Phase::Fetch(need) = mem::replace(&mut self.phase, Phase::Answered) else { return };
        let step = match absorbed {
            Some(absorbed) => self.resume(need, absorbed),
            None => Err(fault("absorbing a fetch")),
        };
        if self.act(step) == Action::Continue
            && let Err(status) = host::continue_request()
        {
            // The host keeps the request, so it is closed; only its own timeout ends it.
            Fault { doing: "continuing a request", status }.log("held");
        }
    }

    pub(crate) fn response_headers(&mut self, end: bool) -> Action {
        let Phase::Forwarded(response) = &mut self.phase else {
            // Ours, or the host's in our place (413, a timeout): a decision would come too late.
            self.abandoned();
            self.phase = Phase::Answered;
            return Action::Continue;
        };
        match response.headers(end) {
            Ok(()) => Action::Continue,
            Err(fault) => {
                fault.log("the response is withheld");
                self.fail()
            }
        }
    }

    pub(crate) fn response_body(&mut self, size: usize, end: bool) -> Action {
        match &mut self.phase {
            Phase::Forwarded(response) => response.body(size, end),
            // An answer of our own, or of the host in our place.
            _ => Action::Continue,
        }
    }

    pub(crate) fn response_trailers(&mut self) -> Action {
        match &mut self.phase {
            Phase::Forwarded(response) => response.trailers(),
            _ => Action::Continue,
        }
    }

    /// Whoever still waited here is gone, so there is nothing to decide any more; that is recorded.
    /// Nothing is answered: this is also called once a stream is over, when Envoy would crash on it.
    pub(crate) fn abandoned(&mut self) {
        let step = match mem::replace(&mut self.phase, Phase::Answered) {
            Phase::Body(need) => now().map(|now| need.abandon(now)),
            Phase::Fetch(need) => now().map(|now| need.abandon(now)),
            phase @ (Phase::Fresh | Phase::Forwarded(_) | Phase::Answered) => {
                self.phase = phase;
                return;
            }
        };
        match step {
            Ok(Step::Decided(outcome)) => self.record(&outcome),
            // What is abandoned asks for nothing more.
            Ok(_) => {}
            Err(fault) => fault.log("no receipt"),
        }
    }

    /// Whether the response may not pass as it is.
    pub(crate) fn is_filtered(&self) -> bool {
        matches!(&self.phase, Phase::Forwarded(response) if !response.is_untouched())
    }

    fn begin(&self) -> Result<Step, Fault> {
        let pairs = host::pairs(Map::RequestHeaders).while_("reading the request headers")?;
        let arrival = self.root.arrival()?;
        // One that is not there, or not known to the host, is not said. Read once, early: other filters
        // can change some of them (ENV-4).
        let read = |attribute: &Attribute| {
            let value = host::property(&attribute.path().join("\0")).ok()?;
            Some((attribute.clone(), value))
        };
        let attributes = self.root.attributes().iter().filter_map(read).collect();
        let head = Head::from_pairs(pairs).with_attributes(attributes).ending(self.body.ended);
        self.root.step(|engine| engine.begin(head, arrival))
    }

    fn body_grew(&mut self) -> Action {
        match mem::replace(&mut self.phase, Phase::Answered) {
            Phase::Body(need) => self.act(Ok(Step::Body(need))),
            phase => {
                self.phase = phase;
                self.stand()
            }
        }
    }

    /// What a callback gets that changes nothing.
    fn stand(&self) -> Action {
        match self.phase {
            Phase::Forwarded(_) => Action::Continue,
            Phase::Fresh | Phase::Body(_) | Phase::Fetch(_) | Phase::Answered => Action::Pause,
        }
    }

    /// Does what the engine asks, until it asks for something that is not there yet.
    fn act(&mut self, mut step: Result<Step, Fault>) -> Action {
        loop {
            step = match step {
                Ok(Step::Body(need)) if self.body.is_ready(need.limit()) => self.give_body(need),
                Ok(Step::Body(need)) => return self.wait(Phase::Body(need)),
                Ok(Step::Fetch(need)) => {
                    match fetches::join(&self.root, self.context, need.fetch()) {
                        Ok(Wanted::Waits) => {
                            need.fetch().under_way();
                            return self.wait(Phase::Fetch(need));
                        }
                        Ok(Wanted::Absorbed(absorbed)) => self.resume(need, &absorbed),
                        Ok(Wanted::Crowded) => now().map(|now| need.give_up(now)),
                        Err(fault) => Err(fault),
                    }
                }
                Ok(Step::Recall(need)) => store::recall(&self.root, need),
                Ok(Step::Remember(need)) => store::remember(&self.root, need),
                Ok(Step::Decided(outcome)) => return self.carry_out(*outcome),
                Ok(Step::Publish(reply)) => {
                    self.root.count("deputy.published");
                    return self.answer(&reply);
                }
                Err(fault) => return self.refuse(&fault),
            }
        }
    }

    fn wait(&mut self, phase: Phase) -> Action {
        self.phase = phase;
        Action::Pause
    }

    fn resume(&self, need: NeedFetch, absorbed: &Absorbed) -> Result<Step, Fault> {
        let now = now()?;
        self.root.step(|engine| need.resume(engine, absorbed, now))
    }

    fn give_body(&self, need: NeedBody) -> Result<Step, Fault> {
        let now = now()?;
        match self.body.read(need.limit()) {
            Ok(body) => self.root.step(|engine| need.provide(engine, body, now)),
            Err(Fault { doing, status }) => {
                host::log(Level::Error, &format!("deputy: {doing}: host answered {status}"));
                Ok(need.fault(now))
            }
        }
    }

    /// Headers first, record second: a receipt that says "allow" is written only once nothing can
    /// keep the request from going out as decided.
    fn carry_out(&mut self, outcome: Outcome) -> Action {
        let applied = match &outcome.disposition {
            Disposition::Forward(forward) => apply(forward, self.body.held),
            Disposition::Reply(_) => Ok(()),
        };
        let outcome = match applied {
            Ok(()) => outcome,
            Err(fault) => {
                fault.log("refused");
                outcome.into_fault()
            }
        };
        self.record(&outcome);
        match outcome.disposition {
            Disposition::Forward(forward) => self.forward(*forward),
            Disposition::Reply(reply) => self.answer(&reply),
        }
    }

    fn record(&self, outcome: &Outcome) {
        let receipt = outcome.receipt.to_json();
        host::log(Level::Info, &format!("deputy-receipt {receipt}"));
        if let Some(signal) = &outcome.signal {
            host::log(Level::Warn, &format!("deputy-signal {signal}"));
        }
        // For the access log. The line above is the record; a host without properties still has it.
        let _ = host::set_property("deputy", receipt.as_bytes());
        self.root.count(&format!("deputy.decision.{}", outcome.verdict));
        if let Some(reason) = outcome.reason {
            self.root.count(&format!("deputy.reason.{}", reason.code()));
        }
    }

    fn forward(&mut self, forward: Forward) -> Action {
        self.phase = Phase::Forwarded(Response::new(forward.into_response()));
        Action::Continue
    }

    fn answer(&mut self, reply: &Reply) -> Action {
        let before = mem::replace(&mut self.phase, Phase::Answered);
        let headers: Vec<(&[u8], &[u8])> =
            reply.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        if let Err(status) = host::respond(reply.status, "deputy", &headers, &reply.body) {
            // Still paused, so still refused; only the host's timeout ends it.
            Fault { doing: "answering a request", status }.log("held");
            if let Phase::Forwarded(_) = before {
                self.phase = Phase::Forwarded(Response::Withheld);
            }
        }
        Action::Pause
    }

    /// The host could not do its part, so there is no decision to carry out, and that is recorded.
    fn refuse(&mut self, fault: &Fault) -> Action {
        fault.log("refused");
        let outcome =
            self.root.arrival().and_then(|now| self.root.step(|engine| engine.fault(now)));
        match outcome {
            Ok(outcome) => {
                self.record(&outcome);
                match outcome.disposition {
                    Disposition::Reply(reply) => self.answer(&reply),
                    Disposition::Forward(_) => self.fail(),
                }
            }
            Err(fault) => {
                fault.log("no receipt");
                self.fail()
            }
        }
    }

    /// 503 without a record: there is one already, or none can be made.
    fn fail(&mut self) -> Action {
        self.root.count(&format!("deputy.reason.{}", Reason::EngineFault.code()));
        let headers = vec![("cache-control", "no-store".to_owned())];
        self.answer(&Reply { status: 503, headers, body: Vec::new() })
    }
}

impl Body {
    /// All of it is there, or enough to know that it is too long.
    fn is_ready(&self, limit: usize) -> bool {
        self.ended || self.held > limit
    }

    /// The body, or one byte more of it than the limit. What is held and can't be read is a fault:
    /// an unread body must never be taken for an empty one.
    fn read(&self, limit: usize) -> Result<Vec<u8>, Fault> {
        let wanted = self.held.min(limit.saturating_add(1));
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let body = host::read(Buffer::RequestBody, wanted).while_("reading the request body")?;
        if body.len() == wanted { Ok(body) } else { Err(fault("reading the request body")) }
    }
}

/// Removals first: what the client called itself goes before we say who it is. `held`: bytes of the body.
fn apply(forward: &Forward, held: usize) -> Result<(), Fault> {
    if let Some(body) = forward.body() {
        host::rewrite(Buffer::RequestBody, held, body).while_("rewriting the request body")?;
    }
    let edits = forward.edits();
    for name in &edits.remove {
        host::remove(Map::RequestHeaders, name).while_("removing a request header")?;
    }
    for (name, value) in &edits.set {
        host::replace(Map::RequestHeaders, name.as_bytes(), value.as_bytes())
            .while_("setting a request header")?;
    }
    Ok(())
}

/// Nobody judges trailers, so those go that an upstream could take for headers that were.
fn strip_trailers() -> Result<(), Fault> {
    let pairs = host::pairs(Map::RequestTrailers).while_("reading the request trailers")?;
    for (name, _) in pairs.iter().filter(|(name, _)| !trailer_may_pass(name)) {
        host::remove(Map::RequestTrailers, name).while_("removing a request trailer")?;
    }
    Ok(())
}

fn fault(doing: &'static str) -> Fault {
    Fault { doing, status: Status::INTERNAL_FAILURE }
}

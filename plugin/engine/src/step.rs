//! The whole conversation between the engine and a host.
//!
//! A suspended request is a value. It is consumed by the one method that can continue it, so it
//! can be answered neither twice nor with the wrong kind of answer. Dropping it refuses the
//! request: no [`Permit`](crate::decision::Permit) was made.
//!
//! ```no_run
//! # use deputy_engine::{engine::Engine, evidence::Head, model::Timestamp};
//! # use deputy_engine::step::{Arrival, Disposition, FetchReply, Step};
//! # fn host(engine: &mut Engine, head: Head, now: Timestamp) {
//! let mut step = engine.begin(head, Arrival { now, entropy: [7; 10] });
//! let outcome = loop {
//!     step = match step {
//!         Step::Fetch(need) => {
//!             // fetch.method() of fetch.endpoint() with fetch.headers() and fetch.body()
//!             let fetch = need.fetch().clone();
//!             let absorbed = engine.absorb(fetch, FetchReply::Failed, now);
//!             engine.finish_work(now); // a bundle may be long: or `work`, now and then
//!             need.resume(engine, &absorbed, now)
//!         }
//!         Step::Body(need) => need.provide(engine, b"{}".to_vec(), now),
//!         Step::Recall(need) => need.fault(now),   // read need.name() from a shared store
//!         Step::Remember(need) => need.fault(now), // and write need.value(), if unchanged
//!         Step::Publish(reply) => return, // answer reply.status, reply.headers, reply.body
//!         Step::Decided(outcome) => break outcome,
//!     }
//! };
//! println!("{}", outcome.receipt.to_json());
//! match outcome.disposition {
//!     Disposition::Forward(forward) => { /* apply forward.edits(), send it upstream */ }
//!     Disposition::Reply(reply) => { /* answer reply.status, reply.headers, reply.body */ }
//! }
//! # }
//! ```
//!
//! State that all workers share (was this proof used before?) is read in one step and written in
//! the next, with compare-and-swap: the host needs to know nothing of what it keeps.

use std::rc::Rc;

use crate::approval::Answer;
use crate::audit::Receipt;
use crate::decision::{Permit, Reason, Refused, Reply, Shape, Verdict};
use crate::engine::{Case, Engine};
use crate::model::{EvaluationId, Timestamp};
use crate::recall::{Recall, Recalled};
use crate::response::ResponseFilter;

pub use crate::fetch::{Document, Endpoint, EntityTag, Fetch, FetchReply, ReplyHeaders, Told};
pub use crate::recall::Joined;

/// What only the host knows when a request arrives.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The time.
    pub now: Timestamp,
    /// Random bytes for the evaluation id.
    pub entropy: [u8; 10],
}

/// What the host does next. Exhaustive on purpose.
#[derive(Debug)]
#[must_use = "a step that is dropped is a request that is refused"]
pub enum Step {
    /// Read the request body.
    Body(NeedBody),
    /// Make one HTTP call.
    Fetch(NeedFetch),
    /// Read one value of the store that all workers share.
    Recall(NeedRecall),
    /// Write one value to that store, unless somebody else did since it was read.
    Remember(NeedRemember),
    /// Act on the answer.
    Decided(Box<Outcome>),
    /// Answer with this public document. Nothing was decided: nobody was identified and nothing goes
    /// upstream, so there is no receipt, and hosts count it apart.
    Publish(Reply),
}

/// The answer, its record, and what to do about it.
#[derive(Debug)]
pub struct Outcome {
    /// Its record; hosts write it, they do not edit it.
    pub receipt: Receipt,
    /// What to do.
    pub disposition: Disposition,
    /// As metrics label it: `allow`, `needs_approval` or `deny`.
    pub verdict: &'static str,
    /// Why not, unless it is allowed.
    pub reason: Option<Reason>,
    /// What somebody should know of the agent: the payload of a security event (RFC 8417), unsigned. Hosts
    /// write it beside the receipt.
    pub signal: Option<String>,
    pub(crate) id: EvaluationId,
    pub(crate) shape: Shape,
}

impl Outcome {
    pub(crate) fn forward(receipt: Receipt, id: EvaluationId, shape: Shape, to: Forward) -> Self {
        let disposition = Disposition::Forward(Box::new(to));
        Self { receipt, disposition, verdict: "allow", reason: None, signal: None, id, shape }
    }

    pub(crate) fn refused(
        receipt: Receipt,
        id: EvaluationId,
        shape: Shape,
        verdict: &Verdict,
        reply: Reply,
    ) -> Self {
        let disposition = Disposition::Reply(reply);
        let (label, reason) = (verdict.label(), verdict.reason());
        Self { receipt, disposition, verdict: label, reason, signal: None, id, shape }
    }

    pub(crate) fn fault(receipt: Receipt, id: EvaluationId, shape: Shape) -> Self {
        let reason = Reason::EngineFault;
        let refused = Refused {
            wire: reason.wire(),
            shape: &shape,
            evaluation: id,
            resource_metadata: None,
            allow: "",
            supported: &[],
            requested: None,
            access_request: None,
            page: None,
            step_up: Refused::NO_STEP_UP,
            retry_after: None,
            dpop: None,
        };
        let reply = refused.reply();
        Self::refused(receipt, id, shape, &Verdict::Deny(reason), reply)
    }

    /// The outcome when the host can't send the request on as decided: a refusal, with a receipt
    /// that still says whose request it was and what it asked for.
    #[must_use]
    pub fn into_fault(self) -> Self {
        Self::fault(self.receipt.into_fault(), self.id, self.shape)
    }
}

/// What a host does with a request that has been decided.
#[derive(Debug)]
pub enum Disposition {
    /// Send it upstream.
    Forward(Box<Forward>),
    /// Answer in the upstream's place.
    Reply(Reply),
}

/// A permitted request on its way upstream.
#[derive(Debug)]
pub struct Forward {
    permit: Permit,
    edits: HeaderEdits,
    body: Option<Vec<u8>>,
    response: Option<ResponseFilter>,
}

/// Changes to the request headers; removals first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// Names to remove, every occurrence.
    pub remove: Vec<Vec<u8>>,
    /// Headers to set, replacing any of that name.
    pub set: Vec<(&'static str, String)>,
}

impl Forward {
    pub(crate) fn new(
        permit: Permit,
        (edits, body): (HeaderEdits, Option<Vec<u8>>),
        response: Option<ResponseFilter>,
    ) -> Self {
        Self { permit, edits, body, response }
    }

    /// The permission it goes with.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Changes to the request headers, made before anything is sent.
    #[must_use]
    pub fn edits(&self) -> &HeaderEdits {
        &self.edits
    }

    /// What to send in place of the body that was handed over, if anything; its length is among the
    /// edits, if it was said.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// What the response must pass through, if anything.
    #[must_use]
    pub fn into_response(self) -> Option<ResponseFilter> {
        self.response
    }
}

/// A request waiting for its own body.
#[derive(Debug)]
pub struct NeedBody {
    pub(crate) case: Case,
    pub(crate) limit: usize,
}

impl NeedBody {
    /// Bytes the host must buffer at most. Hand over at least one byte more if the body is longer:
    /// a body that is too long is refused, never seen as a shorter one.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Continues with the whole body.
    pub fn provide(self, engine: &mut Engine, body: Vec<u8>, now: Timestamp) -> Step {
        self.case.with_body(body).advance(engine, now)
    }

    /// Refuses the request: the host can't read the body it holds.
    pub fn fault(self, now: Timestamp) -> Step {
        self.case.refuse(Reason::EngineFault, now)
    }

    /// Ends the request, for the record: its client left, or the host has answered it. There is
    /// nobody to send the reply to.
    pub fn abandon(self, now: Timestamp) -> Step {
        self.case.refuse(Reason::RequestAbandoned, now)
    }
}

/// A request waiting for an answer that others may be waiting for as well.
#[derive(Debug)]
pub struct NeedFetch {
    pub(crate) case: Case,
    pub(crate) fetch: Fetch,
}

/// What came of [`crate::engine::Engine::work`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// There is nothing to do.
    Nothing,
    /// There is more.
    More,
    /// A bundle is in force, or refused ([`crate::engine::Engine::fetch_error`]): whoever waits for it can go on.
    /// What was in force before is still to be given up.
    Settled,
}

/// Proof that the engine has taken in what came of a fetch.
#[derive(Debug)]
pub struct Absorbed {
    pub(crate) fetch: Fetch,
    pub(crate) passed_over: Vec<String>,
    /// Of an approval: what was answered. It is for those who waited, and nobody keeps it.
    pub(crate) answer: Option<Rc<Answer>>,
}

impl Absorbed {
    /// What the operator should know of an answer that was taken: which of its keys are not used, and
    /// why. Empty if that has been said of the last answer already.
    #[must_use]
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }
}

impl NeedFetch {
    /// What to fetch. Equal fetches may share one call.
    #[must_use]
    pub fn fetch(&self) -> &Fetch {
        &self.fetch
    }

    /// Continues once the fetch has been absorbed. Waiting for another fetch than the one absorbed
    /// goes on waiting.
    pub fn resume(self, engine: &mut Engine, absorbed: &Absorbed, now: Timestamp) -> Step {
        if absorbed.fetch != self.fetch {
            return match self.fetch.is_whole() {
                true => Step::Fetch(self),
                // It has to be said anew.
                false => self.case.advance(engine, now),
            };
        }
        self.fetch.under_way();
        let case = match &absorbed.answer {
            Some(answer) => self.case.with_answer(self.fetch, Rc::clone(answer)),
            None => self.case,
        };
        case.advance(engine, now)
    }

    /// Refuses the request: the host holds as many waiting ones as it can. What others wait for is
    /// still under way, so this says nothing about the issuer.
    pub fn give_up(self, now: Timestamp) -> Step {
        self.case.refuse(Reason::TooManyWaiting, now)
    }

    /// Ends the request, for the record, as [`NeedBody::abandon`] does.
    pub fn abandon(self, now: Timestamp) -> Step {
        self.case.refuse(Reason::RequestAbandoned, now)
    }
}

/// A request waiting for a value of the store that all workers share.
#[derive(Debug)]
pub struct NeedRecall {
    pub(crate) case: Case,
    pub(crate) recall: Recall,
    /// How often the value may still change under us.
    pub(crate) tries_left: u8,
}

/// A value of the host's store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The value, whoever wrote it.
    pub value: Vec<u8>,
    /// What tells this value from the ones before and after it (proxy-wasm: its CAS number).
    pub version: u32,
}

/// A request waiting until what it is about to do is written down.
#[derive(Debug)]
pub struct NeedRemember {
    need: NeedRecall,
    answer: Recalled,
    value: Vec<u8>,
    version: Option<u32>,
    foreign: bool,
}

impl NeedRecall {
    pub(crate) fn new(case: Case, recall: Recall) -> Self {
        Self { case, recall, tries_left: MOST_TRIES }
    }

    /// The name of the value. There is a fixed number of names, so a store that can't delete stays
    /// bounded.
    #[must_use]
    pub fn name(&self) -> String {
        self.recall.name()
    }

    /// Continues with the value; nothing, if the store has none of that name.
    pub fn provide(self, engine: &mut Engine, held: Option<Held>, now: Timestamp) -> Step {
        let judged = self.recall.judge(held.as_ref().map(|held| held.value.as_slice()), now);
        let (answer, foreign) = (judged.answer, judged.foreign);
        match judged.keep {
            None => self.case.with_recalled(self.recall, answer).advance(engine, now),
            Some(value) => {
                let version = held.map(|held| held.version);
                Step::Remember(NeedRemember { need: self, answer, value, version, foreign })
            }
        }
    }

    /// Refuses the request: the host has no such store, or can't read it.
    pub fn fault(self, now: Timestamp) -> Step {
        self.case.refuse(Reason::StateUnavailable, now)
    }
}

impl NeedRemember {
    /// The name of the value.
    #[must_use]
    pub fn name(&self) -> String {
        self.need.name()
    }

    /// What to write.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The version it replaces and no other; none: it is written only if there is still no value.
    #[must_use]
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// Whether it replaces something that Deputy did not write: worth a count and a look at who
    /// shares the store.
    #[must_use]
    pub fn replaces_foreign(&self) -> bool {
        self.foreign
    }

    /// Continues once it is written.
    pub fn stored(self, engine: &mut Engine, now: Timestamp) -> Step {
        let NeedRecall { case, recall, .. } = self.need;
        case.with_recalled(recall, self.answer).advance(engine, now)
    }

    /// Asks anew, because somebody else wrote meanwhile; not for ever.
    pub fn lost(self, now: Timestamp) -> Step {
        let NeedRecall { case, recall, tries_left } = self.need;
        match tries_left.checked_sub(1) {
            Some(tries_left) => Step::Recall(NeedRecall { case, recall, tries_left }),
            None => case.refuse(Reason::StateContended, now),
        }
    }

    /// Refuses the request: the host can't write it.
    pub fn fault(self, now: Timestamp) -> Step {
        self.need.fault(now)
    }
}

/// Of n workers that write the same value at once one succeeds each time, so n tries are enough; a
/// gateway has seldom more workers than this.
const MOST_TRIES: u8 = 64;

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
//!             let fetch = need.fetch().clone(); // GET fetch.endpoint() with fetch.headers()
//!             let absorbed = engine.absorb(fetch, FetchReply::Failed, now);
//!             need.resume(engine, &absorbed, now)
//!         }
//!         Step::Body(need) => need.provide(engine, b"{}".to_vec(), now),
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
//! Not here yet: a third need, for state that the host keeps (replay, counters). It will be one
//! more variant, and the compiler will list every host to teach.

use crate::audit::Receipt;
use crate::decision::{Permit, Reason, Refused, Reply, Shape, Verdict};
use crate::engine::{Case, Engine};
use crate::model::{EvaluationId, Timestamp};
use crate::response::ResponseFilter;

pub use crate::fetch::{Document, Endpoint, EntityTag, Fetch, FetchReply, ReplyHeaders};

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
    /// Act on the answer.
    Decided(Box<Outcome>),
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
    id: EvaluationId,
    shape: Shape,
}

impl Outcome {
    pub(crate) fn forward(receipt: Receipt, id: EvaluationId, shape: Shape, to: Forward) -> Self {
        let disposition = Disposition::Forward(Box::new(to));
        Self { receipt, disposition, verdict: "allow", reason: None, id, shape }
    }

    pub(crate) fn refused(
        receipt: Receipt,
        id: EvaluationId,
        shape: Shape,
        verdict: &Verdict,
        reply: Reply,
    ) -> Self {
        let disposition = Disposition::Reply(reply);
        Self { receipt, disposition, verdict: verdict.label(), reason: verdict.reason(), id, shape }
    }

    pub(crate) fn fault(receipt: Receipt, id: EvaluationId, shape: Shape) -> Self {
        let reason = Reason::EngineFault;
        let refused = Refused {
            wire: reason.wire(),
            shape: &shape,
            evaluation: id,
            resource_metadata: None,
            supported: &[],
            requested: None,
            access_request: None,
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
        edits: HeaderEdits,
        response: Option<ResponseFilter>,
    ) -> Self {
        Self { permit, edits, response }
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
}

/// A request waiting for an answer that others may be waiting for as well.
#[derive(Debug)]
pub struct NeedFetch {
    pub(crate) case: Case,
    pub(crate) fetch: Fetch,
}

/// Proof that the engine has taken in what came of a fetch.
#[derive(Debug)]
pub struct Absorbed {
    pub(crate) fetch: Fetch,
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
            return Step::Fetch(self);
        }
        self.case.advance(engine, now)
    }

    /// Refuses the request: the host holds as many waiting ones as it can. What others wait for is
    /// still under way, so this says nothing about the issuer.
    pub fn give_up(self, now: Timestamp) -> Step {
        self.case.refuse(Reason::TooManyWaiting, now)
    }
}

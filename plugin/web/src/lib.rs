//! The engine for JavaScript hosts: browsers, edge runtimes, Node.
//!
//! A thin wrapping of `deputy_engine::step`: no rule, no clock, no randomness and no `fetch` is in
//! it. The host drives the same conversation as every other: `begin`, then whatever the step asks
//! for, until it is decided. A step is used up by the method that continues it.
//!
//! ```js
//! const deputy = new Deputy(configuration);           // throws, naming every problem
//! let step = deputy.begin(headers, Date.now(), crypto.getRandomValues(new Uint8Array(10)));
//! while (step.kind !== "decided" && step.kind !== "publish") {
//!   if (step.kind === "body") {
//!     step = deputy.provideBody(step, await body(step.limit + 1), Date.now());
//!   } else if (step.kind === "recall") {               // what all isolates share: see below
//!     const held = await store.get(step.name);         // { value, version } or undefined
//!     step = deputy.recalled(step, held?.value, held?.version, Date.now());
//!   } else if (step.kind === "remember") {             // false: somebody else wrote meanwhile
//!     const written = await store.put(step.name, step.value, step.version);
//!     step = deputy.remembered(step, written, Date.now());
//!   } else {
//!     const wanted = step.fetch;                       // wanted.method and wanted.path of wanted.cluster
//!     // With wanted.headers and wanted.body; no redirects; status undefined: failed.
//!     const { status, bytes, headers } = await get(wanted);
//!     const absorbed = deputy.absorb(wanted, status, bytes, Date.now(), headers);
//!     step = deputy.resume(step, absorbed, Date.now());
//!   }
//! }
//! if (step.kind === "publish") return answer(step.reply()); // a public document, no decision
//! const decision = step.decision();                    // takeReply() or takeForward()
//! ```
//!
//! The store is the host's, because only the host knows what its isolates share. `put` writes only
//! if the value still has `version`, or, without one, if there is none yet; each write gives a new
//! version (a whole number of 32 bits). Where one isolate serves everybody a `Map` is enough; where
//! several do, use something with compare-and-swap (a Durable Object, Redis, a database row). A host
//! without one calls `giveUp`, and the request is refused.
#![allow(
    unsafe_code,
    reason = "what wasm-bindgen generates around the exports; none is written here"
)]

mod decision;

use deputy_engine::engine::Engine;
use deputy_engine::evidence::{Attribute, Head};
use deputy_engine::model::Timestamp;
use deputy_engine::step::{self, Arrival, FetchReply};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use decision::{Decision, Reply, TextHeaders, text_headers};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Name and value. Pass every header the client sent, and `:method`, `:path` and `:authority`. */
export type Header = [name: string | Uint8Array, value: string | Uint8Array];
"#;

#[wasm_bindgen]
extern "C" {
    /// A list of headers.
    #[wasm_bindgen(typescript_type = "Header[]")]
    pub type Headers;
    /// Which of its forms a step has.
    #[wasm_bindgen(
        typescript_type = "\"body\" | \"fetch\" | \"recall\" | \"remember\" | \"decided\" | \"publish\""
    )]
    pub type Kind;
}

/// An engine with its configuration and the keys it has learned. One per isolate or page.
#[wasm_bindgen]
pub struct Deputy(Engine);

/// What the host does next.
#[wasm_bindgen]
pub struct Step(step::Step);

/// One HTTP request to make. Equal fetches may share one call.
#[wasm_bindgen]
pub struct Fetch(step::Fetch);

/// Proof that a fetch has been absorbed.
#[wasm_bindgen]
pub struct Absorbed(step::Absorbed);

/// What becomes of a value that the engines of all isolates keep together.
#[wasm_bindgen]
pub struct Joined(step::Joined);

#[wasm_bindgen]
impl Deputy {
    /// Reads a configuration (JSON). Throws with every problem, one on each line.
    #[wasm_bindgen(constructor)]
    pub fn new(configuration: &[u8]) -> Result<Self, JsError> {
        Engine::new(configuration).map(Self).map_err(|problems| JsError::new(&problems.to_string()))
    }

    /// What the operator should know although it is no error.
    #[wasm_bindgen(getter)]
    pub fn warnings(&self) -> Vec<String> {
        self.0.warnings()
    }

    /// The names of what the configuration trusts the host to know of a connection, such as
    /// `connection.sha256_peer_certificate_digest`: see `begin`. Mostly none.
    #[wasm_bindgen(getter)]
    pub fn attributes(&self) -> Vec<String> {
        self.0.attributes().iter().map(Attribute::name).collect()
    }

    /// Starts a request. `now`: milliseconds since 1970; `entropy`: ten random bytes; `attributes`:
    /// those of `this.attributes` that the host knows, in Envoy's bytes, never taken from the request.
    pub fn begin(
        &mut self,
        headers: &Headers,
        now: f64,
        entropy: &[u8],
        attributes: Option<Headers>,
    ) -> Result<Step, JsError> {
        let given = attributes.map(|given| pairs(&given)).transpose()?.unwrap_or_default();
        let known = |attribute: Attribute| {
            let name = attribute.name().into_bytes();
            let (_, value) = given.iter().find(|(given, _)| *given == name)?;
            Some((attribute, value.clone()))
        };
        let attributes = self.0.attributes().into_iter().filter_map(known).collect();
        let head = Head::from_pairs(pairs(headers)?).with_attributes(attributes);
        let entropy = entropy.try_into().map_err(|_| JsError::new("entropy: must be ten bytes"))?;
        Ok(Step(self.0.begin(head, Arrival { now: instant(now), entropy })))
    }

    /// Continues with the whole body, or at least `limit + 1` bytes of a longer one.
    #[wasm_bindgen(js_name = provideBody)]
    pub fn provide_body(&mut self, step: Step, body: Vec<u8>, now: f64) -> Result<Step, JsError> {
        match step.0 {
            step::Step::Body(need) => Ok(Step(need.provide(&mut self.0, body, instant(now)))),
            _ => Err(JsError::new("the step asks for no body")),
        }
    }

    /// Takes in what came of a fetch: status, body and headers, or no status if it failed. Without
    /// its headers an answer is fetched again in full next time.
    pub fn absorb(
        &mut self,
        fetch: &Fetch,
        status: Option<u16>,
        body: Vec<u8>,
        now: f64,
        headers: Option<Headers>,
    ) -> Result<Absorbed, JsError> {
        let pairs = headers.map_or(Ok(Vec::new()), |headers| pairs(&headers))?;
        let value = |name: &str| {
            let same = |pair: &&Pair| pair.0.eq_ignore_ascii_case(name.as_bytes());
            pairs.iter().find(same).map(|(_, value)| value.clone())
        };
        let headers = step::Fetch::reply_headers(value);
        let reply = status.map_or(FetchReply::Failed, |status| FetchReply::Answered {
            status,
            headers,
            body,
        });
        let absorbed = self.0.absorb(fetch.0.clone(), reply, instant(now));
        self.0.finish_work(instant(now));
        Ok(Absorbed(absorbed))
    }

    /// Continues once the fetch that the step waits for has been absorbed.
    pub fn resume(&mut self, step: Step, absorbed: &Absorbed, now: f64) -> Result<Step, JsError> {
        match step.0 {
            step::Step::Fetch(need) => {
                Ok(Step(need.resume(&mut self.0, &absorbed.0, instant(now))))
            }
            _ => Err(JsError::new("the step asks for no fetch")),
        }
    }

    /// Continues with what the store has under `step.name`: value and version, or neither.
    pub fn recalled(
        &mut self,
        step: Step,
        value: Option<Vec<u8>>,
        version: Option<u32>,
        now: f64,
    ) -> Result<Step, JsError> {
        let held = match (value, version) {
            (Some(value), Some(version)) => Some(step::Held { value, version }),
            (None, None) => None,
            _ => return Err(JsError::new("a value has a version, and a version a value")),
        };
        match step.0 {
            step::Step::Recall(need) => Ok(Step(need.provide(&mut self.0, held, instant(now)))),
            _ => Err(JsError::new("the step recalls nothing")),
        }
    }

    /// Continues once `step.value` is written; `written` is false if somebody else wrote meanwhile.
    pub fn remembered(&mut self, step: Step, written: bool, now: f64) -> Result<Step, JsError> {
        match step.0 {
            step::Step::Remember(need) if written => {
                Ok(Step(need.stored(&mut self.0, instant(now))))
            }
            step::Step::Remember(need) => Ok(Step(need.lost(instant(now)))),
            _ => Err(JsError::new("the step has nothing to remember")),
        }
    }

    /// Names of the values that the engines of all isolates keep together in the store: join each at
    /// the start, twice a second, and before and after `absorb` takes a bundle, a list of revocations or an
    /// answer with security events.
    #[wasm_bindgen(getter)]
    pub fn common(&self) -> Vec<String> {
        self.0.common()
    }

    /// Takes in what the store has under one of these names, or nothing. What to write in its place,
    /// unless somebody else did meanwhile (then join again), is `write`.
    pub fn join(&mut self, name: &str, value: Option<Vec<u8>>) -> Joined {
        Joined(self.0.join(name, value.as_deref()))
    }

    /// Fetches to make in the background: at the start and then every second.
    pub fn due(&mut self, now: f64) -> Vec<Fetch> {
        self.0.due(instant(now)).into_iter().map(Fetch).collect()
    }
}

#[wasm_bindgen]
impl Step {
    /// What it is.
    #[wasm_bindgen(getter)]
    pub fn kind(&self) -> Kind {
        let kind = match self.0 {
            step::Step::Body(_) => "body",
            step::Step::Fetch(_) => "fetch",
            step::Step::Recall(_) => "recall",
            step::Step::Remember(_) => "remember",
            step::Step::Decided(_) => "decided",
            step::Step::Publish(_) => "publish",
        };
        JsValue::from_str(kind).unchecked_into()
    }

    /// Of a body: how many bytes are read at most.
    #[wasm_bindgen(getter)]
    pub fn limit(&self) -> Option<usize> {
        match &self.0 {
            step::Step::Body(need) => Some(need.limit()),
            _ => None,
        }
    }

    /// Of a fetch: what to get.
    #[wasm_bindgen(getter)]
    pub fn fetch(&self) -> Option<Fetch> {
        match &self.0 {
            step::Step::Fetch(need) => Some(Fetch(need.fetch().clone())),
            _ => None,
        }
    }

    /// Of a recall or remember: the name of the value in the store.
    #[wasm_bindgen(getter)]
    pub fn name(&self) -> Option<String> {
        match &self.0 {
            step::Step::Recall(need) => Some(need.name()),
            step::Step::Remember(need) => Some(need.name()),
            _ => None,
        }
    }

    /// Of a remember: what to write.
    #[wasm_bindgen(getter)]
    pub fn value(&self) -> Option<Vec<u8>> {
        match &self.0 {
            step::Step::Remember(need) => Some(need.value().to_vec()),
            _ => None,
        }
    }

    /// Of a remember: the version it replaces; none: it is written only if there is no value.
    #[wasm_bindgen(getter)]
    pub fn version(&self) -> Option<u32> {
        match &self.0 {
            step::Step::Remember(need) => need.version(),
            _ => None,
        }
    }

    /// Refuses the request because the host can't do its part: read the body, hold one more request
    /// that waits, keep what is shared, or send it on as decided. The receipt says so.
    #[wasm_bindgen(js_name = giveUp)]
    pub fn give_up(self, now: f64) -> Self {
        Self(match self.0 {
            step::Step::Body(need) => need.fault(instant(now)),
            step::Step::Fetch(need) => need.give_up(instant(now)),
            step::Step::Recall(need) => need.fault(instant(now)),
            step::Step::Remember(need) => need.fault(instant(now)),
            step::Step::Decided(outcome) => step::Step::Decided(Box::new(outcome.into_fault())),
            published @ step::Step::Publish(_) => published,
        })
    }

    /// Of a decision: the decision.
    pub fn decision(self) -> Result<Decision, JsError> {
        match self.0 {
            step::Step::Decided(outcome) => Ok(Decision::from(*outcome)),
            _ => Err(JsError::new("the step is not decided")),
        }
    }

    /// Of a public document: the answer. There is no decision behind it, and no receipt.
    pub fn reply(self) -> Result<Reply, JsError> {
        match self.0 {
            step::Step::Publish(reply) => Ok(Reply::from(reply)),
            _ => Err(JsError::new("the step is no public document")),
        }
    }
}

#[wasm_bindgen]
impl Joined {
    /// What to write, if anything.
    #[wasm_bindgen(getter)]
    pub fn write(&self) -> Option<Vec<u8>> {
        self.0.write.clone()
    }

    /// What was there was not Deputy's, or is damaged, and taught nothing: worth a line in the log.
    #[wasm_bindgen(getter)]
    pub fn foreign(&self) -> bool {
        self.0.foreign
    }
}

#[wasm_bindgen]
impl Fetch {
    /// The configuration's name for the upstream.
    #[wasm_bindgen(getter)]
    pub fn cluster(&self) -> String {
        self.0.endpoint().cluster.clone()
    }

    /// Host and port.
    #[wasm_bindgen(getter)]
    pub fn authority(&self) -> String {
        self.0.endpoint().authority.clone()
    }

    /// The path.
    #[wasm_bindgen(getter)]
    pub fn path(&self) -> String {
        self.0.endpoint().path.clone()
    }

    /// `GET` or `PUT`.
    #[wasm_bindgen(getter)]
    pub fn method(&self) -> String {
        self.0.method().to_owned()
    }

    /// What to send; nothing with a `GET`.
    #[wasm_bindgen(getter)]
    pub fn body(&self) -> Option<Vec<u8>> {
        (self.0.method() != "GET").then(|| self.0.body().as_bytes().to_vec())
    }

    /// Headers to send.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> TextHeaders {
        let headers: Vec<_> = self.0.headers().map(|(n, v)| (n, v.to_owned())).collect();
        text_headers(&headers)
    }

    /// When to give up.
    #[wasm_bindgen(getter, js_name = timeoutMs)]
    pub fn timeout_ms(&self) -> u32 {
        self.0.endpoint().timeout_ms
    }

    /// The longest body to take; a longer one is a failure.
    #[wasm_bindgen(getter, js_name = maxBytes)]
    pub fn max_bytes(&self) -> usize {
        self.0.endpoint().max_bytes
    }
}

/// Name and value.
type Pair = (Vec<u8>, Vec<u8>);

/// A number that is no time is the year 1970, when no token was valid yet.
fn instant(millis: f64) -> Timestamp {
    Timestamp::from_unix_millis(millis as u64)
}

fn pairs(headers: &JsValue) -> Result<Vec<Pair>, JsError> {
    let malformed = || JsError::new("headers: must be a list of [name, value], as text or bytes");
    // Nothing of `js_sys` throws on what was looked at first; a throw would pass through this module
    // without unwinding it.
    let list = headers.dyn_ref::<Array>().ok_or_else(malformed)?;
    let pair = |pair: JsValue| {
        let pair = pair.dyn_into::<Array>().ok()?;
        Some((bytes(&pair.get(0))?, bytes(&pair.get(1))?)).filter(|_| pair.length() == 2)
    };
    list.iter().map(pair).collect::<Option<_>>().ok_or_else(malformed)
}

fn bytes(value: &JsValue) -> Option<Vec<u8>> {
    match value.dyn_ref::<Uint8Array>() {
        Some(bytes) => Some(bytes.to_vec()),
        None => value.as_string().map(String::into_bytes),
    }
}

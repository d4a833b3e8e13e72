//! A decision as JavaScript gets it: what to do, and its record.

use deputy_engine::response::{self, ResponseFilter};
use deputy_engine::step::{Disposition, Outcome};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use super::{Headers, instant, pairs};

#[wasm_bindgen]
extern "C" {
    /// Headers as text.
    #[wasm_bindgen(typescript_type = "[name: string, value: string][]")]
    pub type TextHeaders;
}

/// The answer to one request. Either `forward` or `reply` is there.
#[wasm_bindgen]
pub struct Decision {
    verdict: &'static str,
    reason: Option<&'static str>,
    receipt: String,
    signal: Option<String>,
    forward: Option<Forward>,
    reply: Option<Reply>,
}

/// Send it upstream, with these changes to its headers; removals first.
#[wasm_bindgen]
pub struct Forward {
    remove: Vec<Vec<u8>>,
    set: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    filter: Option<ResponseFilter>,
}

/// Answer in the upstream's place.
#[wasm_bindgen]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// What the response has to pass through.
#[wasm_bindgen]
pub struct Filter(ResponseFilter);

/// Changes to the headers of a response; removals first.
#[wasm_bindgen]
pub struct ResponseEdits(response::ResponseEdits);

impl From<Outcome> for Decision {
    fn from(outcome: Outcome) -> Self {
        let (forward, reply) = match outcome.disposition {
            Disposition::Forward(forward) => {
                let edits = forward.edits().clone();
                let body = forward.body().map(<[u8]>::to_vec);
                let filter = forward.into_response();
                (Some(Forward { remove: edits.remove, set: edits.set, body, filter }), None)
            }
            Disposition::Reply(reply) => (None, Some(Reply::from(reply))),
        };
        let reason = outcome.reason.map(|reason| reason.code());
        let receipt = outcome.receipt.to_json();
        let signal = outcome.signal;
        Self { verdict: outcome.verdict, reason, receipt, signal, forward, reply }
    }
}

impl From<deputy_engine::decision::Reply> for Reply {
    fn from(reply: deputy_engine::decision::Reply) -> Self {
        let (status, headers, body) = (reply.status, reply.headers, reply.body);
        Self { status, headers, body }
    }
}

#[wasm_bindgen]
impl Decision {
    /// `allow`, `needs_approval` or `deny`.
    #[wasm_bindgen(getter)]
    pub fn verdict(&self) -> String {
        self.verdict.to_owned()
    }

    /// Why not, unless it is allowed.
    #[wasm_bindgen(getter)]
    pub fn reason(&self) -> Option<String> {
        self.reason.map(str::to_owned)
    }

    /// The record: one line of JSON, to be written as it is.
    #[wasm_bindgen(getter)]
    pub fn receipt(&self) -> String {
        self.receipt.clone()
    }

    /// What somebody should know of the agent, if anything: the payload of a security event (RFC 8417),
    /// unsigned, to be written as it is.
    #[wasm_bindgen(getter)]
    pub fn signal(&self) -> Option<String> {
        self.signal.clone()
    }

    /// How to let it through; only the first time it is asked for.
    #[wasm_bindgen(js_name = takeForward)]
    pub fn take_forward(&mut self) -> Option<Forward> {
        self.forward.take()
    }

    /// How to refuse it; only the first time it is asked for.
    #[wasm_bindgen(js_name = takeReply)]
    pub fn take_reply(&mut self) -> Option<Reply> {
        self.reply.take()
    }
}

#[wasm_bindgen]
impl Forward {
    /// Names of headers to remove, lower case.
    #[wasm_bindgen(getter)]
    pub fn remove(&self) -> Vec<String> {
        // Names that are not ASCII were refused.
        self.remove.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Headers to set, replacing any of that name.
    #[wasm_bindgen(getter)]
    pub fn set(&self) -> TextHeaders {
        text_headers(&self.set)
    }

    /// What to send in place of the body, if anything; `set` has its length.
    #[wasm_bindgen(getter)]
    pub fn body(&self) -> Option<Vec<u8>> {
        self.body.clone()
    }

    /// What the response has to pass through, if anything; only the first time it is asked for.
    #[wasm_bindgen(js_name = takeFilter)]
    pub fn take_filter(&mut self) -> Option<Filter> {
        self.filter.take().map(Filter)
    }
}

#[wasm_bindgen]
impl Reply {
    /// HTTP status.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Headers.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> TextHeaders {
        text_headers(&self.headers)
    }

    /// The body.
    #[wasm_bindgen(getter)]
    pub fn body(&self) -> Vec<u8> {
        self.body.clone()
    }
}

#[wasm_bindgen]
impl ResponseEdits {
    /// Names of headers to remove, lower case.
    #[wasm_bindgen(getter)]
    pub fn remove(&self) -> Vec<String> {
        self.0.remove.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Headers to set, replacing any of that name.
    #[wasm_bindgen(getter)]
    pub fn set(&self) -> TextHeaders {
        text_headers(&self.0.set)
    }
}

#[wasm_bindgen]
impl Filter {
    /// Takes in the head of the response; returns what changes in it before it goes on.
    pub fn head(&mut self, status: u16, headers: &Headers) -> Result<ResponseEdits, JsError> {
        Ok(ResponseEdits(self.0.head(status, &pairs(headers)?)))
    }

    /// Takes in the next bytes of the body; returns those that may go to the client in their place.
    /// `now`: milliseconds since 1970; a stream ends with the credential it was opened with.
    pub fn push(&mut self, chunk: &[u8], end: bool, now: f64) -> Vec<u8> {
        self.0.push(chunk, end, instant(now))
    }

    /// What was withheld since this was last asked: lines for the log, each one JSON object.
    #[wasm_bindgen(js_name = takeRecords)]
    pub fn take_records(&mut self) -> Vec<String> {
        self.0.take_records()
    }
}

pub(crate) fn text_headers(headers: &[(&'static str, String)]) -> TextHeaders {
    let pair = |(name, value): &(&str, String)| {
        Array::of2(&JsValue::from_str(name), &JsValue::from_str(value))
    };
    headers.iter().map(pair).collect::<Array>().unchecked_into()
}

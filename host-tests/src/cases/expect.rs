//! What has to come out of an exchange.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::format::or_default;

/// The outcome of one exchange. What an outcome of that verdict always has to be is not said here
/// but by the oracle (`runner::oracle`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// `allow`, `deny` or `needs_approval`.
    pub verdict: String,
    /// The reason's code; none if allowed.
    pub reason: Option<String>,
    /// What the client gets; if allowed, by default what the upstream answered.
    pub status: Option<u16>,
    /// What the engine asked its host for, in order: `fetch`, `body`.
    pub steps: Option<Vec<String>>,
    /// Part of the JSON body of a refusal; `null`: not there.
    pub reply: Option<Value>,
    /// Headers of a refusal; `null`: not there.
    #[serde(default, deserialize_with = "or_default")]
    pub reply_headers: Map<String, Value>,
    /// Part of the receipt; `null`: not there.
    pub receipt: Option<Value>,
    /// Part of the security event beside the receipt; none: there is none.
    pub signal: Option<Value>,
    /// Headers the upstream saw; `null`: not there.
    #[serde(default, deserialize_with = "or_default")]
    pub upstream: Map<String, Value>,
    /// The JSON body the upstream got, where it is not the one that was sent.
    pub upstream_json: Option<Value>,
    /// What the client got of the upstream's answer.
    pub response: Option<ExpectResponse>,
    /// Texts that the log holds besides receipts, in order.
    #[serde(default, deserialize_with = "or_default")]
    pub logs: Vec<String>,
    /// Texts that may be nowhere: in no receipt, log line or reply.
    #[serde(default, deserialize_with = "or_default")]
    pub never: Vec<String>,
}

/// What the client got of the upstream's answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectResponse {
    /// Headers; `null`: not there.
    #[serde(default, deserialize_with = "or_default")]
    pub headers: BTreeMap<String, Value>,
    /// Part of the JSON body.
    pub json: Option<Value>,
    /// The exact body.
    pub body: Option<String>,
    /// Part of the JSON data of each event, in order.
    pub sse: Option<Vec<Value>>,
    /// The names of all tools in it, in order.
    pub tools: Option<Vec<String>>,
    /// The names of all resources, resource templates and prompts in it, in order.
    pub listed: Option<Vec<String>>,
    /// Texts that may not be in it.
    #[serde(default, deserialize_with = "or_default")]
    pub without: Vec<String>,
}

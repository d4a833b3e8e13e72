//! What the caller sees of a refusal.
//!
//! One text per class and none per cause, so that a refusal is no oracle (standards §12). Nothing
//! of the request is echoed but a JSON-RPC id that was read strictly and a version that is a date.
//! Not here: the receipt.

mod a2a;
mod wire;

pub(crate) use a2a::{A2aShape, WAITING, Waits};
pub use wire::Wire;

use crate::json::{Object, Value};
use crate::model::EvaluationId;

/// The id of a JSON-RPC request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RpcId {
    Integer(i64),
    Text(String),
}

/// What form the caller expects an answer in.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Shape {
    /// RFC 9457 problem details.
    #[default]
    Problem,
    /// A JSON-RPC error. `modern`: 2026-07-28 or later, which keeps −32000…−32099 to itself.
    JsonRpc { id: Option<RpcId>, modern: bool, leads: Leads },
    /// A status of gRPC, in headers alone ("Trailers-Only" in `PROTOCOL-HTTP2.md`).
    Grpc,
    /// An error of A2A, in its binding.
    A2a(A2aShape),
}

/// How a client can be led to a page (MCP, URL elicitation), if it has said that it can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leads {
    /// It can't: it is told the address, and what becomes of that is its own.
    #[default]
    Not,
    /// By a result that asks for it (2026-07-28).
    Result,
    /// By an error that does (2025-11-25); later versions must not have it (MRTR-7).
    Error,
}

/// What a client answers under this name is an answer to us, and says no more than that somebody has opened
/// the page (MRTR-4).
pub(crate) const INPUT_NAME: &str = "deputy.approval";

/// Everything a reply is made of.
pub(crate) struct Refused<'a> {
    pub(crate) wire: Wire,
    pub(crate) shape: &'a Shape,
    pub(crate) evaluation: EvaluationId,
    /// RFC 9728 §5.1, for 401 challenges.
    pub(crate) resource_metadata: Option<&'a str>,
    /// What a method that is not served can be replaced by, for [`Wire::MethodNotServed`].
    pub(crate) allow: &'static str,
    /// Protocol versions spoken here and the one that was asked for, for [`Wire::Version`].
    pub(crate) supported: &'a [String],
    pub(crate) requested: Option<&'a str>,
    /// The AuthZEN `access_request`, for [`Wire::ApprovalRequired`].
    pub(crate) access_request: Option<Object>,
    /// Where a human can decide.
    pub(crate) page: Option<&'a str>,
    /// For [`Wire::StepUp`] and [`Wire::InsufficientScope`]: the values of their parameters `acr_values`,
    /// `max_age` and `scope`, as far as they are said.
    pub(crate) step_up: [(&'static str, Option<String>); 3],
    /// Seconds after which the same may be asked again, where that is known.
    pub(crate) retry_after: Option<u64>,
    /// For 401 challenges, where DPoP is accepted.
    pub(crate) dpop: Option<DpopChallenge>,
}

/// What a client needs to make a proof.
pub(crate) struct DpopChallenge {
    /// Space-separated (RFC 9449 §7.1).
    pub(crate) algorithms: String,
    /// To be in the next proof.
    pub(crate) nonce: Option<String>,
}

/// A complete HTTP response in place of the upstream's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers; names are lower case, values visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Refused<'_> {
    /// Of a refusal that another login would not turn.
    pub(crate) const NO_STEP_UP: [(&'static str, Option<String>); 3] =
        [("acr_values", None), ("max_age", None), ("scope", None)];

    /// Writes the response.
    pub(crate) fn reply(self) -> Reply {
        let wire = self.wire;
        let mut headers = vec![("cache-control", "no-store".to_owned())];
        // Also here, because clients drop the bodies of challenges (MCP's Rust SDK does).
        headers.push((EVALUATION_HEADER, self.evaluation.to_string()));
        let (media, body) = match self.shape {
            Shape::Problem => ("application/problem+json", Some(self.problem())),
            Shape::JsonRpc { id, modern, .. } => {
                ("application/json", Some(self.json_rpc(id.as_ref(), *modern)))
            }
            Shape::Grpc => ("application/grpc", None),
            Shape::A2a(form) => {
                let (media, body) = self.a2a(form);
                (media, Some(body))
            }
        };
        let waits = matches!(self.shape, Shape::A2a(form) if form.waits(&self));
        let status = match self.leading() {
            Some(_) => 200,
            None if waits || body.is_none() => 200,
            None => wire.status(),
        };
        if body.is_none() {
            headers.push(("grpc-status", wire.grpc_status().to_owned()));
            headers.push(("grpc-message", wire.title().to_owned()));
        }
        let mut body =
            body.map(|body| Value::Object(body).to_text().into_bytes()).unwrap_or_default();
        headers.push(("content-type", media.to_owned()));
        headers.extend(self.challenges().map(|c| ("www-authenticate", c)));
        match wire {
            Wire::DpopNonce => {
                let nonce = self.dpop.as_ref().and_then(|dpop| dpop.nonce.clone());
                headers.extend(nonce.map(|nonce| ("dpop-nonce", nonce)));
            }
            Wire::MethodNotServed => headers.push(("allow", self.allow.to_owned())),
            Wire::Unavailable | Wire::EngineError | Wire::TooMany => {
                let seconds = self.retry_after.unwrap_or(RETRY_AFTER_SECONDS);
                headers.push(("retry-after", seconds.to_string()));
            }
            _ => {}
        }
        if media == a2a::EVENT_STREAM {
            body = [b"data: ", body.as_slice(), b"\n\n"].concat();
        }
        Reply { status, headers, body }
    }

    /// How the client is led to the page, and which; a message that nobody could answer is no way.
    fn leading(&self) -> Option<(Leads, &str)> {
        match (self.shape, self.page) {
            (Shape::JsonRpc { id: Some(_), leads, .. }, Some(page)) if *leads != Leads::Not => {
                Some((*leads, page))
            }
            _ => None,
        }
    }

    /// All challenges in one field (RFC 9110 §11.6.1).
    fn challenges(&self) -> Option<String> {
        let (scheme, error) = self.wire.challenge()?;
        let metadata = self.resource_metadata.map(|m| format!("resource_metadata=\"{m}\""));
        let algs = self.dpop.as_ref().map(|dpop| format!("algs=\"{}\"", dpop.algorithms));
        let error = error.map(|e| format!("error=\"{e}\""));
        if scheme == DPOP {
            return Some(challenge(DPOP, &[error, algs, metadata]));
        }
        let mut parameters = vec![error, metadata];
        if matches!(self.wire, Wire::StepUp | Wire::InsufficientScope) {
            let said = |(name, value): &(&str, Option<String>)| {
                value.as_ref().map(|value| format!("{name}=\"{value}\""))
            };
            parameters.extend(self.step_up.iter().map(said));
        }
        let bearer = challenge(scheme, &parameters);
        // Whoever has no token that is good here may get one that is bound.
        match algs.filter(|_| self.wire.status() == 401) {
            Some(algs) => Some(format!("{bearer}, {}", challenge(DPOP, &[Some(algs)]))),
            None => Some(bearer),
        }
    }

    /// RFC 9457 §3.1, with extension members (§3.2).
    fn problem(&self) -> Object {
        let mut body = Object::of([
            ("type", format!("urn:deputy:problem:{}", self.wire.code()).into()),
            ("title", self.wire.title().into()),
            ("status", Value::Integer(self.wire.status().into())),
        ]);
        self.extend(&mut body);
        body
    }

    /// JSON-RPC 2.0 §5.1. An unreadable id is left out, as MCP 2026-07-28 has it, never guessed.
    fn json_rpc(&self, id: Option<&RpcId>, modern: bool) -> Object {
        let mut data = Object::default();
        self.extend(&mut data);
        if self.wire == Wire::Version {
            let supported = self.supported.iter().map(|v| v.as_str().into()).collect();
            data.set("supported", Value::Array(supported));
            if let Some(requested) = self.requested {
                data.set("requested", requested.into());
            }
        }
        let mut body = Object::of([("jsonrpc", "2.0".into())]);
        match id {
            Some(RpcId::Integer(n)) => body.set("id", Value::Integer(*n)),
            Some(RpcId::Text(text)) => body.set("id", text.as_str().into()),
            None => {}
        }
        let mut code = self.wire.rpc_code(modern);
        match self.leading() {
            Some((Leads::Result, page)) => {
                body.set("result", Value::Object(self.input_required(page, data)));
                return body;
            }
            Some((Leads::Error, page)) => {
                code = URL_ELICITATION_REQUIRED;
                data.set("elicitations", Value::Array(vec![self.elicitation(page)]));
            }
            _ => {}
        }
        let error = Object::of([
            ("code", Value::Integer(code)),
            ("message", self.wire.title().into()),
            ("data", Value::Object(data)),
        ]);
        body.set("error", Value::Object(error));
        body
    }

    /// MCP 2026-07-28, multi round-trip requests. There is no `requestState`: what comes back is bound by
    /// its digest, so there is nothing that a client would have to keep for us.
    fn input_required(&self, page: &str, about: Object) -> Object {
        let params = Object::of([
            ("mode", "url".into()),
            ("message", self.wire.title().into()),
            ("url", page.into()),
        ]);
        let asked = Object::of([
            ("method", "elicitation/create".into()),
            ("params", Value::Object(params)),
        ]);
        Object::of([
            ("resultType", "input_required".into()),
            ("inputRequests", Value::Object(Object::of([(INPUT_NAME, Value::Object(asked))]))),
            ("_meta", Value::Object(Object::of([(META, Value::Object(about))]))),
        ])
    }

    /// MCP 2025-11-25, client/elicitation.
    fn elicitation(&self, page: &str) -> Value {
        Value::Object(Object::of([
            ("mode", "url".into()),
            ("elicitationId", self.evaluation.to_string().into()),
            ("url", page.into()),
            ("message", self.wire.title().into()),
        ]))
    }

    fn extend(&self, body: &mut Object) {
        body.set("evaluation_id", self.evaluation.to_string().into());
        if let Some(request) = &self.access_request {
            body.set("access_request", Value::Object(request.clone()));
        }
    }
}

/// The evaluation id, by which a receipt is found: on requests we let through, on refusals we send.
pub(crate) const EVALUATION_HEADER: &str = "x-deputy-evaluation-id";

fn challenge(scheme: &str, parameters: &[Option<String>]) -> String {
    let parameters: Vec<_> = parameters.iter().flatten().map(String::as_str).collect();
    let gap = if parameters.is_empty() { "" } else { " " };
    format!("{scheme}{gap}{}", parameters.join(", "))
}

/// Where a result says what an error has in `data`.
const META: &str = "deputy/refusal";
/// MCP 2025-11-25.
const URL_ELICITATION_REQUIRED: i64 = -32042;
const BEARER: &str = "Bearer";
const DPOP: &str = "DPoP";

/// As long as keys that could not be had are not asked for again, and about as long as a human takes to
/// look.
const RETRY_AFTER_SECONDS: u64 = 5;

//! What the world answers: key servers and the upstream.

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::format::or_default;
use super::keys::Key;
use super::patch;
use super::request::{Headers, pieces};
use super::resolved::{Bytes, FetchAnswer, Response};
use super::text::{self, Placeholders};

/// The key whose set `"ok"` answers.
pub(super) const ISSUER_KEY: &str = "es-1";

/// What fetches come back with: one answer, or a list of them, one for each fetch.
pub(super) fn fetches(spec: &Value, known: &dyn Placeholders) -> anyhow::Result<Vec<FetchAnswer>> {
    match spec {
        Value::Array(answers) => answers.iter().map(|answer| fetch(answer, known)).collect(),
        answer => Ok(vec![fetch(answer, known)?]),
    }
}

/// What one fetch comes back with.
pub(super) fn fetch(spec: &Value, known: &dyn Placeholders) -> anyhow::Result<FetchAnswer> {
    let set = |keys: &[Value]| -> anyhow::Result<FetchAnswer> {
        answered(200, serde_json::to_vec(&jwks(keys)?)?)
    };
    match spec {
        Value::String(word) => match word.as_str() {
            "ok" => set(&[ISSUER_KEY.into()]),
            "down" => Ok(FetchAnswer::Refused),
            "timeout" => Ok(FetchAnswer::Timeout),
            "reset" => Ok(FetchAnswer::Reset),
            _ => bail!("no such answer: {word:?}"),
        },
        Value::Object(members) => {
            let member = |name| members.get(name).filter(|value| !value.is_null());
            let answer = match (member("set"), member("json")) {
                (Some(keys), None) => set(keys.as_array().context("`set` is a list of keys")?),
                (None, Some(json)) => answered(200, serde_json::to_vec(json)?),
                (None, None) => {
                    let status = member("status").and_then(Value::as_u64).context("`status`")?;
                    let body = text::bytes(member("body").context("`body`")?, known)?;
                    answered(status.try_into()?, body)
                }
                (Some(_), Some(_)) => bail!("an answer is a set or JSON"),
            };
            with_headers(answer?, member("headers"), known)
        }
        _ => bail!("no such answer: {spec}"),
    }
}

/// A document as it is.
pub(super) fn text(text: String) -> FetchAnswer {
    FetchAnswer::Answered { status: 200, headers: Vec::new(), body: Bytes(text.into_bytes()) }
}

fn answered(status: u16, body: Vec<u8>) -> anyhow::Result<FetchAnswer> {
    Ok(FetchAnswer::Answered { status, headers: Vec::new(), body: Bytes(body) })
}

fn with_headers(
    mut answer: FetchAnswer,
    spec: Option<&Value>,
    known: &dyn Placeholders,
) -> anyhow::Result<FetchAnswer> {
    if let (FetchAnswer::Answered { headers, .. }, Some(spec)) = (&mut answer, spec) {
        let mut all = Headers(Vec::new());
        for (name, value) in spec.as_object().context("`headers` are by name")? {
            all.patch(name, value, known)?;
        }
        *headers = all.0;
    }
    Ok(answer)
}

/// A JWK Set of named keys, each perhaps of another use, `es-1:jwt-svid`, or changed,
/// `{"key": "es-1", "patch": {…}}`.
pub(super) fn jwks(keys: &[Value]) -> anyhow::Result<Value> {
    let jwk = |spec: &Value| {
        let name = spec.as_str().or(spec["key"].as_str()).context("a key has a name")?;
        let (name, key_use) = name.split_once(':').unwrap_or((name, "sig"));
        let mut jwk = Key::named(name)?.jwk();
        jwk["use"] = key_use.into();
        if let Some(change) = spec.get("patch") {
            patch::merge(&mut jwk, change);
        }
        anyhow::Ok(jwk)
    };
    Ok(json!({"keys": keys.iter().map(jwk).collect::<Result<Vec<_>, _>>()?}))
}

/// What the upstream answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamSpec {
    #[serde(default = "ok")]
    status: u16,
    /// Over `content-type`.
    #[serde(default, deserialize_with = "or_default")]
    headers: Map<String, Value>,
    /// A JSON body …
    json: Option<Value>,
    /// … or a stream of events with JSON data …
    sse: Option<Vec<Value>>,
    /// … or a body as it is, by default that of an empty result.
    body: Option<Value>,
    /// Sizes of the pieces it comes in, the last one again and again.
    #[serde(default, deserialize_with = "or_default")]
    chunks: Vec<usize>,
    #[serde(default, deserialize_with = "or_default")]
    trailers: Map<String, Value>,
}

fn ok() -> u16 {
    200
}

impl UpstreamSpec {
    pub(super) fn resolve(&self, known: &dyn Placeholders) -> anyhow::Result<Response> {
        let (media_type, body) = match (&self.json, &self.sse, &self.body) {
            (Some(json), None, None) => ("application/json", serde_json::to_vec(json)?),
            (None, Some(events), None) => {
                let event = |data: &Value| format!("event: message\ndata: {data}\n\n");
                ("text/event-stream", events.iter().map(event).collect::<String>().into_bytes())
            }
            (None, None, Some(body)) => ("application/json", text::bytes(body, known)?),
            (None, None, None) => ("application/json", NOTHING.to_vec()),
            _ => bail!("an upstream answers json, sse or body"),
        };
        let mut headers = Headers(vec![(Bytes("content-type".into()), Bytes(media_type.into()))]);
        for (name, value) in &self.headers {
            headers.patch(name, value, known)?;
        }
        let mut trailers = Headers(Vec::new());
        for (name, value) in &self.trailers {
            trailers.patch(name, value, known)?;
        }
        let body = pieces(&body, &self.chunks);
        Ok(Response { status: self.status, headers: headers.0, body, trailers: trailers.0 })
    }
}

const NOTHING: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
